#!/usr/bin/perl

# The ZeroMQ bridge between real ZeroMQ clients (t/zmq_client.py, Debian's
# python3-zmq) and a worker that this test plays itself, frame by frame, so
# that it can answer late, in another order, too much, or garbage.  The last
# part runs against the real worker.

use v5.36;

use Fcntl qw(O_NONBLOCK O_RDWR);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Open2 qw(open2);
use JSON::PP ();
use POSIX qw(WNOHANG mkfifo);
use Socket qw(MSG_DONTWAIT MSG_PEEK SOCK_STREAM);
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(build_dir exit_text patience problem reserve_port
    reserved_listener sanitizer_env sanitizer_reports slurp spawn
    temp_dir top_dir wait_until);

use constant { MORE => 1, ABORT => 2, PARTS => 16 };

my $python = '/usr/bin/python3';

plan skip_all => 'no python3-zmq'
    if system("$python -c 'import zmq' 2>/dev/null") != 0;

my $program = build_dir() . '/qasino-zmq-bridge';
my $json = JSON::PP->new->utf8->canonical;

# --- the bridge ------------------------------------------------------------

my %running;

sub start_bridge (%settings) {
    my $dir = temp_dir();
    my $limit = delete $settings{limit};        # of open files
    my $sockets = delete $settings{sockets};    # as the launcher gives them
    my $output = delete $settings{output};      # another log
    my $run_dir = $settings{run_dir} // $dir;
    my %bridge = (dir => $dir, run_dir => $run_dir, log => "$dir/log",
        limit => $limit,
        zmq_port => $sockets ? $sockets->[0]->sockport : reserve_port(),
        pubsub_port => $sockets ? $sockets->[1]->sockport : reserve_port());
    my %options = (identity => 'test-server',
        map({ $_ => $bridge{$_} } qw(run_dir zmq_port pubsub_port)),
        %settings);

    pipe my $ready, my $child or die "pipe: $!\n";
    $bridge{pid} = spawn(
        command => [(defined $limit ? ('prlimit', "--nofile=$limit:$limit")
                : ()), $program,
            map { ('--' . tr/_/-/r, $options{$_}) } sort keys %options],
        env => { QASINO_READY_FD => fileno $child, sanitizer_env($dir),
            ($sockets ? (QASINO_SOCKETS => join '', map { fileno($_) . ';' }
                @$sockets) : ()) },
        inherit => [$child, @{$sockets // []}], output => $output // $bridge{log});
    close $child;

    # one byte once both ports are bound, end of file if it died before
    $bridge{ready} = sysread $ready, my $byte, 16;
    $running{$bridge{pid}} = \%bridge;

    return \%bridge;
}

# Of those that it may have.
sub open_files ($bridge) {
    return scalar grep { -l "/proc/$bridge->{pid}/fd/$_" }
        0 .. $bridge->{limit} - 1;
}

sub stop_bridge ($bridge, $signal = 'TERM') {
    my $pid = $bridge->{pid};

    kill $signal, $pid;

    return reap($bridge);
}

sub reap ($bridge) {
    my $pid = $bridge->{pid};

    delete $running{$pid};
    eval {
        wait_until('the bridge to end', sub { waitpid($pid, WNOHANG) == $pid });
        1;
    } or do {
        kill 'KILL', $pid;
        waitpid $pid, 0;
        problem("the bridge had to be killed:\n" . slurp($bridge->{log}));
    };

    my $status = $?;
    sanitizer_reports($bridge->{dir});

    return exit_text($status);
}

# --- the worker played here ------------------------------------------------

sub listen_as_worker ($bridge) {
    my $path = "$bridge->{run_dir}/worker.sock";

    unlink $path;

    return IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path,
        Listen => 16) // die "listen on $path: $!\n";
}

sub accept_frames ($listener) {
    IO::Select->new($listener)->can_read(patience())
        or die "the bridge does not connect\n";

    return bless { socket => scalar $listener->accept, in => '', id => 0 },
        'Qasino::Frame';
}

# Both connections of the bridge: (requests, signals).  The second is the
# one that subscribes; requests may be there before.
sub accept_both ($listener) {
    my @connections = map { accept_frames($listener) } 1, 2;
    my $signals = wait_until('a subscription', sub {
        return (grep { first_op($_) == 16 } @connections)[0] });
    my ($requests) = grep { $_ != $signals } @connections;

    accept_subscription($signals);

    return ($requests, $signals);
}

sub first_op ($connection) {
    recv $connection->socket, my $head, 7, MSG_PEEK | MSG_DONTWAIT;

    return length $head == 7 ? ord substr $head, 6 : -1;
}

sub accept_subscription ($signals) {
    my $frame = $signals->receive;

    is $frame->{op}, 16, 'the bridge subscribes';
    $signals->send(type => Qasino::Frame::RESPONSE, op => 16,
        id => $frame->{id}, status => 200, body => '{"response_op": "ok"}');
    $signals->{subscription} = $frame->{id};
}

sub respond ($worker, $request, $body, %more) {
    $worker->send(type => Qasino::Frame::RESPONSE, op => 4, status => 200,
        id => $request->{id}, body => $body, %more);
}

sub data ($worker, $request, $body, %more) {
    $worker->send(type => Qasino::Frame::DATA, op => 4,
        id => $request->{id}, body => $body, %more);
}

# --- the clients -----------------------------------------------------------

my $helper = open2(my $from, my $to, $python, top_dir() . '/t/zmq_client.py');
my $clients = 0;

sub helper (@command) {
    print {$to} $json->encode(\@command), "\n";
    $to->flush;

    my $line = readline($from) // die "the ZeroMQ client died\n";

    return JSON::PP->new->allow_nonref->decode($line);
}

sub client ($bridge, $kind = 'REQ', $port = 'zmq_port', $open = 'open') {
    my $name = 'c' . ++$clients;

    helper($open, $name, $kind, "tcp://127.0.0.1:$bridge->{$port}");

    return $name;
}

sub put ($name, @frames) {
    helper('send', $name, [map { unpack 'H*', $_ } @frames]);
}

sub hear ($name, $seconds = patience()) {
    my $frames = helper('recv', $name, 0 + $seconds) // return undef;

    return [map { pack 'H*', $_ } @$frames];
}

sub leave (@names) { helper('close', $_) for @names }

# An answer's error message; its whole text where it is no error.
sub error_of ($frames) {
    my $reply = eval { $json->decode($frames->[-1]) };

    return $reply && $reply->{response_op} eq 'error'
        && $reply->{identity} eq 'test-server'
        ? $reply->{error_message} : "no error: $frames->[-1]";
}

# A question of its own and its answer.
sub is_served ($name, $worker, $what) {
    put($name, $what);
    respond($worker, $worker->receive, "answer to $what");
    is_deeply hear($name), ["answer to $what"], $what;
}

# Connections that say nothing, to both ports, more than it may have.
sub crowd ($bridge) {
    return map {
        IO::Socket::INET->new(Blocking => 0, PeerAddr => '127.0.0.1',
            PeerPort => $bridge->{$_ % 2 ? 'zmq_port' : 'pubsub_port'})
    } 1 .. 300;
}

# Every suite ends with this: the bridge still works.
sub still_serves ($bridge, $worker, $name = 'and serves on') {
    my $client = client($bridge);

    put($client, '{"op": "query"}');
    my $request = $worker->receive;
    respond($worker, $request, 'fine');
    is_deeply hear($client), ['fine'], $name;
    leave($client);
}

# --- starting --------------------------------------------------------------

subtest 'a port in use is named' => sub {
    for my $port (qw(zmq_port pubsub_port)) {
        my $taken = reserved_listener();
        my $number = $taken->sockport;
        my $bridge = start_bridge($port => $number);

        is $bridge->{ready}, 0, 'not ready';
        is reap($bridge), 'exited with 1', 'exit status';
        like slurp($bridge->{log}), qr/\bport $number\b.*in use/, $port;
    }
};

subtest 'an unknown option is named' => sub {
    my $bridge = start_bridge(zmq_prot => 1);

    is reap($bridge), 'exited with 1', 'exit status';
    like slurp($bridge->{log}), qr/--zmq-prot/, 'its name';
};

subtest 'stops well, also where nothing happened' => sub {
    for my $signal (qw(TERM INT)) {
        my $bridge = start_bridge();

        is $bridge->{ready}, 1, 'ready with one byte';
        is stop_bridge($bridge, $signal), '', "exit 0 after SIG$signal";
    }
};

# --- one bridge for what follows -------------------------------------------

my $bridge = start_bridge(zmq_max_reply => '64k', zmq_max_message => '1m');
my ($listener, $worker, $signals);

subtest 'the worker is away: an error at once, then recovery' => sub {
    my $client = client($bridge);

    put($client, '{"op": "query"}');
    like error_of(hear($client)), qr/worker is away, try again/, 'error';

    $listener = listen_as_worker($bridge);
    ($worker, $signals) = accept_both($listener);

    put($client, '{"op": "query", "sql": "select 1;"}');
    my $request = $worker->receive;

    is $request->{type}, Qasino::Frame::REQUEST, 'a request';
    is $request->{op}, 0, 'the op is in the body';
    is $request->{format}, 0, 'JSON';
    is $request->{flags}, PARTS, 'parts';
    is $request->{args}{client}, '127.0.0.1', "the client's address";
    is $request->{body}, '{"op": "query", "sql": "select 1;"}', 'the body';

    respond($worker, $request, '{"answer": 1}');
    is_deeply hear($client), ['{"answer": 1}'], 'answered';
    leave($client);
};

subtest 'many at once, answered in another order, one never' => sub {
    my @names = map { client($bridge) } 1 .. 50;
    my $slow = client($bridge);

    put($slow, 'slow');
    my $late = $worker->receive;

    for my $round (1, 2) {
        put($names[$_], "round $round client $_") for keys @names;
        my @requests = map { $worker->receive } @names;

        respond($worker, $_, "answer to $_->{body}") for reverse @requests;
        is_deeply [map { hear($_)->[0] } @names],
            [map { "answer to round $round client $_" } keys @names],
            "round $round: each has its own";
    }

    is hear($slow, 0), undef, 'the slow one still waits';
    respond($worker, $late, 'at last');
    is_deeply hear($slow), ['at last'], 'and has its answer then';
    leave(@names, $slow);
};

subtest 'envelopes come back as they were' => sub {
    my $dealer = client($bridge, 'DEALER');
    my @cases = (
        ['as REQ', ['', 'body'], ['']],
        ['as txzmq', ['msg-1', '', 'body'], ['msg-1', '']],
        ['several frames', ["a\0", "\xff", 'ccc', '', 'body'],
            ["a\0", "\xff", 'ccc', '']],
        ['frames after the body', ['id', '', 'body', 'more', ''],
            ['id', '']],
        ['plain', ['body'], []],
        ['plain with more', ['body', 'more'], []],
        ['deeper than we look', ['body', ('x') x 20, '', 'y'], []],
    );

    for my $case (@cases) {
        my ($name, $frames, $back) = @$case;

        put($dealer, @$frames);
        my $request = $worker->receive;
        is $request->{body}, 'body', "$name: the body";
        respond($worker, $request, 'answer');
        is_deeply hear($dealer), [@$back, 'answer'], "$name: the answer";
    }

    for my $frames ([''], ['', ''], ['id', ''], ['', '', 'body']) {
        put($dealer, @$frames);
        my $request = $worker->receive;
        is $request->{body}, '', 'an empty body is the worker\'s to refuse';
        respond($worker, $request, 'refused');
        is hear($dealer)->[-1], 'refused', 'and is answered';
    }

    put($dealer, 'x' x 20_000, '', 'body');
    like error_of(hear($dealer)), qr/frames before .* too long/,
        'an envelope too long';

    my $client = client($bridge);
    put($client, 'body', 'more');
    my $request = $worker->receive;
    is $request->{body}, 'body', 'REQ with a frame too many';
    respond($worker, $request, 'answer');
    is_deeply hear($client), ['answer'], 'answered once';

    leave($dealer, $client);
    still_serves($bridge, $worker);
};

subtest 'long answers, interleaved, are one frame; table lists two' => sub {
    my ($one, $two, $list) = map { client($bridge) } 1 .. 3;

    put($one, 'one');
    my $r1 = $worker->receive;
    put($two, 'two');
    my $r2 = $worker->receive;
    put($list, 'list');
    my $r3 = $worker->receive;

    respond($worker, $r1, 'a', flags => MORE);
    respond($worker, $r2, 'x', flags => MORE);
    respond($worker, $r3, '{"response_op": "tables_list"}', flags => MORE,
        op => 5);
    data($worker, $r1, 'b' x 1000, flags => MORE);
    data($worker, $r3, '{"t": {}}', op => 5);
    data($worker, $r2, 'y');
    data($worker, $r1, '');

    is_deeply hear($one), ['a' . 'b' x 1000], 'one frame';
    is_deeply hear($two), ['xy'], 'one frame';
    is_deeply hear($list), ['{"response_op": "tables_list"}', '{"t": {}}'],
        'two frames';

    put($list, 'list');
    respond($worker, $worker->receive, 'error', op => 5, status => 503);
    is_deeply hear($list), ['error'], 'an error is one frame';

    # the largest that is allowed
    put($one, 'max');
    my $max = $worker->receive;
    respond($worker, $max, 'm' x 65_000, flags => MORE);
    data($worker, $max, 'n' x 536);
    is length hear($one)->[0], 65_536, 'zmq_max_reply bytes';
    leave($one, $two, $list);
};

subtest 'a result that is not whole is an error' => sub {
    my $client = client($bridge);

    put($client, 'query');
    my $request = $worker->receive;
    respond($worker, $request, '{"half":', flags => MORE);
    data($worker, $request, 'The query was stopped at its deadline',
        flags => ABORT);
    is error_of(hear($client)), 'The query was stopped at its deadline',
        'with the reason';

    put($client, 'query');
    $request = $worker->receive;
    respond($worker, $request, '{"half":', flags => MORE);
    data($worker, $request, '', flags => ABORT);
    like error_of(hear($client)), qr/broke off/, 'and without one';
    leave($client);
    still_serves($bridge, $worker);
};

subtest 'a reply that is too large is given up' => sub {
    my $client = client($bridge);

    put($client, 'query');
    my $request = $worker->receive;
    respond($worker, $request, 'x' x 60_000, flags => MORE);
    data($worker, $request, 'x' x 10_000, flags => MORE);

    my $error = error_of(hear($client));
    like $error, qr/zmq_max_reply \(65536 bytes\)/, 'names the option';
    like $error, qr/HTTP/, 'and the way out';

    my $cancel = $worker->receive;
    is $cancel->{type}, Qasino::Frame::CANCEL, 'the worker is told';
    is $cancel->{id}, $request->{id}, 'which one';

    data($worker, $request, 'x' x 10_000, flags => MORE) for 1 .. 20;
    data($worker, $request, 'cancelled', flags => ABORT);
    still_serves($bridge, $worker);

    put($client, 'again');
    $request = $worker->receive;
    respond($worker, $request, 'y' x 100_000);
    like error_of(hear($client)), qr/zmq_max_reply/, 'in one frame, too';
    leave($client);
    still_serves($bridge, $worker);
};

subtest 'a request that is too large' => sub {
    my $client = client($bridge);

    put($client, 'x' x (1 << 20));
    my $request = $worker->receive;
    is length $request->{body}, 1 << 20, 'zmq_max_message bytes pass';
    respond($worker, $request, 'ok');
    is_deeply hear($client), ['ok'], 'and are answered';

    put($client, 'x' x ((1 << 20) + 1));
    like error_of(hear($client)), qr/zmq_max_message \(1048576 bytes\)/,
        'one more is an error that names the option';

    put($client, 'x' x (3 << 20));
    still_serves($bridge, $worker, 'one far too large cuts its client only');
    leave($client);
};

subtest 'a client that is gone' => sub {
    my $client = client($bridge, 'DEALER');

    put($client, "$_", '', 'query') for 1 .. 10;
    my @requests = map { $worker->receive } 1 .. 10;
    leave($client);
    respond($worker, $_, 'answer' x 1000) for @requests;
    still_serves($bridge, $worker);
};

sub signal_until_heard ($subscriber, $body) {
    # a subscription takes effect some time after it was made, and older
    # signals may still be on their way
    return wait_until('the signal', sub {
        $signals->send(type => Qasino::Frame::EVENT, op => 16,
            id => $signals->{subscription}, body => $body,
            args => { generation => 7 });
        my $frames = hear($subscriber, 0.05);
        $frames && "@$frames" =~ /\Q$body\E/ ? $frames : undef;
    });
}

subtest 'generation signals' => sub {
    my $body = '{"op": "generation_signal", "generation_number": 7}';
    my $subscriber = client($bridge, 'SUB', 'pubsub_port');

    helper('subscribe', $subscriber, unpack 'H*', 'GENSIG');
    is_deeply signal_until_heard($subscriber, $body), ["GENSIG\0$body"],
        'one frame: GENSIG, NUL, JSON';

    close $signals->socket;
    $signals = accept_frames($listener);
    accept_subscription($signals);
    is_deeply signal_until_heard($subscriber, '{"second": 1}'),
        ["GENSIG\0{\"second\": 1}"], 'again after a reconnect';

    $signals->send(type => Qasino::Frame::EVENT, id => 4711, body => '{}');
    $signals = accept_frames($listener);
    accept_subscription($signals);
    is_deeply signal_until_heard($subscriber, '{"third": 1}'),
        ["GENSIG\0{\"third\": 1}"], 'and after an event of nobody\'s';

    leave($subscriber);
    still_serves($bridge, $worker, 'requests went on all the time');
};

subtest 'the worker dies with requests in flight' => sub {
    my @names = map { client($bridge) } 1 .. 20;

    put($_, 'query') for @names;
    my @requests = map { $worker->receive } @names;
    respond($worker, $requests[0], '{"half":', flags => MORE);
    close $worker->socket;

    my @errors = grep { error_of(hear($_)) =~ /went away before it answered/ }
        @names;
    is scalar @errors, 20, 'all have their error';

    $worker = accept_frames($listener);
    still_serves($bridge, $worker);

    # no listener at all, then a new one
    my $client = $names[0];
    close $listener;
    unlink "$bridge->{run_dir}/worker.sock";
    close $_->socket for $worker, $signals;
    wait_until('an error for a new request', sub {
        put($client, 'query');
        error_of(hear($client)) =~ /worker is away/;
    });

    $listener = listen_as_worker($bridge);
    ($worker, $signals) = accept_both($listener);
    leave(@names);
    still_serves($bridge, $worker);
};

subtest 'a worker that breaks the protocol' => sub {
    my $client = client($bridge);
    my %breaks = (
        'other bytes' => sub ($request) { 'HTTP/1.1 400 Bad Request' x 4 },
        'another version' => sub ($request) {
            Qasino::Frame::encode(version => 2, type => 2,
                id => $request->{id});
        },
        'a lying length' => sub ($request) {
            Qasino::Frame::encode(type => 2, id => $request->{id},
                args_length => 1 << 30);
        },
        'an unknown argument' => sub ($request) {
            Qasino::Frame::encode(type => 2, id => $request->{id},
                args => pack 'v v V', 99, 0, 0);
        },
        'an answer to nobody' => sub ($request) {
            Qasino::Frame::encode(type => 2, id => $request->{id} + 1);
        },
        'data before the answer' => sub ($request) {
            Qasino::Frame::encode(type => 3, id => $request->{id});
        },
        'a request' => sub ($request) {
            Qasino::Frame::encode(type => 1, id => $request->{id});
        },
    );

    for my $name (sort keys %breaks) {
        put($client, 'query');
        my $request = $worker->receive;
        $worker->send_raw($breaks{$name}->($request));
        like error_of(hear($client)), qr/went away before/, $name;
        ok $worker->closed, 'the connection is dropped';
        $worker = accept_frames($listener);
        still_serves($bridge, $worker);
    }

    like slurp($bridge->{log}), qr/wrong magic/, 'logged';
    leave($client);
};

subtest 'a worker that does not read for a while' => sub {
    my $dealer = client($bridge, 'DEALER');

    put($dealer, "id $_", '', chr(64 + $_) x 500_000) for 1 .. 26;

    my @bad;
    for my $i (1 .. 26) {
        my $request = $worker->receive;
        push @bad, $i if $request->{body} ne chr(64 + $i) x 500_000;
        respond($worker, $request, "got $i");
    }

    is_deeply \@bad, [], 'has all of them, whole and in order, later';
    is_deeply [map { hear($dealer) } 1 .. 26],
        [map { ["id $_", '', "got $_"] } 1 .. 26], 'all answered';
    leave($dealer);
};

subtest 'stopping answers what is in flight' => sub {
    my $client = client($bridge);

    put($client, 'query');
    $worker->receive;
    is stop_bridge($bridge), '', 'exit 0';
    like error_of(hear($client)), qr/server is stopping/, 'told so';
    ok $worker->closed, 'the worker sees the end';
    leave($client);
};

subtest 'no more in flight than allowed' => sub {
    my $small = start_bridge(zmq_max_in_flight => 3);
    my $there = listen_as_worker($small);

    ($worker, $signals) = accept_both($there);
    my @clients = map { client($small) } 1 .. 10;

    put($clients[$_], "query $_") for 0 .. 9;
    my @requests = map { $worker->receive } 1 .. 3;

    # a turn of the bridge's loop, seen from outside
    my $subscriber = client($small, 'SUB', 'pubsub_port');
    helper('subscribe', $subscriber, '');
    ok signal_until_heard($subscriber, '{}'), 'the loop turns';
    ok !IO::Select->new($worker->socket)->can_read(0), 'three, not more';

    for my $i (1 .. 10) {
        my $request = shift @requests;
        respond($worker, $request, "answer to $request->{body}");
        push @requests, $worker->receive if $i <= 7;
    }

    is_deeply hear($clients[$_]), ["answer to query $_"], "client $_"
        for 0 .. 9;
    leave(@clients, $subscriber);
    is stop_bridge($small), '', 'exit 0';
};

subtest 'of few that may be in flight half are for others' => sub {
    my $small = start_bridge(zmq_max_in_flight => 3);
    my $there = listen_as_worker($small);

    ($worker, $signals) = accept_both($there);
    my ($greedy, $other) = (client($small, 'DEALER'), client($small));

    put($greedy, $_, '', 'query') for 1 .. 3;
    my @requests = map { $worker->receive } 1, 2;

    my $answer = hear($greedy);
    is $answer->[0], 3, 'the third';
    like error_of($answer), qr{requests of yours.*zmq_max_in_flight},
        '... is one too many';

    put($other, 'mine');
    push @requests, $worker->receive;
    is $requests[-1]{body}, 'mine', 'the next is of another';

    respond($worker, $_, 'done') for @requests;
    is_deeply hear($other), ['done'], 'who has an answer';
    is_deeply [map { hear($greedy)->[0] } 1, 2], [1, 2], 'and so on';
    leave($greedy, $other);
    is stop_bridge($small), '', 'exit 0';
};

subtest 'who asks much leaves room to others' => sub {
    my $small = start_bridge();
    my $there = listen_as_worker($small);

    ($worker, $signals) = accept_both($there);
    my $greedy = client($small, 'DEALER');

    put($greedy, $_, '', 'query') for 1 .. 520;
    my @requests = map { $worker->receive } 1 .. 512;

    for (1 .. 8) {
        my $answer = hear($greedy);
        is $answer->[0], 512 + $_, 'one more';
        like error_of($answer), qr{requests of yours}, '... is one too many';
    }

    my $other = client($small);
    put($other, 'mine');
    my $request = $worker->receive;
    is $request->{body}, 'mine', 'the next is of another';
    respond($worker, $request, 'yours');
    is_deeply hear($other), ['yours'], 'who has an answer';

    respond($worker, $_, 'done') for @requests;
    is_deeply [map { hear($greedy)->[0] } 1 .. 512], [1 .. 512],
        'all that was taken is answered';
    put($greedy, 'again', '', 'query');
    respond($worker, $worker->receive, 'done');
    is hear($greedy)->[0], 'again', 'who has waited can ask again';
    leave($greedy, $other);
    is stop_bridge($small), '', 'exit 0';
};

subtest 'who does not read fills its own share' => sub {
    my $small = start_bridge(zmq_max_reply => '1m');
    my $there = listen_as_worker($small);
    my $long = 'x' x 1_000_000;

    ($worker, $signals) = accept_both($there);
    my $lazy = client($small, 'DEALER', 'zmq_port', 'open_lazy');

    for my $i (1 .. 30) {
        put($lazy, $i, '', 'query');
        respond($worker, $worker->receive, $long);
    }

    my $other = client($small);

    for (1 .. 3) {
        put($other, 'query');
        respond($worker, $worker->receive, $long);
        is hear($other)->[0], $long, 'another one has its answer';
    }

    my @answers = map { hear($lazy) } 1 .. 30;
    is_deeply [map { $_->[0] } @answers], [1 .. 30], 'each has an answer';
    is $answers[0][2], $long, 'the first as it was';
    like error_of($answers[-1]), qr/you have not read yet.*zmq_max_reply/,
        'the last is the reason';
    put($lazy, 'again', '', 'query');
    respond($worker, $worker->receive, $long);
    is hear($lazy)->[2], $long, 'who has read can ask again';
    leave($lazy, $other);
    is stop_bridge($small), '', 'exit 0';
};

# ZMTP by hand: libzmq itself sends no message before it has all of it.
sub greet ($bridge, $port, $kind) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $bridge->{$port}) // die "connect: $!\n";
    my $ready = "\5READY\x0bSocket-Type" . pack('N/a*', $kind);

    print {$socket} pack('C x8 C C C a20 x32', 0xff, 0x7f, 3, 0, 'NULL'),
        "\4", pack('C/a*', $ready);
    $socket->flush;
    read($socket, my $greeting, 66) == 66 or die "no greeting\n";
    read $socket, my $theirs, ord substr $greeting, 65;

    return $socket;
}

