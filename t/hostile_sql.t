# Statements that want to do harm, by the numbers of the list of what was
# measured on other systems: nothing is done, everything is answered, and a
# neighbour who asks meanwhile gets right answers.

use v5.36;
use utf8;

use List::Util qw(max);
use Test::More;

use Qasino::Frame;
use Qasino::Hostile qw(bombs refused);
use Qasino::Process qw(build_dir is_direct slurp wait_until);
use Qasino::Server qw(table encode_json decode_json);
use Qasino::Worker;

use constant {
    HEAP => 32 << 20,           # query_heap below
    MARGIN => 160 << 20,        # confine.c's, and the program itself
    AT_ONCE => 20,
};

my $sanitized = build_dir() =~ /asan|tsan/;

# One worker for what has to be stopped, and one for what has to end by
# itself, however slow the machine.
my %limits = (query_processes => 4, query_slow_processes => 0,
    query_heap => HEAP, query_max_bytes => '4m');
# SQLite's LIKE measures the same text again and again; to check its end each
# time would take minutes.
$ENV{ASAN_OPTIONS} = join ':', grep { defined } $ENV{ASAN_OPTIONS},
    'strict_string_checks=0';

my $hasty = start_worker(generation_duration => 1, query_deadline => 1,
    %limits);
my $patient = start_worker(generation_duration => 3600, query_deadline => 60,
    %limits);

for my $worker ($hasty, $patient) {
    my @tables = (table(t => [a => 'int', b => 'text'],
            map { [$_, "row $_"] } 1 .. 10),
        table(many => [a => 'int'], map { [$_] } 1 .. 5000),
        table(wide => [map { ("c$_" => 'int') } 1 .. 300], [1 .. 300]));

    $worker->publish('host1', $_, static => 1) for @tables;
}

# Twenty at once before a neighbour, on a machine with other things to do.
$ENV{QASINO_PATIENCE} //= 150;

my $question = 'select count(*), sum(a) from t';
my $expected = [['10', '55']];

sub query_pids ($worker) {
    return sort { $a <=> $b } grep { !is_direct($_) }
        map { m{/proc/(\d+)/} ? $1 : () }
        grep { slurp($_) =~ /^\d+ \(qasino-query.*\) [^ZX] ${\$worker->pid} /s }
        glob '/proc/[0-9]*/stat';
}

