# Clients that take their time: half a request, a result that nobody reads,
# more connections than there are descriptors, peers that are gone without a
# word.  The others do not notice, and what was taken up is given back.

use v5.36;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(build_dir slurp wait_until);
use Qasino::Server;

# 9 million bytes: more than sockets and queues take
use constant LONG => 'with recursive n(i) as (select 1 union all select'
    . " i + 1 from n where i < 80000) select i, printf('%0100d', i) from n";

sub tcp ($port, %more) {
    my $socket = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1', PeerPort => $port)
        // die "connect to port $port: $!\n";

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 if $more{small};
    return $socket;
}

sub descriptors ($pid) { scalar(my @fds = glob "/proc/$pid/fd/*") }

sub works ($server, $name) {
    my @wrong;

    for (1 .. 5) {
        for my $answer ($server->query("select $_"),
            $server->publish("$name $_", table(works => [n => 'int'],
                [$_])))
        {
            push @wrong, "$answer->{status}: "
                . ($answer->{error_message} // '')
                if $answer->{status} != 200;
        }
    }
    is_deeply(\@wrong, [], "$name: others are served");
}

{
    my $server = start_server(generation_duration => 3600,
        query_deadline => 5);
    my $worker = $server->pid_of('qasino-worker');
    my $http = $server->port('http');
    my @slow;

    # writers
    for (1 .. 100) {
        push @slow, tcp($http), tcp($server->port('line'));
        syswrite $slow[-2], "POST /request?op=query HTTP/1.1\r\nHost:";
        syswrite $slow[-1], 'select ';
        push @slow, tcp($http);
        syswrite $slow[-1], "POST /request?op=add_table_data HTTP/1.1\r\n"
            . "Host: x\r\nContent-Length: 50000000\r\n\r\n{\"identity\": ";
        push @slow, tcp($server->port('zmq'));
        syswrite $slow[-1], "\xff\0\0";
    }
    works($server, 'slow writers');

    my @frames = map { $server->frames } 1 .. 20;
    for my $client (@frames) {
        $client->send_raw(substr Qasino::Frame::encode(
            op => 'add_table_data', body => '{"identity": "slow", "table"'),
            0, -10);
    }
    works($server, '... of frames');
    is(ref $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])'),
        'HASH', '... and over ZeroMQ');

    # readers
    my @readers;
    for (1 .. 6) {
        push @readers, tcp($http, small => 1);
        syswrite $readers[-1], 'GET /request?op=query&sql='
            . LONG =~ s/([^\w])/sprintf '%%%02x', ord $1/ger
            . " HTTP/1.1\r\nHost: x\r\n\r\n";
    }
    $server->wait_answer;       # six long queries take a while
    works($server, 'slow readers over HTTP');

    for (1 .. 4) {
        push @readers, tcp($server->port('line'), small => 1);
        syswrite $readers[-1], LONG . ";\r\n";
    }
    my $done = wait_until('a query beside slow readers of lines', sub {
        my $answer = $server->query('select 77 as n');
        return $answer->{status} == 200 && $answer->{table}{rows}[0][0];
    });
    is($done, 77, 'slow readers of lines hold a query process for its'
        . ' deadline at most');

    for my $client (map { $server->frames } 1 .. 4) {
        $client->send(op => 'query', args => { sql => LONG });
        push @readers, $client;
    }
    wait_until('a query beside slow readers of frames', sub {
        $server->query('select 78')->{status} == 200 });
    pass('slow readers of frames, too');
    cmp_ok(Qasino::Server::resident_kib($worker), '<',
        build_dir() =~ /asan/ ? 1_500_000 : 200_000,
        'and the worker has not grown with them');

    # a hundred subscribers that do not read
    my @silent = map { $server->frames } 1 .. 100;
    $_->send(op => 'subscribe') for @silent;
    $server->wait_answer;
    works($server, 'subscribers that do not read');

    my $before = descriptors($worker);
    undef @slow;
    undef @frames;
    undef @readers;
    undef @silent;
    wait_until('descriptors to be given back', sub {
        descriptors($worker) <= $before - 120 });
    works($server, 'when all of them are gone');
    is($server->pid_of('qasino-worker'), $worker, 'by the same worker');
}

# Few descriptors.  Everything, the worker included, gets 128.
{
    my $server = start_server(generation_duration => 1);

    # children inherit it
    system('prlimit', '--pid=' . $server->pid, '--nofile=128:128') == 0
        or die "prlimit: $?";
    my @old = $server->pids('nginx-worker');

    $server->kill_and_wait($_) for qw(qasino-worker nginx-master);
    # they answer for a moment, and the new ones not yet
    wait_until('the end of the old nginx workers', sub {
        !grep { Qasino::Server::alive($_) } @old });
    $server->wait_answer;

    my $worker = $server->pid_of('qasino-worker');
    my @clients;
    for (1 .. 300) {
        my $client = eval { $server->frames } // next;
        push @clients, $client;
    }
    wait_until('the worker to turn some away', sub {
        $server->log_text =~ /some are turned away/ });
    my $before = $server->generation;
    wait_until('generations to go on', sub {
        $server->generation > $before + 1 });
    pass('with all descriptors taken, generations go on');
    is($server->publish('few', table(few => [n => 'int'], [1]))->{status},
        200, 'and publishing');
    kill 'KILL', ($server->pids('qasino-query'))[0];
    $server->wait_answer;
    pass('and a query process can be started');
    undef @clients;

    # HTTP clients: nginx has its own limit
    @clients = map { eval { tcp($server->port('http')) } } 1 .. 300;
    undef @clients;
    is($server->wait_answer && $server->value('select 1'), 1,
        'after more HTTP clients than nginx has descriptors for');
    is($server->pid_of('qasino-worker'), $worker, 'by the same worker');
    unlike($server->log_text, qr/publishes are refused/,
        'no generation was in want of a descriptor');
}

# Peers without a word: keepalive finds them.  (The second field of a line of
# /proc/net/tcp is the local address, the sixth the timer: 02 is keepalive.)
{
    my $server = start_server(generation_duration => 3600,
        Qasino::Server::tls_settings());

    for my $name (qw(http https line zmq pubsub)) {
        my $port = $server->port($name);
        my $socket = tcp($port);
        my $other = sprintf '%04X', $socket->sockport;
        my $mine = sprintf '%04X', $port;

        wait_until("keepalive on port $name", sub {
            grep { / \w{8}:$mine \w{8}:$other 01 \S+ 02:/ } split /\n/,
                slurp('/proc/net/tcp') });
        pass("port $name: keepalive");
    }
}

done_testing();
