# The UI's list of tables, a table, publishers, views and the server.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Process qw(spew temp_dir);
use Qasino::Server;

my $views = temp_dir() . '/views.yaml';
spew($views, <<'END');
- viewname: good
  view: |
    create view good as select host from disks;

- viewname: bad
  view: |
    create table bad(x);
END

my $server = start_server(generation_duration => 2, views_file => $views);

run_browser('tables', url => $server->url);

done_testing();
