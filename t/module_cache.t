# The result cache, and what other caches are told: what is kept and for how
# long, what is never kept, which statements are the same, conditional
# requests, the zone's size.  "keep NAME" of the fake worker says how often it
# was computed: the number tells a hit.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
no_long_string();

fake_blocks(http => <<'HTTP', server => <<'SERVER');
    log_format qasino '[$qasino_cache_status $status $body_bytes_sent]';
    qasino_cache_zone results:1m;
    gzip_vary on;
    gzip_types application/json text/plain;
HTTP
    location = /request {
        qasino_pass qasino;
        qasino_cache results;
        access_log logs/access.log qasino;
        add_header X-Cache $qasino_cache_status always;
    }
    location = /off {
        qasino_pass qasino;
        add_header X-Cache "[$qasino_cache_status]" always;
    }
SERVER

# Room for a dozen results of 20,000 bytes.
our $small = <<'HTTP';
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    qasino_temp_path proxy_temp;
    qasino_generation_page $TEST_NGINX_FAKE_PAGE;
    qasino_cache_zone small:256k;
    qasino_cache small;
HTTP

sub text { Qasino::FakeWorker::fake_text($_[0]) }

# GETs of statements, as they are sent
sub queries {
    return [map {
        my $sql = $_;
        $sql =~ s/([^\w*.])/sprintf '%%%02X', ord $1/ge;
        "GET /request?op=query&sql=$sql"
    } @_];
}

sub times { [($_[0]) x $_[1]] }

run_tests();

__DATA__

=== TEST 1: a second time is a hit
--- request eval
main::queries(('keep one') x 3)
--- response_body eval
main::times("one 1\n", 3)
--- response_headers eval
[map { "X-Cache: $_\nContent-Type: application/json\n"
       . "Qasino-Generation: 1700000030" } 'MISS', 'HIT', 'HIT']
--- response_headers_like eval
main::times('Cache-Control: max-age=86\d{3}' . "\n"
            . 'ETag: "6553f11e-5-[0-9a-f]{32}"', 3)
--- error_code eval
main::times(200, 3)
--- access_log
[MISS 200 6]
[HIT 200 6]
--- no_error_log
[error]



=== TEST 2: without a cache the worker is asked, the headers are the same
--- request eval
['GET /off?op=query&sql=keep+two', 'GET /off?op=query&sql=keep+two']
--- response_body eval
["two 1\n", "two 2\n"]
--- response_headers eval
main::times('X-Cache: []', 2)
--- response_headers_like eval
main::times('Cache-Control: max-age=86\d{3}' . "\n"
            . 'ETag: "6553f11e-5-[0-9a-f]{32}"', 2)
--- error_code eval
main::times(200, 2)



=== TEST 3: another generation, another version of the static tables
--- request eval
main::queries('keep three', 'keep three', 'page generation +30', 'keep three',
              'keep three', 'page static +1', 'keep three', 'keep three',
              'page static 5 generation -30')
--- response_body eval
["three 1\n", "three 1\n", "done\n", "three 2\n", "three 2\n", "done\n",
 "three 3\n", "three 3\n", "done\n"]
--- response_headers eval
[map { "X-Cache: $_" } qw(MISS HIT MISS EXPIRED HIT MISS EXPIRED HIT MISS)]
--- error_code eval
main::times(200, 9)



=== TEST 4: another worker may have another name and other limits
--- request eval
main::queries('keep four', 'page worker +1', 'keep four', 'page worker -1',
              'keep four')
--- response_body eval
["four 1\n", "done\n", "four 2\n", "done\n", "four 1\n"]
--- error_code eval
main::times(200, 5)



=== TEST 5: max-age is what is left, and nothing once a rotation is late
--- request eval
main::queries('keep five', 'page expires -86400000', 'keep five',
              'page expires +86400000')
--- response_headers_like eval
['Cache-Control: max-age=86\d{3}', 'Cache-Control: no-store',
 'Cache-Control: max-age=0', 'Cache-Control: no-store']
--- response_headers eval
[map { "X-Cache: $_" } qw(MISS MISS HIT MISS)]
--- error_code eval
main::times(200, 4)



