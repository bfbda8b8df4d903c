# The original's addresses for browsers: /, /tables, /desc?tablename=,
# /query?sql=.  Each answers with a page, whatever is in the tables or the
# address nothing of it is run, and HTTPS asks for a password.

use v5.36;

use Test::More;

use Qasino::Process qw(wait_until);
use Qasino::Server;

use constant SCRIPT => q{<script>alert(1)</script>};

my %tls = Qasino::Server::tls_settings();
my $server = start_server(generation_duration => 3600, %tls);

$server->published('<script>host</script>', table(evil => [a => 'int',
    text => 'text'], [1, SCRIPT], [2, q{"><img src=x onerror=alert(1)>}],
    [3, q{'"&<>`}], [4, "</td></table></body><script src=//x></script>"],
    [5, "gr\x{fc}\x{df}e \x{20ac}"], [6, "a\x01b\nc"]), static => 1);

sub escaped ($text) {
    return $text =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
}

# What holds of every page.  Nothing that users wrote may become markup: the
# page's own elements are known, and have known attributes.
sub is_page ($answer, $status, $name) {
    my $body = $answer->{content};
    my $headers = $answer->{headers};

    is($answer->{status}, $status, "$name: $status");
    is($headers->{'content-type'}, 'text/html; charset=utf-8', '... as HTML');
    like($headers->{'content-security-policy'} // '',
        qr/\Adefault-src 'none'(?!.*script-src)/,
        '... with a policy that lets no script run');
    is($headers->{'x-content-type-options'}, 'nosniff', '... or be guessed');
    like($body, qr/\A<!DOCTYPE html>.*<\/html>\s*\z/s, '... whole');

    my @unknown = grep {
        !m{\A</?(?:html|head|title|style|body|nav|form|p|label|br|button
            |table|thead|tbody|tr|th|td|textarea|a)>\z}x
        && !m{\A<(?:!DOCTYPE\ html|html\ lang="en"|meta\ charset="utf-8"
            |form\ action="query"|textarea\ name="sql"\ rows="3"
            |a\ href="(?:tables|desc\?tablename=[^"<>]*)")>\z}x
    } $body =~ /<[^>]*>?/g;
    is_deeply(\@unknown, [], '... of known elements')
        or diag($body);

    return $body;
}

sub page ($target, $status, $name = $target) {
    return is_page($server->http_get($target), $status, $name);
}

# Each address.
for my $target ('/', '/tables') {
    my $body = page($target, 200);

    like($body, qr/<th>tablename<\/th>/, '... the list of tables');
    like($body, qr{<a href="desc\?tablename=qasino_server_info">},
        '... that leads to each');
    like($body, qr{<form action="query">}, '... with a form for queries');
}

for my $case (['qasino_server_info', 'generation_start_epoch'],
    ['evil', 'text'], ['EVIL', 'text'], ['%65vil', 'text'],
    ['static.evil', 'text'], ['%22evil%22', 'text'])
{
    my $body = page("/desc?tablename=$case->[0]", 200);
    like($body, qr{<td>$case->[1]</td>}, '... the columns');
}

like(page('/query?sql=select%201%20as%20one,%27x%27', 200),
    qr{<th>one</th>.*<td>1</td><td>x</td>}s, 'the result');
like(page('/query?sql=select+2+as+two%3B', 200), qr{<td>2</td>},
    '... + is a space, as forms send it');
like(page('/query?sql=' . escaped("select 'a%b&c=d+e' as text"), 200),
    qr{<td>a%b&amp;c=d\+e</td>}, '... and the rest is as it was written');
like(page('/query', 200), qr{<textarea name="sql"}, '... a form without one');
like(page('/query?sql=', 200), qr{<textarea name="sql"}, '... nor an empty');
like(page('/query?sql=show%20tables', 200), qr{<th>tablename</th>},
    'shortcuts');
like(page('/query?sql=' . escaped('with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n where i < 20000) select i from n'), 200),
    qr{<td>20000</td>.*20000 rows returned}s, 'a long page');

# What a table holds.
{
    my $body = page('/query?sql=' . escaped('select * from evil'), 200);

    like($body, qr{<td>&lt;script&gt;alert\(1\)&lt;/script&gt;</td>},
        'cells are escaped');
    like($body, qr{<td>(?:'|&#39;)(?:"|&quot;)&amp;&lt;&gt;`</td>},
        '... every character of them');
    like($body, qr{<td>gr\xc3\xbc\xc3\x9fe \xe2\x82\xac</td>}, '... in UTF-8');

    page('/query?sql=' . escaped('select * from qasino_server_connections'),
        200, 'the names of publishers');
    page('/query?sql=' . escaped('select text as tablename from evil'), 200,
        'cells that are made links');
    page('/query?sql=' . escaped('select ' . join(', ', map {
        "'$_' as tablename" } 'javascript:alert(1)', '" onclick="x',
            '//evil.example/', '../request?op=x')), 200,
        'links, which lead to DESC only');
    page('/query?sql=' . escaped('select 1 as "' . SCRIPT . '",'
        . ' 2 as "</th><script>", 3 as \'"><svg onload=alert(1)>\''), 200,
        'names of columns');
    page('/query?sql=' . escaped("select x'3c7363726970743eff', char(60) ||"
        . " 'script>'"), 200, 'blobs and what SQL makes');
}

# What an address says.
for my $text (SCRIPT, '"><script>x</script>', "'><img src=x onerror=y>",
    '</textarea><script>', '<!--', '&lt;script&gt;', "\xff<script>",
    "<scr\0ipt>", 'evil; select 1', "evil' or '1'='1", 'evil" x')
{
    my $shown = $text =~ s/[^ -~]/?/gr;

    page('/desc?tablename=' . escaped($text), 400, "desc $shown");
    page('/query?sql=' . escaped($text), 400, "query $shown");
    page('/query?sql=' . escaped("select * from \"$text\""), 400,
        "query of table $shown");
    page('/query?sql=' . escaped("select \"$text\" from evil where nosuch('"
        . ($text =~ s/'/''/gr) . "')"), 400, "query with $shown in its error");
}
page('/desc', 400, 'desc without a name');
page('/desc?tablename=', 400, 'desc with an empty one');
page('/desc?tablename=nosuch', 400, 'desc of no table');
page('/query?sql=drop%20table%20evil', 400, 'no page writes');
page('/query?sql=select%201;%20select%202', 400, '... or runs two');

# Nobody gets more from an address than its page: arguments are its own.
for my $more ('&op=add_table_data', '&format=json', '&op=generation_signal',
    '&format=text', '&use_write_db=1')
{
    page("/query?sql=select%201$more", 200);
    page("/tables?x=1$more", 200);
    page("/desc?tablename=evil$more", 200);
}

for my $method (qw(PUT DELETE PATCH)) {
    is($server->http($method, '/tables')->{status}, 405,
        "$method of a page is refused");
}
for my $target ('/nosuch', '/tables/', '/desc/evil', '/../etc/passwd',
    '/query/x')
{
    is($server->http_get($target)->{status}, 404, "$target is no page")
        if $target !~ /\.\./;
    cmp_ok($server->http_get($target)->{status}, '>=', 400,
        "$target is refused") if $target =~ /\.\./;
}

# HTTPS: the same with a password, nothing without.
sub https ($target, @options) {
    my $port = $server->port('https');
    open my $out, '-|', 'curl', '-sSik', '--http1.1', @options,
        "https://127.0.0.1:$port$target" or die "curl: $!";
    local $/;
    my ($head, $body) = split /\r\n\r\n/, <$out>, 2;
    my ($status) = $head =~ m{\AHTTP/\S+ (\d+)};
    my %headers = map { /^([^:]+): (.*?)\r?$/ ? (lc $1 => $2) : () }
        split /\n/, $head;

    return { status => $status, headers => \%headers, content => $body };
}

for my $target ('/', '/tables', '/desc?tablename=evil',
    '/query?sql=select%201', '/query', '/request?op=query&sql=select%201')
{
    for my $wrong ([], ['-u', 'qasino:wrong'], ['-u', 'nobody:qasino'],
        ['-u', ':'])
    {
        my $answer = https($target, @$wrong);
        is($answer->{status}, 401, "https $target: @$wrong is refused");
        unlike($answer->{content}, qr/evil|<td>/, '... and told nothing');
    }
    next if $target =~ /^.request/;
    is_page(https($target, '-u', 'qasino:qasino'), 200,
        "https $target with the password");
}

is_page(https('/query?sql=' . escaped('select * from evil'),
    '-u', 'qasino:qasino'), 200, 'cells over HTTPS');

done_testing();
