# The header: which generation, how old, and at once when the server stops
# rotating, is away, or has no events for it.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Server;

my $server = start_server(generation_duration => 1);
my ($worker) = $server->pids('qasino-worker');

run_browser('live', url => $server->url, worker => $worker);

done_testing();