=== TEST 6: a page that is very late is a dead worker's
--- request eval
main::queries('keep six', 'page expires -86420000 duration -29999',
              'keep six', 'page duration +29999 expires +86420000')
--- response_body eval
["six 1\n", "done\n", "six 2\n", "done\n"]
--- response_headers eval
[map { "X-Cache: $_" } qw(MISS MISS BYPASS BYPASS)]
--- error_code eval
main::times(200, 4)



=== TEST 7: what is volatile is never kept, by nobody
--- request eval
main::queries(('volatile seven') x 2)
--- response_body eval
["seven 1\n", "seven 2\n"]
--- response_headers eval
main::times("X-Cache: MISS\nCache-Control: no-store\n!ETag\n!Vary", 2)
--- error_code eval
main::times(200, 2)



=== TEST 8: nor an error
--- request eval
main::queries(('keep_status eight 400') x 2)
--- response_body eval
["eight 1\n", "eight 2\n"]
--- response_headers eval
main::times("X-Cache: MISS\nCache-Control: no-store\n!ETag", 2)
--- error_code eval
main::times(400, 2)



=== TEST 9: an answer of the last generation is passed on, not kept
--- request eval
main::queries(('old nine') x 2)
--- response_body eval
["nine 1\n", "nine 2\n"]
--- response_headers eval
main::times("X-Cache: MISS\nCache-Control: max-age=0", 2)
--- response_headers_like eval
main::times('ETag: "6553f11d-5-[0-9a-f]{32}"', 2)
--- error_code eval
main::times(200, 2)



=== TEST 10: use_write_db
--- request eval
main::times('GET /request?op=query&sql=keep+ten&use_write_db=1', 2)
--- response_body eval
["ten 1\n", "ten 2\n"]
--- response_headers eval
main::times("X-Cache: BYPASS\nCache-Control: no-store\n!ETag", 2)
--- error_code eval
main::times(200, 2)



=== TEST 11: POST
--- request eval
main::times('POST /request?op=query&sql=keep+eleven', 2)
--- response_body eval
["eleven 1\n", "eleven 2\n"]
--- response_headers eval
main::times("X-Cache: BYPASS\n!Cache-Control\n!ETag", 2)
--- error_code eval
main::times(200, 2)



=== TEST 12: other operations
--- request eval
['GET /request?op=generation_signal&sql=keep+twelve',
 'GET /request?op=name_value_update&sql=keep+twelve']
--- response_body eval
["twelve 1\n", "twelve 2\n"]
--- response_headers eval
main::times("X-Cache: BYPASS\nCache-Control: no-store\n!ETag", 2)
--- error_code eval
main::times(200, 2)



=== TEST 13: get_table_list, whatever sql says
--- request eval
['GET /request?op=get_table_list&sql=keep+thirteen',
 'GET /request?op=get_table_list&sql=keep+other']
--- response_body eval
main::times("thirteen 1\n", 2)
--- error_code eval
main::times(200, 2)



=== TEST 14: format, values and now are part of the question
--- request eval
[map { "GET /request?op=query&sql=keep+fourteen$_" }
 '', '&format=text', '&format=html', '&values=native',
 '&values=native&format=text', '&now=generation',
 '&values=Classic&format=JSON&now=real', '&format=TEXT']
--- response_body eval
[map { "fourteen $_\n" } 1 .. 6, 1, 2]
--- response_headers eval
[map { "Content-Type: $_" } 'application/json', 'text/plain; charset=utf-8',
 'text/html; charset=utf-8', 'application/json', 'text/plain; charset=utf-8',
 'application/json', 'application/json', 'text/plain; charset=utf-8']
--- error_code eval
main::times(200, 8)



=== TEST 15: so are case and what stands inside the statement
--- request eval
main::queries('keep fifteen', 'keep fifteen 0', 'keep  fifteen',
              'keep fifteen 00', 'keep fifteen 0 /* c */;',
              'keep fifteen 0 -- c', 'keep fifteen')
--- response_body eval
[map { "fifteen $_\n" } 1 .. 6, 1]
--- error_code eval
main::times(200, 7)



