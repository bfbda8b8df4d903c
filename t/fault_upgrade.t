# Another worker in the place of the one that runs, under load: nothing that
# was published is lost, no request fails, connections stay, and who is in the
# middle of something finishes it.

use v5.36;

use POSIX qw(_exit);
use Test::More;

use Qasino::Frame;
use Qasino::Ledger;
use Qasino::Process qw(build_dir slurp spew temp_dir wait_until);
use Qasino::Server;
use Qasino::Worker;

my $upgrades = $ENV{QASINO_UPGRADES} // 5;

sub upgraded ($server, $times) {
    wait_until("upgrade $times", sub {
        my $n = () = $server->log_text =~ /goes on with \d+ connections/g;
        return $n >= $times });
}

# Asks, or listens, until the file "stop" is there; the file of its name has a
# byte for each answer.
sub client ($server, $dir, $name) {
    my $pid = open(my $out, '-|') // die "fork: $!\n";

    return $out if $pid;
    my $result = eval { $server->zmq(<<"END") } // $@;
import os
count = open("$dir/$name", "w", buffering=1)
socket = subscribe() if "$name" == "listens" else connect(zmq.REQ, PORT)
while os.path.exists("$dir") and not os.path.exists("$dir/stop"):
    if "$name" == "listens":
        if socket.poll(100):
            socket.recv()
            print(".", file=count)
        continue
    if "$name" == "comes":
        socket.close()
        socket = connect(zmq.REQ, PORT)
    answer = json.loads(req({"op": "query", "sql": "select 1"}, socket)[0])
    assert answer["table"]["rows"] == [["1"]], answer
    print(".", file=count)
print(json.dumps("every one answered"))
END
    print "$result\n";
    close STDOUT;
    _exit(0);
}

