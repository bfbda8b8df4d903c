# A real caching proxy in front: another nginx with proxy_cache, told nothing
# but what our headers say.  It answers by itself while a generation lasts,
# asks again afterwards, and keeps nothing that changes by itself.

use v5.36;

use HTTP::Tiny;
use Test::More;

use Qasino::CacheServer;
use Qasino::Process qw(exit_text now patience problem reserve_port slurp spawn
    spew temp_dir wait_until);
use Qasino::Server;

my $server = start_cache_server(generation_duration => 6);
my $dir = temp_dir();
my $port = reserve_port();
my $http = HTTP::Tiny->new(timeout => patience());
my @proxied = (http => $http, url => "http://127.0.0.1:$port");
my $proxy = start_proxy();

sub start_proxy () {
    mkdir "$dir/$_" for qw(kept temp);
    spew("$dir/nginx.conf", <<"END");
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log notice;
${\($> == 0 ? 'user root;' : '')}
events { }
http {
    access_log off;
    client_body_temp_path $dir/temp;
    proxy_temp_path $dir/temp;
    fastcgi_temp_path $dir/temp;
    uwsgi_temp_path $dir/temp;
    scgi_temp_path $dir/temp;
    proxy_cache_path $dir/kept keys_zone=kept:1m use_temp_path=off;
    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass http://127.0.0.1:${\$server->port('http')};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache kept;
            proxy_cache_revalidate on;
            add_header X-Proxy \$upstream_cache_status always;
        }
        location = /second/request {
            proxy_pass http://127.0.0.1:${\$server->port('http')}/request;
            proxy_cache kept;
            proxy_cache_key second\$args;
            proxy_cache_valid 200 1s;
            proxy_cache_revalidate on;
            proxy_ignore_headers Cache-Control;
            add_header X-Proxy \$upstream_cache_status always;
        }
    }
}
END

    my $pid = spawn(output => "$dir/stderr", command => ['nginx', '-p', $dir,
        '-c', "$dir/nginx.conf", '-e', "$dir/error.log"]);

    wait_until('the proxy', sub {
        $http->get("http://127.0.0.1:$port/nosuch")->{status} == 404;
    });

    return $pid;
}

sub stop_proxy () {
    kill 'QUIT', $proxy;
    waitpid $proxy, 0;
    problem('the proxy ' . exit_text($?) . slurp("$dir/error.log")) if $?;
}

sub via_proxy ($sql, %how) { get($server, $sql, @proxied, %how) }
sub now_ms () { int(now() * 1000) }

my $number = 'select generation_number from qasino_server_info';

# Over several generations: what the proxy answers by itself, and when.  The
# second one asks every other second, whatever we say.
{
    my (%seen, %second, %expires, @wrong, @stale);
    my $last = 0;

    wait_until('generations at the proxy', sub {
        my $page = page($server);
        my $before = now_ms();
        my $answer = via_proxy($number);
        my $again = get($server, $number, http => $http,
            url => "http://127.0.0.1:$port/second");
        my $generation = $answer->{generation} // 0;

        $expires{$page->{generation}} = $page->{expires};
        $seen{$answer->{proxy}}++;
        $second{$again->{proxy}}++;

        for ($answer, $again) {
            push @wrong, "$_->{status} $_->{content}"
                if $_->{status} != 200
                   || $_->{content} !~ /\["$_->{generation}"\]/;
        }

        push @wrong, "$generation after $last" if $generation < $last;
        $last = $generation;

        # The proxy counts in whole seconds: asked more than one after a
        # generation's end, it must not answer from it.
        push @stale, "$generation, $answer->{proxy}, after "
                . ($before - $expires{$generation}) . ' ms'
            if exists $expires{$generation} && $generation < $page->{generation}
               && $before > $expires{$generation} + 1000;

        return keys %expires >= 3 && ($seen{EXPIRED} // 0) >= 2
            && $second{REVALIDATED} && $second{EXPIRED};
    });

    is("@wrong[0 .. min($#wrong, 2)]", '', 'every answer is of its generation');
    is("@stale[0 .. min($#stale, 2)]", '', 'and none older than it may be');
    cmp_ok($seen{HIT}, '>', 0, "the proxy answers by itself ($seen{HIT})");
    cmp_ok($seen{EXPIRED}, '>=', 2, "and asks again ($seen{EXPIRED})");
    cmp_ok($second{REVALIDATED}, '>', 0,
        "asked before, it is told to go on ($second{REVALIDATED})");
}

sub min ($one, $other) { $one < $other ? $one : $other }

# Formats, clients that compress, HEAD.
{
    my @answers = steadily($server, sub {
        my $sql = 'select 1, ' . rand() . ' from qasino_server_info';
        map { via_proxy($sql, method => $_) } qw(HEAD GET GET HEAD);
    });

    is(join(' ', map { $_->{status} } @answers), '200 200 200 200', 'HEAD');
    is($answers[1]{content}, $answers[2]{content}, 'the same bytes');
    is(($answers[0]{content} // '') . ($answers[3]{content} // ''), '',
        'without a body');
    is($answers[2]{proxy}, 'HIT', 'from the proxy');

    my $sql = "with recursive c(i) as (select 1 union all select i + 1 from c"
        . " where i < 2000) select i from c";
    my @encoded = steadily($server, sub {
        map { via_proxy($sql, headers => { 'Accept-Encoding' => $_ }) }
            ('gzip', 'identity') x 2;
    });

    is($encoded[1]{content}, $encoded[3]{content}, 'plain stays plain');
    is($encoded[0]{content}, $encoded[2]{content}, 'and gzip gzip');
    like($encoded[0]{content}, qr/^\x1f\x8b/, 'which it is');
    like($encoded[1]{content}, qr/^\{"response_op"/, 'and is not');
}

# What changes by itself, what is collected, what is wrong, what is posted.
for my $sql ('select random() as r', "select datetime('now')", 'select nosuch',
    'selct 1')
{
    my @answers = map { via_proxy($sql) } 1 .. 3;

    is(join(' ', map { $_->{proxy} } @answers), 'MISS MISS MISS',
        "$sql: asked each time");
}

for my $target ('/request?op=query&use_write_db=1&sql=select%201',
    '/request?op=generation_signal', '/request?op=bogus', '/nosuch')
{
    my @proxy = map {
        $http->get("http://127.0.0.1:$port$target")->{headers}{'x-proxy'}
    } 1 .. 3;

    is("@proxy", 'MISS MISS MISS', "$target: asked each time");
}

stop_proxy();

# On the proxy's disk there are only results.
{
    my @files = grep { -f } glob "$dir/kept/*";
    my @volatile = grep { slurp($_) =~ /random|'now'|nosuch|bogus|signal/ }
        @files;

    cmp_ok(scalar @files, '>', 0, 'the proxy kept answers');
    is(scalar @volatile, 0, 'but none that changes by itself');
}

done_testing();
