# The result cache in front of the real worker: what it says is what the
# worker would say now, whatever rotates, is published, dies or is reloaded.
# QASINO_KILLS says how often an nginx worker dies.

use v5.36;

use HTTP::Tiny;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_INET INADDR_LOOPBACK IPPROTO_TCP SOCK_STREAM SOL_SOCKET
    SO_RCVBUF TCP_MAXSEG pack_sockaddr_in);
use Test::More;

use Qasino::CacheServer;
use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server;

my $kills = $ENV{QASINO_KILLS} // 10;
my $server = start_cache_server(generation_duration => 2);
my $number = 'select generation_number from qasino_server_info';

sub all ($field, @answers) { join ' ', map { $_->{$field} } @answers }

# The same answer until the generation ends.
{
    my ($n, @all) = (0);

    @all = steadily($server, sub {
        my $sql = 'select ' . ++$n . ' as n, generation_number'
            . ' from qasino_server_info';
        map { get($server, $sql) } 1 .. 3;
    });
    is(all(cache => @all), 'MISS HIT HIT', 'asked once');
    is($all[1]{content}, $all[0]{content}, 'the same bytes');
    is($all[1]{etag}, $all[0]{etag}, 'the same ETag');
    like($all[0]{content}, qr/\["$n", ?"$all[0]{generation}"\]/,
        'of the generation it says');
    cmp_ok($all[2]{max_age}, '<=', 2, 'for as long as that lasts');

    my $first = get($server, $number);
    my $generation = $server->wait_generation;
    my $next = get($server, $number);

    is($next->{cache}, 'EXPIRED', 'gone with its generation');
    like($next->{content}, qr/\["$next->{generation}"\]/, 'and asked again');
    cmp_ok($next->{generation}, '>=', $generation, 'in the next one');
    isnt($next->{etag}, $first->{etag}, 'with another ETag');
    is(get($server, $number,
           headers => { 'If-None-Match' => $first->{etag} })->{status}, 200,
       'the old ETag does not hold any more');
}

# A static publish shows at once.
{
    my @answers = steadily($server, sub {
        map {
            my $x = $_;
            $server->published('statics',
                table(fixed => [x => 'int'], [$x]), static => 1);
            map { get($server, 'select x from static.fixed') } 1, 2;
        } 1, 2;
    });

    like(all(cache => @answers), qr/^\w+ HIT EXPIRED HIT$/, 'a new version');
    like($answers[1]{content}, qr/\["1"\]/, 'the first publish');
    like($answers[3]{content}, qr/\["2"\]/, 'the second');
    isnt($answers[3]{etag}, $answers[1]{etag}, 'another ETag');
}

# What differs each time, what changes with time, what is being collected.
for my $sql ('select random()', "select datetime('now')",
    'select current_timestamp', "select strftime('%s')")
{
    my @answers = map { get($server, $sql) } 1 .. 3;

    is(all(cache => @answers), 'MISS MISS MISS', "$sql: asked each time");
    is(all(control => @answers), join(' ', ('no-store') x 3),
        'nobody may keep it');
}

# Unless it is the time at which the generation began.
{
    my @answers = steadily($server, sub {
        map { get($server, "select datetime('now')",
                  args => '&now=generation') } 1 .. 2;
    });

    is($answers[1]{cache}, 'HIT', 'the generation\'s time is kept');
    is($answers[1]{content}, $answers[0]{content}, 'as it does not go on');
}

