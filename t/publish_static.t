# "static" tables: in a durable database of their own, visible as soon as
# they are acknowledged, replaced whole by whoever reports next.

use v5.36;

use File::Temp ();
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(wait_until);
use Qasino::Server;
use Qasino::Worker;

my $server = start_server(generation_duration => 1);

sub static ($identity, @table) {
    return $server->published($identity, table(@table), static => 1);
}

sub is_rows ($sql, $expected, $name) {
    my $answer = $server->query($sql);

    is_deeply($answer->{table} && $answer->{table}{rows}, $expected, $name)
        or diag(explain($answer));
}

sub unknown ($sql, $name) {
    like($server->query($sql)->{error_message} // '', qr/no such table/,
        $name);
}

# At once, whichever query process and nginx worker is asked, and whatever
# they remember of the answer before.
{
    my @wrong;

    unknown('select * from versions', 'before it is reported');

    for my $version (1 .. 50) {
        static('host1', versions => [version => 'int'], [$version]);
        push @wrong, "version $version, not $_" for grep { $_ ne $version }
            map { $server->value('select version from versions') } 1 .. 6;
    }

    is_deeply(\@wrong, [], 'each version is seen as soon as it is'
        . ' acknowledged');
}

# All rows are replaced, whoever reported them; columns stay, as in any table.
{
    static('host1', whole => [a => 'int', b => 'text'], [1, 'x'], [2, 'y']);
    is_rows('select a, b from whole', [['1', 'x'], ['2', 'y']],
        'a static table');
    static('host2', WHOLE => [c => 'text', A => 'int'], ['z', 3]);
    is_rows('select a, b, c from whole', [['3', '', 'z']],
        'another identity replaces its rows');
    is_rows("select name, type from pragma_table_info('whole')",
        [['a', 'INTEGER'], ['b', 'TEXT'], ['c', 'TEXT']],
        '... and may add columns');
    static('host2', whole => [c => 'text'], ['y'], ['y']);
    is_rows('select a, b, c from whole', [['', '', 'y'], ['', '', 'y']],
        'the same identity too, also twice in a generation');

    my $refused = $server->publish('host1', { table(whole => [c => 'text'],
        ['x'])->%*, rows => [['x'], ['x', 'y']] }, static => 1);
    is($refused->{status}, 400, 'a bad one is refused');
    is_rows('select c from whole', [['y'], ['y']], '... and changes nothing');

    static('host1', whole => [a => 'int']);
    is_rows('select a from whole', [], 'one without rows empties it');
    static('host2', whole => [c => 'text'], ['z']);
}

# Listed in the next generation, and only there.
{
    $server->wait_generation(2);
    is_rows('select tablename, nr_rows, nr_updates, static'
        . " from qasino_server_tables where tablename in ('whole',"
        . " 'versions') order by 1", [['versions', 1, 50, 1],
        ['whole', 1, 5, 1]], 'qasino_server_tables has them, static = 1');
    unknown('select * from main.whole', 'no generation has its rows');
}

# With update rows merge, whoever sends them.
{
    my @columns = (k => 'text', a => 'int');

    static('host1', merged => \@columns, ['x', 1], ['y', 2]);
    $server->published('host2', table(merged => [k => 'text', b => 'int'],
        ['y', 20], ['z', 30]), static => 1, update => 1, keycols => 'k');
    $server->published('host1', table(merged => \@columns, ['z', 3]),
        static => 1, update => 'yes', keycols => 'k');
    is_rows('select k, a, b from merged order by k',
        [['x', 1, ''], ['y', 2, 20], ['z', 3, 30]],
        'static updates merge by key');

    $server->published('host1', table(fresh => \@columns, ['x', 1]),
        static => 1, update => 1, persist => 1, keycols => 'k');
    is_rows('select * from fresh', [['x', 1]],
        'an update may be the first of its table');
    static('host3', fresh => \@columns, ['x', 2], ['x', 3]);
    $server->published('host1', table(fresh => \@columns, ['x', 4]),
        static => 1, update => 1, keycols => 'k');
    is_rows('select * from fresh', [['x', 4], ['x', 4]],
        'and one after a replacement sets its rows');
}

# A normal table of the same name hides it, as long as there is one.
{
    static('host1', hidden => [a => 'text'], ['static']);

    # a row a generation, so that there is a moment in which it is there
    my $answer = wait_until('the normal table to be served', sub {
        $server->published('host1', table(hidden => [a => 'text'],
            ['normal']));
        my $answer = $server->query('select hidden.a, s.a, t.static'
            . ' from hidden, static.hidden s, qasino_server_tables t'
            . " where tablename = 'hidden' order by t.static");
        my $rows = $answer->{table} && $answer->{table}{rows};
        return $rows && @$rows == 2 && $rows->[0][0] eq 'normal' && $answer;
    });

    is_deeply($answer->{table}{rows}, [['normal', 'static', 0],
        ['normal', 'static', 1]], 'a normal table hides the static one,'
        . ' static.NAME reaches it, and both are listed');
    wait_until('the normal table to go', sub {
        $server->value('select a from hidden') eq 'static';
    });
    is_rows('select a from hidden', [['static']],
        'without it the static one is back');
}

# What is off in words and numbers is off.
for my $off ('false', 'FALSE', 'no', 0, '0', '', JSON::PP::false(), undef) {
    my $word = JSON::PP->new->allow_nonref->encode($off);

    $server->published('host1', table(flag => [a => 'int'], [1]),
        static => $off);
    unknown('select * from static.flag', "static: $word is off");
}
for my $on ('true', 1, 'yes', JSON::PP::true()) {
    my $word = JSON::PP->new->allow_nonref->encode($on);

    $server->published('host1', table(flag => [a => 'text'], [$word]),
        static => $on);
    is_rows('select a from static.flag', [[$word]], "static: $word is on");
}

