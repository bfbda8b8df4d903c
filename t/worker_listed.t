# Publishers are listed before their generation is sealed: whatever they do
# in that second, qasino_server_connections says what the reports say.

use v5.36;

use Test::More;

use Qasino::Process qw(wait_until);
use Qasino::Server qw(table);
use Qasino::Worker;

my $worker = start_worker(generation_duration => 1, identity => 'host7',
    max_identities => 10_000);
my $next = 0;

# More than are listed at once, each again and again with another table, one
# under our own name.
sub publish_some () {
    for my $n (map { $next++ } 1 .. 250) {
        $worker->publish('host' . $n % 600,
            table('t' . int($n / 600) % 20, [a => 'int'], [$n]));
    }
}

# Rows that differ from what the reports say, and how many there are.
sub compare () {
    return $worker->rows('with r as (select identity, count(distinct tablename)'
        . ' as n, max(last_update_epoch) as epoch from qasino_server_reports'
        . " group by identity), c as (select * from qasino_server_connections"
        . " where identity <> 'host7')"
        . " select (select count(*) from r where identity <> 'host7'"
        . ' and not exists (select 1 from c where c.identity = r.identity'
        . ' and nr_tables = n and last_update_epoch = epoch)),'
        . ' (select count(*) from c), (select count(*) from r'
        . " where identity <> 'host7'), (select group_concat(rowid ="
        . ' (select max(rowid) from qasino_server_connections))'
        . " from qasino_server_connections where identity = 'host7')")->[0];
}

my (%seen, @wrong);
my $most = 0;

for (my $round = 1; keys %seen < 8; $round++) {
    publish_some();

    my $generation = $worker->generation;
    my ($differ, $listed, $reported, $own) = compare()->@*;

    push @wrong, "round $round: $differ of $reported differ, $listed listed,"
        . " ours: $own" if $differ || $listed != $reported || $own ne '1';
    $seen{$generation}++;
    $most = $listed if $listed > $most;

    # at any instant, with or without a part of the list in the file
    if ($round % 10 == 0) {
        $worker->kill;
        $worker->start;
    }
}

is_deeply(\@wrong, [], 'each generation lists who reported in it');
cmp_ok($most, '>', 200, '... with publishers');

# While rows are carried from the sealed file, which has a list, too.  (There are
# enough for that to last until the listing.)
{
    my $million = join ',', ('[7]') x 1_000_000;

    for my $n (1 .. 4) {
        my $answer = $worker->connect->request(op => 'add_table_data',
            body => qq({"identity": "big$n", "persist": 1, "table": )
                . qq({"tablename": "big$n", "column_names": ["a"], )
                . qq("column_types": ["int"], "rows": [$million]}}));
        die $answer->{body} if $answer->{status} != 200;
    }
    wait_until('all of them', sub { 4 == $worker->rows('select count(*) from'
        . " qasino_server_tables where tablename like 'big%'")->[0][0] });

    my (%listed, %seen);
    while (keys %seen < 4) {
        $seen{$worker->generation} = 1;
        my $answer = $worker->connect->query('select count(*) from'
            . ' qasino_server_connections');
        $listed{$answer->{status} == 200 ? 200 : $answer->{body}}++;
    }
    is_deeply([keys %listed], [200], 'nor is the list of those who are served'
        . ' while rows are carried');
}

# A copy for use_write_db lists them anew.  (The generation may end between
# the publish and the query.)
wait_until('a copy that lists who has just published', sub {
    $worker->publish('late', table(late => [a => 'int'], [1]));
    return $worker->rows('select count(*) from qasino_server_connections'
        . " where identity = 'late'", flags => Qasino::Frame::WRITE_DB)->[0][0];
});
pass('so does a copy of the open one');

done_testing();
