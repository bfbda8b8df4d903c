# Each decoder's fuzzer (t/fuzz/NAME.c, libFuzzer): first the inputs in
# t/fuzz/corpus/NAME, then $QASINO_FUZZ_SECONDS (60) of new ones, two fuzzers
# at a time.  What a fuzzer found is kept in build/fuzz/found: mend it, and
# put the input into the corpus.
#
#   make fuzz QASINO_FUZZ_SECONDS=3600

use v5.36;

use File::Basename qw(basename);
use File::Path qw(make_path);
use Test::More;

use constant AT_ONCE => 2;

my $build = 'build/fuzz';
my $seconds = $ENV{QASINO_FUZZ_SECONDS} // 60;
my @names = @ARGV ? @ARGV : map { basename($_, '.c') } glob 't/fuzz/*.c';
my %running;

make_path("$build/found");

# What it learns goes into a directory of its own, for the next time.
sub begin ($name) {
    my $log = "$build/$name.log";
    my $pid = fork() // die "fork: $!";

    make_path("$build/learned/$name");
    if (!$pid) {
        open STDOUT, '>', $log or die "$log: $!";
        open STDERR, '>&', \*STDOUT or die "$log: $!";
        exec "$build/fuzz/$name", "-max_total_time=$seconds",
            '-max_len=4096', '-timeout=10', '-rss_limit_mb=1024',
            '-print_final_stats=1', "-artifact_prefix=$build/found/$name-",
            "$build/learned/$name", "t/fuzz/corpus/$name"
            or die "$build/fuzz/$name: $!";
    }

    $running{$pid} = [$name, $log];
}

sub finish () {
    my $pid = waitpid -1, 0;
    my $status = $?;
    my ($name, $log) = @{delete $running{$pid} // return};
    open my $in, '<', $log or die "$log: $!";
    my @lines = <$in>;
    my ($count) = map { /number_of_executed_units:\s+(\d+)/ } @lines;

    ok($status == 0 && $count, "$name: " . ($count // 0) . ' executions')
        or diag(grep { !/^#|^INFO/ } @lines);
}

for my $name (@names) {
    finish() if keys %running == AT_ONCE;
    begin($name);
}
finish() while %running;

done_testing();