# Frames that say that there are more, until it is cut off.
sub send_without_end ($socket, $frame, $most) {
    my $frames = $frame x (1 + 1_000_000 / length $frame);
    my $sent = 0;

    local $SIG{PIPE} = 'IGNORE';
    $socket->blocking(0);

    while ($sent < $most) {
        IO::Select->new($socket)->can_write(patience())
            or die "neither taken nor cut off\n";
        $sent += syswrite($socket, $frames) // return $sent;
    }

    return $sent;
}

# In MB.
sub most_memory ($bridge) {
    return slurp("/proc/$bridge->{pid}/status") =~ /VmHWM:\s+(\d+)/
        ? $1 / 1024 : die "no VmHWM\n";
}

subtest 'a message without end' => sub {
    my $small = start_bridge(zmq_max_message => '64k');
    my $there = listen_as_worker($small);

    ($worker, $signals) = accept_both($there);

    my $client = client($small);
    is_served($client, $worker, 'a client');

    my %attacks = (
        'large frames' => ['zmq_port', 'DEALER', "\3" . pack('Q>/a*', 'x' x 65_000)],
        'empty frames' => ['zmq_port', 'DEALER', "\1\0"],
        'of a subscriber' => ['pubsub_port', 'SUB', "\1" . pack('C/a*', 'x' x 100)]
    );

    for my $what (sort keys %attacks) {
        my ($port, $kind, $frame) = @{$attacks{$what}};
        my $most = $what eq 'empty frames' ? 100_000_000 : 3_000_000_000;
        my $socket = greet($small, $port, $kind);

        cmp_ok send_without_end($socket, $frame, $most), '<', $most,
            "$what: it is cut off";
        is_served($client, $worker, 'another one is served');
    }

    like slurp($small->{log}), qr/cut off/, 'the log says so';
    cmp_ok most_memory($small), '<', 2000, 'the memory it took is bounded';
    leave($client);
    is stop_bridge($small), '', 'exit 0';
};

