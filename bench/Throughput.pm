package Throughput;

# What is measured in requests, rows or results a second: rounds of the
# product and its reference by turns.

use v5.36;

use Exporter qw(import);
use List::Util qw(min sum);
use Time::HiRes qw(sleep);

use Bench;
use Bodies;
use Results;

our @EXPORT = qw(bulk small hits misses hundred stream prepare_frozen);

use constant {
    POINT_ROWS  => 10_000,
    STREAM_ROWS => 1_000_000,
    LEAST_SHARE => 0.25,        # of nginx's work, of each of its two workers
    TRIES       => 20,
    ROUND_S     => 1,           # of a rate
    LONG_S      => 3600,        # a generation in which nothing rotates
};

my $OK = '"response_op": "ok"';
my $TABLE = '"response_op": "result_table"';
my $million = 'select * from million';

# What is not good is never counted, and means that the figure is no good.
sub rate (@options) {
    my ($rate, $good, $bad) = figures('load', @options);

    die "bench: $bad of " . ($good + $bad) . " requests failed: @options\n"
        if $bad;
    return $rate;
}

# Which worker accepts a connection is chance.  Where one of the two gets
# nearly all of them, it has a core and the load generator the other: it says
# "return 200" half as often again as two do, and asks but one query process.
# Such a round is done again, on both sides.
sub with_both_workers ($parent, $again, $measure) {
    for (1 .. TRIES) {
        my %before = nginx_work($parent);
        my $figure = $measure->();
        my %after = nginx_work($parent);
        my @work = map { $after{$_} - $before{$_} } keys %before;

        return $figure if min(@work) >= LEAST_SHARE * sum(@work);
        $$again++;
    }
    die "bench: one nginx worker had the work of both, @{[TRIES]} times\n";
}

# The product with both workers, and a reference, which is told where to count
# what it does again.
sub beside ($rounds, $reference, @load) {
    my $again = 0;
    my %figures = by_turns($rounds,
        sub () { with_both_workers(server_pid(), \$again,
            sub () { rate('--port', port('http'), @load, numbers()) }) },
        sub () { $reference->(\$again) });

    return (%figures, $again ? (note => "$again measurements done again: one "
        . 'nginx worker had next to all connections') : ());
}

# Requests a second, the product's and those of "return 200".
sub beside_plain ($rounds, $port, @load) {
    return (unit => 'requests/s', beside($rounds,
        sub ($again) { with_both_workers(plain_pid(), $again,
            sub () { rate('--port', $port, @load, numbers()) }) }, @load));
}

