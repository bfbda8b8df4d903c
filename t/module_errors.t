# The JSON error document in place of nginx's own pages, and everything that
# must stay as it is.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
repeat_each(2);
no_long_string();
no_root_location();

fake_blocks(http => <<'HTTP');
    upstream away {
        server unix:$TEST_NGINX_AWAY_SOCKET;
    }
    upstream gone {
        server unix:$TEST_NGINX_AWAY_SOCKET.gone;
    }
    limit_req_zone $server_name zone=refuse:64k rate=1r/m;
    large_client_header_buffers 2 2k;
HTTP

run_tests();

__DATA__

=== TEST 1: 401 keeps its challenge
--- config
    location = /request {
        auth_basic "Qasino";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/htpasswd;
        qasino_pass qasino;
    }
--- user_files
>>> htpasswd
nobody:{PLAIN}secret
--- request
GET /request?op=query&sql=x
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="Qasino"
Content-Type: application/json
Content-Length: 98
--- response_body chomp
{"response_op": "error", "error_message": "Authorization required", "identity": "fake \"worker\""}



=== TEST 2: and lets in who has the password
--- config
    location = /request {
        auth_basic "Qasino";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/htpasswd;
        qasino_pass qasino;
    }
--- user_files
>>> htpasswd
nobody:{PLAIN}secret
--- request
GET /request?op=query&sql=x
--- more_headers
Authorization: Basic bm9ib2R5OnNlY3JldA==
--- response_body_like: sql: x



=== TEST 3: 403
--- config
    location = /request {
        deny all;
        qasino_pass qasino;
    }
--- request
GET /request?op=query&sql=x
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like: "error_message": "Access denied", "identity": "fake



=== TEST 4: as text
--- config
    location = /request {
        deny all;
        qasino_pass qasino;
    }
--- request
GET /request?op=query&sql=x&format=text
--- error_code: 403
--- response_headers
Content-Type: text/plain; charset=utf-8
Content-Length: 14
--- response_body
Access denied



=== TEST 5: HEAD
--- config
    location = /request {
        deny all;
        qasino_pass qasino;
    }
--- request
HEAD /request?op=query&sql=x&format=text
--- error_code: 403
--- response_headers
Content-Type: text/plain; charset=utf-8
Content-Length: 14
--- response_body



=== TEST 6: 413 names the limit
--- config
    location = /request {
        client_max_body_size 10;
        qasino_pass qasino;
    }
--- request
POST /request?op=query
more than ten bytes
--- error_code: 413
--- response_body_like: "The request body is larger than 10 bytes \(client_max_body_size, max_body of worker.yaml\)"



=== TEST 7: also when it shows only later
--- config
    location = /request {
        client_max_body_size 10;
        qasino_pass qasino;
    }
--- request eval
"POST /request?op=query\n6\r\nhello \r\n6\r\nworld \r\n0\r\n\r\n"
--- more_headers
Transfer-Encoding: chunked
--- error_code: 413
--- response_body_like: "The request body is larger than 10 bytes \(client_max_body_size, max_body of worker.yaml\)"



=== TEST 8: 414, before any location is known
--- config
    qasino_json_errors on;
    location = /request {
        qasino_pass qasino;
    }
--- request eval
'GET /request?op=query&sql=' . 'x' x 4000
--- error_code: 414
--- response_headers
Content-Type: application/json
--- response_body_like: "The request line is too long .large_client_header_buffers.: send the statement in the body of a POST"



=== TEST 9: 400, too
--- config
    qasino_json_errors on;
    location = /request {
        qasino_pass qasino;
    }
--- request
GET /request?op=query&sql=x
--- more_headers eval
'X-Large: ' . 'x' x 4000
--- error_code: 400
--- response_body_like: "error_message": "Bad request: not valid HTTP, or its headers are too large"



=== TEST 10: what is not HTTP
--- config
    qasino_json_errors on;
