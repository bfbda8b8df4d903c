# CSV publishing: options, quoting, what empty and bad cells become, limits;
# a large table through HTTP.  Whatever is refused is refused whole.

use v5.36;

use IO::Socket::INET;
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(wait_until);
use Qasino::Server;
use Qasino::Worker;

# A generation that does not end, and is looked into while it is collected.
my $worker = start_worker(generation_duration => 3600, max_cell => '1k',
    max_columns => 20);
my $client = $worker->connect;
my $count = 0;

sub rows ($sql) {
    return $worker->rows($sql, flags => Qasino::Frame::WRITE_DB
        | Qasino::Frame::NATIVE);
}

sub publish ($text) {
    return $client->request(op => 'add_csv_table_data', body => $text);
}

# A table with those column types and lines of rows: its name, once it is in.
sub published ($name, $types, $rows, $options = '1,identity=csv') {
    my $table = 't' . ++$count;
    my @names = map { "c$_" } 1 .. split /,/, $types, -1;
    my $answer = publish("$options\n$table\n" . join(',', @names)
        . "\n$types\n" . join(',', @names) . "\n$rows");

    is($answer->{status}, 200, $name) or diag($answer->{body});

    return $table;
}

sub is_stored ($name, $types, $rows, $expected) {
    my $table = published($name, $types, $rows);

    is_deeply(rows("select * from $table"), $expected, "$name: as stored");
}

sub refused ($name, $types, $rows, $pattern) {
    my @names = map { "c$_" } 1 .. split /,/, $types, -1;
    my $list = join ',', @names;

    refused_text($name, "identity=csv\nrefused\n$list\n$types\n$list\n$rows",
        $pattern);
}

