# Tables of the last generation are in the next one's file before anybody
# publishes them.  Nobody can tell: a snapshot has the tables that were
# published in it, with the columns they were published with, whatever was
# there before, and whoever is killed in between.

use v5.36;

use Test::More;

use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server qw(table);
use Qasino::Worker;

use constant MANY => 40;        # more than are dropped one by one

my $archive = temp_dir();
my $worker = start_worker(generation_duration => 1,
    archive_db_dir => $archive);

# The generation that took it.
sub publish ($identity, @table) {
    my $answer = $worker->publish($identity, table(@table));

    die $answer->{error_message} // '' if !$answer->{generation_number};

    return $answer->{generation_number};
}

sub usual ($table) {
    return publish(h => $table, [n => 'int', text => 'text'], [1, 'x']);
}

sub next_generation ($taken) {
    wait_until("generation $taken is served",
        sub { $worker->generation >= $taken });
}

sub held ($number, $sql) { return $worker->archived($number, $sql) }

sub archived { map { /_(\d+)\.db$/ } glob "$archive/qasino_table_store_*.db" }

# In users' eyes; and what stands in for those that nobody published.
my $tables = "select group_concat(name) from (select name from sqlite_schema"
    . " where type = 'table' and name not like '%qasino%' order by 1)";
my $unused = "select count(*) from sqlite_schema where name like"
    . " '\\_qasino\\_unused%' escape '\\'";

subtest 'tables that vanish' => sub {
    my $vain;

    # Awaited in vain by a generation that was made while theirs was served:
    # then they were renamed, or dropped, which leaves free pages.
    for my $try (1 .. 10) {
        for (1 .. 3) {
            my $number;

            $number = usual("t$_") for 1 .. MANY;
            next_generation($number);
        }
        $worker->wait_generation(3);
        ($vain) = grep { held($_, $unused) + held($_, 'pragma freelist_count')
            && held($_, $tables) eq '' } archived();
        last if $vain;
    }

    ok($vain, 'a generation has awaited them');
    is(held($vain, $tables), '', 'no table');
    is(held($vain, 'pragma integrity_check'), 'ok', 'the file is whole');
    is(held($vain, 'select count(*) from qasino_server_tables where static ='
        . " 0 and tablename not like 'qasino%'"), 0, 'none is listed');
    like($worker->query('select * from t1')->{error_message},
        qr/no such table: t1/, 'nor found');
};

# Each again and again: other columns in every generation.
subtest 'tables that stay' => sub {
    my %columns;

    for my $turn (1 .. 6) {
        my $column = 'c' . int($turn / 3);      # the same twice or thrice
        my $type = $turn % 2 ? 'int' : 'text';
        my $number = publish(h => changing => [$column => $type], [$turn]);

        $columns{$number} = qq{CREATE TABLE "changing"("$column" }
            . ($type eq 'int' ? 'INTEGER)' : 'TEXT)') . "|$turn";
        my $other = usual('stays');
        push $columns{also}->@*, $other;
        next_generation($number);
    }

    my @also = (delete $columns{also})->@*;

    is(held($_, "select sql, (select * from changing) from sqlite_schema"
        . " where name = 'changing'"), $columns{$_}, "columns of $_")
        for sort keys %columns;
    is(held($_, 'select * from stays'), '1|x', "rows of $_") for @also;
};

subtest 'a copy of a generation that awaits some' => sub {
    my $seen = 0;

    for my $try (1 .. 10) {
        for (1 .. 3) {
            my $number;

            $number = usual("t$_") for 1 .. MANY;
            next_generation($number);
        }
        usual('t2');

        my ($rows, $schema, $names) = $worker->rows('select (select count(*)'
            . ' from t2), (select count(*) from sqlite_schema where name like'
            . " '_qasino_unused%'), (select group_concat(name) from"
            . " sqlite_schema where name in ('t1', 't2'))",
            flags => Qasino::Frame::WRITE_DB)->[0]->@*;

        # the turn may have come between
        if ($schema) {
            is_deeply([$rows, $names], [1, 't2'], 'has what was published');
            $seen = 1;
            last;
        }
    }

    ok($seen, 'there was such a copy');
};

subtest 'killed while it awaits some' => sub {
    for my $try (1 .. 4) {
        my $number = usual("t$try");

        usual("t$_") for 10 .. 30;
        $worker->kill;
        $worker->start;
        my $after = usual("u$try");
        my $last = usual('t9');

        next_generation($last + 1);
        like(held($number, $tables), qr/\bt$try\b/, 'what was acknowledged');
        like(held($after, $tables), qr/\bu$try\b/, 'and what came then');
        like(held($last, $tables), qr/\bt9\b/, 'which was awaited');
        is(held($after, 'pragma integrity_check'), 'ok', 'the file is whole');
    }
};

subtest 'nothing is left over' => sub {
    usual('t1');
    next_generation(usual('t2'));
    wait_until('a template', sub { -e $worker->dir . '/db/qasino_next_template.db' });
    $worker->stop;
    is_deeply([glob $worker->dir . '/db/qasino_next_*'], [], 'no file');
    $worker->start;
};

done_testing;