# The worker has no part in a hit or a 304, also where nothing is kept here.
{
    my $pid = $server->pid_of('qasino-worker');
    my ($plain, $kept, $hit, $head, @same);

    steadily($server, sub {
        $plain = get($server, 'select 1 as plain', uncached => 1);
        $kept = get($server, 'select 1 as kept');

        kill 'STOP', $pid;

        # nothing to see if it rotated just before
        if (page($server)->{generation} == $plain->{generation}) {
            $hit = get($server, 'select 1 as kept');
            $head = get($server, 'select 1 as kept', method => 'HEAD');
            @same = map {
                get($server, "select 1 as $_->[0]", uncached => $_->[2],
                    headers => { 'If-None-Match' => qq("x", W/$_->[1]{etag}) })
            } ['kept', $kept, 0], ['plain', $plain, 1];
        }

        kill 'CONT', $pid;
    });

    is($hit->{content}, $kept->{content}, 'a hit while the worker stands');
    is("$head->{status} $head->{cache}", '200 HIT', 'HEAD too');
    is(all(status => @same), '304 304', 'and 304, kept here or not');
    is(all(etag => @same), "$kept->{etag} $plain->{etag}", 'with the ETag');
}

# Many at once, through all nginx workers, who find nothing yet: asked once,
# as one query process and a queue of one have no room for more.
{
    my $narrow = start_cache_server(generation_duration => 3600,
        query_processes => 1, query_queue => 1);
    my $target = '/request?op=query&sql=' . Qasino::CacheServer::escape(
        'with recursive n(i) as (select 1 union all select i + 1 from n'
        . ' limit 300000) select max(i) from n');
    my @sockets = map {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $narrow->port('http')) // die "connect: $!\n";
        syswrite $socket,
            "GET $target HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        $socket;
    } 1 .. 40;
    my @answers = map { my $socket = $_; join '', readline $socket } @sockets;

    is(scalar(grep { m{^HTTP/1.1 200 .*\["300000"\]}s } @answers), 40,
        'the same question from many is asked once');
    $narrow->stop;
}

# Clients that do not read on hold a quarter of the zone at most: what others
# ask is kept beside what they were to get, in a full zone once they ask again.
{
    my $small = start_cache_server(generation_duration => 3600, zone => '1m');
    my $sql = sub ($n) { "select $n as n, hex(zeroblob(95000)) as x" };
    my @slow = map {
        my $n = $_;
        my ($plain) = map { get($small, $sql->($n)) } 1, 2;
        my $socket = begin_slowly($small, $sql->($n));

        # what it has not taken yet does not fit the socket's buffers
        my $head = '';
        sysread $socket, $head, 100, length $head
            or die "no answer: $!\n" while $head !~ /X-Cache: (\w+)/;
        is($1, 'HIT', "a slow reader, $n");
        { socket => $socket, head => $head, content => $plain->{content} };
    } 1 .. 8;

    for my $n (11 .. 14) {
        is(all(cache => map { get($small, $sql->($n)) } 1 .. 3),
            'MISS MISS HIT', "others find what was kept, $n");
    }

    # every byte of theirs is still there
    my $right = grep {
        my $all = $_->{head} . do { local $/; readline $_->{socket} };

        $all =~ s/^.*?\r\n\r\n//s;
        $all eq $_->{content};
    } @slow;
    is($right, 8, 'the slow ones get all of it');

    # they let go: all of the zone is there again
    is(all(cache => map { get($small, $sql->($_)) } (21 .. 24) x 3),
        join(' ', ('MISS') x 8, ('HIT') x 4), 'and leave the zone as it was');
    $small->stop;
}

# Which questions are in each other's way is a secret of the zone.  In a full
# one an answer is kept when it is asked for again, unless another question has
# put its mark over that one's meanwhile: which ones is another matter in each
# zone, or somebody could look for them.
{
    my $small = start_cache_server(generation_duration => 3600,
        zone => '128k', two_zones => 1);
    my $http = HTTP::Tiny->new;
    my $url = 'http://127.0.0.1:' . $small->port('http');
    my $kept = sub ($zone) {
        my $ask = sub ($n) {
            get($small, "select $n as n", http => $http, url => $url . $zone)
                ->{cache};
        };

        $ask->($_) for 10_000 .. 10_299;        # until it is full
        $ask->($_) for 20_000 .. 20_099;
        return join '', map { $ask->($_); $ask->($_) eq 'HIT' || 0 }
            20_000 .. 20_099;
    };
    my @kept = map { $kept->($_) } '', '/second';

    like($_, qr/0.*1|1.*0/, 'some are kept, some in the way of others')
        for @kept;
    isnt($kept[1], $kept[0], '... others in another zone');
    $small->stop;
}