sub refused_text ($name, $text, $pattern, $status = 400) {
    my $answer = publish($text);
    my $document = decode_json($answer->{body});

    is($answer->{status}, $status, "$name is refused");
    like($document->{error_message} // '', $pattern, '... saying where');
}

# Options.
{
    my $number = 0;

    for my $options (
        'identity=host,persist=1',
        '1,identity=host,persist=1',
        '1.0, identity = host , persist = yes',
        'persist=true,identity=host',
        '1,"identity=host","persist=1"',
        '"1","identity=host",persist=Y',
        'identity=host,persist=1,colour=blue,nonsense,=,==,',
        ",,identity=host,,persist=on,\t",
        'identity=other,persist=0,identity=host,persist=1',
    ) {
        published("options '$options'", 'int', "1\n", $options);
        is_deeply(rows('select nr_tables from qasino_server_connections'
            . " where identity = 'host'"), [[++$number]],
            '... its identity is "host"');
    }

    my $quoted = published('an identity with comma and quote', 'int', "1\n",
        qq(1,"identity=a ""b"", c"));
    is_deeply(rows('select count(*) from qasino_server_connections'
        . qq( where identity = 'a "b", c')), [[1]], '... is taken as it is');

    for my $off ('0', 'no', 'NO', 'false', '') {
        my $table = published("static=$off", 'int', "1\n1\n",
            "identity=off,static=$off,update=$off");
        is_deeply(rows("select count(*) from main.$table"), [[2]],
            '... is off, and so is update');
    }

    for my $on ('1', 'yes', 'true') {
        my $table = published("static=$on", 'int', "1\n",
            "identity=on,static=$on");
        is_deeply(rows("select c1 from static.$table"), [[1]], '... is on');
    }

    my $table = published('update with keycols', 'int,text',
        "1,x\n2,y\n1,z\n", 'identity=u,update=1,keycols=c1');
    is_deeply(rows("select c1, c2 from $table order by c1"),
        [[1, 'z'], [2, 'y']], '... merges by key');
    $table = published('two keycols', 'int,text,int',
        "1,x,1\n1,y,2\n1,x,3\n", '1,identity=u,update=1,keycols=c1;C2');
    is_deeply(rows("select c1, c2, c3 from $table order by c2"),
        [[1, 'x', 3], [1, 'y', 2]], '... also over two columns');
    $table = published('static and update', 'int,text', "1,x\n1,y\n",
        'identity=u,update=1,static=1,keycols=c1');
    is_deeply(rows("select * from static.$table"), [[1, 'y']], '... merge');

    refused_text('a CSV without identity',
        "1,persist=1\nx\na\nint\nd\n1\n", qr/identity/);
    refused_text('one without options', "\nx\na\nint\nd\n1\n", qr/identity/);
    refused_text('an unknown key column',
        "identity=x,update=1,keycols=b\nx\na\nint\nd\n1\n", qr/'b'/);

    my $answer = $client->request(op => 'add_csv_table_data',
        args => { claimed_identity => 'argument' },
        body => "1\nclaimed\na\nint\nd\n1\n");
    is($answer->{status}, 200, 'the identity may be an argument instead');
}

# Lines.
is_stored('LF', 'int,text', "1,x\n2,y\n", [[1, 'x'], [2, 'y']]);
is_stored('no newline at the end', 'int,text', "1,x\n2,y",
    [[1, 'x'], [2, 'y']]);
is_stored('CRLF', 'int,text', qq(1,x\r\n2,"y"\r\n3,\r\n),
    [[1, 'x'], [2, 'y'], [3, '']]);
is_stored('a CR before an empty last cell', 'text,text', qq(a\r,\nb,c\n),
    [["a\r", ''], ['b', 'c']]);
is_stored('no rows', 'int,text', '', []);
is_stored('one column of texts: an empty line is refused, an empty cell not',
    'text', qq(""\nx\n), [[''], ['x']]);

{
    my @lines = ("1,identity=crlf", ' crlf ', ' a , "b" ', "int , TEXT",
        'd,e', '1,x');

    for my $end ("\n", "\r\n") {
        for my $mark ('', "\xef\xbb\xbf") {
            my $name = 'lines' . ++$count;
            my $text = $mark . join($end, @lines) . $end;
            $text =~ s/ crlf / $name /;
            $text =~ s/"b"/b/;
            is(publish($text)->{status}, 200, 'line ends, byte order mark'
                . ' and spaces around names');
            is_deeply(rows("select a, b from $name"), [[1, 'x']],
                '... are taken');
        }
    }
}

is_stored('quotes', 'text,text', qq("a,b","c ""d"" e"\n"",plain\n)
    . qq(in"side," lead"\n),
    [['a,b', 'c "d" e'], ['', 'plain'], ['in"side', ' lead']]);
is_stored('newlines in quotes', 'text,int', qq("one\ntwo\r\nthree",1\n)
    . qq("\n",2\n), [["one\ntwo\r\nthree", 1], ["\n", 2]]);
is_stored('carriage returns in quotes', 'text,text', qq("a\r","b\r"\n)
    . qq("c\r","d\r"\r\n""\r,e\r\n),
    [["a\r", "b\r"], ["c\r", "d\r"], ["\r", 'e']]);
is_stored('UTF-8', 'text', "gr\xc3\xbc\xc3\x9f\n\xe2\x82\xac\n"
    . "\xf0\x9f\x98\x80\n", [["gr\x{fc}\x{df}"], ["\x{20ac}"],
    ["\x{1f600}"]]);
is_stored('spaces in texts stay', 'text', " a \n  \n", [[' a '], ['  ']]);

# Cells.
is_stored('empty cells', 'int,real,text,ll,float,str', ",,,,,\n1,1,x,1,1,x\n",
    [[undef, undef, '', undef, undef, ''], [1, 1, 'x', 1, 1, 'x']]);
is_stored('empty cells in quotes', 'int,real,text', qq("","",""\n" ", ,\n),
    [[undef, undef, ''], [undef, undef, '']]);
is_stored('all types', 'str,string,ip,varchar,float,int,integer,ll,time,'
    . 'TEXT,Real,double', "a,b,127.0.0.1,d,1.5,1,2,3,1795412169,t,2.5,3.5\n",
    [['a', 'b', '127.0.0.1', 'd', 1.5, 1, 2, 3, 1795412169, 't', 2.5, 3.5]]);
is_stored('numbers in quotes and with spaces', 'int,real',
    qq("7","7.5"\n 8 , 8.5 \n+9,+9.5\n-1,-1e3\n),
    [[7, 7.5], [8, 8.5], [9, 9.5], [-1, -1000]]);
{
    my $table = published('64 bits', 'int', "9223372036854775807\n"
        . "-9223372036854775808\n0\n-0\n007\n");
    is_deeply([map { $_->[0] } rows("select cast(c1 as text) from $table")
        ->@*], ['9223372036854775807', '-9223372036854775808', 0, 0, 7],
        '... are kept');

    $table = published('doubles', 'real', "inf\n-inf\nInfinity\n"
        . "1.7976931348623157e308\n5e-324\n1e-400\n.5\n5.\n0.1\n"
        . "123456789012345678901234567890\n");
    my @text = map { $_->[0] } @{$worker->rows("select c1 from $table",
        flags => Qasino::Frame::WRITE_DB)};
    is_deeply(\@text, ['inf', '-inf', 'inf', '1.7976931348623157e+308',
        '5e-324', '0.0', '0.5', '5.0', '0.1', '1.2345678901234568e+29'],
        '... too, inf among them') or diag(explain(\@text));
}

for my $cell ('x', '1.0', '1e3', '0x10', '1 2', '9223372036854775808',
    '-9223372036854775809', '99999999999999999999999999999999999999', '--1',
    '1,', "1\0", 'inf', '1_000', "\xc2\xa01")
{
    my $shown = $cell =~ s/[^ -~]/?/gr;
    my ($line, $column) = $cell =~ /,/ ? (7, '') : (7, ' column 2 \(.c2.\)');

    refused("integer '$shown'", 'text,int', qq(a,1\nb,$cell\n),
        qr/line $line$column/);
}

for my $cell ('x', '0x10', '0x1p3', '1.5.5', '1e', 'nan', 'NaN', '-nan',
    '1.5x', '1 5', 'e5', '1' x 500)
{
    refused("real '" . substr($cell, 0, 20) . "'", 'int,int,real',
        "1,2,3\n1,2,$cell\n",
        qr/line 7 column 3 \('c3'\)/);
}

# What is not UTF-8 is repaired in cells and the identity, with a warning, and
# refused in names.
for my $case (["\xff", 1], ["a\xc3", 1], ["\xc3\x28", 1], ["\xc0\x80", 2],
    ["\xed\xa0\x80", 3], ["\xf4\x90\x80\x80", 4], ["\xe2\x82", 2])
{
    my ($bytes, $wrong) = @$case;
    my $table = 't' . ++$count;
    my $answer = publish("identity=$bytes\n$table\na,b\ntext,text\n,\n"
        . "\xc3\xa9\xe2\x82\xac,z\n$bytes,$bytes!\n");

    is($answer->{status}, 200, 'invalid UTF-8 ' . unpack('H*', $bytes)
        . ' is taken');
    like(decode_json($answer->{body})->{warning} // '', qr/UTF-8/,
        '... with a warning');

    my $kept = $bytes =~ s/[^\x01-\x7f]//gr;
    my $rows = rows("select a, b from $table");
    is_deeply($rows->[0], ["\xe9\x{20ac}", 'z'], '... what is good stays');
    is_deeply([map { tr/\x{fffd}// } @{$rows->[1]}], [$wrong, $wrong],
        '... each bad byte is one replacement character');
    is_deeply([map { tr/\x{fffd}//dr } @{$rows->[1]}], [$kept, "$kept!"],
        '... and nothing else is lost');

    my $repaired = $bytes =~ s/[^\x01-\x7f]/\xef\xbf\xbd/gr;
    is(rows('select count(*) from qasino_server_connections where identity ='
        . " cast(x'" . unpack('H*', $repaired) . "' as text)")->[0][0], 1,
        '... in the identity, too');

    for my $place (["x\n$bytes\na", 'table'], ["x\nx\n$bytes", 'column'],
        ["x\nx\na\n$bytes", 'type'])
    {
        refused_text("... as the name of a $place->[1]",
            "identity=$place->[0]\nint\nd\n1\n", qr/$place->[1]/);
    }
}

# Records that are not whole.
refused('a row too short', 'int,int', "1,2\n1\n", qr/line 7: 1, expected 2/);
refused('a row too long', 'int,int', "1,2,3\n", qr/line 6: 3, expected 2/);
refused('an empty line among rows', 'int,int', "1,2\n\n3,4\n",
    qr/line 7: 0, expected 2/);
refused('a quoted cell without end', 'text', qq(x\n"y\nz\n),
    qr/line 7.*does not end/);

{
    my @lines = ('identity=x', 'x', 'a', 'int', 'd');
    my @names = ('options', 'table name', 'column names', 'column types',
        'column descriptions');

    refused_text("only $_ lines", join('', map { "$_\n" } @lines[0 .. $_ - 1]),
        qr/line @{[$_ + 1]}.*before its line of $names[$_]/) for 1 .. 4;
    my $answer = publish('');
    cmp_ok($answer->{status}, '>=', 400, 'nothing at all is refused');
    refused_text('two types for one column', "identity=x\nx\na\nint,int\nd\n",
        qr/line 4: 2 column types for 1 column/);
    refused_text('an unknown type', "identity=x\nx\na,b\nint,blob\nd\n",
        qr/'blob'.*line 4 column 2/);
    refused_text('a column twice', "identity=x\nx\na,A\nint,int\nd,d\n",
        qr/'a'|'A'/i);
    refused_text('a name that is none', "identity=x\nx\na b\nint\nd\n",
        qr/'a b'/);
    refused_text('a reserved table', "identity=x\nqasino_server_info\na\nint\n"
        . "d\n", qr/reserved/);
    refused_text('more columns than max_columns', "identity=x\nx\n"
        . join(',', map { "c$_" } 1 .. 21) . "\n", qr/line 3.*max_columns/,
        413);
    refused_text('a row past max_cell', "identity=x\nx\na\ntext\nd\n"
        . 'x' x 2000 . "\n", qr/line 6.*max_cell/, 413);
    refused_text('a row of commas', "identity=x\nx\na\nint\nd\n"
        . ',' x 1_000_000, qr/line 6 has more than 64 cells/, 413);
    refused_text('an option line of commas', ',' x 1_000_000,
        qr/line 1 has more than 64 cells/, 413);
    refused_text('an option line past max_cell', 'identity=' . 'x' x 2000,
        qr/max_cell/, 413);
}

is_deeply(rows('select tablename from qasino_server_tables'
    . " where tablename in ('refused', 'x')"), [], 'of what was refused'
    . ' nothing is stored');


# Through HTTP, chunked, with pieces that end anywhere.

my $server = start_server(generation_duration => 3600);

sub chunked ($text, $size) {
    my $socket = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1', PeerPort => $server->port('http'))
        // die "connect: $!";

    print {$socket} "POST /request?op=add_csv_table_data HTTP/1.1\r\n"
        . "Host: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked"
        . "\r\nContent-Type: text/plain\r\n\r\n";

    while (length $text) {
        my $piece = substr $text, 0, $size, '';
        print {$socket} sprintf("%x\r\n", length $piece) . "$piece\r\n";
    }

    print {$socket} "0\r\n\r\n";
    $socket->flush;

    return Qasino::Server::read_until($socket, undef);
}

sub collected ($sql) {
    return Qasino::Server::document($server->http_post('/request?op=query',
        { sql => $sql, use_write_db => 1 }))->{table}{rows};
}

{
    my $rows = join '', map { qq($_,"row ""$_"",\r\nof \xc3\xbc",)
        . $_ / 8 . "\r\n" } 1 .. 100_000;
    my $head = "1,identity=big,persist=1\r\nNAME\r\nn,text,real\r\n"
        . "int,text,real\r\n,,\r\n";

    for my $size (65_521, length($head) + 5) {
        my $name = "big_$size";

        like(chunked($head =~ s/NAME/$name/r . $rows, $size),
            qr/"rows": 100000\b/, "100,000 rows in chunks of $size bytes");
        is_deeply(collected("select count(*), sum(n), sum(real), sum(text ="
            . " 'row \"' || n || '\",' || char(13, 10) || 'of \x{fc}')"
            . " from $name"),
            [[100_000, 5_000_050_000, '625006250.0', 100_000]],
            '... are all in');
    }

    my $small = "\xef\xbb\xbfidentity=x\r\nNAME\r\na,b\r\nint,text\r\nd,e\r\n"
        . qq(1,"\xe2\x82\xac ""\r\n"""\r\n2,\r\n);
    for my $size (1, 2, 3, 7) {
        like(chunked($small =~ s/NAME/small$size/r, $size), qr/"rows": 2\b/,
            "a small one in chunks of $size");
        is_deeply(collected("select a, b from small$size order by a"),
            [[1, "\x{20ac} \"\r\n\""], [2, '']], '... is the same');
    }

    $rows =~ s/^99999,/99999x,/m;
    like(chunked($head =~ s/NAME/bad/r . $rows, 65_521),
        qr/400 .*line 200002 column 1 \('n'\)/s, 'one bad cell at the end');
    is_deeply(collected('select count(*) from qasino_server_tables'
        . " where tablename = 'bad'"), [[0]], '... and nothing is stored');
}

done_testing();
