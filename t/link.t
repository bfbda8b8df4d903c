# Many clients on the one connection of an nginx worker: nobody waits for
# another's query, another's long answer or another's death.

use v5.36;

use Test::More;

use HTTP::Tiny ();
use Qasino::Process qw(patience wait_until);
use Qasino::Server;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select max(i) from n';
use constant LONG => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n limit 200000) select i from n';

my $server = start_server(generation_duration => 3600, query_deadline => 20,
    nginx_workers => 1, query_processes => 2);

sub path ($sql) { '/request?' . HTTP::Tiny->new->www_form_urlencode(
    { op => 'query', sql => $sql }) }

# A request that is sent and not waited for.
sub ask ($target) {
    my $socket = IO::Socket::INET->new(PeerHost => '127.0.0.1',
        PeerPort => $server->port('http')) or die "connect: $!\n";

    syswrite $socket, "GET $target HTTP/1.0\r\n\r\n";

    return $socket;
}

sub whole ($socket) {
    local $/;
    return scalar <$socket> // '';
}

sub links () {
    my ($worker) = $server->pids('qasino-worker');
    my $socket = $server->run_dir . '/worker.sock';

    # listening and accepted ones; the bridge has one, too
    return scalar grep { m{\Q$socket\E$} } split /\n/,
        Qasino::Process::slurp('/proc/net/unix');
}

# The descriptors of a process that it watches for being writable.
sub watched_writable ($pid) {
    my ($epoll) = grep { (readlink // '') =~ /\[eventpoll\]/ }
        glob "/proc/$pid/fd/*";
    my $watched = Qasino::Process::slurp($epoll =~ s{/fd/}{/fdinfo/}r);

    my %events = $watched =~ /^tfd: +(\d+) events: +(\w+)/gm;

    return grep { hex($events{$_}) & 4 } sort keys %events;     # EPOLLOUT
}

$server->wait_answer;

# Answers come in the order in which they are ready.
{
    my $slow = ask(path(ENDLESS));

    for my $i (1 .. 20) {
        my $answer = $server->query("select $i");
        is($answer->{table}{rows}[0][0], $i, 'answered beside a slow query')
            or diag(explain($answer));
    }

    my $before = links();
    my @many = map { ask(path("select $_ + 1000000")) } 1 .. 200;
    my $right = grep { whole($many[$_ - 1]) =~ /"@{[$_ + 1000000]}"\]\]/ }
        1 .. 200;
    is($right, 200, '200 clients at once get their own answers');
    is(links(), $before, '... over the same connection');

    # its query ends with the client
    close $slow;
    my @two = map { ask(path("$_ union select 1")) } ('select 2') x 2;
    like(whole($_), qr/^HTTP\/1.1 200 /, 'both processes are free again')
        for @two;
}

# More than the worker's socket takes: the rest goes when it reads again.
# (It is writable after each of its reads: nobody is to be woken by that.)
{
    my ($nginx) = $server->pids('nginx-worker');
    my ($worker) = $server->pids('qasino-worker');
    my $row = '"' . 'x' x 10_000 . '"';

    is_deeply([watched_writable($nginx)], [],
        'nginx is not woken by what the worker has read');
    kill 'STOP', $worker;

    my @large = map {
        my $body = qq({"op": "add_table_data", "identity": "large$_", )
            . qq("table": {"tablename": "large", "column_names": ["x"], )
            . qq("column_types": ["text"], "rows": [[$row]]}});
        my $socket = IO::Socket::INET->new(PeerHost => '127.0.0.1',
            PeerPort => $server->port('http')) or die "connect: $!\n";
        syswrite $socket, "POST /request?op=add_table_data HTTP/1.0\r\n"
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
        $socket;
    } 1 .. 200;

    is(scalar wait_until('nginx to be stuck', sub {
        scalar(() = watched_writable($nginx)) }), 1,
        'it is, when there is something left to write');
    kill 'CONT', $worker;

    my $good = grep { whole($_) =~ m{^HTTP/1.1 200 } } @large;
    is($good, 200, '200 bodies to a worker that did not read for a while');
    is_deeply([watched_writable($nginx)], [], '... and then not any more');
}

# Clients that leave do not leave their questions behind.
{
    for my $round (1 .. 2) {
        close ask(path(ENDLESS . " -- $round $_")) for 1 .. 1200;
        is($server->publish("left$round", table(left => [n => 'int'], [1]))
            ->{status}, 200, 'a publish after 1,200 clients that left');
        is(wait_until('a query', sub {
            my $answer = $server->query("select $round");
            $answer->{status} == 200 && $answer->{table}{rows}[0][0];
        }), $round, '... and a query');
    }
}

# Long answers, to clients that read slowly or not at all.
{
    my @asleep = map { ask(path(LONG)) } 1 .. 2;

    my $answer = $server->query('select 5');
    is($answer->{table}{rows}[0][0], 5,
        'long answers that nobody reads hold up nobody');

    my $reply = $server->http_get(path(LONG));
    is($reply->{status}, 200, 'a long answer');
    my $rows = decode_json($reply->{content})->{table}{rows};
    is(scalar @$rows, 200000, '... is whole');
    is($rows->[-1][0], 200000, '... to its end');

    my $head = $server->http('HEAD', path(LONG));
    is($head->{status}, 200, 'HEAD of one');

    for my $socket (@asleep) {
        ok(whole($socket) =~ /\["200000"\]\]/,
            'the one who slept gets it all');
    }
}

# The worker dies with questions on the link: they are asked again.
{
    my @asked = map { ask(path("select $_, count(*) from (" . LONG . ')')) }
        1 .. 8;

    $server->kill_and_wait('qasino-worker');

    my @answers = map { whole($_) } @asked;
    my $good = grep { m{^HTTP/1.1 (?:200|503) } } @answers;
    is($good, 8, 'each is answered, if only by "try again"')
        or diag(explain(\@answers));

    $server->wait_answer;
    is($server->query('select 7')->{table}{rows}[0][0], 7,
        'and there is a new link');
}

# nginx's workers go while requests are on their links.
{
    my @asked = map { ask(path("select $_, count(*) from (" . LONG . ')')) }
        1 .. 4;

    wait_until('nginx to work on them',
        sub { $server->value('select 1') == 1 });
    kill 'HUP', $server->pid_of('nginx-master');

    like(whole($_), qr{^HTTP/1.1 200 .*"200000"}s,
        'a reload does not disturb what is on its way') for @asked;
    is($server->query('select 8')->{table}{rows}[0][0], 8,
        'new nginx workers have links of their own');
    unlike($server->log_text, qr/open socket .* left/,
        'the old ones closed theirs');
}

done_testing();
