# Every directive: that it does something, that it is inherited, and that a
# wrong value is refused in words.  Variables and headers for the log.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
no_long_string();

fake_blocks(http => <<'HTTP');
    upstream two {
        server unix:$TEST_NGINX_AWAY_SOCKET;
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    upstream same {
        server unix:$TEST_NGINX_FAKE_SOCKET max_fails=0;
        server unix:$TEST_NGINX_FAKE_SOCKET max_fails=0;
    }
    upstream nowhere {
        server unix:$TEST_NGINX_AWAY_SOCKET max_fails=0;
        server unix:$TEST_NGINX_AWAY_SOCKET max_fails=0;
        server unix:$TEST_NGINX_AWAY_SOCKET max_fails=0;
    }
    log_format qasino '[$qasino_op $qasino_format $qasino_generation $status]';
HTTP

sub text { Qasino::FakeWorker::fake_text($_[0]) }

run_tests();

__DATA__

=== TEST 1: qasino_pass with an address
--- config
    location = /request {
        qasino_pass unix:$TEST_NGINX_FAKE_SOCKET;
    }
--- request
GET /request?op=query&sql=one
--- response_body_like: sql: one



=== TEST 2: qasino_pass in if and limit_except
--- config
    location = /if {
        if ($arg_fake) {
            qasino_pass qasino;
        }
    }
    location = /inherited {
        set $x 1;
        qasino_pass qasino;
        if ($arg_fake) {
            set $x 2;
        }
    }
    location = /except {
        qasino_pass qasino;
        limit_except GET {
            deny all;
        }
    }
--- request eval
['GET /if?fake=1&op=query&sql=a', 'GET /inherited?fake=1&op=query&sql=b',
 'GET /except?op=query&sql=c', "POST /except?op=query\n{}"]
--- error_code eval
[200, 200, 200, 403]
--- response_body_like eval
['sql: a', 'sql: b', 'sql: c', '"error_message": "Access denied"']



=== TEST 3: qasino_pass twice
--- config
    location = /request {
        qasino_pass qasino;
        qasino_pass qasino;
    }
--- must_die
--- error_log
"qasino_pass" directive is duplicate



=== TEST 4: a location that ends in a slash is redirected to
--- config
    location /q/ {
        qasino_pass qasino;
    }
--- request
GET /q?op=query&sql=x
--- error_code: 301
--- response_headers_like
Location: .*/q/\?op=query&sql=x



=== TEST 5: qasino_read_timeout, inherited from the server
--- config
    qasino_read_timeout 40ms;
    location = /request {
        qasino_pass qasino;
    }
--- request
GET /request?op=query&sql=slow+1
--- error_code: 504
--- response_body_like: within 40 ms



=== TEST 6: qasino_connect_timeout and qasino_send_timeout are known
--- config
    qasino_connect_timeout 5s;
    location = /request {
        qasino_send_timeout 5s;
        qasino_pass qasino;
    }
--- request
GET /request?op=query&sql=one
--- response_body_like: sql: one



=== TEST 7: qasino_buffering off passes on what comes
--- config
    location = /request {
        qasino_pass qasino;
        qasino_buffering off;
    }
--- request
GET /request?op=query&sql=stall+0.2 HTTP/1.0
--- response_body
begun
ended



=== TEST 8: qasino_buffer_size has to hold a response's head
--- config
    qasino_buffer_size 100;
--- must_die
--- error_log
"qasino_buffer_size" must be at least 512 bytes



=== TEST 9: qasino_buffers
--- config
    location = /request {
        qasino_pass qasino;
        qasino_buffer_size 1k;
        qasino_buffers 32 1k;
        qasino_busy_buffers_size 4k;
    }
--- request
GET /request?op=query&sql=stream+100000
--- response_body eval
main::text(100_000)



=== TEST 10: too few of them
--- config
    qasino_buffers 1 8k;
--- must_die
--- error_log
there must be at least 2 "qasino_buffers"



=== TEST 11: qasino_busy_buffers_size too small
--- config
    qasino_busy_buffers_size 1k;
--- must_die
--- error_log
"qasino_busy_buffers_size" must be at least as large as



=== TEST 12: qasino_busy_buffers_size too large
--- config
    qasino_busy_buffers_size 1m;
--- must_die
--- error_log
"qasino_busy_buffers_size" must not be larger than all "qasino_buffers" but one



=== TEST 13: qasino_temp_file_write_size too small
--- config
    qasino_temp_file_write_size 1k;
--- must_die
--- error_log
"qasino_temp_file_write_size" must be at least as large as



=== TEST 14: qasino_max_temp_file_size too small
--- config
    qasino_max_temp_file_size 1k;
--- must_die
--- error_log
"qasino_max_temp_file_size" must be 0



=== TEST 15: a slow client's result goes to a file
--- config
    location = /request {
        qasino_pass qasino;
        qasino_temp_path $TEST_NGINX_SERVER_ROOT/qasino_temp 1 2;
        qasino_temp_file_write_size 16k;
        qasino_max_temp_file_size 64m;
    }
    location = /slow {
        limit_rate 2m;
        qasino_pass qasino;
        qasino_temp_path $TEST_NGINX_SERVER_ROOT/qasino_temp 1 2;
    }
--- request
GET /slow?op=query&sql=stream+3000000+100000+65536
--- response_body eval
main::text(3_000_000)
--- error_log
an upstream response is buffered to a temporary file
qasino_temp/



=== TEST 16: or not
--- config
    location = /slow {
        limit_rate 2m;
        qasino_pass qasino;
        qasino_max_temp_file_size 0;
    }
--- request
GET /slow?op=query&sql=stream+3000000+100000+65536
--- response_body eval
main::text(3_000_000)
--- no_error_log
temporary file



=== TEST 17: qasino_next_upstream: an error before anything was sent
--- config
    location = /request {
        qasino_pass two;
    }
--- request eval
['GET /request?op=query&sql=one', "POST /request?op=query&sql=two\n{}",
 'GET /request?op=query&sql=three']
--- response_body_like eval
['sql: one', 'sql: two.*body 2 ', 'sql: three']
--- error_code eval
[200, 200, 200]



=== TEST 18: qasino_next_upstream http_503 takes back what was answered
--- config
    location = /request {
        qasino_pass same;
        qasino_next_upstream http_503;
    }
--- request eval
['GET /request?op=query&sql=second', 'GET /request?op=query&sql=second']
--- error_code eval
[200, 200]
--- response_headers eval
[("Qasino-Generation: 1700000000") x 2]
--- response_body_like eval
[('connection \d*[02468]$') x 2]



=== TEST 19: invalid responses
--- config
    location = /request {
        qasino_pass same;
        qasino_next_upstream invalid_response;
    }
--- request
GET /request?op=query&sql=wrong_id
--- error_code: 503
--- grep_error_log: worker sent invalid response
--- grep_error_log_out
worker sent invalid response
worker sent invalid response



=== TEST 20: qasino_next_upstream off
--- config
    location = /request {
        qasino_pass nowhere;
        qasino_next_upstream off;
    }
--- request
GET /request?op=query&sql=x
--- error_code: 503
--- grep_error_log: connect() to unix:
--- grep_error_log_out
connect() to unix:



=== TEST 21: qasino_next_upstream_tries
--- config
    location = /request {
        qasino_pass nowhere;
        qasino_next_upstream_tries 2;
    }
--- request
GET /request?op=query&sql=x
--- error_code: 503
--- grep_error_log: connect() to unix:
--- grep_error_log_out
connect() to unix:
connect() to unix:



=== TEST 22: qasino_next_upstream_timeout
--- config
    location = /request {
        qasino_pass same;
        qasino_read_timeout 50ms;
        qasino_next_upstream timeout;
        qasino_next_upstream_timeout 20ms;
    }
--- request
GET /request?op=query&sql=slow+1
--- error_code: 504
--- grep_error_log: upstream timed out
--- grep_error_log_out
upstream timed out



=== TEST 23: a POST already sent is not sent again
--- config
    location = /request {
        qasino_pass same;
    }
--- request
POST /request?op=query&sql=hang_up
{}
--- error_code: 503
--- grep_error_log: upstream prematurely closed
--- grep_error_log_out
upstream prematurely closed



=== TEST 24: unless non_idempotent
--- config
    location = /request {
        qasino_pass same;
        qasino_next_upstream error non_idempotent;
    }
--- request
POST /request?op=query&sql=hang_up
{}
--- error_code: 503
--- grep_error_log: upstream prematurely closed
--- grep_error_log_out
upstream prematurely closed
upstream prematurely closed



=== TEST 25: a body in a file is sent again whole
--- config
    location = /request {
        client_body_buffer_size 1k;
        qasino_pass same;
        qasino_next_upstream http_503 non_idempotent;
    }
--- request eval
"POST /request?op=query&sql=second\n" . main::text(100_000)
--- response_body_like: connection \d*[02468]$



=== TEST 26: a client that leaves ends its query
--- config
    location = /request {
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
--- request
GET /request?op=query&sql=slow+0.6
--- abort
--- timeout: 100ms
--- ignore_response
--- access_log
[query json 1700000030 499]



=== TEST 27: qasino_ignore_client_abort on
--- config
    location = /request {
        qasino_pass qasino;
        qasino_ignore_client_abort on;
        access_log logs/access.log qasino;
    }
--- request
GET /request?op=query&sql=slow+0.3
--- abort
--- timeout: 100ms
--- ignore_response
--- access_log
[query json 1700000000 200]



=== TEST 28: qasino_generation_page twice
--- config
    qasino_generation_page a;
    qasino_generation_page b;
--- must_die
--- error_log
"qasino_generation_page" directive is duplicate



=== TEST 29: a directive where it does not belong
--- config
    qasino_pass qasino;
--- must_die
--- error_log
"qasino_pass" directive is not allowed here



=== TEST 30: variables in the access log, from the response
--- config
    location = /request {
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
--- request
GET /request?op=get_table_list&format=text
--- access_log
[get_table_list text 1700000000 200]



=== TEST 31: the operation that the body named
--- config
    location = /request {
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
--- request
POST /request
{"op": "query"}
--- access_log
[query json 1700000000 200]



=== TEST 32: without a response the page's generation
--- config
    location = /request {
        deny all;
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
--- request
GET /request?op=query&sql=x&format=html
--- error_code: 403
--- access_log
[query html 1700000030 403]



=== TEST 33: names that clients make up are not logged
--- config
    location = /request {
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
--- request
GET /request?op=bogus&format=odd
--- error_code: 400
--- access_log
[- json 1700000030 400]



=== TEST 34: variables elsewhere
--- config
    location = /other {
        return 200 "$qasino_op|$qasino_format|$qasino_generation";
    }
    location = /none {
        qasino_generation_page nosuch;
        return 200 "$qasino_op|$qasino_format|$qasino_generation";
    }
--- request eval
['GET /other?op=name_value_update&format=TEXT', 'GET /none']
--- response_body eval
['name_value_update|text|1700000030', '|json|']
--- error_code eval
[200, 200]



=== TEST 35: variables in headers
--- config
    location = /request {
        qasino_pass qasino;
        add_header X-Op "$qasino_op $qasino_generation" always;
    }
--- request eval
['GET /request?op=query&sql=x', 'GET /request?op=query']
--- error_code eval
[200, 400]
--- response_headers eval
['X-Op: query 1700000000', 'X-Op: query 1700000030']



=== TEST 36: qasino_events, what it refuses
--- config
    location = /events {
        qasino_events clients=5 heartbeat=500ms;
    }
--- request
POST /events
--- error_code: 405
--- response_headers
Allow: GET, HEAD



=== TEST 37: qasino_events, HEAD
--- config
    location = /events {
        qasino_events;
    }
--- request
HEAD /events
--- response_headers
Content-Type: text/event-stream
Cache-Control: no-store
X-Accel-Buffering: no



=== TEST 38: qasino_events clients=0
--- config
    location = /events {
        qasino_events clients=0;
    }
--- must_die
--- error_log
invalid parameter "clients=0"



=== TEST 39: qasino_events with a heartbeat that is no time
--- config
    location = /events {
        qasino_events heartbeat=often;
    }
--- must_die
--- error_log
invalid parameter "heartbeat=often"



=== TEST 40: qasino_events with what it does not know
--- config
    location = /events {
        qasino_events on;
    }
--- must_die
--- error_log
invalid parameter "on"



=== TEST 41: qasino_events twice
--- config
    location = /events {
        qasino_events;
        qasino_events;
    }
--- must_die
--- error_log
"qasino_events" directive is duplicate



=== TEST 42: qasino_events with if and limit_except
--- config
    location = /if {
        qasino_events;
        if ($arg_x) {
            set $y 1;
        }
    }
    location = /except {
        qasino_events;
        limit_except POST {
            allow all;
        }
    }
--- request eval
['HEAD /if', 'HEAD /if?x=1', 'HEAD /except']
--- error_code eval
[200, 200, 200]
--- response_headers eval
[("Content-Type: text/event-stream") x 3]



=== TEST 43: qasino_direct twice
--- config
    location = /request {
        qasino_pass qasino;
        qasino_direct on;
        qasino_direct off;
    }
--- must_die
--- error_log
"qasino_direct" directive is duplicate



=== TEST 44: qasino_direct with what it does not know
--- config
    location = /request {
        qasino_pass qasino;
        qasino_direct maybe;
    }
--- must_die
--- error_log
invalid value "maybe" in "qasino_direct" directive, it must be "on" or "off"
