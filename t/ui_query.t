# The UI's query page: editor, errors, results, charts, downloads, copies,
# history, saved queries, and queries that follow the generations.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Process qw(build_dir);
use Qasino::Server;

my $server = start_server(generation_duration => 2);

run_browser('query', url => $server->url, build_dir => build_dir());

done_testing();