=== TEST 16: blanks and comments around it are not
--- request eval
main::queries('keep sixteen', " keep sixteen\n", 'keep sixteen;',
              'keep sixteen ; ;; ', "\t\r\n\fkeep sixteen ; -- the end",
              "/* ; */ -- that's what\n/**/keep sixteen;/* ' */--")
--- response_body eval
main::times("sixteen 1\n", 6)
--- error_code eval
main::times(200, 6)



=== TEST 17: what does not end, and what follows, is left to the worker
--- request eval
main::queries((map { "keep seventeen 0 $_" } '', '; x', "; '", '; /*', '/*'),
              '/* keep seventeen', '/*', '--', ';', '')
--- response_body_like eval
[(map { "^seventeen $_\$" } 1 .. 5), map { '^op 4 ' } 1 .. 5]
--- error_code eval
main::times(200, 10)
--- response_headers eval
main::times('X-Cache: MISS', 10)



=== TEST 18: a ";" in quotes ends nothing
--- request eval
main::queries(map { ("keep eighteen 0 $_", "keep eighteen 0 $_") }
              q{';'}, q{";"}, q{`;`}, q{[;]}, q{'';'}, q{[;}, q{"})
--- response_body eval
[map { ("eighteen $_\n", "eighteen $_\n") } 1 .. 7]
--- error_code eval
main::times(200, 14)



=== TEST 19: HEAD asks, keeps and hits as GET does
--- request eval
['HEAD /request?op=query&sql=keep+nineteen',
 'GET /request?op=query&sql=keep+nineteen',
 'HEAD /request?op=query&sql=keep+nineteen']
--- response_body eval
['', "nineteen 1\n", '']
--- response_headers eval
[map { "X-Cache: $_\nContent-Length: 11\nContent-Type: application/json\n"
       . "Vary: Accept-Encoding" } qw(MISS HIT HIT)]
--- response_headers_like eval
main::times('ETag: "6553f11e-5-[0-9a-f]{32}"', 3)
--- error_code eval
main::times(200, 3)



=== TEST 20: If-None-Match on a hit
--- request eval
main::queries(('keep etag') x 3)
--- more_headers eval
['', 'If-None-Match: "6553f11e-5-00000000000000000000000000000000"',
 'If-None-Match: *']
--- response_body eval
["etag 1\n", "etag 1\n", '']
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT",
 "X-Cache: HIT\n!Content-Type\n!Content-Length\nVary: Accept-Encoding"]
--- response_headers_like eval
['', '', 'Cache-Control: max-age=86\d{3}' . "\n"
         . 'ETag: "6553f11e-5-[0-9a-f]{32}"']
--- error_code eval
[200, 200, 304]



=== TEST 21: "*" on a miss has the worker asked
--- request eval
main::queries('keep star', 'keep_status star 404', 'keep star')
--- more_headers
If-None-Match: *
--- response_body eval
['', "star 2\n", '']
--- error_code eval
[304, 404, 304]
--- response_headers eval
["X-Cache: MISS", "X-Cache: MISS", "X-Cache: HIT"]



=== TEST 22: a large answer
--- request eval
main::queries(map { ("keep large$_ $_", "keep large$_ $_") }
              1500, 3700, 3900, 4096, 8000, 20000, 100000, 200000)
--- response_body eval
[map { my $body = "large$_ 1\n" . main::text($_); ($body, $body) }
 1500, 3700, 3900, 4096, 8000, 20000, 100000, 200000]
--- error_code eval
main::times(200, 16)



=== TEST 23: a long statement
--- config
    large_client_header_buffers 4 64k;
    location = /request {
        qasino_pass qasino;
        qasino_cache results;
    }
--- request eval
main::queries(map { my $sql = "keep long$_ 10 " . 'x' x $_; ($sql, $sql) }
              3000, 4000, 5000, 15000)
--- response_body eval
[map { my $body = "long$_ 1\n" . main::text(10); ($body, $body) }
 3000, 4000, 5000, 15000]
--- error_code eval
main::times(200, 8)



=== TEST 24: qasino_cache_max_entry is of statement and answer
--- config
    location = /request {
        qasino_pass qasino;
        qasino_cache results;
        qasino_cache_max_entry 1k;
    }
--- request eval
main::queries(map { ("keep max$_ $_", "keep max$_ $_") } 999, 1000)
--- response_body eval
[(map { "max999 $_\n" . main::text(999) } 1, 1),
 (map { "max1000 $_\n" . main::text(1000) } 1, 2)]
--- error_code eval
main::times(200, 4)



=== TEST 25: an empty answer is not worth it
--- request eval
main::queries(('empty') x 2)
--- response_body eval
['', '']
--- error_code eval
main::times(200, 2)



=== TEST 26: the one not used for longest makes room for what is asked again
--- http_config eval
"$main::small # an nginx, and so a zone, of its own\n"
--- config
    location = /request {
        qasino_pass qasino;
    }
--- request eval
main::queries('keep used 20000', (map { ("keep fill$_ 20000",
    "keep fill$_ 20000", 'keep used 20000') } 1 .. 30),
    'keep fill30 20000', 'keep fill1 20000')
--- response_body_like eval
[qr/\Aused 1\n/,
 (map { (qr/\Afill$_ 1\n/, qr/\Afill$_ [12]\n/, qr/\Aused 1\n/) } 1 .. 30),
 qr/\Afill30 2\n/, qr/\Afill1 2\n/]
--- error_code eval
main::times(200, 93)



=== TEST 27: what is asked once puts out nothing that still holds
--- http_config eval
"$main::small # and another one\n"
--- config
    location = /request {
        qasino_pass qasino;
    }
--- request eval
main::queries('keep old 20000', (map { "keep flood$_ 20000" } 1 .. 30),
    'keep old 20000', 'keep flood29 20000', 'keep flood29 20000',
    'keep flood2 20000', 'keep late 20000', 'keep late2 20000',
    'page generation +30',
    (map { ("keep next$_ 20000", "keep next$_ 20000") } 1 .. 3),
    'page static 5 generation -30')
--- response_body_like eval
[qr/\Aold 1\n/, (map { qr/\Aflood$_ 1\n/ } 1 .. 30),
 qr/\Aold 1\n/, qr/\Aflood29 2\n/, qr/\Aflood29 2\n/,
 qr/\Aflood2 1\n/, qr/\Alate 1\n/, qr/\Alate2 1\n/,
 qr/\Adone\n/, (map { (qr/\Anext$_ 1\n/) x 2 } 1 .. 3), qr/\Adone\n/]
--- error_code eval
main::times(200, 45)



=== TEST 28: large ones among many small ones, in several blocks
--- http_config eval
"large_client_header_buffers 4 64k;\n$main::small"
--- config
    location = /request {
        qasino_pass qasino;
    }
--- request eval
main::queries((map { "keep few$_ 300" } 1 .. 400),
              map { my $sql = "keep many$_ 30000 " . 'x' x 5000;
                  ($sql, $sql, $sql) }
                  1 .. 20)
--- response_body eval
[(map { "few$_ 1\n" . main::text(300) } 1 .. 400),
 map { my ($first, $next) = map { $_ . main::text(30000) } "many$_ 1\n",
     "many$_ 2\n"; ($first, $next, $next) } 1 .. 20]
--- error_code eval
main::times(200, 460)



=== TEST 29: gzip makes the ETag weak and says Vary
--- config
    location = /request {
        gzip on;
        gzip_min_length 20;
        qasino_pass qasino;
        qasino_cache results;
    }
--- request eval
main::queries(('keep gzip 5000') x 3)
--- more_headers eval
['Accept-Encoding: gzip', 'Accept-Encoding: gzip', '']
--- response_headers eval
["Content-Encoding: gzip\nVary: Accept-Encoding",
 "Content-Encoding: gzip\nVary: Accept-Encoding",
 "!Content-Encoding\nVary: Accept-Encoding"]
--- response_headers_like eval
['ETag: W/"6553f11e-5-[0-9a-f]{32}"', 'ETag: W/"6553f11e-5-[0-9a-f]{32}"',
 'ETag: "6553f11e-5-[0-9a-f]{32}"']
--- error_code eval
main::times(200, 3)



=== TEST 30: a range of it is not offered
--- request eval
main::queries(('keep range') x 2)
--- more_headers
Range: bytes=0-1
--- response_body eval
main::times("range 1\n", 2)
--- response_headers eval
main::times('!Accept-Ranges', 2)
--- error_code eval
main::times(200, 2)



=== TEST 31: If-Modified-Since alone means nothing
--- request eval
main::queries(('keep since') x 2)
--- more_headers
If-Modified-Since: Thu, 26 Nov 2099 00:00:00 GMT
--- response_body eval
main::times("since 1\n", 2)
--- error_code eval
main::times(200, 2)



=== TEST 32: refused by the module or by nginx: nobody may keep it
--- config
    qasino_json_errors on;
    location = /request {
        qasino_pass qasino;
    }
    location = /denied {
        deny all;
        qasino_pass qasino;
    }
--- request eval
['GET /request?op=bogus', 'GET /denied', 'GET /nosuch']
--- response_headers eval
main::times('Cache-Control: no-store', 3)
--- error_code eval
[400, 403, 404]



=== TEST 33: a body that comes with a GET
--- request eval
main::times("GET /request?op=query&sql=keep+body\nabc", 3)
--- response_body eval
main::times("body 1\n", 3)
--- error_code eval
main::times(200, 3)



=== TEST 34: expires changes the same header
--- config
    location = /request {
        qasino_pass qasino;
        qasino_cache results;
        expires 7s;
    }
--- request eval
main::queries(('keep expires') x 2)
--- response_headers eval
main::times('Cache-Control: max-age=7', 2)
--- error_code eval
main::times(200, 2)



=== TEST 35: another try takes back what the first one said
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET max_fails=0;
        server unix:$TEST_NGINX_FAKE_SOCKET max_fails=0;
    }
    qasino_temp_path proxy_temp;
    qasino_generation_page $TEST_NGINX_FAKE_PAGE;