# Asks, with next to no room for the answer.
sub begin_slowly ($server, $sql) {
    my $target = '/request?op=query&sql=' . Qasino::CacheServer::escape($sql);

    socket my $socket, AF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 or die "SO_RCVBUF: $!\n";
    setsockopt $socket, IPPROTO_TCP, TCP_MAXSEG, 536
        or die "TCP_MAXSEG: $!\n";
    connect $socket, pack_sockaddr_in($server->port('http'), INADDR_LOOPBACK)
        or die "connect: $!\n";
    syswrite $socket,
        "GET $target HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    return $socket;
}

# nginx workers die and are reloaded under load; clients check every byte.
{
    my $heard = temp_dir() . '/heard';
    my $sql = sub ($n) {
        "with recursive c(i) as (select 1 union all select i + 1 from c"
            . " where i < 40 * $n) select $n * 100000 + i from c"
    };
    my $body = sub ($n) {
        join(', ', map { '["' . ($n * 100000 + $_) . '"]' } 1 .. 40 * $n)
            . ']'
    };
    my @clients = map {
        my $seed = $_;

        pipe my $in, my $out or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            close $in;
            client($seed, $sql, $body, $heard, $out);
        }

        close $out;
        { pid => $pid, in => $in };
    } 1 .. 4;

    my $master = $server->pid_of('nginx-master');

    for my $i (1 .. $kills) {
        my @workers = wait_until('nginx workers', sub {
            my @pids = $server->pids('nginx-worker');
            return @pids >= 2 && \@pids;
        })->@*;

        my $so_far = -s $heard // 0;

        wait_until('answers', sub { (-s $heard // 0) > $so_far + 50 });

        kill 'KILL', $workers[rand @workers];
        kill 'HUP', $master if $i % 4 == 0;
        wait_until('the next one', sub {
            !grep { !Qasino::Server::alive($_) } $server->pids('nginx-worker')
                and get($server, $number)->{status} == 200;
        });
    }

    kill 'TERM', map { $_->{pid} } @clients;

    my %sum;

    for my $client (@clients) {
        my $said = join '', readline $client->{in};

        waitpid $client->{pid}, 0;
        $sum{$1} += $2 while $said =~ /(\w+)=(\d+)/g;
        diag($said) if $said =~ /wrong=[1-9]/;
    }

    is($sum{wrong}, 0, 'no answer was wrong');
    cmp_ok($sum{HIT}, '>', 0, "hits went on ($sum{HIT} of $sum{answers})");

    is((steadily($server, sub { get($server, $number);
                                get($server, $number) }))[-1]{cache},
        'HIT', 'and go on');
}

# Asks until it is told to stop, then says what it saw.
sub client ($seed, $sql, $body, $path, $out) {
    open my $heard, '>>', $path or die "$path: $!\n";
    my $http = HTTP::Tiny->new(timeout => 10);
    my %count = (answers => 0, wrong => 0, HIT => 0);
    my ($stop, $first_wrong) = (0, '');

    srand $seed;
    $SIG{TERM} = sub { $stop = 1 };

    while (!$stop && getppid() != 1) {
        my $n = 1 + int rand 60;
        my $answer = eval {
            get(undef, $sql->($n), http => $http,
                url => 'http://127.0.0.1:' . $server->port('http'))
        } // next;

        next if $answer->{status} != 200;       # killed before it was sent

        $count{answers}++;
        syswrite $heard, '.';
        $count{HIT}++ if $answer->{cache} eq 'HIT';

        if (index($answer->{content} =~ s/\],\s*\[/], [/gr, $body->($n)) < 0) {
            $count{wrong}++;
            $first_wrong ||= "$n: " . substr $answer->{content}, 0, 300;
        }
    }

    say {$out} join ' ', map { "$_=$count{$_}" } sort keys %count;
    say {$out} $first_wrong;
    close $out;
    POSIX::_exit(0);
}

done_testing();
