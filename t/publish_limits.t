# How many tables and columns there may be, names that are keywords, columns
# in another case; use_write_db, which reads what was just published; the
# archive, which gets every generation and may be full.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Process qw(slurp spew temp_dir wait_until);
use Qasino::Server qw(table encode_json decode_json);
use Qasino::Worker;

# Rows of the generation being collected.
sub written ($worker, $sql) {
    return $worker->rows($sql, flags => Qasino::Frame::WRITE_DB);
}

sub ok_publish ($worker, $name, @what) {
    my $answer = $worker->publish(@what);

    is($answer->{response_op}, 'ok', $name) or diag(explain($answer));
}

sub refused ($worker, $name, $pattern, $identity, $table, %more) {
    my $answer = $worker->connect->request(op => 'add_table_data',
        body => encode_json({ identity => $identity, table => $table,
            %more }));

    like($answer->{status}, $pattern =~ /max_/ ? qr/\A(?:413|507)\z/
        : qr/\A4/, "$name is refused");
    like(decode_json($answer->{body})->{error_message}, $pattern,
        '... and the limit is named');
}

sub wide ($name, $from, $to, @more) {
    return table($name, [map { ("c$_" => 'int') } $from .. $to], @more);
}

# The limits as they are by default.
{
    my $worker = start_worker(generation_duration => 3600);
    my $client = $worker->connect;
    my $sent = 0;

    for my $number (1 .. 1000) {
        $client->send(op => 'add_table_data', body => encode_json({
            identity => "host" . $number % 7, table => table("t$number",
                [a => 'int'], [$number]) }));
        $sent++;
    }
    my @answers = $client->answers($sent);
    is(scalar(grep { $_->{status} == 200 } @answers), 1000,
        '1000 tables in a generation');
    refused($worker, 'the 1001st', qr/max_tables \(1000\)/, 'host',
        table(t1001 => [a => 'int'], [1]));
    refused($worker, '... as an update too', qr/max_tables \(1000\)/,
        'host', table(t1001 => [a => 'int'], [1]), update => 1);
    ok_publish($worker, 'a new column for one of them', 'host',
        table(T1000 => [b => 'int'], [1]));
    ok_publish($worker, 'a static one beside them', 'host',
        table(t1001 => [a => 'int'], [1001]), static => 1);

    is(written($worker, 'select count(*) from qasino_server_tables'
        . " where tablename like 't%'")->[0][0], 1001, 'all are listed');
    is(written($worker, 'select a from t1 union all select a from t1000'
        . ' where a is not null union all select a from t1001')->[2][0],
        1001, '... and can be asked');

    # columns: of one publisher, and of several together
    ok_publish($worker, '1000 columns', 'host', wide('t2', 2, 1000,
        [2 .. 1000]));
    refused($worker, 'one more in all', qr/max_columns \(1000\)/, 'more',
        table(t2 => [one_more => 'int'], [1]));
    refused($worker, 'one more at once', qr/max_columns \(1000\)/, 'more',
        wide('t3', 1, 1001, [1 .. 1001]));
    ok_publish($worker, '500 of one publisher', 'half',
        wide('t4', 1, 500, [1 .. 500]));
    ok_publish($worker, '... 999 of another', 'whole',
        wide('t4', 1, 999, [1 .. 999]));
    ok_publish($worker, '... the same in another case', 'cased', { %{wide(
        't4', 1, 999, [1 .. 999])}, column_names => [map { "C$_" }
            1 .. 999] });
    refused($worker, '... and one too many', qr/max_columns \(1000\)/,
        'late', table(t4 => [d => 'int'], [1]));
    my $answer = $worker->query('select * from t4',
        flags => Qasino::Frame::WRITE_DB);
    is_deeply([scalar @{$answer->{table}{column_names}},
        scalar @{$answer->{table}{rows}}], [1000, 4],
        'a table of 1000 columns can be asked');
    is(written($worker, 'select count(*) from t4 join t2 using(c999)')
        ->[0][0], 2, '... joined');
    is_deeply(written($worker, 'select a, c2 from t2'),
        [[2, ''], ['', 2]], 'and others read what they published');
}