sub peak_bytes ($pid) {
    return 1024 * ((slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m)[0]
        // 0);
}

# 1 to 6: refused, by SQLite or before it, and said why.
{
    my $door = $patient->connect;
    my %seen;

    for my $sql (refused()) {
        my $answer = $door->query($sql);
        my $reply = eval { decode_json($answer->{body}) } // {};

        is($answer->{status}, 400, 'refused: ' . $sql =~ s/[\0\n]/?/gr)
            or diag($answer->{body});
        ok($reply->{response_op} eq 'error'
            && length $reply->{error_message}, '... with a reason');
        $seen{$reply->{error_message}}++;
    }

    ok(!-e '/tmp/qasino-stolen.db', 'no file was written');
    cmp_ok(scalar keys %seen, '>', 50, 'the reasons are not all the same');
    is_deeply($patient->rows($question), $expected, 'the rows are there');
}

# Bytes that are no UTF-8 are no way round anything.
for my $bytes ("select '\xff'", "\xff\xfeselect 1", "select 1 --\xc3",
    "\xef\xbb\xbfselect 1", "delete\xa0from t", "\xc0\xa0vacuum")
{
    my $answer = $patient->connect->query($bytes);

    like($answer->{status}, qr/^(200|400)$/, 'no UTF-8: answered');
    ok(eval { JSON::PP->new->utf8->decode($answer->{body}); 1 },
        '... in UTF-8');
}

# 7: a bounded recursion is welcome.
is($patient->rows('with recursive n(i) as (select 1 union all select i + 1'
    . ' from n where i < 100000) select sum(i) from n')->[0][0],
    '5000050000', 'a recursion that ends');

# 7 to 10: each alone, with the status that its limit has ...
sub worker_for ($bomb) {
    return (grep { $_ == 504 } @$bomb[2 .. $#$bomb]) ? $hasty : $patient;
}

my %before = map { $_ => 1 } query_pids($patient);

for my $bomb (bombs()) {
    my ($name, $sql, @statuses) = @$bomb;
    my $answer = worker_for($bomb)->connect->query($sql);

    ok(scalar(grep { $_ == $answer->{status} } @statuses),
        "$name: $answer->{status}") or diag(substr $answer->{body}, 0, 300);
    next if $answer->{status} == 200;
    like($answer->{body}, qr/query_\w+|max_cell|"error_message": "[^"]{8}/,
        '... and says which');
}

is(scalar(grep { $before{$_} } query_pids($patient)), 4,
    'not one of those that end cost a process');

# ... and as one of 20 at once, while a neighbour asks.
for my $bomb (bombs()) {
    my ($name, $sql, @statuses) = @$bomb;
    my $worker = worker_for($bomb);
    my $crowd = $worker->connect;
    my $neighbour = $worker->connect;
    my $select = IO::Select->new($crowd->socket);
    my ($right, @wrong, %open, %ended);

    # not the same question, which would be asked once for all of them
    $crowd->send(op => 'query', args => { sql => "$sql /* $_ */" })
        for 1 .. AT_ONCE;

    # 503: it waited for as long as a query may take
    until (keys %ended == AT_ONCE && $right) {
        while (keys %ended < AT_ONCE
               && (length $crowd->{in} || $select->can_read(0)))
        {
            my $frame = $crowd->receive // last;
            $open{$frame->{id}} //= $frame->{status};
            $ended{$frame->{id}} = $open{$frame->{id}}
                if !($frame->{flags} & Qasino::Frame::MORE);
            last if $frame->{flags} & Qasino::Frame::MORE;
        }

        my $answer = $neighbour->query($question);
        next if $answer->{status} == 503
            || ($worker == $hasty && $answer->{status} == 504);
        my $rows = eval { decode_json($answer->{body})->{table}{rows} };
        $rows && eq_array($rows, $expected) ? $right++
            : push @wrong, "$answer->{status} $answer->{body}";
        last if @wrong > 5;
    }

    is_deeply(\@wrong, [], AT_ONCE . " times $name: a neighbour is answered"
        . ' and right');
    is(scalar(grep { my $s = $_; !grep { $s == $_ } @statuses, 403, 503 }
        values %ended), 0, '... and each of them ended as it should')
        or diag(explain(\%ended));
}

# Whatever the processes did, none took more than it may.
for my $worker ($hasty, $patient) {
    SKIP: {
        skip 'sanitizers have memory of their own', 1 if $sanitized;
        cmp_ok(max(map { peak_bytes($_) } query_pids($worker)), '<',
            HEAP + MARGIN, 'memory: within query_heap and a margin');
    }
    wait_until('four query processes',
        sub { 4 == (() = query_pids($worker)) });
}

# 10: an answer that is cut says so, in each format and with each option.
{
    my $many = 'with recursive n(i) as (select 1 union all select i + 1'
        . ' from n where i < 1000000) select i, hex(zeroblob(50)) from n';
    my $answer = $patient->connect->query($many);
    my $reply = decode_json($answer->{body});

    is($answer->{status}, 200, 'more bytes than query_max_bytes: 200');
    ok($reply->{truncated}, '... marked as truncated');
    is($reply->{truncated_by}, 'query_max_bytes', '... by which option');
    cmp_ok(length $answer->{body}, '<', 5 << 20, '... near the limit');
    is($reply->{table}{rows}[-1][0], scalar @{$reply->{table}{rows}},
        '... with whole rows');

    for my $format (Qasino::Frame::TEXT, Qasino::Frame::HTML) {
        my $body = $patient->connect->query($many, format => $format)->{body};
        like(substr($body, -200), qr/\d \s rows \s returned .* truncated:
            \s option \s query_max_bytes \s allows \s no \s more/xs,
            'likewise in another format');
        cmp_ok(length $body, '<', 5 << 20, '... near the limit');
    }

    # One wide row makes all the others wide in text.
    my $wide = $patient->connect->query('with recursive n(i) as (select 1'
        . ' union all select i + 1 from n where i < 10000) select case i'
        . ' when 5000 then hex(zeroblob(200000)) else i end from n',
        format => Qasino::Frame::TEXT)->{body};
    cmp_ok(length $wide, '<', 6 << 20, 'padding counts');
    like(substr($wide, -200), qr/query_max_bytes/, '... and is cut, too');
}

# 10: a slow reader is cut off, at the latest three generations later.
{
    my $slow = $hasty->connect;

    $slow->send(op => 'query', args => { sql => 'with recursive n(i) as'
        . ' (select 1 union all select i + 1 from n) select'
        . ' hex(zeroblob(10000)) from n limit 300' });
    $hasty->wait_generation(4);
    is_deeply($hasty->rows($question), $expected,
        'four generations with a reader that does not read');

    my @answers = $slow->answers(1);
    is(scalar @answers, 1, '... whose answer ends');
    wait_until('old generations to go', sub {
        2 >= (() = glob "$hasty->{settings}{db_dir}/qasino_table_store_*.db")
    });
    pass('... and no old generation is left');
}

# 11: values that JSON, text and HTML have no words for.
{
    my %cases = (
        '9e999' => '"inf"', '-9e999' => '"-inf"',
        '-0.0' => '-0.0', '9e999 - 9e999' => 'null',
        '9007199254740993' => '9007199254740993',
        '9223372036854775807' => '9223372036854775807',
        '-9223372036854775808' => '-9223372036854775808',
        "x'00ff'" => qq("x'00ff'"), "''" => '""', "x''" => '""',
        "'a' || char(0) || 'b'" => '"a\u0000b"',
        "cast(x'ff41' as text)" => qq("\xef\xbf\xbdA"),
        "cast(x'eda080' as text)" =>
            qq("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
        "char(127, 1, 27)" => '"\u007f\u0001\u001b"',
        '1e308' => '1e+308', '0.1' => '0.1'
    );

    for my $value (sort keys %cases) {
        my $body = $patient->connect->query("select $value as v",
            flags => Qasino::Frame::NATIVE)->{body};
        my ($cell) = $body =~ /"rows": \[\[(.*?)\]\]/s;

        is($cell, $cases{$value}, "the value $value");
        ok(eval { JSON::PP->new->utf8->decode($body); 1 }, '... is JSON');

        for my $format (Qasino::Frame::TEXT, Qasino::Frame::HTML) {
            my $text = $patient->connect->query("select $value as v",
                format => $format)->{body};
            ok(utf8::decode(my $copy = $text) && $text !~ /[^\n\x20-\xff]/,
                '... in another format without control characters');
        }
    }
}

# 12: identifiers.
{
    my $door = $patient->connect;
    my $publish = sub ($name, @columns) {
        my $answer = $door->request(op => 'add_table_data',
            body => encode_json({ op => 'add_table_data',
                identity => 'names', table => table($name,
                [map { ($_ => 'int') } @columns], [map { 1 } @columns]) }));
        return $answer->{status};
    };

    is($publish->($_, 'a'), 400, 'no table name: ' . encode_json($_))
        for 'a"b', "a'b",
        'a]b', 'a`b', "a\nb", "a\x01b", 'a b', 'a.b', 'a;b', '', '1a', 'é',
        'sqlite_master', 'SQLITE_x', 'qasino_server_info',
        'Qasino_Server_x', '_qasino_reports', '_QASINO_x', 'x' x 129,
        '<script>', 'pragma_database_list"', '-- x';
    is($publish->('good', $_), 400, 'no column name: ' . encode_json($_))
        for 'a"b', "a'b",
        'a]b', "a\tb", 'a b', '', 'é', '<b>', 'x' x 129;
    is($publish->('twins', 'abc', 'ABC'), 400, 'names equal but for case');
    is($publish->('order', 'group', 'select', 'from', 'rowid'), 200,
        'words of SQL are names');
    is($publish->('pragma_database_list', 'file'), 200,
        'a table may be called like a pragma');

    # What a user writes comes back as the name of a column, escaped.
    for my $name ('a"b', "it's", 'a]b', '`', '<script>', "\x01", '"', '\\') {
        my $quoted = $name =~ s/"/""/gr;
        my $reply = $patient->query(qq(select 1 as "$quoted"));
        is_deeply($reply->{table}{column_names}, [$name],
            'a column called ' . $name =~ s/\x01/^A/r);
    }
}

# 13: nothing that anybody sends becomes HTML in a page or a format.
{
    my $evil = q{</td></p><script>alert(1)</script><img src=x onerror=y>"'};
    my $quoted = $evil =~ s/'/''/gr =~ s/"/""/gr;
    my @statements = ("select '" . $evil =~ s/'/''/gr . "' as x",
        qq(select 1 as "$quoted"), qq(select * from "$quoted"),
        qq(select "$quoted".x), "select x'" . unpack('H*', $evil) . "'",
        "select $evil", "desc $evil", "desc \"$quoted\"",
        "show tables like '" . $evil =~ s/'/''/gr . "'", "$evil",
        "desc view \"$quoted\"", "select load_extension('$quoted')",
        qq(select "$quoted"()));

    for my $sql (@statements) {
        my $html = $patient->connect->query($sql,
            format => Qasino::Frame::HTML)->{body};
        unlike($html, qr/<script|<img/, 'HTML: ' . substr $sql, 0, 40);
        my $json = $patient->connect->query($sql);
        ok(eval { decode_json($json->{body}); 1 }, '... JSON: is JSON');
    }
}

done_testing();
