# examples/: what this machine publishes as twenty hosts, and whether each of
# the example statements finds in it what it is meant to find.

use v5.36;

use FindBin qw($Bin);
use POSIX ();
use lib "$Bin/lib";
use Test::More;

use Qasino::Process qw(now patience reserve_port slurp temp_dir
    wait_until);
use Qasino::Server qw(start_server);

use constant HOSTS => 20;

my $examples = "$Bin/../examples";
my $publish = "$examples/this-machine";
my $ask = "$examples/ask";
my $dir = temp_dir();

# Exit status, standard output and standard error of a command.
sub run (@command) {
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;

    return ($? >> 8, slurp("$dir/out"), slurp("$dir/err"));
}

# The statements of a file of examples by the number in their comment.
sub statements ($path) {
    my %statement;

    for (split /\n{2,}/, slurp($path)) {
        my ($number) = /\A-- (\d+)\. / or next;
        $statement{$number} = s/^--.*\n//mgr;
    }

    return %statement;
}

# ---- without a server

require $publish;

my @ordered = qw(0~~ 0~ 0 0.1 0.1-1 0.1-1+b1 0.9 0.10~rc1 0.10~rc1-2 0.10
    0.10-1~bpo1 0.10-1 0.10-1.1 0.10a 0.10+git1 0.10-0 1:0.1 1:0.1-2 10:0);
my @wrong = grep {
    my ($one, $other) = @$_;
    my $order = ThisMachine::version_key($one)
        cmp ThisMachine::version_key($other);
    my $relation = ('eq', 'gt', 'lt')[$order];
    system 'dpkg', '--compare-versions', $one, $relation, $other;
} map { my $one = $_; map { [$one, $_] } @ordered } @ordered;

SKIP: {
    skip 'no dpkg here', 1 if system 'dpkg --version >/dev/null 2>&1';
    is_deeply(\@wrong, [], 'version_key sorts as Debian sorts versions');
}

is(ThisMachine::older_version('1.0-2+deb12u10'), '1.0-2+deb12u9',
    'an older version');
is(ThisMachine::older_version('1.10.0'), '1.9.0', 'zeros are left alone');
is(ThisMachine::older_version('0.0'), undef, 'nothing is older than nothing');

my $nowhere = 'http://127.0.0.1:' . reserve_port();
my ($status, $out, $err) = run($publish, '--url', $nowhere, '--hosts', 9);
is($status, 1, 'no server: exit 1');
is($out, '', 'nothing is said to be acknowledged');
like($err, qr/\Athis-machine: cannot reach \Q$nowhere\E: [^\n]+\n\z/,
    'one line says why');

($status, $out, $err) = run($publish, '--tables', 'mounts,nosuch');
is($status, 2, 'an unknown table is refused');
like($err, qr/no table 'nosuch'/, 'by its name');

# ---- publish as twenty hosts

# A generation must be long enough for all of it, also under a sanitizer.
my $server = start_server(generation_duration => patience() > 30 ? 8 : 2);
my $url = 'http://127.0.0.1:' . $server->port('http');

sub query ($sql) {
    my $answer = $server->query($sql);

    return $answer->{table} // $answer;
}

