# "update" with "keycols": rows merged by key, within a generation and, with
# "persist", over many; and name_value_update, which is such an update.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server;
use Qasino::Worker;

# A generation that does not end, and is looked into while it is collected.
my $worker = start_worker(generation_duration => 3600);

sub rows ($sql) {
    return $worker->rows($sql, flags => Qasino::Frame::WRITE_DB
        | Qasino::Frame::NATIVE);
}

sub update ($identity, $keycols, @table) {
    my $answer = $worker->publish($identity, table(@table), update => 1,
        defined $keycols ? (keycols => $keycols) : ());

    return $answer if $answer->{response_op} eq 'ok';
    die encode_json($answer);
}

sub refused ($name, $pattern, @how) {
    my $answer = $worker->connect->request(@how);

    is($answer->{status}, 400, "$name is refused");
    like($answer->{body}, $pattern, '... and the reason says why');
}

# Keys and columns.
{
    my @columns = (k => 'text', a => 'int', b => 'int');

    update('A', 'k', single => \@columns, ['x', 1, 1], ['y', 2, 2]);
    update('B', 'k', single => \@columns, ['y', 20, 20], ['z', 3, 3]);
    is_deeply(rows('select k, a, b from single order by k'),
        [['x', 1, 1], ['y', 20, 20], ['z', 3, 3]], 'a row for each key');

    update('A', 'k', single => [k => 'text', b => 'int'], ['x', 100]);
    update('A', 'K', single => [c => 'text', K => 'text'], ['new', 'z']);
    is_deeply(rows('select k, a, b, c from single order by k'),
        [['x', 1, 100, undef], ['y', 20, 20, undef], ['z', 3, 3, 'new']],
        'columns that are not reported stay');

    update('A', 'k', single => \@columns, map { ['w', $_, -$_] } 1 .. 5);
    is_deeply(rows("select a, b from single where k = 'w'"), [[5, -5]],
        'of one key twice in a publish the last row stands');

    is_deeply(rows('select nr_rows, nr_updates from qasino_server_tables'
        . " where tablename = 'single'"), [[4, 5]],
        'each update counts, and only rows that are new');
    is_deeply(rows('select identity, nr_tables from'
        . ' qasino_server_connections order by 1'),
        [['A', 1], ['B', 1], ['test-server', 6]],
        'a table counts once for its publisher');
}

{
    my @columns = (host => 'text', port => 'int', state => 'text');

    update('A', ' host ; port ', multiple => \@columns, ['h', 1, 'up'],
        ['h', 2, 'up'], ['g', 1, 'up']);
    update('A', 'port;host', multiple => \@columns, ['h', 2, 'down']);
    is_deeply(rows('select host, port, state from multiple order by 1, 2'),
        [['g', 1, 'up'], ['h', 1, 'up'], ['h', 2, 'down']],
        'several key columns, in any order');

    update('B', 'host', multiple => [host => 'text', state => 'text'],
        ['h', 'gone']);
    is_deeply(rows('select host, port, state from multiple order by 1, 2'),
        [['g', 1, 'up'], ['h', 1, 'gone'], ['h', 2, 'gone']],
        'another set of keys sets all rows that have it');
}

{
    update('A', undef, none => [a => 'int', b => 'text'], [1, 'x'],
        [1, 'x'], [1, 'y']) for 1, 2;
    update('B', '', none => [a => 'int', b => 'text'], [1, 'x'], [2, 'x']);
    is_deeply(rows('select a, b from none order by a, b'),
        [[1, 'x'], [1, 'y'], [2, 'x']], 'without keycols all columns are');
}

# What is a key: SQL's NULL is one, and types are the column's.
{
    my @columns = (k => 'text', l => 'int', a => 'int');

    update('A', 'k;l', null_keys => \@columns, [undef, 1, 1], ['', 1, 2],
        [undef, undef, 3]);
    update('A', 'k;l', null_keys => \@columns, [undef, 1, 10],
        [undef, undef, 30]);
    is_deeply(rows('select k, l, a from null_keys order by a'),
        [['', 1, 2], [undef, 1, 10], [undef, undef, 30]],
        'NULL in a key is a key, and not the empty text');

    update('A', 'k', affine => [k => 'text', a => 'int'], [7, 1], ['7', 2]);
    update('A', 'k', affine2 => [k => 'int', a => 'int'], ['7', 1], [7, 2]);
    update('A', 'k', affine3 => [k => 'real', a => 'int'], [7, 1], [7.0, 2]);
    is_deeply([map { rows("select a from $_") } qw(affine affine2 affine3)],
        [([[2]]) x 3], '7 and "7" are one key');

    update('A', 'k', cases => [k => 'text', a => 'int'], ['key', 1],
        ['KEY', 2], ["k\xc3\xa9y", 3], ["o'k\"", 4], ["o'k\"", 5]);
    is_deeply(rows('select a from cases order by a'), [[1], [2], [3], [5]],
        'texts are compared as they are');
}

