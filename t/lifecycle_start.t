# Starting and stopping the whole server: the ready line, who runs below it,
# signals, what must not start, two at once, a restart.

use v5.36;

use Test::More;

use Qasino::Process qw(reserved_listener spew temp_dir wait_until);
use Qasino::Server;

my @names = qw(qasino-worker qasino-zmq-bridge nginx-master);

# The ready line, whole.
my $server = start_server(generation_duration => 1);
my $pid = $server->pid;
my $port = qr/[1-9]\d*/;

like($server->ready_line,
    qr/\Aqasino ready http=$port https=off zmq=$port pubsub=$port line=$port pid=$pid\n\z/,
    'the ready line');

my %ports = map { $server->port($_) => 1 } qw(http zmq pubsub line);
is(scalar(keys %ports), 4, 'four ports');

# Ready means ready, at the first try.
is($server->value('select 1'), '1', 'a query right after the ready line');
is($server->publish('host', table(first => [a => 'int'], [1]))->{response_op},
    'ok', 'a publish right after the ready line');
like($server->line("select 4 as four;\r\n"), qr/four\n====\n   4\n/,
    'the line port right after the ready line');

is(scalar($server->pids($_)), 1, "one $_") for @names;
# another one, where one of the two was slow, ends when it has been idle
ok(wait_until('all but two to end', sub {
    2 == $server->pids('qasino-query') }), 'two query processes');
is(scalar($server->pids('nginx-worker')), 2, 'two nginx workers');

# Two side by side.
my $other = start_server(generation_duration => 1, identity => 'the-other');

is($other->query('select 1')->{identity}, 'the-other', 'the other answers');
is($server->query('select 1')->{identity}, 'test-server',
    'and the first is still itself');
is($other->stop, '', 'the other ends well');
is($server->value('select 1'), '1', 'and the first lives on');

# A port in use, each of them.
for my $name (qw(http zmq pubsub line)) {
    my $taken = reserved_listener();
    my $number = $taken->sockport;
    my ($how, $log) = run_server("${name}_port" => $number);

    is($how, 'exited with 1', "$name port in use: exit 1");
    like($log, qr/\b$number\b/, "$name port in use: the message names it");
}

# What cannot be used.
for my $case (
    [{ no_such_option => 1 }, qr/no-such-option/],
    [{ generation_duration => 0 }, qr/generation.duration/],
    [{ http_port => 70000 }, qr/http.port/],
    [{ keys_dir => '/nonexistent/keys', htpasswd_file => '/etc/passwd',
       https_port => 0 }, qr{/nonexistent/keys}],
    [{ views_file => '/nonexistent/views.yaml' }, qr/views/],
    [{ nginx_conf => '/nonexistent/nginx.conf' },
        qr{cannot read /nonexistent/nginx\.conf \(--nginx-conf\): No such}],
    [{ nginx_conf => temp_dir() }, qr{\(--nginx-conf\): it is not a file}],
    [{ nginx => '/nonexistent/nginx' }, qr{/nonexistent/nginx}],
    [{ config => '/nonexistent/worker.yaml' }, qr{/nonexistent/worker\.yaml}],
) {
    my ($settings, $text) = @$case;
    my ($how, $log) = run_server(%$settings);
    my ($name) = sort keys %$settings;

    is($how, 'exited with 1', "$name: exit 1");
    like($log, $text, "$name: the message says what");
}

# Keys that are no keys.
{
    my $dir = temp_dir();

    spew("$dir/server.$_", "no key\n") for qw(key crt);
    spew("$dir/htpasswd", "qasino:x\n");
    my ($how, $log) = run_server(keys_dir => $dir, https_port => 0,
        htpasswd_file => "$dir/htpasswd");
    is($how, 'exited with 1', 'an unreadable certificate: exit 1');
    like($log, qr/server\.(?:key|crt)/, '... and the message names it');
}

# A second one in the same directories.
{
    my ($how, $log) = run_server(map { $_ => $server->{settings}{$_} }
        qw(run_dir db_dir static_db));
    is($how, 'exited with 1', 'directories in use: exit 1');
    like($log, qr/another server \(pid $pid\) uses .*--run-dir/,
        '... and the message says by whom');
    is($server->value('select 1'), '1', '... the first lives on');
}

# Nor does a second one share the static tables.
{
    my $file = $server->{settings}{static_db};
    my ($how, $log) = run_server(static_db => $file);
    is($how, 'exited with 1', 'static_db in use: exit 1');
    like($log, qr/static_db \Q$file\E is in use by another/,
        '... and the message says so');
    is($server->published('host', table(mine => [a => 'int'], [1]),
        static => 1)->{response_op}, 'ok', '... the first lives on');
}

# Restart: the last snapshot is there at once, what was acknowledged comes
# with the next.
{
    my $archive = temp_dir();
    my $first = start_server(generation_duration => 2,
        archive_db_dir => $archive);

    $first->published('host', table(durable => [a => 'int'], [42]),
        static => 1);
    $first->publish_and_wait('host', table(kept => [a => 'int'], [7]),
        persist => 1);

    my $before = $first->generation;
    my $table = table(late => [a => 'int'], [8]);

    # after a rotation it is most often still collected when it stops
    $first->wait_generation;
    my $acked = $first->published('host', $table)->{generation_number};
    $first->restart;

    cmp_ok($first->wait_answer, '>=', $before, 'restart: served again');
    is($first->value('select a from kept'), '7', 'restart: persisted rows');
    is($first->value('select a from durable'), '42', 'restart: static rows');

    # served or not any more when it is looked at: it goes into the archive
    my $file = "$archive/qasino_table_store_$acked.db";

    wait_until('the generation to end', sub { -e $file });
    is(`sqlite3 'file:$file?immutable=1' 'select a from late'`, "8\n",
        'restart: the generation goes on, with the acknowledged row');
    is($first->stop('INT'), '', 'SIGINT: exit 0, nothing left behind');
}

# Stopping while a client is in the middle of everything.
{
    my $line = $server->line_connect;
    my $frames = $server->frames;

    syswrite $line, "select\r\n";
    $frames->send(op => 'query', args => { sql => 'with recursive n(i) as'
        . ' (select 1 union all select i + 1 from n) select max(i) from n' });
    is($server->stop('TERM'), '', 'SIGTERM: exit 0, nothing left behind');
}

done_testing();