# None where the tables are not there yet.
sub rows ($sql) { @{query($sql)->{rows} // []} }

# Each row as a hash.
sub hashes ($table) {
    return map {
        my $row = $_;
        +{ map { $table->{column_names}[$_] => $row->[$_] } 0 .. $#$row };
    } @{$table->{rows} // []};
}

my @follow = ($publish, '--url', $url, '--hosts', HOSTS, '--follow');
my $owner = $$;
my $pid = fork // die "fork: $!\n";
if ($pid == 0) {
    open STDOUT, '>', "$dir/follow.out";
    open STDERR, '>', "$dir/follow.err";
    exec @follow or POSIX::_exit(127);
}

wait_until('twenty hosts in three generations', sub {
    my $lines = () = slurp("$dir/follow.out") =~ / acknowledged in /g;
    $lines >= 3;
});

my %statement = statements("$examples/queries.sql");
my %answer;

# All of them of one generation: again if it rotated meanwhile.
wait_until('answers about every table of every host', sub {
    my ($full) = rows('SELECT count(*), generation_number'
        . ' FROM qasino_server_connections, qasino_server_info'
        . " WHERE identity LIKE 'host%' AND nr_tables = 6");
    return 0 if !$full || $full->[0] != HOSTS;

    %answer = map { $_ => query($statement{$_}) } keys %statement;
    my ($after) = rows('SELECT generation_number FROM qasino_server_info');

    return $after->[0] == $full->[1];
});

my $asked = now();
kill 'TERM', $pid;
waitpid $pid, 0;
undef $pid;
is($? >> 8, 0, 'SIGTERM ends --follow with exit 0');
is($? & 127, 0, 'which is no death by signal');
ok(now() - $asked < 2, 'at once');
is(slurp("$dir/follow.err"), '', 'it had nothing to complain about');

like(slurp("$dir/follow.out"),
    qr/^after generation \d+: 120 tables with \d+ rows of 20 hosts /m,
    'it said what was acknowledged');
my @generations = slurp("$dir/follow.out") =~ /after generation (\d+)/g;
my %once = map { $_ => 1 } @generations;
is(scalar keys %once, scalar @generations, 'once in each generation');

# ---- what the examples find

cmp_ok(scalar keys %statement, '>=', 10, 'at least ten examples');

my %columns = (
    1 => [qw(hosts cpus memory_gib memory_used_percent kernels
        youngest_days oldest_days)],
    2 => [qw(name processes hosts rss_mib biggest_mib)],
    3 => [qw(host pid name user rss_mib percent_of_host percent_free)],
    4 => [qw(host missing_package)],
    5 => [qw(name version newest hosts for_example)],
    6 => [qw(host mountpoint device fstype percent_used available_gib)],
    7 => [qw(user hosts processes threads rss_mib cpu_hours)],
    8 => [qw(host name value usual hosts_as_usual)],
    9 => [qw(host name address state rx_bytes rx_errors tx_errors
        errors_per_mb)],
    10 => [qw(host kernel usual up_days processes users)],
    11 => [qw(identity nr_tables seconds_before_snapshot)],
);

for my $number (sort { $a <=> $b } keys %statement) {
    is_deeply($answer{$number}{column_names}, $columns{$number},
        "statement $number is answered")
        or diag explain $answer{$number};
}

my ($glance) = hashes($answer{1});
my ($cpus) = slurp('/proc/stat') =~ /\A(?:.*\n)*cpu(\d+) /;
is($glance->{cpus}, HOSTS * ($cpus + 1), '1: every host has our processors');

is(scalar(grep { $_->{hosts} == HOSTS } hashes($answer{2})), 10,
    '2: the biggest programs run on every host');
is(scalar hashes($answer{3}), 10, '3: ten processes');

# The variations are the same on every run, what they apply to is what this
# machine has: so compare with the answers as Perl finds them.
my @missing = hashes($answer{4});
for my $row (@missing) {
    system "dpkg-query -W '$row->{missing_package}' >/dev/null 2>&1";
    is($?, 0, "4: $row->{missing_package} is installed here, and not on "
        . $row->{host});
}

for my $row (hashes($answer{5})) {
    system 'dpkg', '--compare-versions', $row->{version}, 'lt',
        $row->{newest};
    is($?, 0, "5: $row->{name} $row->{version} before $row->{newest}");
    cmp_ok($row->{hosts}, '<', HOSTS, '5: not on all hosts');
}

for my $row (hashes($answer{6})) {
    cmp_ok($row->{percent_used}, '>=', 90, "6: $row->{host} is nearly full");
}

my ($me) = grep { $_->{user} eq getpwuid($<) } hashes($answer{7});
is($me->{hosts}, HOSTS, '7: we run something on every host');

for my $row (hashes($answer{8})) {
    isnt($row->{value}, $row->{usual}, "8: $row->{name} on $row->{host}");
    cmp_ok($row->{hosts_as_usual}, '>=', 0.9 * HOSTS,
        '8: nine in ten have the usual');
}

for my $row (hashes($answer{10})) {
    isnt($row->{kernel}, $row->{usual}, "10: $row->{host} is behind");
    cmp_ok($row->{processes}, '>', 0, '10: the join finds its processes');
}

is(scalar hashes($answer{11}), 10, '11: ten publishers');

# ---- as one true host, and by examples/ask

($status, $out, $err) = run($publish, '--url', $url, '--identity', 'itself',
    '--tables', 'machine,mounts');
is($status, 0, 'one host is acknowledged') or diag $err;
like($out, qr/\A2 tables with \d+ rows of 1 host acknowledged/, 'as it says');

my ($memory_kb) = slurp('/proc/meminfo') =~ /MemTotal:\s+(\d+)/;
wait_until('the host to be seen', sub {
    # once more where that took place just before a rotation
    grep { $_->[0] == $memory_kb }
        rows("SELECT memory_kb FROM machine WHERE host = 'itself'");
});
pass('with the memory that this machine has');

open my $file, '>', "$dir/some.sql" or die;
print $file "-- not this\n\n-- 1. a; b\nSELECT 'x;y' AS one; -- 2.\nVALUES (2)";
close $file;
($status, $out, $err) = run($ask, '--url', $url, "$dir/some.sql");
is($status, 0, 'ask gets its answers') or diag $out, $err;
like($out, qr/\A-- 1\. a; b\n *one\n=+\n *x;y\n.*-- 2\.\n.*\n *2\n/s,
    'under their comments');

($status, $out, $err) = run($ask, '--url', $url, "$examples/queries.sql");
like($out, qr/^-- 11\. .*identity +nr_tables/ms, 'all the examples in a row');

open $file, '>', "$dir/wrong.sql" or die;
print $file 'SELECT nosuch;';
close $file;
($status, $out, $err) = run($ask, '--url', $url, "$dir/wrong.sql");
is($status, 1, 'an error is an error');
like($out, qr/nosuch/, 'and is shown');

done_testing();

# It follows until it is told to stop: also when this test died.
END {
    local $?;
    kill 'TERM', $pid if $pid && $owner == $$;
}
