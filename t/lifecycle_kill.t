# Any process may die of kill -9 at any instant: the launcher replaces it,
# the last snapshot is served again, no acknowledged row is lost, every
# request is answered.  QASINO_KILLS says how often the worker dies.

use v5.36;

use List::Util qw(max sum);
use Test::More;

use Qasino::Ledger;
use Qasino::Process qw(build_dir now spew temp_dir wait_until);
use Qasino::Server;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select max(i) from n';

my $kills = $ENV{QASINO_KILLS} // 5;
my $archive = temp_dir();
my $server = start_server(generation_duration => 1, query_deadline => 3600,
    archive_db_dir => $archive);

# What SQL from outside runs in has one socket, that to the worker.
for my $pid ($server->pids('qasino-query')) {
    is(scalar(grep { (readlink // '') =~ /^socket:/ }
        glob "/proc/$pid/fd/*"), 1, 'a query process has one socket');
}

# The worker, under load.
{
    my $ledger = Qasino::Ledger->of_server($server, $archive);
    my (@away, @backwards);

    $ledger->wait_acks(20);
    $server->wait_generation;

    for (1 .. $kills) {
        $server->wait_generation if $_ % 3 == 0;      # right after it rotated
        $ledger->wait_acks(1 + int rand 100);

        my $before = $server->wait_answer;
        my $pid = $server->pid_of('qasino-worker');
        my $start = now();

        kill 'KILL', $pid;
        wait_until('the death of the worker',
            sub { !Qasino::Server::alive($pid) });

        my $after = $server->wait_answer;
        push @away, now() - $start;
        push @backwards, "$before, then $after" if $after < $before;
    }

    $ledger->wait_acks(20);
    $ledger->finish;
    $ledger->judge;

    is_deeply(\@backwards, [], "$kills kills: a snapshot is served again,"
        . ' none from the past');
    is_deeply([grep { $_ != 503 } keys %{{$ledger->refused}}], [],
        'publishes that the dead worker could not take get 503');
    note(sprintf 'served again after %.3f s, at most %.3f s',
        sum(@away) / @away, max(@away));
}

# What clients are told while the worker is away.  The launcher is stopped
# meanwhile, so that there is no successor yet.
{
    my $pid = $server->pid_of('qasino-worker');
    my $line = $server->line_connect;

    syswrite $line, "select 1 as before;\r\n";
    Qasino::Server::read_until($line, qr/1 rows returned/);

    # one request is in flight when the worker dies
    kill 'STOP', $pid;
    my $asker = open(my $answer, '-|') // die "fork: $!";
    if (!$asker) {
        print $server->http_get('/request?op=query&sql=select%201')->{status};
        close STDOUT;
        POSIX::_exit(0);
    }
    # ... and a line session on its way to it
    my $on_its_way = $server->line_connect;
    syswrite $on_its_way, "select 4 as waited;\r\n";
    my $frames = $server->frames;
    $frames->send(op => 'query', args => { sql => 'select 1' });

    kill 'STOP', $server->pid;
    kill 'KILL', $pid;
    wait_until('the death of the worker',
        sub { !Qasino::Server::alive($pid) });

    is(scalar(<$answer>), '503', 'a request in flight is answered');
    close $answer;
    ok($frames->closed, 'a connection of the dead worker ends');
    Qasino::Server::read_until($line, undef);
    pass('a line session of the dead worker ends');

    for my $request (
        ['POST', '/request?op=query', '{"sql": "select 1"}'],
        ['POST', '/request?op=add_table_data', '{}'],
        ['GET', '/request?op=query&sql=select%201'],
    ) {
        my $reply = $server->http(@$request);

        is($reply->{status}, 503, "@$request[0, 1] without a worker: 503");
        like($reply->{headers}{'retry-after'} // '', qr/^\d+$/,
            '... with Retry-After');
        is(Qasino::Server::document($reply)->{response_op}, 'error',
            '... and the JSON error');
    }

    my $text = $server->http_get(
        '/request?op=query&format=text&sql=select%201');
    is($text->{status}, 503, 'format=text without a worker: 503');
    unlike($text->{content}, qr/[{}<>]/, '... as plain text');

    my $early = $server->line_connect;
    syswrite $early, "select 3 as early;\r\n";

    my $reply = $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])');
    is($reply->{response_op}, 'error', 'a ZeroMQ request gets an error');

    kill 'CONT', $server->pid;
    ok($server->wait_answer, 'the launcher goes on: served again');
    like($server->line("select 2 as two;\r\n"), qr/2/,
        'on the line port too');
    like(Qasino::Server::read_until($on_its_way, qr/1 rows returned/),
        qr/waited/, '... and who was on the way to the dead one');
    like(Qasino::Server::read_until($early, qr/1 rows returned/), qr/early/,
        '... and who came before its successor');
}

