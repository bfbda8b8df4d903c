package Size;

# What ten million rows take in memory.

use v5.36;

use Exporter qw(import);
use List::Util qw(sum0);
use Time::HiRes qw(sleep);

use Bench;
use Bodies;
use Results;

our @EXPORT = qw(size);

use constant {
    GENERATION_S => 16,
    TRIES        => 2,
};

# Counted in all: the private memory of every process (RssAnon), and all
# files in db_dir and run_dir, once.  The server is asked a few things first.
sub size ($rounds, $rows) {
    my $body = body('bulk', 10_000);
    my (@ratios, @all, @file, %of);

    start_server(fresh => 1, generation_duration => GENERATION_S);
    my @directories = server_options()->@{qw(db_dir run_dir)};

    next_snapshot();

    # each begins when a generation does; one that does not fit into it is
    # done again
    for my $try (1 .. $rounds + TRIES) {
        last if @ratios == $rounds;
        publish_rows($body, $rows, $try * 10_000);
        next_snapshot();

        my $there = ((rows('select count(*) from bulk'))[0] // [0])->[0];
        if ($there != $rows) {
            say_step("    $there rows fell into the generation: again");
            next;
        }
        rows('select host, count(*), sum(b) from bulk group by host');
        rows("select * from bulk where rowid = $_") for 1 .. 100;

        my @lines = end_watch(start_watch(@directories));
        my $file = (-s snapshot_path()) / 1024;

        push @file, $file / 1024;
        push @all, sum0(map { $_->[4] } @lines) / 1024;
        %of = ();
        $of{$_->[0]} += $_->[4] / 1024 for @lines;
        push @ratios, $all[-1] / $file[-1];
    }
    die "bench: not once did $rows rows fit into a generation\n" if !@ratios;

    result(what => sprintf('memory of %g million rows / size of the file',
            $rows / 1e6), goal => 1.3, at_most => 1, unit => 'MiB',
        ratios => \@ratios, product => \@all, reference => \@file,
        note => 'private memory of all processes (RssAnon) and every file '
            . 'in db_dir and run_dir, once, while the snapshot is served; MiB '
            . 'in the last round: '
            . join(', ', map { sprintf '%s %.1f', $_, $of{$_} }
                sort { $of{$b} <=> $of{$a} } keys %of));
}

sub next_snapshot () {
    my $before = snapshot_path();

    sleep 0.05 until snapshot_path() ne $before;
}

1;
