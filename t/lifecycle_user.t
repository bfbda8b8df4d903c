# Started as root, running as somebody else; who may read its files and talk
# to its sockets.

use v5.36;

use IO::Socket::UNIX;
use Test::More;

use Qasino::Process qw(build_dir slurp spew temp_dir wait_until);
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

# a worker that has just been forked is still called master
wait_until('the workers of nginx', sub {
    $server->pids('nginx-worker') == $server->{settings}{nginx_workers} });

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
$server->{settings}{config} = temp_dir() . '/worker.yaml';
spew($server->{settings}{config}, "max_tables: 900\n");
chmod 0600, $server->{settings}{config};
$server->restart;
$server->kill_and_wait('qasino-worker');
is($server->wait_answer && $server->value('select n from t'), 1,
    'and again, with a configuration that is root\'s');

# who has taken the user over puts a configuration and links where root's
# nginx and the launcher read and write
my $root = "$run.root";
my $outside = temp_dir();
my $conf = -e "$root/nginx.conf" ? "$root/nginx.conf" : "$run/nginx.conf";
my $ours = slurp($conf);
my @written = qw(nginx.pid line-away.sock line-away.sock.kept launcher.lock
    options.yaml body reply proxy fastcgi uwsgi scgi);

mkdir "$outside/$_", 0700 for qw(body reply proxy fastcgi uwsgi scgi);
spew("$outside/$_", "precious\n") for grep { !-d "$outside/$_" } @written;
chmod 0600, glob "$outside/*.*";

sub outside () {
    return join "\n", map { my @is = lstat; -f _ ? slurp($_) : '',
        "$_ @is[2 .. 5]" } $outside, glob "$outside/*";
}

sub planted ($dir) {
    my @done;

    push @done, $dir if rename($dir, "$dir.mine") && rename("$dir.mine", $dir);
    for my $name ('nginx.conf', @written) {
        push @done, "-$name" if rename "$dir/$name", "$dir/$name.mine";
        push @done, "+$name" if $name ne 'nginx.conf'
            && symlink "$outside/$name", "$dir/$name";
    }
    if (open my $file, '>', "$dir/nginx.conf") {
        print $file "daemon off; events {} http { server {"
            . " listen unix:$run/taken.sock; } }\n";
        push @done, '+nginx.conf';
    }
    return "@done";
}

my $before = outside();
isnt(as(@daemon, sub { planted($run) }), '', 'the user can write in run_dir');
is(as(@daemon, sub { planted($root) }), '', '... not where root is at work');

my $master = $server->pid_of('nginx-master');
kill 'USR2', $server->pid;
wait_until('another nginx, or none', sub {
    $server->log_text =~ /\(pid $master\) has been replaced|does not start/ });
is($server->wait_answer && $server->value('select 6'), 6,
    'nginx is upgraded');
for my $name (qw(nginx-master nginx-master)) {
    $server->kill_and_wait($name);
    # what the dead one's workers said before they ended does not count
    is(wait_until('an answer', sub { eval { $server->value('select 7') } }),
        7, "$name is replaced");
}
$server->restart;
is($server->wait_answer && $server->value('select 8'), 8, 'all is restarted');
is(slurp($conf) =~ s/\d{4,5}/PORT/gr, $ours =~ s/\d{4,5}/PORT/gr,
    '... with our configuration');
ok(!-e "$run/taken.sock", "the user's own was never read");
is(outside(), $before, 'nothing outside is written, given away or opened');
$server->published('a', table(large => [s => 'text'],
    map { ['x' x 500_000] } 1 .. 4), static => 1);
is($server->value('select sum(length(s)) from large'), 2_000_000,
    "nginx's workers can write their files");
$server->stop;

# directories that are the user's to rename
my $theirs = temp_dir();
chown @daemon, $theirs;
my ($how, $log) = run_server(user => 'daemon', run_dir => "$theirs/run");
is($how, 'exited with 1', 'a run_dir inside a directory of the user: exit 1');
like($log, qr/--run-dir.*\Q$theirs\E.*root/, '... and the message says why');

my $shared = temp_dir();
chmod 01777, $shared;
as(@daemon, sub { mkdir "$shared/run.root"; 
    symlink "$outside/body", "$shared/link" });
for my $name (qw(run link)) {
    ($how, $log) = run_server(user => 'daemon', run_dir => "$shared/$name");
    is($how, 'exited with 1', "what the user made before ($name): exit 1");
    like($log, qr{\Q$shared\E/$name}, '... and the message says what');
    is(outside(), $before, '... and nothing is given away');
}

# directories of others below links of the user
mkdir "$outside/body/$_" for qw(archive db);
spew("$outside/body/static.db", '');
as(@daemon, sub { symlink "$outside/body", "$theirs/link" });
for my $case ([archive_db_dir => 'archive'], [db_dir => 'db'],
    [static_db => 'static.db'])
{
    my ($option, $name) = @$case;
    ($how, $log) = run_server(user => 'daemon',
        $option => "$theirs/link/$name");
    is($how, 'exited with 1', "$option below a link of the user: exit 1");
    like($log, qr{cannot give \Q$theirs\E/link/$name},
        '... and the message says so');
    is((stat "$outside/body/$name")[4], 0, '... and it is not given away');
}

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