subtest 'more clients than descriptors' => sub {
    my $small = start_bridge(limit => 128);
    my $there = listen_as_worker($small);

    ($worker, $signals) = accept_both($there);

    my $client = client($small);
    is_served($client, $worker, 'a client');

    my @many = crowd($small);
    wait_until('it to notice', sub {
        slurp($small->{log}) =~ /too many clients for the limit/ });
    is_served($client, $worker, 'who is connected is served');
    cmp_ok open_files($small), '<', $small->{limit},
        'some descriptors are left';

    close $_->socket for $worker, $signals;
    ($worker, $signals) = accept_both($there);
    pass 'the bridge can connect to another worker';

    undef @many;
    my $late = client($small);
    is_served($late, $worker, 'who waited is let in when others go');
    leave($client, $late);
    is stop_bridge($small), '', 'exit 0';
};

# Its loop waits for its log, a pipe that nobody reads: whom libzmq lets in
# meanwhile it only notices later.
subtest 'more clients than descriptors, before it notices' => sub {
    my $path = temp_dir() . '/log';

    mkfifo $path, 0600 or die "mkfifo: $!\n";
    sysopen my $log, $path, O_RDWR | O_NONBLOCK or die "$path: $!\n";

    my $small = start_bridge(limit => 128, output => $path);
    my $there = listen_as_worker($small);

    ($worker, $signals) = accept_both($there);

    my $client = client($small);
    is_served($client, $worker, 'a client');

    1 while syswrite $log, 'x';
    close $worker->socket;      # which it has to say first

    my @many = crowd($small);
    wait_until('many of them to be let in', sub {
        return open_files($small) > 80 });

    my $said = '';

    wait_until('it to notice', sub {
        sysread $log, $said, 65536, length $said;
        return $said =~ /too many clients for the limit/;
    });
    close $signals->socket;
    ($worker, $signals) = accept_both($there);
    cmp_ok open_files($small), '<', $small->{limit},
        'some descriptors are left';

    undef @many;
    is_served($client, $worker, 'who is connected is served');
    leave($client);
    is stop_bridge($small), '', 'exit 0';
};