--- config
    location = /request {
        qasino_pass qasino;
        qasino_multiplex off;
        qasino_next_upstream http_503;
    }
--- request
GET /request?op=query&sql=keep_status+retry+503
--- error_code: 503
--- response_body
retry 2
--- raw_response_headers_unlike: no-store(?s:.)*no-store



=== TEST 36: the zone of a cache has to exist
--- config
    location = /request {
        qasino_pass qasino;
        qasino_cache nosuch;
    }
--- must_die
--- error_log
zero size shared memory zone "nosuch"



=== TEST 37: a cache needs the page
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    qasino_cache_zone results:1m;
    log_format qasino '';
--- must_die
--- error_log
"qasino_cache" needs "qasino_generation_page", which says for how long an answer is good



=== TEST 38: a zone has a name and a size
--- http_config
    qasino_cache_zone results;
--- config
--- must_die
--- error_log
"qasino_cache_zone results" must be of the form "qasino_cache_zone name:size"



=== TEST 39: the size is one
--- http_config
    qasino_cache_zone results:many;
--- config
--- must_die
--- error_log
invalid size "many" of "qasino_cache_zone"



=== TEST 40: and not too small
--- http_config
    qasino_cache_zone results:64k;
--- config
--- must_die
--- error_log
"qasino_cache_zone results:64k" is too small, it takes 131072 bytes at least



=== TEST 41: nor twice
--- http_config
    qasino_cache_zone results:1m;
    qasino_cache_zone results:1m;
--- config
--- must_die
--- error_log
duplicate qasino_cache_zone "results"



=== TEST 42: whether an identity may be claimed is for the worker to say
--- config
    location = /who {
        qasino_pass qasino;
        qasino_cache results;
        qasino_identity me;
        add_header X-Cache $qasino_cache_status always;
    }
--- request eval
[map { "GET /who?op=query&sql=keep+who$_" } '', '', '&identity=you',
    '&identity=you']
--- response_body eval
["who 1\n", "who 1\n", "who 2\n", "who 3\n"]
--- response_headers eval
[map { "X-Cache: $_" } 'MISS', 'HIT', 'BYPASS', 'BYPASS']
--- error_code eval
main::times(200, 4)