# Limits set by the operator.
{
    my $worker = start_worker(generation_duration => 1, max_tables => 2,
        max_columns => 3);

    ok_publish($worker, 'the first of two tables', 'a',
        wide('one', 1, 3, [1 .. 3]), persist => 1);
    ok_publish($worker, 'the second', 'a', wide('two', 1, 2, [1, 2]),
        persist => 1);
    refused($worker, 'the third', qr/max_tables \(2\)/, 'a',
        table(three => [a => 'int'], [1]));
    refused($worker, 'four columns', qr/max_columns \(3\)/, 'b',
        wide('one', 1, 4, [1 .. 4]));
    refused($worker, 'four in all', qr/max_columns \(3\)/, 'b',
        wide('one', 3, 4, [3, 4]));
    $worker->wait_generation(2);
    refused($worker, 'the third beside carried ones', qr/max_tables \(2\)/,
        'a', table(three => [a => 'int'], [1]));
    is_deeply($worker->rows('select c1, c2, c3 from one'), [[1, 2, 3]],
        'what was refused has changed nothing');

    # lowered below what persists: the server starts and says what it drops
    $worker->stop;
    $worker->{settings}{max_tables} = 1;
    $worker->start;
    wait_until('generations under the lower limit', sub {
        return $worker->log_text =~ /persisted rows of '\w+' are dropped/;
    });
    $worker->wait_generation(2);    # the one before may not be served yet
    is($worker->rows("select count(*) from qasino_server_tables"
        . " where tablename in ('one', 'two')")->[0][0], 1,
        'a lowered limit drops a persisted table, not the server');
}

# Names: keywords as tables and columns; case.
{
    my $worker = start_worker(generation_duration => 3600);

    for my $name (qw(select order group table from where index values
        union case default primary transaction null abort limit)) {
        my @columns = (select => 'int', $name eq 'select' ? () : ($name =>
            'text'), key => 'int');
        my @row = (1, $name eq 'select' ? () : ('x'), 2);

        for my $more ({}, { update => 1, keycols => 'select;key' },
            { static => 1 })
        {
            ok_publish($worker, "table $name " . join(' ', %$more),
                "host$more", table($name, \@columns, [@row]), %$more);
        }

        is_deeply(written($worker, qq(select "key", "select", count(*)
            from main."$name" group by 1, 2)), [[2, 1, 1]],
            '... has its rows');
        is(scalar(@{written($worker, qq(desc "$name"))}), scalar @row,
            '... and DESC');
        ok_publish($worker, '... a column more', 'more',
            table(uc $name, [ORDER => 'int', group => 'text'], [1, 'y']));
    }

    ok_publish($worker, 'rowid and such as columns', 'host',
        table(rowid => [rowid => 'text', oid => 'int'], ['r', 5]));
    is_deeply(written($worker, 'select rowid, oid from rowid'), [['r', 5]],
        '... are columns');

    ok_publish($worker, 'columns', 'a', table(cased => [Alpha => 'int',
        BETA => 'text'], [1, 'x']));
    ok_publish($worker, 'in another case', 'b', table(CASED =>
        [beta => 'text', ALPHA => 'int', Gamma => 'int'], ['y', 2, 3]));
    my $answer = $worker->query('select * from cased',
        flags => Qasino::Frame::WRITE_DB);
    is_deeply($answer->{table}, { column_names => [qw(Alpha BETA Gamma)],
        rows => [[1, 'x', ''], [2, 'y', 3]] },
        '... are the same, the first spelling stands');
    is_deeply(written($worker, 'select count(*) from qasino_server_tables'
        . " where tablename = 'cased' collate nocase"), [[1]],
        'and one table');
    refused($worker, 'a column twice but for case', qr/'a'|'A'/, 'a',
        table(twice => [a => 'int', A => 'int'], [1, 2]));

    for my $bad ('', '1a', '_a', 'a b', 'a"b', "a'b", 'a;b', 'a.b', 'a-b',
        "\x{e9}t\x{e9}", "a\0b", "a\n", 'sqlite_a', 'SQLITE_A',
        'qasino_server_a', 'Qasino_Server_Tables', 'x' x 129)
    {
        my $shown = $bad =~ s/[^ -~]/?/gr;

        refused($worker, "a table '$shown'", qr/name|reserved/, 'a',
            table($bad => [a => 'int'], [1]));
        next if $bad =~ /^(?:sqlite|qasino)/i;
        refused($worker, "a column '$shown'", qr/name/, 'a',
            table(fine => [a => 'int', $bad => 'int'], [1, 2]));
    }
    ok_publish($worker, 'names of 128 bytes', 'a',
        table('x' x 128 => ['y' x 128 => 'int'], [1]));
}

