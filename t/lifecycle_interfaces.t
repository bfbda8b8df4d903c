# What stock parts give us, end to end: the line port, HTTPS with passwords
# and HTTP/2, ZeroMQ with an independent client.

use v5.36;

use Test::More;

use Qasino::Process qw(slurp spew wait_until);
use Qasino::Server;

my $server = start_server(generation_duration => 3,
    query_deadline => 3600,
    Qasino::Server::tls_settings());

like($server->ready_line, qr/ https=[1-9]\d* /, 'the ready line has https');

# Sends to the line port, reads until the pattern or the end, LF for CRLF.
sub line ($text, $until) {
    my $socket = $server->line_connect;

    syswrite $socket, $text;
    return Qasino::Server::read_until($socket, $until) =~ s/\r\n/\n/gr;
}

for my $case (
    ['one line', "select 'x' a, 22 bb;\r\n",
     "a  bb\n=  ==\nx  22\n1 rows returned\n"],
    ['LF alone', "select 'x' a, 22 bb;\n",
     "a  bb\n=  ==\nx  22\n1 rows returned\n"],
    ['several lines', "select\r\n  7\r\n  as seven\r\n;\r\n",
     "seven\n=====\n    7\n1 rows returned\n"],
    ['a semicolon in a string', "select ';\r\n;' <> '' as one;\r\n",
     "one\n===\n  1\n1 rows returned\n"],
    ['several statements in a line', "select 1 a; select 2 b;\r\n",
     "a\n=\n1\n1 rows returned\nb\n=\n2\n1 rows returned\n"],
) {
    my ($name, $text, $expected) = @$case;
    my $got = $server->line($text);

    is($got =~ s/\n*Bye!\n\z/\n/r =~ s/\n\n+/\n/gr, $expected,
        "line port: $name");
}

like($server->line("select * from nowhere;\r\nselect 5 five;\r\n"),
    qr/no such table.*five\n====\n   5\n1 rows returned\n/s,
    'line port: an error, and the session goes on');
like($server->line("selekt 1;\r\n"), qr/error/i,
    'line port: a statement that is none');
like($server->line("SHOW TABLES;\r\n"), qr/qasino_server_info/,
    'line port: SHOW TABLES');
like(line("quit;\r\n", undef), qr/^Bye!\n\z/, 'line port: quit');
like(line("select 1 one;\r\n\x04\r\n", undef), qr/one\n===\n  1\n/,
    'line port: Ctrl-D closes');
like(line("select 1 one;\r\n\x03\r\n", undef), qr/one\n===\n  1\n/,
    'line port: Ctrl-C closes');
like(line("\xff\xfd\x03\xff\xfb\x18select 1 one;\r\n\x04\r\n", undef),
    qr/one\n===\n  1\n/, 'line port: telnet negotiation is skipped');
like(line('select ' . '1, ' x 60000, undef), qr/line_max_statement/,
    'line port: a statement without end is told its limit');
is($server->value('select 1'), '1', 'and the server is well');

# A long result over the line port arrives whole.
{
    my $got = $server->line('with recursive n(i) as (select 1 union all'
        . " select i + 1 from n where i < 50000) select i from n;\r\n");

    is(() = $got =~ /^ *\d+$/mg, 50000, 'line port: 50,000 rows');
    like(substr($got, -200), qr/^50000 rows returned$/m,
        '... and their number');
}

# HTTPS.

sub curl (@options) {
    my $port = $server->port('https');
    my ($path) = $options[-1] =~ m{^/} ? pop @options : '/request?op=query';
    open my $out, '-|', 'curl', '-sk', '-m', Qasino::Process::patience(),
        '-w', '\n%{http_code} %{http_version}', @options,
        "https://127.0.0.1:$port$path" or die "curl: $!\n";
    my $text = do { local $/; <$out> };
    close $out;
    my ($body, $code, $version) = $text =~ /\A(.*)\n(\d+) (\S+)\z/s;

    return { body => $body, code => $code, version => $version };
}

my @good = (-u => 'qasino:qasino');
my @query = (-d => '{"sql": "select 1 one"}');