--- raw_request eval
"select 1;\r\n\r\n"
--- error_code: 400
--- response_body_like: ^{"response_op": "error", "error_message": "Bad request



=== TEST 11: 404 with qasino_json_errors on
--- config
    qasino_json_errors on;
    location = /request {
        qasino_pass qasino;
    }
--- request
GET /nosuch
--- error_code: 404
--- response_headers
Content-Type: application/json
--- response_body chomp
{"response_op": "error", "error_message": "Not found", "identity": "fake \"worker\""}



=== TEST 12: 404 without
--- config
    location = /request {
        qasino_pass qasino;
    }
--- request
GET /nosuch
--- error_code: 404
--- response_headers
Content-Type: text/html
--- response_body_like: <center><h1>404 Not Found</h1></center>



=== TEST 13: qasino_json_errors off
--- config
    location = /request {
        deny all;
        qasino_json_errors off;
        qasino_pass qasino;
    }
--- request
GET /request?op=query&sql=x
--- error_code: 403
--- response_headers
Content-Type: text/html
--- response_body_like: <center><h1>403 Forbidden</h1></center>



=== TEST 14: the handler's own errors are JSON all the same
--- config
    qasino_json_errors off;
    location = /request {
        qasino_pass qasino;
    }
--- request
GET /request?op=query
--- error_code: 400
--- response_body_like: "Must specify 'sql' param"



=== TEST 15: inherited
--- http_config
    qasino_json_errors on;
--- config
    location /a {
        location /a/b {
            deny all;
        }
    }
--- request
GET /a/b
--- error_code: 403
--- response_body_like: "Access denied"



=== TEST 16: 405 by nginx itself
--- config
    location /static {
        qasino_json_errors on;
        alias $TEST_NGINX_SERVER_ROOT/html;
    }
--- request
POST /static/index.html
x
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body_like: "Method not allowed"



=== TEST 17: limit_req
--- config
    location = /request {
        limit_req zone=refuse;
        limit_req_status 429;
        qasino_pass qasino;
    }
--- request eval
[('GET /request?op=query&sql=x&format=text') x 3]
--- error_code_like eval
['^(?:200|429)$', '^429$', '^429$']
--- response_body_like eval
['', "^Too many requests, try later\n\$", "^Too many requests, try later\n\$"]
--- response_headers_like eval
['', 'Retry-After: 1', 'Retry-After: 1']



=== TEST 18: limit_req with nginx's own status
--- config
    location = /request {
        limit_req zone=refuse;
        qasino_pass qasino;
    }
--- request eval
[('GET /request?op=query&sql=x') x 3]
--- error_code_like eval
['^(?:200|503)$', '^503$', '^503$']
--- response_body_like eval
['', '"Service unavailable, try again later"',
 '"Service unavailable, try again later"']
--- response_headers_like eval
['', 'Retry-After: 1', 'Retry-After: 1']



=== TEST 19: any status that nginx returns
--- config
    qasino_json_errors on;
    location = /400 { return 400; }
    location = /404 { return 404; }
    location = /418 { return 418; }
    location = /500 { return 500; }
    location = /501 { return 501; }
    location = /502 { return 502; }
    location = /503 { return 503; }
    location = /504 { return 504; }
    location = /507 { return 507; }
    location = /301 { return 301 /x; }
    location = /text { return 404 "my own words"; }
--- request eval
[map { "GET /$_" } 400, 404, 418, 500 .. 504, 507, 301, 'text']
--- error_code eval
[400, 404, 418, 500 .. 504, 507, 301, 404]
--- response_body_like eval
['"Bad request', '"Not found"', '"HTTP error 418"', '"Internal server error"',
 '"Not implemented"', '"Bad gateway"', '"Service unavailable, ',
 '"Gateway time-out"', '"Insufficient storage"', '<html>.*301 Moved',
 '^my own words$']



=== TEST 20: error_page
--- config
    qasino_json_errors on;
    error_page 404 /sorry.html;
    error_page 403 @text;
    error_page 500 =200 @text;
    location = /sorry.html {
        root html;
    }
    location @text {
        return 200 "as configured";
    }
    location = /403 { deny all; }
    location = /500 { return 500; }
--- user_files
>>> sorry.html
<p>Sorry.
--- request eval
['GET /nosuch', 'GET /403', 'GET /500']
--- error_code eval
[404, 403, 200]
--- response_body eval
["<p>Sorry.\n", 'as configured', 'as configured']



=== TEST 21: error_page that goes to another upstream
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/other.sock;
        default_type text/html;
        return 200 "<p>other";
    }