# Keys of an update do not bind those who report plainly.
{
    my @columns = (k => 'int', a => 'text');
    my $plain = sub ($identity, @rows) {
        is($worker->publish($identity, table(mixed => \@columns, @rows))
            ->{response_op}, 'ok', "a plain report of $identity");
    };

    $plain->('A', [1, 'first'], [1, 'second'], [2, 'third']);
    update('B', 'k', mixed => \@columns, [1, 'updated'], [3, 'made']);
    $plain->('C', [1, 'again'], [1, 'again'], [3, 'again']);
    $plain->('B', [1, 'own']);
    is_deeply(rows('select k, a, count(*) from mixed group by k, a'),
        [[1, 'again', 2], [1, 'own', 1], [1, 'updated', 2],
         [2, 'third', 1], [3, 'again', 1], [3, 'made', 1]],
        'plain rows with the keys of an update');
    update('D', 'k;a', mixed => \@columns, [1, 'again'], [4, 'new']);
    is_deeply(rows('select count(*), sum(k = 4) from mixed'), [[9, 1]],
        'and an update with another key on all of them');
}

# Each set of key columns costs every later write: there are 16 at most.
for my $static (0, 1) {
    my @columns = map { ("c$_" => 'int') } 1 .. 17;
    my $try = sub ($keycols, $n, @order) {
        return $worker->connect->request(op => 'add_table_data',
            body => encode_json({ identity => 'A', update => 1,
                static => $static, keycols => $keycols,
                table => table(keyed => [map { ("c$_" => 'int') } @order],
                    [($n) x @order]) }));
    };

    is(scalar(grep { $try->("c$_", $_, 1 .. 17)->{status} == 200 } 1 .. 16),
        16, 'sixteen sets of key columns');

    my $answer = $try->('c17', 17, 1 .. 17);

    is($answer->{status}, 507, '... and not another');
    like($answer->{body}, qr/'keyed' is updated by 16 sets.*at most/,
        '... which says why');
    is($try->('C16', 16, 1 .. 17)->{status}, 200, 'those that are go on');
    is($worker->publish('B', table(keyed => [@columns], [(18) x 17]),
        static => $static)->{response_op}, 'ok', '... and plain reports');

    next if $static;
    is($try->('c1;c2', 1, 1, 2)->{status}, 507, 'two columns');

    my %taken;

    for my $first (1 .. 5) {
        for my $second (grep { $_ != $first } 1 .. 5) {
            my $answer = $worker->connect->request(op => 'add_table_data',
                body => encode_json({ identity => 'A', update => 1,
                    table => table(ordered => [map { ("c$_" => 'int') }
                        $first, $second, grep { $_ != $first
                            && $_ != $second } 1 .. 5], [1 .. 5]) }));
            $taken{$answer->{status}}++;
        }
    }
    is_deeply(\%taken, { 200 => 20 }, 'in any order they are one set');
}

# A table of as many columns as there may be.
{
    my @columns = map { ("c$_" => 'int') } 1 .. 1000;
    my @row = 1 .. 1000;

    update('A', undef, wide => \@columns, [@row], [@row[0 .. 998], -1]);
    update('B', undef, wide => \@columns, [@row], [@row[0 .. 998], undef]);
    is_deeply(rows('select c1, c1000 from wide order by c1000'),
        [[1, undef], [1, -1], [1, 1000]], '1000 columns, all of them keys');

    update('C', join(';', map { "c$_" } 1 .. 999), wide => \@columns,
        [@row[0 .. 998], 7], [0, @row[1 .. 998], 8]);
    is_deeply(rows('select c1, c999, c1000 from wide order by c1, c1000'),
        [[0, 999, 8], ([1, 999, 7]) x 3], '999 keys and a value');

    update('D', 'c500', wide => [c500 => 'int', c1 => 'int'], [500, 5]);
    is_deeply(rows('select distinct c1, c999 from wide'), [[5, 999]],
        'one key');
}

