# How the UI is served: to whom, with what policy, compressed and for ever.

use v5.36;

use Test::More;

use Qasino::Process qw(build_dir);
use Qasino::Server;

my $server = start_server(generation_duration => 3600,
    Qasino::Server::tls_settings());
my %html = (Accept => 'text/html,application/xhtml+xml,*/*;q=0.8');

sub varies ($answer) {
    my $vary = $answer->{headers}{vary};
    return sort map { split /, */ } grep { defined }
        ref $vary ? @$vary : $vary;
}

for my $target ('/', '/tables', '/desc?tablename=x', '/query?sql=select%201',
    '/query', '/publishers', '/views', '/server')
{
    my $answer = $server->http_get($target, %html);
    my $headers = $answer->{headers};
    my ($nonce) = $answer->{content} =~ /nonce" content="(\w+)"/;

    is($answer->{status}, 200, "$target: 200");
    is($headers->{'content-type'}, 'text/html; charset=utf-8', '... as HTML');
    is($headers->{'content-security-policy'}, "default-src 'none';"
        . " script-src 'self'; style-src 'self' 'nonce-$nonce';"
        . " img-src 'self'; connect-src 'self'; base-uri 'none';"
        . " form-action 'none'; frame-ancestors 'none';"
        . " require-trusted-types-for 'script'; trusted-types 'none'",
        '... under a strict policy');
    is($headers->{'x-content-type-options'}, 'nosniff', '... not to guess');
    is($headers->{'referrer-policy'}, 'no-referrer', '... or to tell');
    is($headers->{'cache-control'}, 'no-cache', '... or to keep unasked');
    is_deeply([varies($answer)], ['Accept', 'Accept-Encoding'],
        '... for who accepts it');
    isnt($nonce, ($server->http_get($target, %html)->{content}
        =~ /nonce" content="(\w+)"/)[0], '... with a nonce of its own');

    my $plain = '/plain' . $target;
    is_deeply([$answer->{content} =~ /(?:url=|href=")(plain[^"]*)"/g],
        [($target =~ /\?/ ? "plain$target" : "plain$target?") x 2],
        '... and what to do without scripts');

    for my $other ('*/*', 'application/json', undef) {
        $answer = $server->http_get($target, defined $other
            ? (Accept => $other) : ());
        unlike($answer->{content}, qr/<script/,
            'the plain page for ' . ($other // 'nothing'));
        is_deeply([varies($answer)], ['Accept', ('Accept-Encoding')
            x ($answer->{status} == 200)], '... for who accepts that');
        is($answer->{content}, $server->http_get($plain)->{content},
            "... which is that of $plain")
            if $target !~ /server|query$/;
    }
}

# What is asked for by its own address is the same for all.
is_deeply([grep { $_ eq 'Accept' } varies($server->http_get($_))], [],
    "$_: whatever is accepted")
    for '/plain/tables', '/request?op=query&sql=select%201';

# No byte of an address gets out of its attribute.
for my $args (q{x"><script>alert(1)</script>}, q{x'y}, q{a<b}, 'a\b', 'a`b') {
    my $answer = $server->http_get("/query?$args", %html);
    my ($to) = $answer->{content} =~ /url=(plain[^"]*)"/;

    is($to, 'plain/query', "?$args: left out");
    unlike($answer->{content}, qr/alert/, '... of all of it');
}
is(($server->http_get('/query?sql=a%22%3Cb;c&lt;', %html)->{content}
    =~ /url=(plain[^"]*)"/)[0], 'plain/query?sql=a%22%3Cb;c&lt;',
    'what a browser sends is kept');

for my $method (qw(POST PUT DELETE)) {
    is($server->http($method, $_, '', %html)->{status}, 405,
        "$method $_: 405") for '/', '/tables', '/plain/', '/plain/desc';
}
for my $target ('/index.html', '/ui/', '/ui/nosuch.js', '/ui/../index.html',
    '/www/index.html', '/tables/x', '/plain', '/plain/x',
    '/conf/worker.yaml', '/qasino-worker')
{
    my $answer = $server->http_get($target, %html);
    is($answer->{status}, 404, "$target: 404");
    like($answer->{content}, qr/"error_message"/, '... in JSON');
}

is($server->http_get('/ui/..%2f..%2fqasino-worker')->{status}, 400,
    'nobody climbs out of it');

# The files.
my %types = (js => 'text/javascript; charset=utf-8',
    css => 'text/css; charset=utf-8', svg => 'image/svg+xml',
    txt => 'text/plain');

for my $file (glob build_dir() . '/www/ui/*') {
    my ($name, $type) = $file =~ m{([^/]+\.(\w+))$};
    my $answer = $server->http_get("/ui/$name");
    my $headers = $answer->{headers};

    is($answer->{status}, 200, $name);
    is(length $answer->{content}, -s $file, '... whole');
    is($headers->{'content-type'}, $types{$type}, '... of its type');
    is($headers->{'cache-control'}, 'public, max-age=31536000, immutable',
        '... for ever');
    ok($headers->{etag}, '... with a tag');
    is($server->http_get("/ui/$name", 'Accept-Encoding' => 'gzip')->{headers}
        {'content-encoding'}, 'gzip', '... compressed') if $type ne 'txt';
    is($server->http_get("/ui/$name", 'If-None-Match' => $headers->{etag})
        ->{status}, 304, '... not sent twice');
}

# A password for each of them, where there is one.
for my $target ('/', '/tables', '/plain/tables', '/events', '/index.html',
    map { m{(/ui/[^/]+)$} } glob build_dir() . '/www/ui/*')
{
    my $port = $server->port('https');
    my $status = `curl -sk -o /dev/null -w '%{http_code}' \\
        -H 'Accept: text/html' https://127.0.0.1:$port$target`;
    is($status, $target eq '/index.html' ? 404 : 401, "https $target: "
        . 'not without the password');
}

done_testing();
