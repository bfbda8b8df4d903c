#!/usr/bin/perl

# qasino-publish against a real server, over HTTP, HTTPS and ZeroMQ: every
# option, what is refused where, and what it does when nobody answers.

use v5.36;

use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Test::More;

use Qasino::Process qw(build_dir exit_text patience problem reserve_port
    reserved_listener sanitizer_env sanitizer_reports slurp spawn spew
    temp_dir top_dir wait_until);
use Qasino::Server;

my $program = build_dir() . '/qasino-publish';
my $dir = temp_dir();
my $count = 0;

# Runs it; returns (exit status, stdout, stderr).
sub publish ($input, @options) {
    return run_with({}, $input, @options);
}

sub run_with ($env, $input, @options) {
    my $base = "$dir/" . ++$count;

    spew("$base.in", $input);
    open my $out, '>', "$base.out" or die;

    my $pid = spawn(command => [$program, '-f', "$base.in", @options],
        env => { sanitizer_env($dir), %$env }, stdout => $out,
        output => "$base.err");

    wait_until('qasino-publish to end', sub { waitpid($pid, WNOHANG) });
    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    sanitizer_reports($dir);

    return ($status, slurp("$base.out"), slurp("$base.err"));
}

my %tls = Qasino::Server::tls_settings();
my $keys = $tls{keys_dir};
my $server = start_server(generation_duration => 2, %tls);
my @http = ('-t', '-H', '127.0.0.1', '-p', $server->port('http'));
my @zmq = ('-z', '-H', '127.0.0.1', '-p', $server->port('zmq'));
my @https = ('-s', '-H', 'localhost', '-p', $server->port('https'));
my $csv = "1\nclient_csv\na,b\nint,string\nA,B\n1,x\n2,\"y,z\"\n";
my $bare = encode_json(table(client_bare => [a => 'int'], [7], [8]));

# --- it arrives --------------------------------------------------------------

