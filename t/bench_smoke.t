# The programs of bench/ run and count: none of their figures is judged.

use v5.36;

use Test::More;

use Qasino::Process qw(build_dir spew temp_dir);
use Qasino::Server;

plan skip_all => 'no bench programs: make benches'
    if !-x build_dir() . '/bench-fleet';

my $dir = temp_dir();
my $server = start_server(generation_duration => 3);
my $number = '@' x 8;

# The line of figures of one program, split.  (A program that measures once
# and ends does not give its memory back first.)
sub figures ($program, @arguments) {
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0';

    open my $out, '-|', build_dir() . "/bench-$program", @arguments
        or die "$program: $!\n";
    my @lines = <$out>;
    my $closed = close $out;

    ok($closed, "bench-$program ends well");
    chomp @lines;
    return map { [split /\t/] } @lines;
}

sub load (@options) {
    return (figures('load', '--port', $server->port('http'), @options))[0];
}

spew("$dir/body", encode_json({ identity => "h$number", persist => \1,
    table => table('bench', [host => 'text', n => 'int'],
        map { ["h$_", $_] } 1 .. 10) }));

my ($rate, $good, $bad) = load('--target', '/request?op=add_table_data',
    '--body', "$dir/body", '--expect', '"response_op": "ok"', '--requests',
    20, '--connections', 4, '--seconds', 60)->@*;
is($good, 20, 'each publish is counted');
is($bad, 0, 'none of them is bad');
$server->wait_generation;
is($server->value('select count(*) from bench'), 200, 'each is there');

my $query = "/request?op=query&sql=select+*+from+bench+where+rowid+%3D+"
    . $number;
(undef, $good, $bad) = load('--target', $query, '--expect',
    '"response_op": "result_table"', '--rate', 50, '--seconds', 1, '--log',
    "$dir/log")->@*;
is("$good $bad", '50 0', 'at a rate: as many as were due');

(undef, $good, $bad) = load('--target', $query, '--expect', 'no such text',
    '--requests', 5, '--seconds', 60)->@*;
is("$good $bad", '0 5', 'a reply without the expected text does not count');

my ($bulk) = figures('bulk', $dir, "$dir/body", 0.1);
is($bulk->[1] % 10, 0, 'bulk: whole bodies') if ok($bulk->[1], 'bulk: rows');

system('sqlite3', "$dir/copy.db", 'create table t(a int, b text);'
    . q(insert into t values (1, 'x"y'), (-20, 'z'))) == 0 or die "sqlite3\n";
my ($each) = figures('sqlite', "$dir/copy.db", 0.1, 100,
    "select * from t where rowid < $number");
cmp_ok($each->[0], '>', 0, 'sqlite: results');
my ($document) = figures('sqlite', "$dir/copy.db", 'document', 'x',
    'select * from t');
is($document->[2], length '{"response_op": "result_table", "identity": "x",'
    . ' "table": {"column_names": ["a", "b"], "rows": [["1", "x\\"y"],'
    . ' ["-20", "z"]]}, "max_widths": {"0": 3, "1": 3}}',
    'sqlite: the document');

my @ways = qw(write pread mmap inplace shared);
is_deeply([map { "@$_[0, 1]" } figures('handover', 1, 1)],
    [map { my $size = $_; map { "$size $_" } @ways }
        1000, 16000, 64000, 500_000, 5_000_000],
    'handover: every size, every way, each body as it was sent');

for my $transport ('http', 'zmq') {
    my ($names, $figures) = figures('fleet', '--header', '--http',
        $server->port('http'), '--pubsub', $server->port('pubsub'), '--pid',
        $server->pid, '--publishers', 6, '--tables', 2, '--rows', 3,
        '--generations', 1, '--queries', 10, '--files', $server->run_dir,
        $transport eq 'zmq' ? ('--zmq', $server->port('zmq')) : ());
    my %at;

    @at{@$names} = @$figures;
    is("$at{rows_acked} $at{rows_seen}", '36 36',
        "a fleet over $transport: every row acknowledged and visible");
    is($at{query_errors}, 0, 'and its queries answered');
}

done_testing();
