package Fleet;

# Simulated publishers against a server: bench-fleet's line as a hash.

use v5.36;

use Exporter qw(import);

use Bench;
use Results;

our @EXPORT = qw(fleet fleet_row);

use constant LISTED => 10;

# Options of bench-fleet; generation is the server's duration, transport http
# or zmq.
sub fleet (%given) {
    my $duration = delete $given{generation} // 30;
    my $transport = delete $given{transport} // 'http';

    start_server(fresh => 1, generation_duration => $duration);

    my @command = (build_dir() . '/bench-fleet', '--header', '--http',
        port('http'), '--pubsub', port('pubsub'), '--pid', server_pid(),
        ($transport eq 'zmq' ? ('--zmq', port('zmq')) : ()),
        (map { ('--files', server_options()->{$_}) } qw(db_dir run_dir)),
        map { ("--$_", $given{$_}) } sort keys %given);
    open my $out, '-|', @command or die "bench: bench-fleet: $!\n";
    my @lines = <$out>;
    close $out;

    die "bench: bench-fleet printed nothing\n" if @lines < 2;
    chomp @lines;

    my %figures;
    @figures{split /\t/, $lines[0]} = split /\t/, $lines[1];
    print STDERR unusual() if $figures{whole} != $figures{generations};
    return (\%figures, @lines);
}

# The last lines of the server's log that say something.
sub unusual () {
    my @lines = grep { !/: listening for | is not on a disk: / }
        split /^/, slurp(work_dir() . '/log');

    return @lines > LISTED ? @lines[-LISTED .. -1] : @lines;
}

sub fleet_row ($generations, %options) {
    my ($at) = fleet(%options, generations => $generations);
    my $failed = $at->{refused} + $at->{broken} + $at->{query_errors}
        + ($generations - $at->{whole});

    result(what => "$at->{publishers} publishers x 10 tables x 20 rows, "
            . 'percent of both cores', goal => 60, at_most => 1,
        unit => '%', failed => $failed,
        ratios => [map { $at->{"server_cpu_$_"} + $at->{generator_cpu} }
            qw(min percent max)],
        note => "server $at->{server_cpu_percent} %, the generator "
            . "$at->{generator_cpu} %; $at->{whole} of $at->{generations} "
            . 'generations whole: every row acknowledged and visible; '
            . "$at->{refused} refused, $at->{broken} broken, "
            . "$at->{query_errors} of $at->{queries} queries failed; publish "
            . "p99 $at->{publish_p99_us} us, query p99 $at->{query_p99_us} "
            . "us; $at->{private_mib} MiB private, files "
            . "$at->{files_mib} MiB");
}

1;
