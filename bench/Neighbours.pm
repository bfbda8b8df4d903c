package Neighbours;

# What a steady few hundred requests a second notice: of a rotation with a
# gigabyte, and of hostile queries.  They are due at even distances whether
# or not the server keeps up, so a pause counts in full.

use v5.36;

use Exporter qw(import);
use JSON::PP ();
use Time::HiRes qw(sleep);

use Bench;
use Bodies;
use Results;

our @EXPORT = qw(rotation hostile);

use constant {
    RATE         => 500,        # of each kind, beside a rotation
    ROW_BYTES    => 46,         # in the file
    GENERATION_S => 25,
    WINDOW_US    => 1_000_000,  # "the second of a rotation"
    BEFORE_US    => 200_000,    # of it, before the first that has waited
    QUIET_US     => 1_500_000,  # from a rotation or the filling
    HOSTILE      => 20,
    NEIGHBOUR    => 100,        # a second, beside hostile queries
};

my $TABLE = '"response_op": "result_table"';
my $OK = '"response_op": "ok"';

sub p99 (@times) {
    my @sorted = sort { $a <=> $b } @times;

    return $sorted[$#sorted * 0.99];
}

# [due, time, generation] of each request.
sub requests ($log) {
    my @all;

    for (split /\n/, slurp($log)) {
        my ($due, $time, $status, $good, $generation) = split /\t/;
        push @all, [$due, $time, $good ? $generation : 0];
    }
    return sort { $a->[0] <=> $b->[0] } @all;
}

# In every generation as much is published as the snapshot is to have; the
# steady requests go on all the time.  The first rotation is not judged: no
# gigabyte is let go there.
sub rotation ($rounds, $megabytes, $tables) {
    my $body = body('bulk', 10_000);
    my $rows = int($megabytes * 1e6 / ROW_BYTES / 10_000) * 10_000;
    my $seconds = ($rounds + 2) * GENERATION_S;
    my (@filled, $size, %pid, %log);

    start_server(fresh => 1, generation_duration => GENERATION_S,
        max_tables => 1000 + $tables);
    publish_rows(body('point', 10_000, '"persist": true, '), 10_000);
    wait_visible('point', 10_000);

    my %options = (
        publish => ['--target', '/request?op=add_table_data', '--body',
            body('small', 10), '--expect', $OK],
        query => ['--target', '/request?op=query&sql=select+*+from+point+'
            . 'where+rowid+%3D+@@@@@@@@+%25+10000+%2B+1', '--expect',
            $TABLE]);

    for my $kind (sort keys %options) {
        $log{$kind} = work_dir() . "/$kind.log";
        $pid{$kind} = spawn(work_dir() . "/$kind.out",
            build_dir() . '/bench-load', '--port', port('http'), '--rate',
            RATE, '--connections', 64, '--seconds', $seconds, '--log',
            $log{$kind}, numbers(), $options{$kind}->@*);
    }

    for (0 .. $rounds) {
        my ($before) = snapshot_path();

        # what is published now is the snapshot after the next rotation
        push @filled, [now() * 1e6];
        publish_rows($body, $rows, 20_000_000 + $_ * 10_000);
        publish(body('t@@@@@@@@', 10), $tables) if $tables;   # the same ones
        push $filled[-1]->@*, now() * 1e6;
        sleep 0.1 until snapshot_path() ne $before;
        $size = -s snapshot_path();
        sleep 1.2;          # the second that is judged has no gigabyte in it
    }
    shift @filled;
    sleep 2;
    end($_) for values %pid;

    my %requests = map { ($_ => [requests($log{$_})]) } keys %log;
    my @moments = rotations($requests{publish}->@*);

    for my $kind ('query', 'publish') {
        judge_rotation($kind, $size, $tables, \@moments, \@filled,
            $requests{$kind}->@*);
    }
}

# When the first publish was due that went into another generation.
sub rotations (@requests) {
    my $generation;
    my @moments;

    for my $request (grep { $_->[2] } @requests) {
        push @moments, $request->[0] if $generation
            && $request->[2] > $generation;
        $generation = $request->[2] if $request->[2] > ($generation // 0);
    }
    return @moments;
}

# Each rotation against the quiet time before it, of those with a filling.
sub judge_rotation ($kind, $size, $tables, $moments, $filled, @requests) {
    my (@ratios, @second, @quiet, $failed);

    for my $fill (@$filled) {
        my ($at) = grep { $_ > $fill->[1] } @$moments or next;
        my @in = grep { $_->[0] >= $at - BEFORE_US
            && $_->[0] < $at - BEFORE_US + WINDOW_US } @requests;
        my @calm = grep { $_->[0] > $fill->[1] + QUIET_US
            && $_->[0] < $at - QUIET_US } @requests;

        if (@calm < RATE) {
            say_step('    no quiet second before a rotation');
            next;
        }
        $failed += grep { !$_->[2] } @in, @calm;
        push @second, p99(map { $_->[1] } @in) / 1000;
        push @quiet, p99(map { $_->[1] } @calm) / 1000;
        push @ratios, $second[-1] / $quiet[-1];
    }
    die "bench: no rotation was measured\n" if !@ratios;

    result(what => sprintf('p99 of a %s in the second of a rotation at %.2f '
            . 'GB%s / in quiet ones', $kind, $size / 1e9,
            $tables ? " and $tables tables" : ''),
        goal => 2, at_most => 1, unit => 'ms', ratios => \@ratios,
        product => \@second, reference => \@quiet, failed => $failed,
        note => RATE . ' a second of each kind'
            . ($failed ? "; $failed were not answered well" : ''));
}

sub hostile ($rounds, $seconds) {
    my $lines = work_dir() . '/hostile.json';
    my @sql = split /\n/, slurp("$FindBin::Bin/hostile.sql");
    my (@ratios, @with, @without, $failed);

    start_server(fresh => 1, generation_duration => 2);
    publish_rows(body('point', 10_000, '"persist": true, '), 10_000);
    wait_visible('point', 10_000);
    start_server(generation_duration => 3600);

    spew($lines, join '', map { JSON::PP->new->encode({ sql => $_ }) . "\n" }
        @sql[0 .. HOSTILE - 1]);

    for (1 .. $rounds) {
        my @quiet = neighbour($seconds);
        my $pid = spawn(work_dir() . '/hostile.out',
            build_dir() . '/bench-load', '--port', port('http'),
            '--connections', HOSTILE, '--lines', $lines, '--target',
            '/request?op=query', '--seconds', 600);
        my @loud = neighbour($seconds);

        end($pid);
        $failed += $quiet[2] + $loud[2];
        push @without, $quiet[4] / 1000;
        push @with, $loud[4] / 1000;
        push @ratios, $with[-1] / $without[-1];
        settle();
    }
    result(what => 'p99 of a neighbour of 20 hostile queries / without them',
        goal => 3, at_most => 1, unit => 'ms', ratios => \@ratios,
        product => \@with, reference => \@without, failed => $failed,
        note => NEIGHBOUR . ' point queries a second, none in the cache, '
            . 'from another address'
            . ($failed ? "; $failed were not answered well" : ''));
}

sub neighbour ($seconds) {
    return figures('load', '--port', port('http'), '--rate', NEIGHBOUR,
        '--connections', 64, '--seconds', $seconds, '--bind', '127.0.0.2',
        '--target', '/request?op=query&sql=select+*+from+point+where+rowid'
        . '+%3D+@@@@@@@@+%25+10000+%2B+1', '--expect', $TABLE, numbers());
}

# Until an answer takes no longer than it should.
sub settle () {
    my $limit = now() + 60;

    while (now() < $limit) {
        my $start = now();
        return if rows('select count(*) from point') && now() - $start < 0.05;
        sleep 0.2;
    }
}

1;
