# Random tables and queries through the server and through plain SQLite on
# the same rows (t/fuzz/differential.py), for $QASINO_DIFFERENTIAL_SECONDS
# (15), with $QASINO_SEED (1).

use v5.36;

use Test::More;

use Qasino::Worker;

my $seconds = $ENV{QASINO_DIFFERENTIAL_SECONDS} // 15;
my $seed = $ENV{QASINO_SEED} // 1;
my $worker = start_worker(generation_duration => 1, query_deadline => 5);

# Debian's python: another may have another SQLite inside
my $out = `/usr/bin/python3 t/fuzz/differential.py @{[$worker->socket_path]} \\
    $seconds $seed 2>&1`;

is($?, 0, "seed $seed: the same answers") or diag($out);
note($out);

done_testing();
