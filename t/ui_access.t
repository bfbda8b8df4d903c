# The UI for everyone: axe finds nothing serious, light and dark, from a
# phone to a wall; the keyboard does it all.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Process qw(spew temp_dir);
use Qasino::Server;

my $views = temp_dir() . '/views.yaml';
spew($views, "- viewname: bad\n  view: |\n    create table x(y);\n");

my $server = start_server(generation_duration => 2, views_file => $views);

run_browser('access', url => $server->url);

done_testing();
