# "persist": rows that come again in every generation, with the identity that
# reported them, until it reports anew or plainly.  kill -9 of the worker and
# a restart of the whole server change nothing about that.

use v5.36;

use Test::More;

use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server;

my $archive = temp_dir();
my $server = start_server(generation_duration => 1,
    archive_db_dir => $archive);

# Every retired generation lies in the archive, so that what it held can be
# asked for at leisure and none is missed.
sub archived ($from, $count) {
    my @numbers;

    wait_until("$count generations from $from on", sub {
        @numbers = sort { $a <=> $b } grep { $_ >= $from }
            map { /_(\d+)\.db$/ } glob "$archive/qasino_table_store_*.db";
        return @numbers > $count;   # one more: copies may come out of order
    });

    return @numbers[0 .. $count - 1];
}

# A query on an archived generation, as sqlite3 prints it.
sub held ($number, $sql) {
    open my $out, '-|', 'sqlite3', '-readonly', '-nullvalue', 'NULL',
        "$archive/qasino_table_store_$number.db", $sql or die "sqlite3: $!";
    local $/;

    return scalar(<$out>) // '';
}

sub in_each ($numbers, $name, $sql, $expected) {
    is_deeply([map { held($_, $sql) } @$numbers],
        [($expected) x @$numbers], $name);
}

sub persist ($identity, @table) {
    my $answer = $server->published($identity, table(@table), persist => 1);

    return $answer->{generation_number};
}

sub listed (@tables) {
    my $in = join ', ', map { "'$_'" } @tables;

    return 'select tablename, nr_rows, nr_updates, static'
        . " from qasino_server_tables where tablename in ($in) order by 1";
}

# A plain row: its range of rowids lies between the persisted ones.
sub plain ($identity, @table) {
    return $server->published($identity, table(@table))->{generation_number};
}

# Four generations in peace.
my $first = persist('host1', stays => [a => 'int', b => 'text'],
    [1, 'one'], [2, undef]);
my $many = [i => 'int', who => 'text'];

persist('host1', pair => [a => 'int', b => 'text'], [1, 'x'], [2, 'y']);
persist('host2', pair => [b => 'text', c => 'real'], ['z', 2.5]);
persist('host1', empty => [a => 'int', b => 'text']);
persist('Xa', pk => [a => 'int'], [1]);
persist('a', pkX => [a => 'int'], [2]);
persist('one', many => $many, map { [$_, 'one'] } 1 .. 500);
plain('plain', many => $many, map { [$_, 'plain'] } 1 .. 500);
persist('two', many => $many, map { [$_, 'two'] } 1 .. 300);
my $last = persist('host3', Cased => [Name => 'text'], ['x']);

{
    my @numbers = archived($last, 5);
    my @later = @numbers[1 .. 4];

    in_each(\@numbers, 'the rows come again in each generation',
        'select a, b from stays order by a', "1|one\n2|NULL\n");
    in_each(\@numbers, 'two identities with different columns',
        'select a, b, c from pair order by b',
        "1|x|NULL\n2|y|NULL\nNULL|z|2.5\n");
    in_each(\@numbers, 'a report without rows comes again as its table',
        "select name, type from pragma_table_info('empty')"
            . ' union all select count(*), 0 from empty',
        "a|INTEGER\nb|TEXT\n0|0\n");
    in_each(\@numbers, 'table "pk" of "Xa" and table "pkX" of "a" are two',
        'select pk.a, pkX.a from pk, pkX', "1|2\n");
    in_each(\@numbers, 'each counts as one report, with its rows',
        listed(qw(stays pair empty pk pkX Cased)), "Cased|1|1|0\n"
            . "empty|0|1|0\npair|3|2|0\npk|1|1|0\npkX|1|1|0\nstays|2|1|0\n");
    in_each(\@numbers, 'the identities are those that reported',
        'select identity, nr_tables from qasino_server_connections'
            . " where identity not in ('plain', 'test-server') order by 1",
        "Xa|1\na|1\nhost1|3\nhost2|1\nhost3|1\none|1\ntwo|1\n");
    in_each(\@later, 'of many rows exactly the persisted ones',
        'select who, count(*), sum(i) from many group by who',
        "one|500|125250\ntwo|300|45150\n");

    my $when = 'select identity, last_update_epoch from'
        . " qasino_server_connections where identity <> 'test-server'"
        . " and identity <> 'plain' order by 1";
    in_each(\@later, '... and so is when they reported', $when,
        held($numbers[0], $when));

    is($server->value('select count(*) from stays'), 2,
        'and the server answers with them');
    is($server->query('select * from empty')->{table}{column_names}[1], 'b',
        'also with the columns of the one without rows');
}

# A new report replaces the old one of the same table and identity at once,
# in whatever case the table's name is.
{
    my $number = persist('host1', PAIR => [a => 'int'], [9]);
    my $cased = persist('host3', CASED => [name => 'text'], ['y'], ['z']);
    my $filled = persist('host1', empty => [a => 'int', b => 'text'],
        [1, 'filled']);
    my $range = persist('one', many => $many, [1, 'new'], [2, 'new']);

    in_each([archived($number, 3)], 'a new report replaces the carried one',
        'select a, b, c from pair order by a',
        "NULL|z|2.5\n9|NULL|NULL\n");
    in_each([archived($number, 3)], '... in the counts too',
        listed('pair'), "pair|2|2|0\n");
    in_each([archived($cased, 3)], '... in another case of its name',
        'select name from cased order by name', "y\nz\n");
    in_each([archived($filled, 3)], '... also one without rows',
        'select a, b from empty', "1|filled\n");
    in_each([archived($range, 3)], "... and leaves the others' rows",
        'select who, count(*), sum(i) from many group by who',
        "new|2|3\ntwo|300|45150\n");
}

