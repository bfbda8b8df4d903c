# Nothing that anybody published, or wrote into an address, is run by the UI.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Process qw(spew temp_dir);
use Qasino::Server;

my $views = temp_dir() . '/views.yaml';
spew($views, <<'END');
- viewname: evil
  view: |
    create view evil as select '<img src=x onerror=alert(1)>' as
      "<script>alert(2)</script>";

- viewname: '"><img src=x onerror=alert(3)>'
  view: |
    create <script>alert(4)</script> view;
END

my $server = start_server(generation_duration => 2, views_file => $views,
    identity => '<script>alert(5)</script>');

run_browser('xss', url => $server->url);

done_testing();
