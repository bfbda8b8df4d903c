package Qasino::Browser;

# Tests in a real browser: t/ui/NAME.mjs, which speaks TAP, run by node with
# Debian's chromium against a server of ours.
#
#   use Qasino::Browser;
#   run_browser('tables', url => $server->url);
#
# The settings reach the script as QASINO_URL and so on.

use v5.36;

use Exporter qw(import);
use Test::More;

use Qasino::Process qw(patience top_dir);

our @EXPORT = qw(run_browser);

sub run_browser ($name, %settings) {
    local @ENV{map { 'QASINO_' . uc } keys %settings} = values %settings;
    local $ENV{QASINO_PATIENCE} = patience();

    open my $out, '-|', 'node', top_dir() . "/t/ui/$name.mjs"
        or die "cannot run node: $!\n";
    my $done;

    while (my $line = <$out>) {
        chomp $line;
        if ($line =~ /^(not )?ok - (.*)/) {
            ok(!$1, $2);
        } elsif ($line eq 'done') {
            $done = 1;
        } else {
            diag($line);
        }
    }
    close $out;
    ok($done && $? == 0, "$name.mjs came to its end");
}

1;