# A query process, while it runs a query.
{
    my $runs = open(my $out, '-|') // die "fork: $!";

    if (!$runs) {
        my $answer = $server->query(ENDLESS);
        print "$answer->{status} $answer->{response_op}\n";
        close STDOUT;
        POSIX::_exit(0);
    }

    # the one that works is the one that uses the processor
    my $used = sub ($pid) {
        my @stat = split ' ',
            Qasino::Process::slurp("/proc/$pid/stat") =~ s/.*\) //sr;
        return ($stat[11] // 0) + ($stat[12] // 0);
    };
    my %start = map { $_ => $used->($_) } $server->pids('qasino-query');
    my $busy = wait_until('a busy query process', sub {
        (grep { $used->($_) > ($start{$_} // 0) + 5 }
            $server->pids('qasino-query'))[0];
    });

    is($server->value('select 2'), '2', 'another query runs beside it');
    kill 'KILL', $busy;

    like(scalar(<$out>), qr/^50[0-4] error$/,
        'the query of a killed process gets an error');
    close $out;
    is($server->value('select 3'), '3', 'and nobody else notices');
    wait_until('another', sub {
        my @now = $server->pids('qasino-query');
        return @now >= 2 && !grep { $_ == $busy } @now;
    });
    pass('it is replaced');
}

# All query processes at once.
{
    my @old = $server->pids('qasino-query');

    kill 'KILL', @old;
    wait_until('new query processes', sub {
        my %now = map { $_ => 1 } $server->pids('qasino-query');
        return keys %now >= 2 && !grep { $now{$_} } @old;
    });
    is($server->wait_answer && $server->value('select 4'), '4',
        'all query processes killed and replaced');
}

# The bridge.
{
    is_deeply($server->zmq('print(json.dumps(json.loads(req({"op": "query",'
        . ' "sql": "select 5"})[0])["table"]["rows"]))'), [['5']],
        'the bridge answers');
    $server->kill_and_wait('qasino-zmq-bridge');
    is_deeply($server->zmq('print(json.dumps(json.loads(req({"op": "query",'
        . ' "sql": "select 6"})[0])["table"]["rows"]))'), [['6']],
        'its successor answers, on the same port');
    is($server->zmq('print(json.dumps(subscribe().recv()[:6].decode()))'),
        'GENSIG', '... and signals');
}

# The bridge when the worker is gone: one answer, then it finds the new one.
{
    my $pid = $server->pid_of('qasino-worker');

    kill 'KILL', $pid;
    my $replies = $server->zmq(<<'END');
replies = []
while not replies or "rows" not in replies[-1]:
    replies.append(req({"op": "query", "sql": "select 7"})[0])
print(json.dumps(replies))
END
    like($replies->[-1], qr/"7"/, 'the bridge finds the new worker');
    is(scalar(grep { !/"response_op": *"error"/ }
        @$replies[0 .. $#$replies - 1]), 0,
        'and until then answers with errors');
}

# No worker for long: a program that hangs stands where it came from.
{
    my $dir = temp_dir();
    my $own = "$dir/qasino-worker";

    system('cp', '-r', glob(build_dir() . '/{qasino-*,*.so,conf,www}'), $dir)
        == 0 or die "cp: $?\n";

    my $other = do {
        local $ENV{QASINO_BUILD} = $dir;
        start_server();
    };
    rename $own, "$dir/good" or die "$own: $!\n";
    spew($own, "#!/bin/sh\ntouch $dir/begun\nexec sleep 3600\n");
    chmod 0755, $own;
    kill 'KILL', $other->pid_of('qasino-worker');
    wait_until('the one that hangs', sub { -e "$dir/begun" });

    my @lines = map { $other->line_connect } 1 .. 3;
    syswrite $_, "select 12;\r\n" for @lines;
    is(Qasino::Server::read_until($_, undef),
        "ERROR: the Qasino worker is away, try again\r\n",
        'lines that have waited long are told that the worker is away')
        for @lines;

    rename "$dir/good", $own or die "$own: $!\n";
    kill 'KILL', grep { Qasino::Process::slurp("/proc/$_/cmdline")
        =~ /\Asleep\0/ } $other->family;
    $other->wait_answer;
    like($other->line("select 13 as back;\r\n"), qr/back/,
        '... and answered when it is back');
}

# Somebody takes the name of the socket for lines away: each worker from then
# on makes its own, also where one that died has left a name that leads
# nowhere.
{
    my $path = $server->run_dir . '/line.sock';

    unlink $path or die "$path: $!\n";

    for my $round (1 .. 3) {
        $server->kill_and_wait('qasino-worker');
        $server->wait_answer;
        like($server->line("select $round as round;\r\n"), qr/round/,
            "lines without the launcher's socket, worker $round");
    }
}

# An nginx worker, then nginx's master.
{
    $server->kill_and_wait('nginx-worker');
    is($server->wait_answer && $server->value('select 8'), '8',
        'an nginx worker is replaced');

    my $old = $server->pid_of('nginx-master');
    my @workers = $server->pids('nginx-worker');

    kill 'KILL', $old;
    wait_until('another nginx', sub {
        grep { $_ != $old } $server->pids('nginx-master');
    });
    is($server->wait_answer && $server->value('select 9'), '9',
        "nginx's master is replaced, on the same port");
    wait_until("the old master's workers to go", sub {
        !grep { Qasino::Server::alive($_) } @workers;
    });
    like($server->line("select 10 as ten;\r\n"), qr/10/,
        'the line port is back too');
}

# The launcher itself: nothing may hold the ports for ever.
{
    my @family = $server->family;

    is($server->stop('KILL', 'died of signal 9'), 'died of signal 9',
        'the launcher is killed');
    is(scalar(grep { Qasino::Server::alive($_) } @family), 0,
        'and its children end by themselves');
    $server->start;
    is($server->value('select 11'), '11', 'and it can be started again');
}

done_testing();
