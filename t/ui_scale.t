# The UI with 1,000 tables and with 100,000 rows: the number of elements does
# not grow with either.  What it takes in time is printed, not judged.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Server;

my $server = start_server(generation_duration => 5, max_tables => 2000);

run_browser('scale', url => $server->url);

done_testing();