# use_write_db.
{
    my $worker = start_worker(generation_duration => 3600,
        query_processes => 3);
    my $db_dir = $worker->{settings}{db_dir};
    my @old;

    for my $i (1 .. 30) {
        $worker->publish("host$i", table(fresh => [i => 'int'], [$i]),
            $i % 3 ? () : (update => 1));
        my $got = written($worker, 'select count(*), max(i) from fresh')
            ->[0];
        push @old, "after $i: @$got" if "@$got" ne "$i $i";
    }
    is_deeply(\@old, [], 'each publish is seen by the next query');

    is_deeply(written($worker, 'select nr_rows, nr_updates, static from'
        . " qasino_server_tables where tablename = 'fresh'"), [[30, 30, 0]],
        '... and counted');
    is(written($worker, 'select count(*) from qasino_server_connections')
        ->[0][0], 31, '... with who it was');
    is_deeply(written($worker, 'select generation_number >'
        . " (select $_->[0][0]) from qasino_server_info"), [[1]],
        '... in a generation after the one served')
        for $worker->rows('select generation_number from qasino_server_info');
    like($worker->query('select * from fresh')->{error_message},
        qr/no such table/, 'the snapshot does not have it');
    like($worker->query('insert into fresh values(1)',
        flags => Qasino::Frame::WRITE_DB)->{error_message}, qr/./,
        'and it is no way to write');

    # the body's word, too
    my $answer = $worker->connect->request(body => encode_json({
        op => 'query', use_write_db => 'true',
        sql => 'select count(*) from fresh' }));
    like($answer->{body}, qr/\["30"\]/, '"use_write_db" in the body');

    # many at once, with publishes in between
    my $client = $worker->connect;
    my $publisher = $worker->connect;
    for my $i (1 .. 50) {
        $client->send(op => 'query', flags => Qasino::Frame::WRITE_DB,
            args => { sql => 'select count(*), sum(i) from fresh' });
        $publisher->send(op => 'add_table_data', body => encode_json({
            identity => "more$i", table => table(fresh => [i => 'int'],
                [0]) }));
    }
    is(scalar(grep { $_->{body} =~ /\["\d\d", "465"\]/ }
        $client->answers(50)), 50, '50 at once beside 50 publishes');
    $publisher->answers(50);

    # one whose client leaves in the middle of it
    my $leaver = $worker->connect;
    $leaver->send(op => 'query', flags => Qasino::Frame::WRITE_DB,
        args => { sql => 'with recursive n(i) as (select 1 union all'
            . ' select i + 1 from n) select max(i) from n, fresh' });
    wait_until('its copy', sub { glob "$db_dir/qasino_write_snapshot_*" });
    $leaver->close;
    is(written($worker, 'select count(*) from fresh')->[0][0], 80,
        'a client that leaves before its answer');

    my $files = sub {
        grep { !/qasino_(?:table_store_\d+|next_(?:\d+|template))\.db
            (?:-journal)?$/x }
            glob "$db_dir/*";
    };
    cmp_ok(scalar($files->()), '<=', 2 * (3 + 1),
        'there is a copy for each reader at most');

    $worker->stop;
    spew("$db_dir/qasino_write_snapshot_$_", 'left over')
        for '1.db', '99.db', '99.db-journal';
    spew("$db_dir/qasino_next_$_", 'left over')
        for '99.db', '99.db-journal';
    $worker->{settings}{generation_duration} = 1;
    $worker->start;
    is_deeply([$files->(), glob "$db_dir/qasino_next_99*"], [],
        'what a worker left of copies and of the next file is removed');
    written($worker, 'select 1');
    $worker->wait_generation;
    wait_until('no copies', sub { !$files->() });
    pass('and none outlives its generation');
}

