# The module in Debian's nginx under valgrind: each process writes a log, and
# there has to be no error in any of them.  What is nginx's own business is in
# t/lib/nginx.valgrind.supp.

use v5.36;

use Test::More;

use Qasino::Process qw(build_dir slurp spew temp_dir top_dir);
use Qasino::Server;

# valgrind and a sanitizer do not mix: the other pass has its own nginx
plan skip_all => 'not with sanitizers' if build_dir() =~ /asan|tsan/;

my $dir = temp_dir();
my $top = top_dir();

chomp(my $nginx = `command -v nginx || echo /usr/sbin/nginx`);
spew("$dir/nginx", <<"END");
#!/bin/sh
exec valgrind --quiet --keep-debuginfo=yes --leak-check=full \\
    --show-leak-kinds=definite,possible \\
    --errors-for-leak-kinds=definite,possible \\
    --suppressions=$top/t/lib/nginx.valgrind.supp \\
    --log-file=$dir/valgrind.%p $nginx "\$@"
END
chmod 0755, "$dir/nginx";
chmod 0777, $dir;

my $server = start_server(generation_duration => 1, nginx_workers => 1,
    nginx => "$dir/nginx");
my $rows = [map { [$_, "row $_" x 20] } 1 .. 2000];

is($server->published('host1', table(t => [a => 'int', b => 'text'],
    @$rows), persist => 1)->{response_op}, 'ok', 'a publish');
$server->wait_generation;

for my $format ('', '&format=text', '&format=html') {
    is($server->http_get("/request?op=query$format&sql=select%20*%20from%20t")
        ->{status}, 200, "a query$format");
}

for my $target ('/request?op=get_table_list', '/request?op=query',
    '/request?op=query&sql=select%20nosuch', '/request?op=nosuch', '/nosuch',
    '/request', '/request?op=generation_signal', '/tables', '/desc?tablename=t',
    '/request?op=query&sql=' . 'x' x 5000, '/request?%00=%zz&&=&sql')
{
    like($server->http_get($target)->{status}, qr/^[2345]/,
        'answered: ' . substr $target, 0, 50);
}

for my $body ('', '{', '{"op": "query", "sql": "select 1"}', 'x' x 300_000,
    '{"op": "add_table_data"}')
{
    like($server->http_post('/request?op=add_table_data', $body)->{status},
        qr/^[24]/, 'answered: ' . length($body) . ' bytes');
}

# the worker gone, and back
$server->kill_and_wait('qasino-worker');
like($server->http_get('/request?op=query&sql=select%201')->{status},
    qr/^(200|503)$/, 'while the worker is away');
$server->wait_answer;
$server->stop;

for my $log (glob "$dir/valgrind.*") {
    is(slurp($log), '', 'no error in ' . $log =~ s/.*\.//r);
}

done_testing();