# SIGQUIT: another bridge has the same sockets, or will.
subtest 'one that leaves serves those who are there, and nobody else' => sub {
    my @sockets = map { reserved_listener() } 1, 2;
    my $old = start_bridge(sockets => \@sockets);
    my $there = listen_as_worker($old);

    ($worker, $signals) = accept_both($there);

    my ($stays, $waits) = map { client($old) } 1, 2;
    my $subscriber = client($old, 'SUB', 'pubsub_port');
    my $ask = sub ($name, $what) { is_served($name, $worker, $what) };
    # nobody has accepted it: the test does
    my $comes = sub {
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $old->{zmq_port}) // die "connect: $!\n";
    };
    my $is_left = sub ($came, $name) {
        my $left = IO::Select->new($sockets[0])->can_read(patience())
            && $sockets[0]->accept;
        is $left && $left->peerport, $came->sockport, $name;
    };

    helper('subscribe', $subscriber, '');
    signal_until_heard($subscriber, '{"of": "the old one"}');
    $ask->($stays, 'before');
    put($waits, 'in flight');
    my $in_flight = $worker->receive;

    kill 'QUIT', $old->{pid};
    wait_until('it to leave', sub {
        slurp($old->{log}) =~ /new clients are another's, 2 are still here/ });

    my $late = $comes->();
    $ask->($stays, 'afterwards');
    $is_left->($late, 'who comes late is left to the other bridge');
    respond($worker, $in_flight, 'late');
    is_deeply hear($waits), ['late'], 'who waited is answered';
    leave($waits);
    $ask->($stays, 'with one client less');

    my $last = $comes->();
    leave($stays);
    is reap($old), '', 'it ends when its last client has gone';
    $is_left->($last, '... and leaves who came meanwhile');

    my $new = start_bridge(sockets => \@sockets);
    $there = listen_as_worker($new);
    ($worker, $signals) = accept_both($there);
    still_serves($new, $worker, 'the other one serves on the same sockets');
    ok signal_until_heard($subscriber, '{"of": "the new one"}'),
        'a subscriber is the next one\'s';
    leave($subscriber);

    # who comes in the very moment in which it is told to leave is one of the
    # two's; a request that is on its way when the old one ends may be lost,
    # and is sent again as REQ clients have to: the new one answers that
    for my $round (1 .. 5) {
        my ($before, @workers) = ($new, $worker);
        my $again = 0;

        kill 'STOP', $before->{pid};
        my $client = client($before);
        put($client, 'just now');
        kill 'QUIT', $before->{pid};
        kill 'CONT', $before->{pid};
        wait_until('it to leave', sub {
            slurp($before->{log}) =~ /new clients are another's/ });

        my $run_dir = temp_dir();       # whose worker is there
        $there = listen_as_worker({ run_dir => $run_dir });
        $new = start_bridge(sockets => \@sockets, run_dir => $run_dir);
        ($worker, $signals) = accept_both($there);
        push @workers, $worker;

        # the end of the old one's connection, if it is not that one's
        my ($asked, $request);
        until ($request) {
            my ($readable) = IO::Select->new(map { $_->socket } @workers)
                ->can_read(patience() / 3);

            if (!$readable) {
                die "nobody is asked\n" if $again++;
                leave($client);
                $client = client($new);
                put($client, 'just now');
                next;
            }

            ($asked) = grep { $_->socket == $readable } @workers;
            $request = $asked->receive;
            @workers = grep { $_ != $asked } @workers if !$request;
        }
        respond($asked, $request, 'in time');
        is_deeply hear($client), ['in time'], "the last moment, $round";
        leave($client);
        is reap($before), '', 'it ends';
    }

    kill 'QUIT', $new->{pid};
    is reap($new), '', 'it ends at once where nobody is';
};

# --- with the real worker --------------------------------------------------

SKIP: {
    skip 'no worker built', 1 if !-x build_dir() . '/qasino-worker';

    require Qasino::Worker;

    subtest 'with the real worker' => sub {
        my $real = Qasino::Worker::start_worker(generation_duration => 1,
            query_deadline => 2);
        my $between = start_bridge(run_dir => $real->run_dir);
        my $client = client($between);
        my $ask = sub ($body, $name = $client) {
            put($name, ref $body ? $json->encode($body) : $body);
            return hear($name);
        };
        my $decode = sub ($frames) { $json->decode($frames->[0]) };

        my $reply = $decode->($ask->({ op => 'query', sql => 'select 1 a' }));
        is_deeply $reply->{table},
            { column_names => ['a'], rows => [['1']] }, 'a query';

        for my $bad ('{', 'hello', '', 'null', '[]', '5', '{}',
            '{"op": "bogus"}', '{"op": 5}', '{"op": "query"}',
            '{"op": "query", "sql": "select \'abc"}',
            '{"op": "query", "sql": "select nonsense"}')
        {
            my $answer = $ask->($bad);
            is scalar @$answer, 1, 'one frame';
            is $decode->($answer)->{response_op}, 'error', "error: $bad";
        }

        my $list = $ask->({ op => 'get_table_list' });
        is scalar @$list, 2, 'a table list is two frames';
        is $decode->($list)->{response_op}, 'tables_list', 'meta';
        ok $json->decode($list->[1])->{qasino_server_info}, 'tables';

        my @names = map { client($between) } 1 .. 30;
        put($names[$_], $json->encode({ op => 'add_table_data',
            identity => "host$_", table => { tablename => 'zmq_t',
            column_names => ['n'], column_types => ['integer'],
            rows => [[$_]] } })) for keys @names;
        is scalar(grep { $decode->(hear($_))->{response_op} eq 'ok' } @names),
            30, '30 publish at once';

        my $subscriber = client($between, 'SUB', 'pubsub_port');
        helper('subscribe', $subscriber, unpack 'H*', 'GENSIG');
        my $signal = hear($subscriber);
        is scalar @$signal, 1, 'a signal, one frame';
        like $signal->[0], qr/^GENSIG\0\{.*"generation_signal"/, 'its form';

        my $slow = client($between);
        put($slow, $json->encode({ op => 'query', sql =>
            'with recursive c(x) as (select 1 union all select x + 1 from c)'
            . ' select count(*) n from c' }));
        is $decode->($ask->({ op => 'query', sql => "select $_ a" }))
            ->{table}{rows}[0][0], $_, 'a slow one holds up nobody'
            for 1 .. 3;
        is $decode->(hear($slow))->{response_op}, 'error',
            'and ends, at its deadline at the latest';

        $real->kill;
        wait_until('an error while the worker is away', sub {
            error_of($ask->('{"op": "query", "sql": "select 1"}'))
                =~ /away/;
        });
        $real->start;
        wait_until('an answer after it is back', sub {
            $decode->($ask->('{"op": "query", "sql": "select 1"}'))->{table};
        });
        pass 'killed and back';

        leave($client, $subscriber, $slow, @names);
        is stop_bridge($between), '', 'exit 0';
    };
}

done_testing;

END {
    if (%running) {
        local $?;
        for my $left (values %running) {
            kill 'KILL', $left->{pid};
            waitpid $left->{pid}, 0;
        }
    }
    if ($helper) {
        local $?;
        close $to;
        waitpid $helper, 0;
    }
}
