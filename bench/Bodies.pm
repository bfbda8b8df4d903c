package Bodies;

# The documents that are published: rows of two texts and three integers, 62
# bytes each (46 in the file), from an identity that differs in each request.

use v5.36;

use Exporter qw(import);

use Bench;

our @EXPORT = qw(body numbers);

# The file of a body; "@@@@@@@@" in it is where bench-load puts a number: in
# the identity, where it is not in the table's name.
sub body ($table, $rows, $options = '') {
    my $path = work_dir() . "/$table-$rows.json";
    my $host = $table =~ /@@@@/ ? 'host' : 'host@@@@@@@@';

    return $path if -e $path;

    spew($path, qq({"op": "add_table_data", "identity": "$host", )
        . $options . qq("table": {"tablename": "$table", "column_names": )
        . '["host", "dc", "a", "b", "c"], "column_types": ["text", "text", '
        . '"int", "int", "int"], "rows": ['
        . join(', ', map { sprintf '["host%d.example.net", "BOS-%03d", %d, '
            . '%d, %d]', $_ % 1000, $_ % 500, $_, $_ * 7919_000_003, $_ % 97 }
            0 .. $rows - 1)
        . ']}}');
    return $path;
}

# Options for bench-load: numbers that no other call gets.
sub numbers () {
    state $first = 1_000_000;

    return ('--first', $first += 1_000_000);
}

1;
