# ZeroMQ with CURVE: who has no key or another gets no connection, who has one
# publishes as whom the list says, with an independent client and with ours.

use v5.36;

use Test::More;

use Qasino::Process qw(build_dir slurp spew temp_dir wait_until);
use Qasino::Server;

my $build = build_dir();
my $dir = temp_dir();

sub make_key ($name) {
    my $said = `$build/qasino-zmq-bridge --make-key $dir/$name 2>&1`;

    is($?, 0, "a key for $name") or diag($said);
    my $key = slurp("$dir/$name.pub");
    chomp $key;
    return $key;
}

sub mode ($path) { sprintf '%04o', (stat $path)[2] & 07777 }

my %key = map { $_ => make_key($_) } qw(server web1 free stranger);

is(mode("$dir/server"), '0600', 'a secret key is secret');
like($key{server}, qr/^\S{40}$/, 'a public one is 40 characters');
`$build/qasino-zmq-bridge --make-key $dir/server 2>&1`;
isnt($?, 0, 'a key that is there is never overwritten');

spew("$dir/clients", "# who may connect\n$key{web1} web1\n$key{free}\n");
my $server = start_server(generation_duration => 1,
    zmq_key_file => "$dir/server", zmq_clients_file => "$dir/clients");

# What python says to a request with these keys; undef without an answer.
sub ask ($who, $message, $seconds = 30) {
    my $secret = $who ? slurp("$dir/$who") =~ s/\n//r : '';
    my $public = $who ? $key{$who} : '';
    my $json = encode_json($message);
    my $code = <<"END";
import json
s = context.socket(zmq.REQ)
s.setsockopt(zmq.LINGER, 0)
s.setsockopt(zmq.RCVTIMEO, int($seconds * 1000))
s.setsockopt(zmq.SNDTIMEO, int($seconds * 1000))
if "$who":
    s.curve_publickey = b"""$public"""
    s.curve_secretkey = b"""$secret"""
    s.curve_serverkey = b"""$key{server}"""
s.connect("tcp://127.0.0.1:%d" % PORT)
try:
    s.send(json.dumps(json.loads(r'''$json''')).encode())
    print(s.recv_multipart()[0].decode())
except zmq.Again:
    print("null")
END
    return $server->zmq($code);
}

my $table = table(t => [n => 'int'], [1]);

is(ask('web1', { op => 'query', sql => 'select 1 as one' })
    ->{table}{rows}[0][0], '1', 'a client of the list asks');
is(ask('web1', { op => 'add_table_data', identity => 'web1',
    table => $table })->{response_op}, 'ok', '... publishes as itself');
like(ask('web1', { op => 'add_table_data', identity => 'db1',
    table => $table })->{error_message}, qr/'db1' but comes from 'web1'/,
    '... and as nobody else');
is(ask('web1', { op => 'add_table_data', table => table(u => [n => 'int'],
    [1]) })->{response_op}, 'ok', '... it need not say who it is');
is(ask('free', { op => 'add_table_data', identity => 'db1',
    table => $table })->{response_op}, 'ok',
    'a key without an identity publishes as anyone');
is(ask('stranger', { op => 'query', sql => 'select 1' }, 2), undef,
    'a key that is not in the list gets nothing');
like($server->log_text, qr/may not connect.*key \Q$key{stranger}\E/,
    '... which is said, with the key to add');
is(ask('', { op => 'query', sql => 'select 1' }, 2), undef,
    'neither does who has none');

# our clients, and the signal
my $port = $server->port('zmq');
my $pubsub = $server->port('pubsub');
my @curve = ("--zmq-server-key", "$dir/server.pub", '--zmq-key');

my $out = `$build/qasino-sql -p $port @curve $dir/web1 -m csv -q 'select 42 as n' 2>&1`;
is($out, "n\n42\n", 'qasino-sql') or diag($out);
spew("$dir/table.json", '[{"a": 1, "b": 2}]');
$out = `$build/qasino-publish -z -p $port @curve $dir/web1 -I web1 -T ours $dir/table.json 2>&1`;
is($?, 0, 'qasino-publish') or diag($out);
$out = `$build/qasino-publish -z -p $port @curve $dir/web1 -I other -T ours $dir/table.json 2>&1`;
like($out, qr/'other' but comes from 'web1'/, '... not as another');
$out = `$build/qasino-publish -z -p $port @curve $dir/nowhere -I web1 -T ours $dir/table.json 2>&1`;
like($out, qr/cannot read the key/, '... a key that is not there is said');
$out = `$build/qasino-sql -p $port --timeout 1 --connect-timeout 1 --retries 0 -q 'select 1' 2>&1`;
isnt($?, 0, 'qasino-sql without a key fails');

spew("$dir/agent.csv", "1\nagent_table\nn\nint\nnumber\n5\n");
spew("$dir/index.csv", "1\nagent\n");
my $pid = Qasino::Process::spawn(command => ["$build/qasino-csvpublisher",
    '-I', 'web1', '-p', $port, '-P', $pubsub, @curve, "$dir/web1", '--index',
    "$dir/index.csv", '-d', '0.01'], output => "$dir/agent.log");
my $published = sub () {
    my $answer = $server->query('select n from agent');
    return $answer->{status} == 200 && $answer->{table}{rows}[0][0];
};
is(wait_until('the agent', $published), 5, 'qasino-csvpublisher');
$server->wait_generation(2);
is(wait_until('it to publish again', $published), 5,
    '... again when the signal comes');
kill 'TERM', $pid;
waitpid $pid, 0;

# the list is read at each connection
spew("$dir/clients", "$key{stranger} late\n");
is(ask('stranger', { op => 'query', sql => 'select 1 as one' })
    ->{table}{rows}[0][0], '1', 'a key that was added');
is(ask('web1', { op => 'query', sql => 'select 1' }, 2), undef,
    'one that was taken away');

# any number of those who may not connect leaves a few lines in the log
{
    my $secret = slurp("$dir/web1") =~ s/\n//r;

    $server->zmq(<<"END");
import zmq.utils.monitor
for i in range(70):
    s = context.socket(zmq.REQ)
    s.setsockopt(zmq.LINGER, 0)
    s.curve_publickey = b"""$key{web1}"""
    s.curve_secretkey = b"""$secret"""
    s.curve_serverkey = b"""$key{server}"""
    monitor = s.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    s.connect("tcp://127.0.0.1:%d" % PORT)
    zmq.utils.monitor.recv_monitor_message(monitor)
    s.disable_monitor()
    s.close()
print("{}")
END
    $server->stop;
    like($server->log_text, qr/ more like this in the last \d+ s: a ZeroMQ/,
        'seventy strangers are not seventy lines');
}

# without a list the server's public key is enough
{
    my $open = start_server(zmq_key_file => "$dir/server");

    $out = `$build/qasino-sql -p @{[$open->port('zmq')]} --zmq-server-key $dir/server.pub -m csv -q 'select 43 as n' 2>&1`;
    is($out, "n\n43\n", 'without a list anyone with the public key')
        or diag($out);
}

my ($how, $log) = run_server(zmq_clients_file => "$dir/clients");
is($how, 'exited with 1', 'a list without a key: exit 1');
like($log, qr/zmq_key_file/, '... in words');

done_testing();