# A query that began on the old rows finishes on them.  Its client does not
# read on, so that it is still running when the table is replaced; no
# generation ends meanwhile, as a query may see only three of them.
{
    my $worker = start_worker(generation_duration => 3600);
    my $replace = sub (@table) {
        my $answer = $worker->publish('host2', table(reading => @table),
            static => 1);
        is($answer->{response_op}, 'ok', 'the table is replaced meanwhile');
    };

    $replace->([version => 'text'], map { ['old'] } 1 .. 10);

    my $client = $worker->connect;
    $client->send(op => 'query', format => Qasino::Frame::TEXT, args => {
        sql => 'with recursive n(i) as (select 1 union all select i + 1'
            . ' from n where i < 100000) select i, version from n, reading' });
    my $frame = $client->receive;
    is($frame->{status}, 200, 'a long query');
    ok($frame->{flags} & Qasino::Frame::MORE, '... that is not at its end');

    $replace->([version => 'text', more => 'int'], ['new', 1]);
    is_deeply($worker->rows('select version, more from reading'),
        [['new', 1]], '... and seen');
    $replace->([version => 'text'], ['newer']);
    is_deeply($worker->rows('select version from reading'), [['newer']],
        '... and again');

    my $text = $frame->{body};
    while ($frame->{flags} & Qasino::Frame::MORE) {
        $frame = $client->receive;
        $text .= $frame->{body};
    }

    ok(!($frame->{flags} & Qasino::Frame::ABORT), 'the query ends well');
    my $old = () = $text =~ /^ *\d+ +old$/mg;
    is($old, 1_000_000, '... with all of the old rows');
    unlike($text, qr/new/, '... and none of the new');
}

# kill -9 and restarts.
{
    my $check = sub ($name) {
        is_rows('select a, b, c from whole', [['', '', 'z']],
            "$name: it is there");
        is_rows('select k, a, b from merged order by k',
            [['x', 1, ''], ['y', 2, 20], ['z', 3, 30]],
            "$name: so is what was merged");
    };

    for my $i (1 .. 3) {
        static('host1', killed => [i => 'int'], map { [$i] } 1 .. 100);
        $server->kill_and_wait('qasino-worker');
        $server->wait_answer;
        is_rows('select i, count(*) from killed group by i', [[$i, 100]],
            "kill $i after the acknowledgement");
    }

    $check->('after kill -9');
    $server->restart;
    $check->('after a restart');
    $server->stop('KILL', 'died of signal 9');
    $server->start;
    $server->wait_answer;
    $check->('after the launcher was killed');

    $server->published('host2', table(merged => [k => 'text', b => 'int'],
        ['x', 10]), static => 1, update => 1, keycols => 'k');
    is_rows("select a, b from merged where k = 'x'", [[1, 10]],
        'and merging goes on');
    static('host1', versions => [version => 'int'], [99]);
    is_rows('select version from versions', [[99]], '... and replacing');

    $server->wait_generation(2);
    is_rows('select nr_rows, nr_updates from qasino_server_tables'
        . " where tablename in ('merged', 'versions') order by tablename",
        [[3, 4], [1, 51]], '... and counting');
}

# Queries that leave no moment without a reader do not let SQLite's log grow
# for ever.
{
    my $worker = start_worker(generation_duration => 3600,
        query_deadline => 0.5, query_processes => 2, max_static => 16 << 20);
    my $log = "$worker->{settings}{static_db}-wal";
    my $n = 0;
    my $publish = sub { $worker->publish('host', table(busy => [a => 'text'],
        map { [$n++ . 'x' x 1000] } 1 .. 500), static => 1) };
    my @readers = map { $worker->connect } 1 .. 4;

    $publish->();

    for my $reader (@readers) {
        $reader->send(op => 'query', args => { sql => 'with recursive n(i) as'
            . ' (select 1 union all select i + 1 from n) select count(*),'
            . " $_ from n, busy" }) for 1 .. 100;
    }

    $publish->() for 1 .. 60;
    cmp_ok(-s $log, '<', 12 << 20, 'of 30 MB only the last are in the log');
    close $_->socket for @readers;
    $worker->stop;
}

# Where it lies.
{
    my $dir = $server->dir;
    my $nowhere = "$dir/not/yet/there";
    my $worker = start_worker(generation_duration => 3600,
        static_db => "$nowhere/static.db");

    ok(-s "$nowhere/static.db", 'directories of --static-db are made');
    $worker->publish('host1', table(made => [a => 'int'], [1]), static => 1);
    $worker->restart;
    is_deeply($worker->rows('select * from made'), [[1]], '... for good');

    my $type = `stat -f -c %T $nowhere`;
    is($worker->log_text =~ /warning.*static_db.*not on a disk/ ? 1 : 0,
        $type =~ /tmpfs|ramfs/ ? 1 : 0, 'a disk is no reason for a warning');

    # the generations' own directory has to be on a tmpfs: so there is one
    my $memory = File::Temp->newdir('qasino-t.XXXXXX', DIR => '/dev/shm');
    is(`stat -f -c %T $memory`, "tmpfs\n", '/dev/shm is a tmpfs');
    my $warned = start_worker(generation_duration => 3600,
        static_db => "$memory/static.db");
    like($warned->log_text,
        qr{warning: static_db $memory/static.db is not on a disk},
        'a tmpfs is');
    $warned->stop;

    # a parent that is a file
    my $log = '';
    my $started = eval {
        start_worker(static_db => "$dir/server.log/static.db"); 1 };
    $log = $@;
    ok(!$started, 'a --static-db that cannot be made ends the start');
    like($log, qr{server.log/static.db}, '... and the reason names it');
}

done_testing();