sub answers ($dir, $name) { return -s "$dir/$name" // 0 }

# By itself: all that a connection may be in the middle of.
{
    my $worker = start_worker(generation_duration => 3600,
        query_deadline => 5);
    my $pid = $worker->pid;
    my $done = 0;
    my $upgrade = sub () {
        kill 'USR2', $pid;
        upgraded($worker, ++$done);
    };

    my ($idle, $half, $head, $busy, $events) = map { $worker->connect }
        1 .. 5;
    my $frame = Qasino::Frame::encode(op => 'add_table_data', id => 7,
        body => '{"identity": "half", "table": {"tablename": "half",'
            . ' "column_names": ["n"], "column_types": ["int"],'
            . ' "rows": [[1]]}}');
    my $query = Qasino::Frame::encode(op => 'query', id => 8,
        args => { sql => 'select 8' });

    is($idle->query('select 1')->{status}, 200, 'a connection before');
    $events->request(op => 'subscribe', id => 99);
    $head->send_raw(substr $query, 0, 20);
    $busy->send(op => 'query', id => 1, args => { sql => 'with recursive'
        . ' n(i) as (select 1 union all select i + 1 from n limit 2000000)'
        . ' select max(i) from n' });
    $busy->send(op => 'query', id => 2, args => { sql => 'select 2' });
    my $line = IO::Socket::UNIX->new(Peer => $worker->line_path);
    syswrite $line, "select\n 'a line' as";
    is($worker->publish('early', table(early => [n => 'int'], [1]))
        ->{response_op}, 'ok', 'published before');

    $upgrade->();

    is($idle->query('select 3')->{status}, 200, 'the same connection after');
    my %answers = map { $_->{id} => $_ } $busy->answers(2);
    is_deeply([map { $answers{$_}{status} } 1, 2], [200, 200],
        'a query that ran has ended well, and the one behind it');
    $head->send_raw(substr $query, 20);
    is(($head->answers(1))[0]{status}, 200, 'half a head gets its rest');
    syswrite $line, " text;\n";
    like(Qasino::Server::read_until($line, qr/1 rows returned/),
        qr/a line/, 'half a statement gets its rest');
    is($worker->rows('select n from early',
        flags => Qasino::Frame::WRITE_DB)->[0][0], 1,
        'the generation goes on');
    is($worker->pid, $pid, 'it is the same process');

    # a body that is half in is waited for
    $half->send_raw(substr $frame, 0, -10);
    kill 'USR2', $pid;
    wait_until('the beginning', sub {
        2 == (() = $worker->log_text =~ /goes over to/g) });
    my $other = $worker->connect;
    $other->send(op => 'query', args => { sql => 'select 4' });
    $half->send_raw(substr $frame, -10);
    is(($half->answers(1))[0]{status}, 200, 'half a body is waited for');
    upgraded($worker, ++$done);
    is(($other->answers(1))[0]{status}, 200,
        'who comes meanwhile is answered by the next');
    is($worker->rows('select n from half',
        flags => Qasino::Frame::WRITE_DB)->[0][0], 1, '... and it is in');

    # one that never ends costs its own connection
    my $never = $worker->connect;
    $never->send_raw(substr $frame, 0, -10);
    $upgrade->();
    ok($never->closed, 'half a body that never ends is given up');
    is($idle->query('select 5')->{status}, 200, 'the others go on');

    # many at once
    my @many = map { $worker->connect } 1 .. 200;
    $_->send(op => 'query', args => { sql => 'select 6' }) for @many;
    $upgrade->();
    is(scalar(grep { ($_->answers(1))[0]{status} == 200 } @many), 200,
        '200 connections are answered');

    # stopped while it is about to
    $half->send_raw(substr $frame, 0, -10);
    kill 'USR2', $pid;
    wait_until('the beginning', sub {
        $done + 1 == (() = $worker->log_text =~ /goes over to/g) });
    is($worker->stop, '', 'a stop meanwhile is a stop');
}

# A program that does not run, or hangs, is not gone over to; meanwhile the
# old one works.
{
    my $dir = temp_dir();
    my $own = "$dir/qasino-worker";

    system('cp', (map { build_dir() . "/$_" } qw(qasino-worker qasino-query)),
        $dir) == 0 or die "cp: $?\n";

    my $worker = do {
        local $ENV{QASINO_BUILD} = $dir;
        start_worker(generation_duration => 3600);
    };
    my $instead = sub ($script) {
        rename $own, "$dir/good" if !-e "$dir/good";    # not a script
        spew("$own.new", "#!/bin/sh\n$script\n");
        chmod 0755, "$own.new";
        rename "$own.new", $own or die "$own: $!\n";
        kill 'USR2', $worker->pid;
    };
    my $stays = sub ($times) {
        wait_until("it to stay, $times", sub {
            $times == (() = $worker->log_text =~ /this program stays/g) });
    };

    rename $own, "$dir/good" or die "$own: $!\n";
    kill 'USR2', $worker->pid;
    $stays->(1);
    $instead->('exit 1');
    $stays->(2);
    $instead->("touch $dir/begun; exec sleep 3600");
    wait_until('it to begin', sub { -e "$dir/begun" });
    kill 'USR2', $worker->pid;          # once more changes nothing
    is($worker->rows('select 9')->[0][0], 9, 'a program that hangs:'
        . ' the old one answers meanwhile');
    $stays->(3);
    like($worker->log_text, qr/--version takes more than 5 s/,
        '... and then stays');

    rename "$dir/good", $own or die "$own: $!\n";
    kill 'USR2', $worker->pid;
    upgraded($worker, 1);
    is($worker->rows('select 10')->[0][0], 10, 'one that runs, after these');

    unlink "$dir/begun";
    $instead->("touch $dir/begun; exec sleep 3600");
    wait_until('it to begin', sub { -e "$dir/begun" });
    is($worker->stop, '', 'a stop meanwhile is a stop');
}

# Asked for again and again, also between two programs: none dies of it.
{
    my $worker = start_worker(generation_duration => 3600);
    my $times = 0;

    wait_until('ten upgrades', sub {
        kill 'USR2', $worker->pid for 1 .. 10;
        $times = () = $worker->log_text =~ /goes over to/g;
        return $times >= 10;
    });
    is($worker->rows('select 11')->[0][0], 11, 'asked for without end');
    $worker->kill;              # maybe between two programs
}

# A subscriber gets its events from the next program, too.
{
    my $worker = start_worker(generation_duration => 1);
    my $events = $worker->connect;

    $events->request(op => 'subscribe', id => 99);
    kill 'USR2', $worker->pid;
    upgraded($worker, 1);
    my $event = wait_until('an event', sub { $events->receive });
    is_deeply([@$event{qw(type id)}], [Qasino::Frame::EVENT, 99],
        'a subscriber stays one');
}

# The whole server, under load.  Large results, which nginx claims on other
# connections, are among the queries.
{
    my $archive = temp_dir();
    # what asks for long is given three generations
    my $server = start_server(archive_db_dir => $archive,
        generation_duration => build_dir() =~ /asan|tsan/ ? 4 : 1);
    my $long = 'with recursive n(i) as (select 1 union all select i + 1 from n'
        . ' limit 20000) select i, \'a text that makes it long\' from n';
    my $ledger = Qasino::Ledger->start(
        archive => $archive,
        publish => sub ($who, $n) {
            my $answer = $server->publish("p$who-$n",
                table(ledger => [who => 'int', n => 'int'], [$who, $n]));

            if ($n % 20 == 0) {
                my $rows = $server->query($long . " -- $who $n");
                if (($rows->{status} // 0) != 200
                    || @{$rows->{table}{rows}} != 20000)
                {
                    diag($rows->{error_message} // 'not all rows');
                    $answer->{status} = 700;
                }
            }
            return ($answer->{status}, $answer->{generation_number});
        },
        query => sub ($sql) {
            my $answer = $server->query($sql);
            return $answer->{table} && $answer->{table}{rows};
        });
    my $pid = $server->pid_of('qasino-worker');

    $ledger->wait_acks(20);
    $server->wait_generation;
    for my $round (1 .. $upgrades) {
        kill 'USR2', $pid;
        upgraded($server, $round);
        $ledger->wait_acks(30);
    }
    $ledger->finish;
    $ledger->judge;
    is_deeply({$ledger->refused}, {}, "$upgrades upgrades: no request failed");
    is($server->pid_of('qasino-worker'), $pid, 'by the same process');
    is(ref $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])'),
        'HASH', 'the bridge has noticed nothing');

    # ZeroMQ clients meanwhile: one that keeps its connection, one that
    # connects for each question, a subscriber
    my $bridge = $server->pid_of('qasino-zmq-bridge');
    my $dir = temp_dir();
    my %clients = map { $_ => client($server, $dir, $_) }
        qw(stays comes listens);
    my $asks = sub ($count) {
        my %before = map { ($_ => answers($dir, $_)) } keys %clients;
        wait_until("ZeroMQ clients to go on", sub {
            !grep { answers($dir, $_) < $before{$_}
                + ($_ eq 'listens' ? 1 : $count) } keys %clients });
    };
    $asks->(20);

    # by way of the launcher, nginx along with it
    kill 'USR2', $server->pid;
    upgraded($server, $upgrades + 1);
    is($server->wait_answer && $server->value('select 1'), 1,
        'SIGUSR2 to the launcher does it too');
    like($server->line("select 5 five;\r\n"), qr/five/, '... with the line port');

    wait_until('the old bridge to let new clients go', sub {
        $server->log_text =~ /new clients are another's, [1-9]/ });
    $asks->(20);
    ok(Qasino::Server::alive($bridge),
        'the old bridge is there for its clients');
    spew("$dir/stop", '');
    for my $name (sort keys %clients) {
        my $out = $clients{$name};
        is(do { local $/; <$out> }, "every one answered\n",
            "a ZeroMQ client that $name: all is answered");
        close $out;
    }
    wait_until('the old bridge to end', sub {
        $server->log_text =~ /zmq-bridge \(pid $bridge\) has been replaced/ });
    is(ref $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])'),
        'HASH', '... and the new one answers');
}

done_testing();
