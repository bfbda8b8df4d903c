package Qasino::ReplayBuiltin;

# A small set of exchanges in the recordings' format, written for our server:
# what t/wire_replay.t plays where the recordings are not at hand.

use v5.36;

use JSON::PP ();

use Qasino::Process qw(spew);

my $json = JSON::PP->new->utf8->canonical;

sub result ($columns, @rows) {
    my %widths;

    for my $row ($columns, @rows) {
        for my $i (0 .. $#$row) {
            my $length = length $row->[$i];
            $widths{$i} = $length if $length > ($widths{$i} // 0);
        }
    }

    return { response_op => 'result_table', identity => 'test-server',
        table => { column_names => $columns, rows => \@rows },
        max_widths => \%widths };
}

sub failure ($message) {
    return { response_op => 'error', identity => 'test-server',
        error_message => $message };
}

sub ok () { return { response_op => 'ok', identity => 'test-server' } }

# id => [SQL, answer as JSON, as text]
my @queries = (
    [one => 'select 1 as one', result(['one'], ['1']),
        "one\n===\n  1\n1 rows returned\n"],
    [cells => "select null a, 'text' b, 1.5 c, 2.0 d, -3 e, x'ff' f",
        result(['a' .. 'f'], ['', 'text', '1.5', '2.0', '-3', "x'ff'"]),
        "a     b    c    d   e      f\n"
        . "=  ====  ===  ===  ==  =====\n"
        . "   text  1.5  2.0  -3  x'ff'\n1 rows returned\n"],
    [none => 'select id, name from fix where id = 0;',
        result(['id', 'name']), "id  name\n==  ====\n0 rows returned\n"],
    [rows => 'select id, note from fix where id in (1, 3) order by id',
        result(['id', 'note'], ['1', 'a'], ['3', 'back\\slash']),
        "id        note\n==  ==========\n 1           a\n"
        . " 3  back\\slash\n2 rows returned\n"],
    [desc => 'desc fix;', result(['column_name', 'column_type'],
        ['id', 'INTEGER'], ['name', 'TEXT'], ['val', 'REAL'],
        ['note', 'TEXT']),
        "column_name  column_type\n===========  ===========\n"
        . "         id      INTEGER\n       name         TEXT\n"
        . "        val         REAL\n       note         TEXT\n"
        . "4 rows returned\n"],
    [no_table => 'select * from nosuch;',
        failure('SQLError: no such table: nosuch'),
        "SQL error: SQLError: no such table: nosuch\n"],
    [unknown => 'hello world;',
        failure('ERROR: Unrecognized statement: hello world;'),
        "SQL error: ERROR: Unrecognized statement: hello world;\n"],
    [no_desc => 'desc nosuch;', failure('Table nosuch not found'),
        "SQL error: Table nosuch not found\n"],
);

sub escape ($text) {
    return $text =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
}

sub http ($id, $method, $path, $body, $answer) {
    my $failed = ref $answer ? $answer->{response_op} eq 'error'
        : $answer =~ /\ASQL error/;

    return { id => $id, interface => "HTTP $method",
        request => { method => $method, path => $path, headers => {},
            body => $body },
        response => { status => $failed ? 400 : 200,
            headers => { 'content-type' => ref $answer ? 'application/json'
                : 'text/plain; charset=utf-8' },
            body => ref $answer ? $json->encode($answer) : $answer } };
}

sub body ($name, %more) {
    return $json->encode({ op => 'add_table_data', identity => 'builtin',
        table => { tablename => $name, column_names => ['a', 'b'],
            column_types => ['int', 'text'],
            rows => [[1, 'x'], [2, undef]] }, %more });
}

sub effect ($name, $static) {
    return { $name => { desc => [['a', 'INTEGER'], ['b', 'TEXT']],
        columns => ['a', 'b'], rows => [['1', 'x'], ['2', '']],
        tables_entry => [['2', '1', $static]] } };
}

# Writes the files into a directory, returns it.
sub write_files ($dir) {
    my %files;

    for my $query (@queries) {
        my ($id, $sql, $answer, $text) = @$query;
        my $path = '/request?op=query&sql=' . escape($sql);
        my $semicolon = $sql =~ /;\z/ ? $sql : "$sql;";

        push @{$files{query_http_get}},
            http("own_get.$id", 'GET', $path, undef, $answer);
        push @{$files{query_http_get_text}},
            http("own_text.$id", 'GET', "$path&format=text", undef, $text);
        push @{$files{query_http_post}},
            http("own_post.$id", 'POST', '/request?op=query',
                $json->encode({ sql => $sql }), $answer);
        push @{$files{query_zmq}}, { id => "own_zmq.$id",
            interface => 'ZMQ REQ', request => { frames =>
                [$json->encode({ op => 'query', sql => $sql })] },
            response => { frames => [$json->encode($answer)] } };
        push @{$files{query_line}}, { id => "own_line.$id",
            interface => 'LINE TCP',
            request => { bytes => "$semicolon\r\n" },
            response => { data => $text =~ s/\n/\r\n/gr,
                closed_by_server => \0 } };
    }

    $files{http_misc} = [
        http('own_http.no_op', 'GET', '/request', undef,
            failure('No op specified')),
        http('own_http.unknown_op', 'GET', '/request?op=bogus', undef,
            failure('Unrecognized operation')),
        http('own_http.no_sql', 'POST', '/request?op=query', '{}',
            failure("Must specify 'sql' param")),
    ];

    for my $table (['plain'], ['static', static => 1],
        ['persist', persist => 1]) {
        my ($kind, @more) = @$table;
        my $name = "own_$kind";
        my $effect = effect($name, $kind eq 'static' ? '1' : '0');

        push @{$files{add_table_data_http}}, { %{http("own_add.$kind",
            'POST', '/request?op=add_table_data', body($name, @more), ok())},
            effect => $effect };
    }
    push @{$files{add_table_data_http}}, { %{http('own_add.short_row',
        'POST', '/request?op=add_table_data', $json->encode({
            identity => 'builtin', table => { tablename => 'own_short',
                column_names => ['a', 'b'], column_types => ['int', 'int'],
                rows => [[1]] } }),
        failure("Invalid input format: rows of table 'own_short' have 1"
            . ' cells, but there are 2 columns'))},
        effect => { own_short => { columns => undef } } };

    $files{add_table_data_zmq} = [{ id => 'own_add.zmq',
        interface => 'ZMQ REQ', request => { frames => [body('own_zmq')] },
        response => { frames => [$json->encode(ok())] },
        effect => effect('own_zmq', '0') }];
    $files{add_csv_table_data} = [{ %{http('own_add.csv', 'POST',
        '/request?op=add_csv_table_data',
        "1,identity=builtin\nown_csv\na,b\nint,string\n,\n1,x\n2,\n", ok())},
        effect => effect('own_csv', '0') }];

    $files{scenario_persist} = [{ id => 'own.persist',
        interface => 'SCENARIO',
        request => ['publish ' . body('own', persist => 1), '--- wait',
            'query select * from own;', '--- wait',
            'query select * from own;'],
        response => [{ reply => $json->encode(ok()) }, '---', (
            { reply => { columns => ['a', 'b'],
                rows => [['1', 'x'], ['2', '']] } }, '---') x 2] }];
    pop @{$files{scenario_persist}[0]{response}};

    for my $name (sort keys %files) {
        spew("$dir/$name.jsonl", join '', map { $json->encode($_) . "\n" }
            @{$files{$name}});
    }

    return $dir;
}

1;
