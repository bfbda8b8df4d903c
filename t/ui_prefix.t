# The UI behind basic auth, behind a proxy under a prefix, and without
# scripts.

use v5.36;

use Test::More;

use Qasino::Browser;
use Qasino::Process qw(reserve_port slurp spew temp_dir top_dir);
use Qasino::Server;

# the shipped configuration, and a proxy in front of it
my $front = reserve_port();
my $conf = slurp(top_dir() . '/conf/nginx.conf');
$conf =~ s{(?=^\s*#\[ https)}{
    server {
        listen 127.0.0.1:$front;
        location /deep/fleet/ {
            proxy_pass http://127.0.0.1:15597/; #= http_port
            proxy_http_version 1.1;
        }
    }
}m or die;
my $file = temp_dir() . '/nginx.conf';
spew($file, $conf);

my $http = reserve_port();
my $server = start_server(generation_duration => 2, nginx_conf => $file,
    http_port => $http, Qasino::Server::tls_settings());

run_browser('prefix', url => $server->url,
    prefix => "http://127.0.0.1:$front/deep/fleet/",
    https => 'https://localhost:' . $server->port('https') . '/');

done_testing();
