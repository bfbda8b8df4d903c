# Generations: what is published is in exactly the next snapshot, and readers
# never see an empty or a mixed one.

use v5.36;

use Test::More;

use Qasino::Ledger;
use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server;

my $archive = temp_dir();
my $server = start_server(generation_duration => 1,
    archive_db_dir => $archive);

# Publishes all of it into one generation: begins right after a rotation, and
# again if another came between.
sub in_one_generation ($publish) {
    return wait_until('publishes within one generation', sub {
        $server->wait_generation;
        my @answers = $publish->();
        my %numbers = map { $_->{generation_number} => 1 } @answers;
        return keys %numbers == 1 ? \@answers : undef;
    });
}

sub wait_for_generation ($number) {
    wait_until("generation $number", sub {
        $server->generation >= $number;
    });
    is($server->generation, $number, "generation $number is served");
}

# Two hosts, two schemas, one table.
{
    my $run = 0;
    my $answers = in_one_generation(sub {
        $run++;
        map { $server->published(@$_) }
            ['one', table("merged$run", [a => 'int', b => 'text'],
                [1, 'x'], [2, 'y'])],
            ['two', table("merged$run", [b => 'text', c => 'real'],
                ['z', 2.5])],
            ['one', table("merged$run", [a => 'int'], [99])];
    });

    is($answers->[1]{warning}, undef, 'a second identity is no duplicate');
    like($answers->[2]{warning}, qr/./, 'a second report has a warning');

    wait_for_generation($answers->[0]{generation_number});
    my $reply = $server->query("select * from merged$run order by b");

    is_deeply($reply->{table}{column_names}, [qw(a b c)],
        'the union of the columns');
    is_deeply($reply->{table}{rows},
        [['1', 'x', ''], ['2', 'y', ''], ['', 'z', '2.5']],
        'the rows of both, and the first report stands');

    $server->wait_generation;
    like($server->query("select * from merged$run")->{error_message},
        qr/no such table/, 'one generation later it is gone');
}

# The duplicate that comes in the next generation is no duplicate.
{
    my $first = $server->published('again', table(again => [a => 'int'],
        [1]));
    my $second = wait_until('the next generation', sub {
        my $answer = $server->published('again', table(again => [a => 'int'],
            [2]));
        return !$answer->{warning} && $answer;
    });

    cmp_ok($second->{generation_number}, '>', $first->{generation_number},
        'the same report in the next generation is taken');
}

# Numbers only ever go up, while readers look and publishers publish; the
# observer of the ledger sees every change of a snapshot, and all of them ask
# for a table that each generation has.
{
    my $ledger = Qasino::Ledger->of_server($server, $archive);

    $ledger->wait_acks(10);

    # publishers whose pipe is full do not publish: it is read meanwhile
    for (1 .. 2) {
        my $before = $server->generation;
        wait_until('the next generation', sub {
            $ledger->read;
            return $server->generation > $before;
        });
    }

    my ($last, $changes, $queries) = (0, 0, 0);
    my (@backwards, @empty, @mixed);

    # count(*) twice in one statement, from both ends of what a mixed
    # snapshot would be
    while ($changes < 5 && @empty < 10) {
        $ledger->read;
        my $answer = $server->query('select generation_number,'
            . ' (select count(*) from ledger), (select nr_rows from'
            . " qasino_server_tables where tablename = 'ledger')"
            . ' from qasino_server_info');
        my ($number, $count, $listed) = @{$answer->{table}{rows}[0] // []};

        $queries++;
        push @empty, $answer->{error_message} // 'no rows' if !$count;
        next if !$count;
        push @backwards, "$last, then $number" if $number < $last;
        push @mixed, "$count rows, $listed listed" if $count != $listed;
        $changes++ if $number > $last;
        $last = $number;
    }

    is_deeply(\@backwards, [], 'no generation comes again');
    is_deeply(\@empty, [], 'no query finds an empty generation');
    is_deeply(\@mixed, [], 'no query finds half a generation');
    note("$queries queries over $changes generations");

    $ledger->finish;
    $ledger->judge;
    is_deeply({$ledger->refused}, {}, 'no publish is refused for rotating');
}

# 200 hosts with 5 tables each, all at once.
{
    my ($worker) = $server->pids('qasino-worker');
    my $before = Qasino::Server::resident_kib($worker);
    my (@children, %in);

    $server->wait_generation;

    for my $part (0 .. 7) {
        my $pid = open my $out, '-|';

        if (!$pid) {
            for my $host (map { $part * 25 + $_ } 1 .. 25) {
                for my $t (1 .. 5) {
                    my $answer = $server->published("host$host",
                        table("fleet$t", [host => 'int', i => 'int',
                            text => 'text'],
                            map { [$host, $_, "row $_ of $host"] } 1 .. 100));
                    print "$answer->{generation_number} $host $t\n";
                }
            }
            close STDOUT;
            POSIX::_exit(0);
        }

        push @children, $out;
    }

    for my $out (@children) {
        while (<$out>) {
            my ($generation, $host, $t) = split;
            $in{$generation}{$t}++;
        }
        close $out or diag("a publisher failed: $?");
    }

    my ($taken, $found) = (0, 0);

    # all but the last have been replaced before the last is looked at, so
    # what they held is counted on the way
    for my $generation (sort keys %in) {
        $taken += $_ for values %{$in{$generation}};
    }

    is($taken, 1000, 'all 1,000 tables are acknowledged');

    my ($last) = sort { $b <=> $a } keys %in;
    wait_for_generation($last);

    for my $t (sort keys %{$in{$last}}) {
        is($server->value("select count(*) from fleet$t"),
            100 * $in{$last}{$t}, "all rows of fleet$t in the last of them");
    }

    my $grown = Qasino::Server::resident_kib($worker) - $before;
    my $limit = $ENV{QASINO_BUILD} =~ /asan/ ? 1_000_000 : 150_000;
    cmp_ok($grown, '<', $limit, "the worker grew by $grown KiB");
}

done_testing();