# The archive.
{
    my $archive = temp_dir() . '/archive';

    mkdir $archive;
    my $worker = start_worker(generation_duration => 1,
        archive_db_dir => $archive);
    my %number;

    for my $i (1 .. 3) {
        my $answer = $worker->publish('host', table(kept => [i => 'int',
            text => 'text'], map { [$i, 'x' x 1000] } 1 .. 500));
        $number{$answer->{generation_number}} = $i;
        $worker->wait_generation;
    }

    my $last = (sort { $a <=> $b } keys %number)[-1];
    wait_until('the archive to have the last one',
        sub { -e "$archive/qasino_table_store_$last.db" });

    for my $number (sort keys %number) {
        my $got = `sqlite3 -readonly $archive/qasino_table_store_$number.db \\
            "pragma integrity_check; select i, count(*) from kept group by i; \\
             select generation_number from qasino_server_info; \\
             select count(*) from qasino_server_tables"`;
        is($got, "ok\n$number{$number}|500\n$number\n7\n",
            "generation $number is a plain SQLite file");
    }
    my $wrong = grep { !/qasino_table_store_\d+\.db$|\.part$/ }
        glob "$archive/* $archive/.q*";
    is($wrong, 0, 'there is nothing else but what is being copied');

    # none is missing
    my %seen;
    for (1 .. 4) {
        my $number = $worker->generation;
        $seen{$number} = 1;
        $worker->wait_generation;
    }
    my ($end) = reverse sort keys %seen;
    $worker->wait_generation;
    wait_until('every generation that was seen', sub {
        return !grep { !-e "$archive/qasino_table_store_$_.db" } keys %seen;
    });
    pass('every generation that was served comes into the archive');

    # nothing can be written there any more: the tests may run as root, whom
    # no permission stops, but a file where the directory was does
    rename $archive, "$archive.moved" or die "rename: $!";
    spew($archive, 'in the way');
    wait_until('a log line', sub {
        $worker->log_text =~ /cannot archive .*qasino_table_store_\d+\.db/ });
    $worker->publish('host', table(after => [i => 'int'], [1]));
    $worker->wait_generation(2);
    pass('an archive that cannot be written costs log lines');
    my @left = glob "$worker->{settings}{db_dir}/qasino_table_store_*.db";
    cmp_ok(scalar @left, '<=', 4, '... and no room in db_dir')
        or diag("@left");

    unlink $archive;
    rename "$archive.moved", $archive or die "rename: $!";
    my $now = $worker->generation;
    wait_until('it to be archived', sub {
        -e "$archive/qasino_table_store_$now.db" });
    pass('once it can be written again, it goes on');
}

# One generation that cannot be copied costs that one.
{
    my $archive = temp_dir();
    my $worker = start_worker(generation_duration => 1,
        archive_db_dir => $archive);
    my $number = $worker->publish('host', table(bad => [i => 'int'], [1]))
        ->{generation_number};

    # the copy's name until it is whole: already there, and no file
    mkdir "$archive/.qasino_table_store_$number.db.part" or die "mkdir: $!";
    wait_until('a log line', sub {
        $worker->log_text =~ /cannot archive .*_$number\.db/ });
    wait_until('the next one', sub {
        grep { /_(\d+)\.db$/ && $1 > $number } glob "$archive/*.db" });
    pass('those after it are archived');
    ok(!-e "$archive/qasino_table_store_$number.db",
        '... and of the one that could not be there is no part');
}

done_testing();
