# GET /events: the turn of generations as server-sent events.

use v5.36;

use IO::Select;
use IO::Socket::INET;
use Socket ();
use Test::More;

use Qasino::Process qw(slurp spew temp_dir top_dir wait_until);
use Qasino::Server;

# the shipped configuration, and a second address with few listeners
my $conf = slurp(top_dir() . '/conf/nginx.conf');
$conf =~ s{(listen 15597) }{$1 sndbuf=4k };
$conf =~ s{(?=^\s*location / \{)}{
        location = /few { qasino_events clients=2 heartbeat=1s; }
        location = /nopage {
            qasino_events;
            qasino_generation_page /nonexistent/page;
        }
        # room for a few events between it and its client
        location = /slow { qasino_events; tcp_nodelay on; }
        location = /nocache { qasino_events; qasino_cache off; }
}m or die;
my $file = temp_dir() . '/nginx.conf';
spew($file, $conf);

my $server = start_server(generation_duration => 1, nginx_conf => $file,
    nginx_workers => 1, Qasino::Server::tls_settings());

# A listener: { socket, head, text }.
sub listen_to ($target, $method = 'GET') {
    my $socket = IO::Socket::INET->new(Proto => 'tcp', PeerAddr => '127.0.0.1',
        PeerPort => $server->port('http')) or die "connect: $!\n";

    syswrite $socket, "$method $target HTTP/1.1\r\nHost: x\r\n\r\n";

    my $self = { socket => $socket, raw => '' };
    wait_until('the head', sub { more($self); $self->{raw} =~ /\r\n\r\n/ });

    return $self;
}

# Reads what is there; 0 at the end of the response or the connection.
sub more ($self) {
    while (IO::Select->new($self->{socket})->can_read(0)) {
        sysread($self->{socket}, $self->{raw}, 65536, length $self->{raw})
            or do { $self->{closed} = 1; last };
    }
    my ($head, $body) = split /\r\n\r\n/, $self->{raw}, 2;
    $self->{head} = $head;
    # chunks; the last one is empty
    my $text = '';
    while (($body //= '') =~ s/\A([0-9a-f]+)\r\n//i) {
        my $size = hex $1;
        if (!$size) { $self->{ended} = 1; last }
        last if length $body < $size + 2;
        $text .= substr $body, 0, $size;
        $body = substr $body, $size + 2;
    }
    $self->{text} = $text;
}

# The events so far: [{ event, id, retry, data }].
sub events ($self) {
    more($self);
    return [map {
        my %event = map { /^(\w+): (.*)/ ? ($1 => $2) : () } split /\n/;
        $event{data} = decode_json($event{data}) if $event{data};
        \%event;
    } grep { /^event:/m } split /\n\n/, $self->{text}];
}

sub wait_event ($self, $name, $count = 1) {
    my $found;
    wait_until("$count of $name", sub {
        $found = [grep { $_->{event} eq $name } @{events($self)}];
        return @$found >= $count;
    });
    return $found;
}

$server->publish_and_wait('host1', table(a => [n => 'int'], [1], [2]),
    persist => 1);
$server->publish_and_wait('host2', table(b => [n => 'int'], [3]),
    persist => 1);
$server->wait_generation;

# The first event comes at once, then one a generation.
my $client = listen_to('/events');
{
    like($client->{head}, qr{^HTTP/1.1 200 OK}, 'GET /events');
    like($client->{head}, qr{^Content-Type: text/event-stream\r}m,
        '... is an event stream');
    like($client->{head}, qr{^Cache-Control: no-store\r}m, '... not to keep');
    like($client->{head}, qr{^X-Accel-Buffering: no\r?$}m, '... or to buffer');

    my $all = wait_event($client, 'generation', 4);
    my @numbers = map { $_->{data}{generation_number} } @$all;

    is_deeply([map { $_->{id} } @$all], \@numbers, 'ids are the numbers');
    is_deeply(\@numbers, [sort { $a <=> $b } @numbers], '... which go up');
    is(scalar(keys %{{ map { $_ => 1 } @numbers }}), scalar @numbers,
        '... and come once each');

    my $data = $all->[1]{data};
    is_deeply([@$data{qw(tables rows publishers duration_ms)}],
        [2, 3, 2, 1000], 'counts and duration');
    cmp_ok($data->{age_ms} + $data->{left_ms}, '==', 1000,
        'age and what is left');
    is($all->[0]{retry}, 2000, 'when to come back');
}

# What the result cache did.  Nobody else asks it something here.
{
    my $count = sub {
        wait_event(listen_to('/events'), 'generation')->[0]{data}{cache};
    };
    my $before = $count->();
    my @answers = map { $server->http_get("/request?op=query&sql=$_"
        . '%20from%20qasino_server_info') } ('select%201') x 8, 'select%202';
    my $after = $count->();

    is(scalar(grep { $_->{status} == 200 } @answers), 9, 'nine questions');
    is($after->{hits} + $after->{misses}
        - $before->{hits} - $before->{misses}, 9, '... are counted');
    cmp_ok($after->{hits}, '>', $before->{hits}, '... hits');
    cmp_ok($after->{misses}, '>=', $before->{misses} + 2, '... and misses');
    ok(!exists wait_event(listen_to('/nocache'), 'generation')->[0]{data}
        {cache}, 'no cache, no counts');
}

# A static publish shows at once.
$server->published('cmdb', table(s => [n => 'int'], [1]), static => 1);
is(wait_event($client, 'static')->[0]{data}{static_version} > 0, 1,
    'another version of the static tables');

# What is refused.
for my $case ([POST => 405], [PUT => 405], [HEAD => 200]) {
    my ($method, $status) = @$case;
    is($server->http($method, '/events')->{status}, $status,
        "$method: $status");
}
is($server->http('POST', '/events')->{headers}{allow}, 'GET, HEAD',
    '... and what is allowed');
is(wait_event(listen_to('/nopage'), 'stalled')->[0]{data}{generation_number},
    0, 'no page: no generation, and it says so');

# A bounded number of listeners; who leaves makes room.
{
    close $client->{socket};

    my @few = map {
        wait_until('a place', sub {
            my $next = listen_to('/few');
            return $next->{head} =~ / 200 / && $next;
        });
    } 1, 2;
    my $more = $server->http_get('/few');

    is($more->{status}, 503, 'one too many');
    like($more->{content}, qr/"error_message": "Too many listen/,
        '... is told so in JSON');
    is($more->{headers}{'retry-after'}, 10, '... and when to come back');
    close $_->{socket} for @few;
    wait_until('room', sub {
        my $next = listen_to('/few');
        return $next->{head} =~ / 200 / && ($client = $next);
    });
    pass('those who leave make room');
}

# Silence is broken by comments.
{
    my ($worker) = $server->pids('qasino-worker');

    CORE::kill 'STOP', $worker;
    my $stalled = wait_event($client, 'stalled');
    cmp_ok($stalled->[0]{data}{left_ms}, '<', 0,
        'a server that does not rotate: it says so');
    wait_until('a comment', sub { more($client);
        $client->{text} =~ /\n\n:\n\n/ });
    pass('comments keep the connection alive');
    is(wait_event(listen_to('/events'), 'stalled')->[0]{event}, 'stalled',
        '... to whoever comes then, too');
    CORE::kill 'CONT', $worker;
    my $before = @{wait_event($client, 'generation')};
    wait_event($client, 'generation', $before + 1);
    pass('... until it does');
}

# One that does not read: it misses events and has the newest in the end.
{
    my $slow = IO::Socket::INET->new(Proto => 'tcp') or die;
    setsockopt $slow, Socket::SOL_SOCKET, Socket::SO_RCVBUF, 2048;
    connect $slow, Socket::pack_sockaddr_in($server->port('http'),
        Socket::inet_aton('127.0.0.1')) or die "connect: $!\n";
    syswrite $slow, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";

    for my $n (1 .. 60) {
        my $before = @{events($client)};
        $server->published('cmdb', table(s => [n => 'int'], [$n]),
            static => 1);
        wait_until('its event', sub { @{events($client)} > $before });
    }

    my $self = { socket => $slow, raw => '' };
    my $last = events($client)->[-1]{data}{static_version};
    wait_until('the newest event', sub {
        my $all = events($self);
        return @$all && $all->[-1]{data}{static_version} >= $last;
    });
    cmp_ok(scalar @{events($self)}, '<', 60, 'who does not read misses some');
    close $slow;
}

# HTTP/2, with a password.
{
    open my $curl, '-|', 'curl', '-sNk', '--http2', '-u', 'qasino:qasino',
        'https://127.0.0.1:' . $server->port('https') . '/events'
        or die "curl: $!\n";
    my ($in, $pid) = ('', 0);
    wait_until('events over HTTP/2', sub {
        sysread $curl, $in, 4096, length $in
            if IO::Select->new($curl)->can_read(0);
        return 2 <= (() = $in =~ /^event: generation$/mg);
    });
    pass('HTTP/2');
    my ($child) = grep { $_->[1] == $$ && $_->[3] eq 'curl' }
        Qasino::Server::processes();
    CORE::kill 'TERM', $child->[0];
    close $curl;
}

# The worker's death is not the listeners'.
{
    my $before = @{wait_event($client, 'generation')};
    my $id = events($client)->[-1]{data}{worker_start_id};

    $server->kill_and_wait('qasino-worker');
    wait_event($client, 'generation', $before + 2);
    isnt(events($client)->[-1]{data}{worker_start_id}, $id,
        'the next worker goes on');
    is_deeply([@{events($client)->[-1]{data}}{qw(tables publishers)}],
        [3, 2], '... with the counts');
    ok(!$client->{ended} && !$client->{closed}, '... on the same connection');
}

# Reload and stop: a clean end.
{
    my ($old) = $server->pids('nginx-worker');

    CORE::kill 'HUP', $server->pid_of('nginx-master');
    wait_until('the end of the response', sub { more($client);
        $client->{ended} });
    pass('a reload ends the response');
    wait_until('the old nginx worker to end', sub {
        !grep { $_ == $old } $server->pids('nginx-worker') });
    pass('... and does not hold up the nginx worker');

    $client = listen_to('/events');
    wait_event($client, 'generation');
    $server->stop;
    more($client);
    ok($client->{ended}, 'so does a stop');
}

done_testing();