# A plain report ends it.
{
    my $number = plain('host1', pair => [a => 'int', d => 'int'], [7, 8]);
    my $none = plain('host1', empty => [a => 'int']);
    my @later = archived($number, 4);
    my @without = archived($none, 4);
    my $own = shift @later;

    is(held($own, 'select a, b, c, d from pair order by a'),
        "NULL|z|2.5|NULL\n7|NULL|NULL|8\n",
        'a plain report: its own rows are in that generation');
    in_each(\@later, '... and gone after, with their columns',
        'select * from pair', "z|2.5\n");
    in_each(\@later, "... but for the other identity's report",
        listed('pair'), "pair|1|1|0\n");

    my $gone = 'select count(*) from sqlite_schema'
        . " where name = 'empty' collate nocase";
    is(held(shift @without, 'select count(*) from empty'), "0\n",
        'a plain report without rows ends it too');
    in_each(\@without, '... and then the table is gone', $gone, "0\n");
}

# The second report in a generation is no part of it, the first stands there;
# but what comes again is what was reported last.
{
    my ($run, $number) = (0);

    wait_until('second reports in one generation', sub {
        $server->wait_generation;
        $run++;
        persist('other', "twice$run" => [a => 'int'], [0]);
        my @answers = map { $server->published('host1', @$_, persist => 1) }
            [table("twice$run" => [a => 'int', b => 'int'], [1, 1], [11, 1])],
            [table("twice$run" => [a => 'int'], [2])],
            [table("twice$run" => [c => 'text', a => 'int'], ['x', 3],
                ['y', 4])],
            [table("plain$run" => [a => 'int'], [1])];
        $answers[4] = $server->published('host1',
            table("plain$run" => [a => 'int'], [2]));
        $number = $answers[0]{generation_number};
        return $answers[1]{warning} && $answers[4]{warning}
            && $answers[4]{generation_number} == $number;
    });

    my ($own, @later) = archived($number, 4);
    is(held($own, "select a, b from twice$run order by a"),
        "0|NULL\n1|1\n11|1\n", 'of several in a generation the first stands');
    in_each(\@later, '... and the last comes again',
        "select a, c from twice$run order by a", "0|NULL\n3|x\n4|y\n");
    in_each(\@later, '... as one report',
        listed("twice$run"), "twice$run|3|2|0\n");
    is(held($own, "select a from plain$run"), "1\n",
        'a plain one is no part of it either');
    in_each(\@later, '... and ends what the first would have persisted',
        "select count(*) from sqlite_schema where name = 'plain$run'",
        "0\n");
}

# kill -9 right after the acknowledgement, four times; what was acknowledged
# last is what each generation from then on has.
{
    my @versions;

    for my $version (1 .. 4) {
        my $number = persist('host1', killed => [version => 'int', i => 'int'],
            map { [$version, $_] } 1 .. 10);

        push @versions, [$number, $version];
        $server->kill_and_wait('qasino-worker');
        wait_until('its generation, from the successor', sub {
            $server->wait_answer >= $number;
        });
    }

    my $last = persist('host1', killed_last => [a => 'int'], [1]);
    my ($end) = (archived($last, 3))[-1];
    my (@wrong, %seen);

    for my $number (grep { $_ <= $end } archived($versions[0][0], 4)) {
        my ($version) = map { $_->[1] } grep { $_->[0] <= $number }
            reverse @versions;
        my $expected = "$version|10|55\n2\nkilled|10|1|0\nstays|2|1|0\n";
        my $got = held($number, 'select version, count(*), sum(i) from killed'
            . ' group by version; select count(*) from stays; '
            . listed('killed', 'stays'));

        push @wrong, "generation $number: $got, not $expected"
            if $got ne $expected;
    }

    is_deeply(\@wrong, [], 'worker killed four times: each generation has'
        . ' the newest report, once');
    in_each([archived($last, 3)], '... and the last one stays',
        'select distinct version from killed', "4\n");
}

# The whole server, stopped and started, with a report not served yet.
{
    my $number = persist('host1', killed => [version => 'int', i => 'int'],
        [5, 1]);
    $server->restart;
    my $mark = persist('host1', restarted => [a => 'int'], [1]);

    in_each([archived($number, 1)], 'a report before the restart is in its'
        . ' generation', 'select version, i from killed', "5|1\n");
    in_each([archived($mark, 4)], '... and in those after the restart',
        'select version, i from killed', "5|1\n");
    in_each([archived($mark, 4)], 'so is what was persisted long before',
        'select a, b from stays order by a; select * from pair;'
            . ' select count(*) from many',
        "1|one\n2|NULL\nz|2.5\n302\n");
    in_each([archived($mark, 4)], '... and its counts',
        listed(qw(stays pair many)),
        "many|302|2|0\npair|1|1|0\nstays|2|1|0\n");
}

done_testing();