sub by_turns ($rounds, $product, $reference) {
    my (@product, @reference);

    for (1 .. $rounds) {
        push @product, $product->();
        push @reference, $reference->();
    }
    return (product => \@product, reference => \@reference,
        ratios => [map { $product[$_] / $reference[$_] } 0 .. $#product]);
}

# A location that answers with the same bytes and headers.  (A parameter of
# nginx's configuration has less than 4 kB: longer bodies are put together.)
sub same_as ($answer) {
    my %skip = map { ($_ => 1) } qw(connection content-length content-type
        date server transfer-encoding);
    my ($body, @parts, $geo) = ($answer->{content});
    my $headers = $answer->{headers};

    die "bench: $answer->{status} $body" if $answer->{status} != 200;
    push @parts, $1 while $body =~ /\G(.{1,3000})/gs;
    $geo .= "geo \$part$_ { default '$parts[$_]'; }\n" for 0 .. $#parts;

    my $location = "location / { default_type $headers->{'content-type'};\n"
        . join('', map { my $value = $headers->{$_} =~ s/(["\\])/\\$1/gr;
            qq(add_header $_ "$value";\n) } grep { !$skip{$_} }
            sort keys %$headers)
        . 'return 200 "' . join('', map { "\${part$_}" } 0 .. $#parts)
        . qq(";\n}\n);

    return start_plain($location, $geo);
}

sub bulk ($rounds) {
    start_server(fresh => 1);

    my $body = body('bulk', 10_000);

    result(what => 'POST of 10,000 rows / bulk in one process', goal => 1.2,
        unit => 'rows/s', by_turns($rounds,
            sub () { 10_000 * rate('--port', port('http'), '--target',
                '/request?op=add_table_data', '--body', $body, '--expect',
                $OK, '--connections', 4, '--seconds', ROUND_S, numbers()) },
            sub () { on_each_core(sub ($cores) {
                (figures('bulk', work_dir(), $body, ROUND_S / $cores))[0]
            }) }));
}

sub small ($rounds) {
    start_server(fresh => 1);

    my $body = body('small', 10);
    my $target = '/request?op=add_table_data';
    my $plain = same_as(http_post($target, slurp($body)));
    my @load = ('--target', $target, '--body', $body, '--expect', $OK,
        '--connections', 32, '--seconds', ROUND_S);

    result(what => 'POST of 10 rows / return 200', goal => 0.5,
        beside_plain($rounds, $plain, @load));
}

# A server with two tables in a snapshot that stays.
sub prepare_frozen () {
    my $point = body('point', POINT_ROWS, '"persist": true, ');
    my $rows = body('million', 10_000, '"persist": true, ');
    my $start = now();

    start_server(fresh => 1, generation_duration => 3);
    publish_rows($point, POINT_ROWS);
    publish_rows($rows, STREAM_ROWS);
    wait_visible('point', POINT_ROWS);
    wait_visible('million', STREAM_ROWS);
    start_server(generation_duration => LONG_S);
    until (-e snapshot_path()) {
        die "bench: no snapshot: @{[glob work_dir() . '/db/*']}\n"
            . slurp(work_dir() . '/log') if now() - $start > 60;
        sleep 0.1;
    }
}

sub query_load ($target) {
    return ('--target', $target, '--expect', $TABLE, '--connections', 32,
        '--seconds', ROUND_S);
}

sub against_plain ($what, $goal, $rounds, $target) {
    my $plain = same_as(http_get($target =~ s/\@{8}/00000077/r));

    result(what => "$what / return 200", goal => $goal,
        beside_plain($rounds, $plain, query_load($target)));
}

sub hits ($rounds, @rows) {
    for my $rows (@rows ? @rows : (1, 37, 380)) {
        my $target = "/request?op=query&sql=select+*+from+point+limit+$rows";
        my $bytes = length http_get($target)->{content};

        against_plain("repeated query, $bytes bytes", 0.9, $rounds,
            $target);
    }
}

# The number is in the text, so that no two statements are the same.
sub misses ($rounds) {
    my $sql = '/request?op=query&sql=select+*+from+point+where+rowid+%3D+';

    against_plain('point query, miss', 0.6, $rounds,
        $sql . '@@@@@@@@+%25+' . POINT_ROWS . '+%2B+1');
    against_plain('the same point query, never cached', 0.6, $rounds,
        $sql . '77+and+random()+is+not+null');
}

sub hundred ($rounds) {
    my $where = 'rowid > @@@@@@@@ % 9000 limit 100';
    my $target = '/request?op=query&sql=select+*+from+point+where+'
        . $where =~ s/%/%25/r =~ tr/ /+/r;

    result(what => '100 rows, miss / SQLite on one core, prepared',
        goal => 0.7, unit => 'results/s', beside($rounds,
            sub ($) { on_each_core(sub ($cores) {
                (figures('sqlite', snapshot_path(), ROUND_S / $cores,
                    99999999, "select * from point where $where"))[0]
            }) }, query_load($target)));
}

# The memory first, while the server has not streamed anything yet.
sub stream ($rounds) {
    my @load = ('--port', port('http'), '--target',
        '/request?op=query&sql=' . $million =~ tr/ /+/r, '--expect', $TABLE,
        '--seconds', 60);
    my ($grown, $whose, $files) = stream_memory(@load, '--requests', $rounds);
    my ($bytes, $reference_bytes);

    result(what => '1,000,000 rows streamed / SQLite to /dev/null',
        goal => 0.6, unit => 'rows/s', by_turns($rounds,
            sub () {
                my @figures = figures('load', @load, '--requests', 1);
                die "bench: the stream broke off\n" if $figures[1] != 1;
                $bytes = $figures[6];
                return STREAM_ROWS * 1e6 / $figures[3];
            },
            sub () { on_each_core(sub ($) {
                my @figures = figures('sqlite', snapshot_path(), 'document',
                    'bench', $million);
                die "bench: $figures[1] rows\n" if $figures[1] != STREAM_ROWS;
                $reference_bytes = $figures[2];
                return STREAM_ROWS / $figures[0];
            }) }),
        note => "$bytes bytes, the reference's document has "
            . "$reference_bytes");

    result(what => 'the same, most memory of a process above idle',
        goal => 50, at_most => 1, unit => 'MiB', ratios => [$grown],
        note => "private memory (RssAnon); the process was $whose; files in "
            . "run_dir grew by $files MiB");
}

# MiB that a process grew at most, its name, MiB that the files grew.
sub stream_memory (@load) {
    my $watch = start_watch(server_options()->{run_dir});

    figures('load', @load);

    my @lines = end_watch($watch);
    my ($files) = grep { $_->[0] eq 'files' } @lines;
    my ($most) = sort { $b->[3] - $b->[2] <=> $a->[3] - $a->[2] }
        grep { $_->[0] ne 'files' } @lines;

    return (($most->[3] - $most->[2]) / 1024, $most->[0],
        int(($files->[3] - $files->[2]) / 1024));
}

1;