# What is refused leaves nothing behind.
{
    my $publish = sub ($keycols, @more) {
        return (op => 'add_table_data', body => encode_json({
            identity => 'A', update => 1, keycols => $keycols, @more,
            table => table(refused => [a => 'int', b => 'int'], [1, 2]) }));
    };

    refused('an unknown key column', qr/nosuch/, $publish->('nosuch'));
    refused('one among good ones', qr/nosuch/, $publish->('a;nosuch;b'));
    update('A', 'a', known => [a => 'int', c => 'int'], [1, 2]);
    refused('a key column of the table that is not reported', qr/'c'/,
        (op => 'add_table_data', body => encode_json({ identity => 'A',
            update => 1, keycols => 'a;c', table => table(known =>
                [a => 'int', b => 'int'], [1, 2]) })));
    is_deeply(rows('select count(*) from qasino_server_tables'
        . " where tablename = 'refused'"), [[0]], 'nothing of it is stored');
    is_deeply(rows('select * from known'), [[1, 2]], '... in either table');
    for my $off ('false', 0, '0', 'No') {
        my $answer = $worker->publish('A', table("off" => [a => 'int'],
            [1], [1]), update => $off);
        is($answer->{response_op}, 'ok', "update: $off");
    }
    is_deeply(rows('select count(*) from off'), [[2]],
        '... is no update: the first report stands');
}

# name_value_update: what is wrong with its name.
for my $name ('t', 't.', '.c', 't.c.d', '', 't.c d', 'qasino_server_info.x',
    "t.c'--", 'sqlite_x.y')
{
    refused("the name '$name'", qr/"error"/, op => 'name_value_update',
        args => { name => $name, value => 'v' });
}
refused('no name', qr/name/, op => 'name_value_update',
    args => { value => 'v' });
refused('no value', qr/'value'/, op => 'name_value_update',
    args => { name => 't.c' });


# Over generations.

my $archive = temp_dir();
my $server = start_server(generation_duration => 1,
    archive_db_dir => $archive);

# The first $count retired generations from $from on.
sub archived ($from, $count) {
    my @numbers;

    wait_until("$count generations from $from on", sub {
        @numbers = sort { $a <=> $b } grep { $_ >= $from }
            map { /_(\d+)\.db$/ } glob "$archive/qasino_table_store_*.db";
        return @numbers > $count;   # one more: copies may come out of order
    });

    return @numbers[0 .. $count - 1];
}

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

sub persist ($identity, $keycols, @table) {
    return $server->published($identity, table(@table), update => 1,
        persist => 1, keycols => $keycols)->{generation_number};
}

sub acknowledged ($answer) {
    my $document = Qasino::Server::document($answer);

    is($document->{response_op}, 'ok', 'a name_value_update is acknowledged')
        or diag(explain($document));

    return $document->{generation_number};
}

# By every interface, each a column or an identity more.
{
    my $query = '/request?op=name_value_update';

    acknowledged($server->http_get("$query&identity=h1&name=nv.c1&value=old"));
    acknowledged($server->http_get("$query&identity=h1&name=nv.c1&value=one"));
    acknowledged($server->http_post("$query&identity=h1&name=nv.c2"
        . '&value=two%20%26%20more', ''));
    acknowledged($server->http_post($query,
        { identity => 'h1', name => 'nv.c3', value => 3 }));
    acknowledged($server->http_post('/request', { op => 'name_value_update',
        identity => 'h2', name => 'NV.C1', value => "it's" }));
    acknowledged($server->http_get("$query&name=nv.c1&value="));

    my $zmq = $server->zmq('print(req({"op": "name_value_update",'
        . ' "identity": "h3", "name": "nv.c4", "value": "zmq"})[0])');
    is($zmq->{response_op}, 'ok', '... over ZeroMQ too');

    my $frame = $server->frames->request(flags => Qasino::Frame::PARTS,
        body => '{"op": "name_value_update", "identity": "h4",'
            . ' "name": "nv.c1", "value": true}');
    is($frame->{status}, 200, '... and in a frame as the bridge sends it');

    my @numbers = archived($frame->{args}{generation}, 4);
    in_each(\@numbers, 'four generations later every key and column is there',
        'select identity, c1, c2, c3, c4 from nv order by identity',
        "h1|one|two & more|3|NULL\nh2|it's|NULL|NULL|NULL\n"
        . "h3|NULL|NULL|NULL|zmq\nh4|true|NULL|NULL|NULL\n"
        . "unknown||NULL|NULL|NULL\n");
    in_each([@numbers[1 .. 3]], '... and counted',
        "select nr_rows from qasino_server_tables where tablename = 'nv'",
        "5\n");

    my $later = acknowledged($server->http_get(
        "$query&identity=h1&name=nv.c2&value=changed"));
    in_each([archived($later, 3)], 'a later update changes its column only',
        "select c1, c2, c3 from nv where identity = 'h1'",
        "one|changed|3\n");
}