--- config
    qasino_json_errors on;
    error_page 404 = @other;
    error_page 503 @other;
    location = /503 { return 503; }
    location @other {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/other.sock;
    }
--- request eval
['GET /nosuch', 'GET /503']
--- error_code eval
[200, 503]
--- response_body eval
['<p>other', '<p>other']



=== TEST 22: an upstream of another module that fails
--- config
    qasino_json_errors on;
    location = /proxy {
        proxy_pass http://unix:$TEST_NGINX_AWAY_SOCKET:/;
    }
--- request
GET /proxy
--- error_code: 502
--- response_headers
!Retry-After
--- response_body_like: "error_message": "Bad gateway"



=== TEST 23: a worker whose socket does not exist
--- config
    location = /request {
        qasino_pass gone;
    }
--- request
GET /request?op=query&sql=x&format=text
--- error_code: 503
--- response_headers
Retry-After: 1
Content-Type: text/plain; charset=utf-8
--- response_body
The Qasino worker is away, try again
--- error_log
[crit]



=== TEST 24: gzip compresses an error document like any other
--- config
    gzip on;
    gzip_types application/json;
    gzip_min_length 1;
    location = /request {
        deny all;
        qasino_pass qasino;
    }
--- request
GET /request
--- more_headers
Accept-Encoding: gzip
--- error_code: 403
--- response_headers
Content-Encoding: gzip
Content-Type: application/json
!Content-Length



=== TEST 25: add_header and charset see what the client sees
--- config
    charset utf-8;
    charset_types *;
    add_header X-Type $sent_http_content_type always;
    location = /request {
        deny all;
        qasino_pass qasino;
    }
--- request
GET /request?format=text
--- error_code: 403
--- response_headers
Content-Type: text/plain; charset=utf-8



=== TEST 26: in a subrequest
--- config
    location = /page {
        ssi on;
        ssi_types text/plain;
        default_type text/plain;
        return 200 '[<!--# include virtual="/request?op=query&sql=size+10" -->|<!--# include virtual="/denied?format=text" -->|<!--# include virtual="/request?format=text" -->|<!--# include virtual="/away?op=query&sql=x&format=text" -->]';
    }
    location = /request {
        qasino_pass qasino;
    }
    location = /denied {
        qasino_json_errors on;
        return 403;
    }
    location = /away {
        qasino_pass away;
    }
--- request
GET /page
--- response_body eval
"[line 0 of |Access denied\n|No op specified\n|"
. "The Qasino worker is away, try again\n]"



=== TEST 27: the identity without a page is the host's name
--- http_config
    qasino_temp_path proxy_temp;
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
--- config
    location = /request {
        qasino_pass qasino;
    }
--- request
GET /request
--- error_code: 400
--- response_body eval
use Sys::Hostname;
qq({"response_op": "error", "error_message": "No op specified", "identity": ")
. lc(hostname()) . '"}'



=== TEST 28: a page that is not there, or is no page
--- config
    location = /missing {
        qasino_generation_page $TEST_NGINX_SERVER_ROOT/missing;
        qasino_pass qasino;
    }
    location = /short {
        qasino_generation_page $TEST_NGINX_SERVER_ROOT/html/short;
        qasino_pass qasino;
    }
    location = /long {
        qasino_generation_page html/long;
        qasino_pass qasino;
    }
--- user_files eval
[['short', 'QSNPAGE1'], ['long', 'QSNPAGE2' x 1000]]
--- request eval
['GET /missing', 'GET /short', 'GET /long']
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[('"No op specified", "identity": "[^"\\\\]+"') x 3]



=== TEST 29: a page that comes later is found within a second
--- config
    location = /request {
        qasino_generation_page html/later;
        qasino_pass qasino;
    }
--- request eval
['GET /request', 'GET /request']
--- error_code eval
[400, 400]
--- response_body_filters eval
sub {
    my $later = main::html_dir() . '/later';

    system "cp $ENV{TEST_NGINX_FAKE_PAGE} $later; sleep 2" if !-e $later;

    return $_[0];
}
--- response_body_like eval
['No op specified', '"identity": "fake ..worker.."}']