for my $http ('--http1.1', '--http2') {
    my $version = $http eq '--http2' ? '2' : '1.1';

    is(curl($http, @query)->{code}, 401, "$http without a password: 401");
    is(curl($http, @query, -u => 'qasino:wrong')->{code}, 401,
        "$http with a wrong one: 401");

    my $reply = curl($http, @query, @good);
    is("$reply->{code} $reply->{version}", "200 $version",
        "$http with the right one");
    is_deeply(decode_json($reply->{body})->{table}{rows}, [['1']],
        '... answers');
    is(curl($http, '/')->{code}, 401, "$http, any path: 401");
}

{
    my $body = encode_json({ identity => 'tls', table =>
        table(over_tls => [a => 'text'], ['x' x 300_000], ['y']) });
    my $file = $server->dir . '/body.json';

    spew($file, $body);

    for my $http ('--http1.1', '--http2') {
        is(curl($http, '--data-binary', "\@$file",
            '/request?op=add_table_data')->{code}, 401,
            "$http: publishing needs the password");
        my $reply = curl($http, @good, '--data-binary', "\@$file",
            '/request?op=add_table_data');
        is($reply->{code}, 200, "$http: publishing with it");
        $server->wait_generation;
    }

    my $reply = curl('--http2', @good, -d => '{"sql": "with recursive n(i) as'
        . ' (select 1 union all select i + 1 from n where i < 100000) select'
        . ' i from n"}');
    is(scalar(@{decode_json($reply->{body})->{table}{rows}}), 100_000,
        'a long result over HTTP/2');
}

# ZeroMQ, many at once.

is_deeply($server->zmq(<<'END'), [map { "$_" } 0 .. 199], 'ZeroMQ: 200 clients at once');
clients = [connect(zmq.REQ, PORT)
           for _ in range(200)]
for i, s in enumerate(clients):
    s.send(json.dumps({"op": "query", "sql": "select %d" % i}).encode())
print(json.dumps([json.loads(s.recv())["table"]["rows"][0][0]
                  for s in clients]))
END

is_deeply($server->zmq(<<'END'), ['quick', 'slow'], 'ZeroMQ: a slow query holds up nobody');
slow, quick = connect(zmq.REQ, PORT), connect(zmq.REQ, PORT)
slow.send(json.dumps({"op": "query", "sql": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000) select 'slow', max(i) from n"}).encode())
quick.send(json.dumps({"op": "query", "sql": "select 'quick'"}).encode())
poller, order = zmq.Poller(), []
poller.register(slow, zmq.POLLIN)
poller.register(quick, zmq.POLLIN)
while len(order) < 2:
    for s, _ in poller.poll():
        order.append(json.loads(s.recv())["table"]["rows"][0][0])
print(json.dumps(order))
END

{
    my $signals = $server->zmq(<<'END');
s = subscribe()
signals = []
while len(signals) < 3:
    frames = s.recv_multipart()
    tag, _, text = frames[0].partition(b"\0")
    signals.append([len(frames), tag.decode(), json.loads(text)])
print(json.dumps(signals))
END

    for my $signal (@$signals) {
        my ($frames, $tag, $document) = @$signal;

        is("$frames $tag $document->{op} $document->{identity}",
            '1 GENSIG generation_signal test-server',
            'ZeroMQ: a generation signal');
    }

    my @numbers = map { $_->[2]{generation_number} } @$signals;
    ok($numbers[0] < $numbers[1] && $numbers[1] < $numbers[2],
        "ZeroMQ: the generations go up: @numbers");
}

{
    my $reply = $server->zmq('print(req({"op": "add_table_data", "identity":'
        . ' "z", "table": {"tablename": "over_zmq", "column_names": ["a"],'
        . ' "column_types": ["int"], "rows": [[5]]}})[0])');

    is($reply->{response_op}, 'ok', 'ZeroMQ: a publish');
    wait_until('its snapshot',
        sub { $server->generation >= $reply->{generation_number} });
    is($server->value('select a from over_zmq'), '5', '... is in');
}

done_testing();