# A's persisted rows, touched by B's persisted update.
{
    $server->published('A', table(shared => [k => 'int', a => 'text'],
        [1, 'A1'], [2, 'A2'], [3, 'A3']), persist => 1);
    my $number = persist('B', 'k', shared => [k => 'int', b => 'text'],
        [2, 'B2'], [4, 'B4']);
    persist('C', 'k', shared => [k => 'int', c => 'text'],
        [4, 'C4'], [5, 'C5']);
    $number = persist('B', 'k', shared => [k => 'int', b => 'text'],
        [3, 'B3']);

    in_each([archived($number, 4)], 'rows that two have set do not multiply',
        'select k, a, b, c from shared order by k',
        "1|A1|NULL|NULL\n2|A2|B2|NULL\n3|A3|B3|NULL\n4|NULL|B4|C4\n"
        . "5|NULL|NULL|C5\n");

    # the worker dies; what is carried is neither lost nor there twice
    for (1 .. 2) {
        $server->kill_and_wait('qasino-worker');
        $server->wait_answer;
    }
    $server->restart;
    $number = persist('mark', 'k', mark => [k => 'int'], [1]);
    in_each([archived($number, 3)], '... nor when the worker is killed and'
        . ' the server restarted',
        'select k, a, b, c from shared order by k',
        "1|A1|NULL|NULL\n2|A2|B2|NULL\n3|A3|B3|NULL\n4|NULL|B4|C4\n"
        . "5|NULL|NULL|C5\n");
}

# A plain report ends what its identity's updates persisted, and no more.
{
    persist('B', 'k', ended => [k => 'int', b => 'text'], [9, 'B9']);
    $server->published('A', table(ended => [k => 'int', a => 'text'],
        [1, 'A1'], [2, 'A2']), persist => 1);
    my $before = persist('B', 'k', ended => [k => 'int', b => 'text'],
        [2, 'B2'], [8, 'B8']);
    wait_until('the carried rows', sub { $server->generation >= $before });

    my $number = $server->published('B', table(ended => [k => 'int',
        b => 'text'], [7, 'plain']))->{generation_number};
    my ($own, @later) = archived($number, 4);

    is(held($own, 'select k, a, b from ended where k > 2'),
        "7|NULL|plain\n", 'a plain report replaces the carried updates');
    in_each(\@later, "... it is gone after; A's rows are what is left",
        'select k, a from ended order by k', "1|A1\n2|A2\n");
    in_each(\@later, '... as its only table and publisher',
        'select nr_rows, nr_updates from qasino_server_tables'
            . " where tablename = 'ended'", "2|1\n");
}

# So does an update without persist, which stays for its own generation.
{
    my $before = persist('A', 'k', once => [k => 'int', a => 'int'], [1, 1]);
    persist('B', 'k', once => [k => 'int', a => 'int'], [2, 2]);
    wait_until('the carried rows', sub { $server->generation > $before });

    my $number = $server->published('A', table(once => [k => 'int',
        a => 'int'], [1, 10], [3, 30]), update => 1, keycols => 'k')
        ->{generation_number};
    my ($own, @later) = archived($number, 3);

    is(held($own, 'select k, a from once order by k'),
        "1|10\n2|2\n3|30\n", 'an update without persist merges with carried');
    in_each(\@later, '... and ends what the identity had persisted',
        'select k, a from once', "2|2\n");
}

# Wide and persisted.
{
    my $number = persist('A', join(';', map { "c$_" } 1 .. 1000),
        wide => [map { ("c$_" => 'int') } 1 .. 1000], [1 .. 1000]);

    in_each([archived($number, 3)], 'a persisted key of 1000 columns',
        'select count(*), c1, c1000 from wide', "1|1|1000\n");
}

done_testing();