subtest 'HTTP and ZeroMQ, CSV and JSON' => sub {
    my ($status, $out, $err) = publish($csv, @http, '-d', 'csv', '-I', 'me');
    is($status, 0, 'CSV over HTTP');
    like($out, qr{^published\ table\ 'client_csv',\ 2\ rows,
        \ to\ http://[0-9.:]+,\ generation\ \d+\n$}x, 'says so');
    is($err, '', 'no complaint');

    ($status, $out) = publish($bare, @zmq, '--identity=me');
    is($status, 0, 'a bare table over ZeroMQ');
    like($out, qr/table 'client_bare', 2 rows, to zmq tcp:/, 'says so');

    ($status, $out) = publish(encode_json({ op => 'add_table_data',
        identity => 'inside', table => table(client_whole => [a => 'ip'],
        ['x']) }), @http);
    is($status, 0, 'a whole request');

    ($status, $out) = publish('[{"pid": "1", "name": "init"}]', @zmq,
        '-T', 'client_rows', '-q');
    is($status, 0, 'an array of objects');
    is($out, '', '--quiet says nothing');

    $server->wait_generation;
    is_deeply($server->rows('select * from client_csv'),
        [['1', 'x'], ['2', 'y,z']], 'CSV rows');
    is_deeply($server->rows('select a from client_bare'), [['7'], ['8']],
        'bare rows');
    is_deeply($server->rows('select pid + 1, name from client_rows'),
        [['2', 'init']], 'rows with inferred types');
    is($server->value("select count(*) from qasino_server_connections where"
        . " identity in ('me', 'inside')"), 2, 'under their identities');
};

subtest 'identity' => sub {
    my $host = `hostname --fqdn 2>/dev/null` || `hostname`;
    chomp $host;

    my ($status) = publish($bare, @http);
    is($status, 0, 'without --identity');
    ($status) = publish(encode_json({ identity => 'inside',
        table => table(client_id => [a => 'int'], [1]) }), @http,
        '-I', 'outside');
    is($status, 0, 'with both');

    $server->wait_generation;
    my @names = map { $_->[0] } @{$server->rows('select identity from'
        . ' qasino_server_connections')};
    ok((grep { $_ eq 'outside' } @names), 'the option wins');
    ok((grep { $_ eq $host || index($host, $_) == 0 } @names),
        "the default is this host's name") or diag("@names / $host");
};

subtest 'duplicates' => sub {
    my ($status, $err, $out);

    # both in one generation, which may take two attempts
    for (1 .. 5) {
        (my $first, $out) = publish($bare, @http, '-I', 'twice');
        ($status, undef, $err) = publish($bare, @http, '-I', 'twice');
        last if $first == 0 && $status == 4;
        $server->wait_generation;
    }

    is($status, 4, 'the second one is not called a success');
    like($err, qr/dropped by the server: table 'client_bare' was reported/,
        'and says why');
};

subtest 'persist, static, update' => sub {
    my ($status) = publish("1\nclient_p\na\nint\n\n1\n", @http,
        '-d', 'csv', '--persist');
    is($status, 0, '--persist');
    ($status) = publish("1\nclient_s\na\nint\n\n1\n", @http, '-d', 'csv',
        '--static');
    is($status, 0, '--static');
    ($status) = publish("1\nclient_u\na,b,c\nint,int,int\n\n1,1,1\n2,2,2\n",
        @http, '-d', 'csv', '-U', '-P', '--keycols', 'a', '-I', 'x');
    is($status, 0, '--update --keycols --persist');
    ($status) = publish("1\nclient_u\na,b\nint,int\n\n2,7\n", @http,
        '-d', 'csv', '-U', '-P', '-K', 'a', '-I', 'y');
    is($status, 0, 'and again');

    $server->wait_generation(3);
    is_deeply($server->rows('select * from client_p'), [['1']],
        'persisted rows stay');
    is_deeply($server->rows('select * from client_s'), [['1']],
        'static rows stay');
    is($server->value('select static from qasino_server_tables where'
        . " tablename = 'client_s'"), 1, 'in the static database');
    is_deeply($server->rows('select * from client_u order by a'),
        [['1', '1', '1'], ['2', '7', '2']], 'updated by key');
};

# --- TLS -------------------------------------------------------------------

subtest 'HTTPS' => sub {
    my ($status, $out, $err) = publish($bare, @https, '-u', 'qasino',
        '-w', 'qasino', '--retries', 0);
    is($status, 3, 'an unknown certificate is no server of ours');
    like($err, qr/--cacert names a file/, 'and the way out is named');

    ($status, undef, $err) = publish($bare, @https, '--cacert',
        "$keys/server.crt", '-I', 'tls1', '-u', 'qasino', '-w', 'qasino');
    is($status, 0, '--cacert') or diag($err);

    ($status) = publish($bare, @https, '-k', '-I', 'tls2', '-u', 'qasino',
        '-w', 'qasino');
    is($status, 0, '--skip-ssl-verify');

    ($status) = run_with({ QASINO_CLIENT_USERNAME => 'qasino',
        QASINO_CLIENT_PASSWORD => 'qasino' }, $bare, @https, '--insecure',
        '-I', 'tls3');
    is($status, 0, 'credentials of the environment');

    ($status, undef, $err) = publish($bare, @https, '-k', '-u', 'qasino',
        '-w', 'wrong');
    is($status, 3, 'a wrong password');
    like($err, qr/HTTP status 401: wrong username or password/, 'says so');

    ($status, undef, $err) = publish($bare, @https, '-k');
    like($err, qr/401: it wants a username and a password/, 'none at all');

    ($status, undef, $err) = publish($bare, @https, '--cacert',
        '/nonexistent');
    is($status, 2, 'a missing --cacert');
    like($err, qr{cannot read certificates from '/nonexistent'}, 'says so');
};

# --- what is wrong with the input ------------------------------------------

subtest 'invalid input' => sub {
    my @cases = (
        ["1\nt\na\nint\n\nx\n", ['-d', 'csv'],
            qr/line 6 column 1: 'x' \(a\) is no integer of 64 bits/],
        ["1\nt\na-b\nint\n\n1\n", ['-d', 'csv'],
            qr/line 3 column 1: invalid column name 'a-b'/],
        ["{\n\"tablename\": \"t\",\n oops}", [], qr/line 3 column \d+/],
        ['[]', ['-T', 't'], qr/table 't' has no columns/],
        [$bare, ['-K', 'nope'], qr/key column 'nope' is no column/],
    );

    for my $case (@cases) {
        my ($input, $options, $expected) = @$case;

        for my $dry ([], ['--dry-run']) {
            my ($status, $out, $err) = publish($input, @http, @$options,
                @$dry);
            is($status, 1, "refused: $expected");
            like($err, $expected, 'says where');
            is($out, '', 'no word of success');
        }
    }
};

subtest '--dry-run sends nothing' => sub {
    my ($status, $out) = publish($csv, '-n', '-d', 'csv', '-t', '-p', 1);
    is($status, 0, 'valid');
    is($out, "valid: table 'client_csv', 2 columns, 2 rows\n", 'says so');
};

subtest 'refused by the server' => sub {
    my ($status, $out, $err) = publish(encode_json(table(client_wide =>
        [map { ("c$_" => 'int') } 1 .. 3000], [1 .. 3000])), @http);
    is($status, 1, 'too many columns');
    like($err, qr/refused by the server: .*max_columns/, 'in its words');
    is($out, '', 'no word of success');
};

# --- usage -------------------------------------------------------------------

subtest 'usage' => sub {
    my ($status, $out, $err) = publish($bare, '-t', '-z');
    is($status, 2, 'two transports');
    like($err, qr/pick one of --use-http, --use-https or --use-zmq/, 'why');

    for my $options (['--nope'], ['-p', '0'], ['-p', 'x'], ['-d', 'xml'],
        ['-I', ''], ['--timeout', '0'], ['extra', 'files'], ['-H', 'a b'])
    {
        ($status, $out, $err) = publish($bare, '-t', @$options);
        is($status, 2, "@$options");
        isnt($err, '', 'a sentence');
    }

    is(system("$program --help > $dir/help") >> 8, 0, '--help');
    my $help = slurp("$dir/help");
    like($help, qr/\Q$_\E\b/, "$_ is in --help")
        for qw(--identity --hostname --port --username --password --persist
            --static --update --keycols --use-http --use-https --use-zmq
            --skip-ssl-verify --insecure --cacert --data-format --filename
            --tablename --dry-run --quiet --timeout --connect-timeout
            --retries --version);
    like(scalar(`$program --version`), qr/^qasino-publish \d/, '--version');

    my $manual = slurp(top_dir() . '/clients/man/qasino-publish.1.scd');
    my @missing = grep { $manual !~ /\*\Q$_\E\*/ } $help =~ /(--[a-z-]+)/g;
    is_deeply(\@missing, [], 'all options are in the manual page');

    ($status, undef, $err) = publish($bare, '-t', '-f', "$dir/missing");
    is($status, 1, 'a missing file');
    like($err, qr/missing: No such file/, 'is named');

    spew("$dir/named.csv", $csv);
    is(system("$program -n $dir/named.csv > /dev/null") >> 8, 0,
        'an argument, CSV by its name');
    is(system("$program -n -d csv < $dir/named.csv > /dev/null") >> 8, 0,
        'standard input');
};

# --- nobody answers --------------------------------------------------------

subtest 'no server' => sub {
    my $port = reserve_port();

    for my $transport ('-t', '-z', '-s') {
        my ($status, $out, $err) = publish($bare, $transport, '-H',
            '127.0.0.1', '-p', $port, '--retries', 1, '--connect-timeout',
            0.2);
        is($status, 3, "$transport: no answer");
        like($err, qr/not published: .*port $port failed: .*\(2 tries\)/,
            'after two tries');
    }
};

# Takes connections and requests, and says nothing.
subtest 'a server that hangs' => sub {
    my $silent = reserved_listener();

    for my $transport ('-t', '-z', '-s') {
        my ($status, $out, $err) = publish($bare, $transport, '-H',
            '127.0.0.1', '-p', $silent->sockport, '--retries', 0,
            '--timeout', 0.3, '--connect-timeout', 0.3);
        is($status, 3, "$transport: given up");
        like($err, qr/not published/, 'says so');
    }
};

# A web server that is none of ours.
subtest 'another server' => sub {
    my $listener = reserved_listener();
    my $pid = fork() // die;

    if ($pid == 0) {
        my $socket = $listener->accept;
        sysread $socket, my $request, 65536;
        print {$socket} "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        POSIX::_exit(0);
    }

    my ($status, undef, $err) = publish($bare, '-t', '-H', '127.0.0.1',
        '-p', $listener->sockport);
    waitpid $pid, 0;
    is($status, 3, 'not published');
    like($err, qr/is it a Qasino server\?/, 'asks the right question');
};

subtest 'a worker that is killed' => sub {
    for my $way (['HTTP', @http], ['ZeroMQ', @zmq]) {
        my ($name, @options) = @$way;

        kill 'KILL', $server->pid_of('qasino-worker');
        my ($status, $out, $err) = publish($bare, @options, '-I',
            "killed-$name", '--retries', 20);
        is($status, 0, "$name: retries until there is another")
            or diag($err);
    }
};

# The reply to the first try is lost, the second finds the report there: it is
# the same one.
subtest 'a lost reply' => sub {
    my $warned = encode_json({ response_op => 'ok', warning => 'reported' });
    my $listener = reserved_listener();
    my $pid = fork() // die;

    if ($pid == 0) {
        for my $time (1, 2) {
            my $socket = $listener->accept;
            my $in = '';
            1 while $in !~ /\}\}\z/ && sysread $socket, $in, 65536, length $in;
            print {$socket} "HTTP/1.1 200 OK\r\nContent-Length: "
                . length($warned) . "\r\n\r\n$warned" if $time == 2;
            close $socket;
        }
        POSIX::_exit(0);
    }

    my ($status, $out, $err) = publish($bare, '-t', '-H', '127.0.0.1', '-p',
        $listener->sockport);
    waitpid $pid, 0;
    is($status, 0, 'HTTP: taken') or diag($err);
    like($out, qr/the reply to the first try was lost/, 'and told');

    # ZeroMQ: the first request is never answered, the second is, and then
    # the first: that reply comes too late for anybody.  It stays until the
    # client is gone: libzmq drops a reply unread when the connection ends
    spew("$dir/late.py", <<'END');
import signal, sys, zmq
socket = zmq.Context().socket(zmq.ROUTER)
port = socket.bind_to_random_port("tcp://127.0.0.1")
open(sys.argv[1], "w").write("%d\n" % port)
first = socket.recv_multipart()
second = socket.recv_multipart()
ok = b'{"response_op": "ok", "generation_number": 7}'
socket.send_multipart([first[0], b"", b'{"response_op": "late"}'])
socket.send_multipart([second[0], b"", ok])
signal.pause()
END
    my $server_pid = spawn(command => ['/usr/bin/python3', "$dir/late.py",
        "$dir/late.port"], output => "$dir/late.log");
    my $port = wait_until('the port', sub {
        (slurp("$dir/late.port") =~ /^(\d+)\n/)[0];
    });

    ($status, $out, $err) = publish($bare, '-z', '-H', '127.0.0.1', '-p',
        $port, '--timeout', 4);
    kill 'TERM', $server_pid;
    waitpid $server_pid, 0;
    is($status, 0, 'ZeroMQ: asks again') or diag($err);
    like($out, qr/generation 7$/, 'and takes the answer to that');
};

subtest 'Ctrl-C' => sub {
    my $silent = reserved_listener();

    spew("$dir/int.in", $bare);
    my $pid = spawn(command => [$program, '-z', '-H', '127.0.0.1', '-p',
        $silent->sockport, '-f', "$dir/int.in"],
        env => { sanitizer_env($dir) }, output => "$dir/int.err");

    # it waits for the greeting of the other side by now
    wait_until('a connection', sub {
        IO::Select->new($silent)->can_read(0);
    });
    kill 'INT', $pid;
    wait_until('the end', sub { waitpid($pid, WNOHANG) });
    is($? >> 8, 3, 'ends it');
    like(slurp("$dir/int.err"), qr/interrupted/, 'says so');
};

sanitizer_reports($dir);
done_testing();
