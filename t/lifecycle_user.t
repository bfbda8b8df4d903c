# Started as root, running as somebody else; who may read its files and talk
# to its sockets.

use v5.36;

use IO::Socket::UNIX;
use Test::More;

use Qasino::Process qw(build_dir slurp temp_dir wait_until);
use Qasino::Server;

plan(skip_all => 'only root can become somebody else') if $> != 0;

my @daemon = (getpwnam 'daemon')[2, 3];
my @www = (getpwnam 'www-data')[2, 3];

# What the code says as that user; it has no other groups.
sub as ($uid, $gid, $code) {
    my $pid = open(my $out, '-|') // die "fork: $!";

    if (!$pid) {
        local $!;
        $) = "$gid $gid";
        $( = $gid;
        ($<, $>) = ($uid, $uid);
        print $code->();
        close STDOUT;
        POSIX::_exit(0);
    }
    local $/;
    my $said = <$out>;
    close $out;
    return $said;
}

# 'yes', or why not
sub can_connect ($path) {
    my $socket = IO::Socket::UNIX->new(Peer => $path) or return "$!";
    my $client = Qasino::Frame->connect($path);

    return eval { $client->query('select 1')->{status} == 200 } ? 'yes'
        : 'turned away';
}

sub mode ($path) { sprintf '%04o', (stat $path)[2] & 07777 }

# A user who can't run what we built (a home directory in the way) can't be
# tested.
my $builds = as(@daemon, sub { -x build_dir() . '/qasino-worker' ? 1 : 0 });
plan(skip_all => 'user daemon cannot reach the build') if !$builds;

my $archive = temp_dir();
my $server = start_server(generation_duration => 1,
    archive_db_dir => $archive, static_db => temp_dir() . '/own/static.db');
my $run = $server->run_dir;

is(mode($run), '0700', 'run_dir is its own');
is(mode("$run/$_"), '0600', "$_ is its own") for qw(worker.sock line.sock);
$server->published('a', table(t => [n => 'int'], [1]), static => 1);
$server->publish_and_wait('a', table(t => [n => 'int'], [1]), persist => 1);
$server->wait_generation;
wait_until('an archived generation', sub { glob "$archive/*.db" });

my @open = grep { !/generation\.page$/ && !-S && (stat)[2] & 077 }
    map { glob } "$run/*", "$run/.*", "$server->{settings}{db_dir}/*",
    "$server->{settings}{static_db}*", "$archive/*.db";
is_deeply([grep { -f } @open], [], 'none of its files is open to others');
is(as(@daemon, sub { can_connect("$run/worker.sock") }), 'Permission denied',
    'others cannot connect');

# the files of a root's server become the user's
$server->stop;
$server->{settings}{user} = 'daemon';
$server->start;
is($server->wait_answer && $server->value('select n from main.t'), 1,
    'restarted as another user, it has its files');

my %user = map {
    my $pid = $_;
    my ($name) = slurp("/proc/$pid/cmdline") =~ m{^(?:[^\s\0]*/)?(qasino-[\w-]+|nginx: \w+)};
    my ($uid) = slurp("/proc/$pid/status") =~ /^Uid:\s+\d+\s+(\d+)/m;
    (($name // slurp("/proc/$pid/cmdline")) => $uid)
} $server->family;
is_deeply(\%user, { 'nginx: master' => 0,
    map { $_ => $daemon[0] } qw(qasino-worker qasino-query qasino-zmq-bridge),
        'nginx: worker' }, 'everything but the master of nginx runs as it');
like(slurp('/proc/' . $server->pid_of('qasino-worker') . '/status'),
    qr/^Groups:\s+$daemon[1]\s*$/m, '... and is in no group of root');

for my $name (qw(qasino-worker qasino-query qasino-zmq-bridge nginx-worker
    nginx-master))
{
    $server->kill_and_wait($name);
    is($server->wait_answer && $server->value('select n from t'), 1,
        "$name is replaced");
}
$server->published('a', table(more => [n => 'int'], [1]), static => 1);
is($server->value('select n from more'), 1, 'static tables can be written');
is(ref $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])'),
    'HASH', 'the bridge gets answers');
like($server->line("select 5 five;\r\n"), qr/five/, 'so does the line port');
$server->restart;
is($server->wait_answer && $server->value('select n from t'), 1,
    'and again');
$server->stop;

# a group that may connect
$server->{settings}{socket_group} = 'www-data';
$server->start;
is(mode($run), '0710', 'run_dir may be passed by the group');
is(mode("$run/worker.sock"), '0660', '... who may write to the sockets');
is(as(@www, sub { can_connect("$run/worker.sock") }), 'yes',
    'one of the group is served');
is(as(@daemon, sub { can_connect("$run/worker.sock") }), 'yes',
    '... and the user itself');
is(as(4242, 4242, sub { can_connect("$run/worker.sock") }),
    'Permission denied', 'others are not');

# who gets at the socket in spite of its mode is asked for his papers
chmod 0777, $run, "$run/worker.sock", "$run/line.sock";
is(as(4242, 4242, sub { can_connect("$run/worker.sock") }), 'turned away',
    'also where the mode would let them');
like($server->log_text, qr/of user 4242 may not connect/, '... which is said');
$server->stop;

for my $case ([user => 'no-such-user', qr/no user of that name/],
    [socket_group => 'no-such-group', qr/no such group/])
{
    my ($option, $value, $text) = @$case;
    my ($how, $log) = run_server($option => $value);

    is($how, 'exited with 1', "--$option that is none: exit 1");
    like($log, $text, '... and the message says so');
}

done_testing();
