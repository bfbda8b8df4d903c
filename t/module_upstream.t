# Frames from the worker: results of every size cut at every place, results
# that never become whole, frames that are none, a worker that is slow or away:
# over connections of a request's own (module_link.t has the shared one).
#
# A response that breaks off is asked for with HTTP/1.0, where its body ends
# with the connection; with HTTP/1.1 the end of the chunked body is missing.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
repeat_each(2);
no_long_string();

fake_blocks(http => <<'HTTP', server => <<'SERVER');
    upstream away {
        server unix:$TEST_NGINX_AWAY_SOCKET;
        keepalive 8;
    }
    qasino_multiplex off;
HTTP
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 2s;
    }
    location = /unbuffered {
        qasino_pass qasino;
        qasino_buffering off;
        qasino_read_timeout 2s;
    }
    location = /small {
        qasino_pass qasino;
        qasino_buffer_size 512;
        qasino_buffers 4 512;
    }
    location = /small_unbuffered {
        qasino_pass qasino;
        qasino_buffering off;
        qasino_buffer_size 512;
    }
    location = /away {
        qasino_pass away;
    }
SERVER

our @both = ('/request', '/unbuffered');
our @all = (@both, '/small', '/small_unbuffered');

sub get { my ($sql, @where) = @_; [map { "GET $_?op=query&sql=$sql" } @where] }
sub get10 { [map { "$_ HTTP/1.0" } @{get(@_)}] }
sub times { my ($what, $times) = @_; [($what) x $times] }
sub text { Qasino::FakeWorker::fake_text($_[0]) }

run_tests();

__DATA__

=== TEST 1: one frame, its length known
--- request eval
main::get('size+1000', @::all)
--- response_headers eval
main::times("Content-Length: 1000\n!Transfer-Encoding", 4)
--- response_body eval
main::times(main::text(1000), 4)
--- error_code eval
main::times(200, 4)



=== TEST 2: one frame, larger than all buffers
--- request eval
main::get('size+3000000', @::all)
--- response_headers eval
main::times("Content-Length: 3000000\n!Transfer-Encoding", 4)
--- response_body eval
main::times(main::text(3_000_000), 4)
--- error_code eval
main::times(200, 4)



=== TEST 3: one frame, exactly a buffer (less the header)
--- request eval
main::get('size+448', @::all)
--- response_body eval
main::times(main::text(448), 4)
--- error_code eval
main::times(200, 4)



=== TEST 4: one frame, empty
--- request eval
main::get('empty', @::all)
--- response_headers eval
main::times("Content-Length: 0", 4)
--- response_body eval
main::times('', 4)
--- error_code eval
main::times(200, 4)



=== TEST 5: many frames
--- request eval
main::get('stream+100000+1000+4093', @::all)
--- response_headers eval
main::times("Transfer-Encoding: chunked\n!Content-Length", 4)
--- response_body eval
main::times(main::text(100_000), 4)
--- error_code eval
main::times(200, 4)
--- no_error_log
[error]



=== TEST 6: many frames as small as can be
--- request eval
main::get('stream+5000+1+509', @::all)
--- response_body eval
main::times(main::text(5000), 4)
--- error_code eval
main::times(200, 4)



=== TEST 7: a few large frames
--- request eval
main::get('stream+3000000+1000000+65536', @::all)
--- response_body eval
main::times(main::text(3_000_000), 4)
--- error_code eval
main::times(200, 4)



=== TEST 8: byte by byte
--- request eval
main::get('tiny+100', @::all)
--- response_body eval
main::times(main::text(100), 4)
--- error_code eval
main::times(200, 4)



=== TEST 9: frames with nothing in them
--- request eval
main::get('no_data', @::all)
--- response_body eval
main::times('', 4)
--- error_code eval
main::times(200, 4)



=== TEST 10: an empty last frame that comes late
--- request eval
main::get('late_end', @::all)
--- response_body eval
main::times("all of it\n", 4)
--- error_code eval
main::times(200, 4)



=== TEST 11: HTTP/1.0 gets the body alone
--- request eval
main::get10('stream+10000', @::all)
--- response_headers eval
main::times("!Transfer-Encoding", 4)
--- response_body eval
main::times(main::text(10_000), 4)
--- error_code eval
main::times(200, 4)



=== TEST 12: HEAD of a long result
--- request eval
[map { "HEAD $_?op=query&sql=stream+1000000" } @::all]
--- response_body eval
main::times('', 4)
--- error_code eval
main::times(200, 4)



=== TEST 13: status and Retry-After are the worker's, or a second with 503
--- request eval
[map { @{main::get($_, @::both)} } 'status+503+12', 'status+503+0',
    'status+500+0']
--- error_code eval
[503, 503, 503, 503, 500, 500]
--- response_headers eval
[(map { "Retry-After: $_\nQasino-Generation: 1700000000\n"
    . "Content-Type: application/json" } 12, 12, 1, 1), ('!Retry-After') x 2]
--- response_body eval
[("status 503\n") x 4, ("status 500\n") x 2]



=== TEST 14: so is every other status
--- request eval
[map { "GET /request?op=query&sql=status+$_" } 400, 404, 413, 500, 502, 504]
--- error_code eval
[400, 404, 413, 500, 502, 504]
--- response_body eval
[map { "status $_\n" } 400, 404, 413, 500, 502, 504]



=== TEST 15: a response without arguments
--- request eval
main::get('bare', @::both)
--- response_headers eval
main::times("!Qasino-Generation\n!Retry-After", 2)
--- response_body eval
main::times("bare\n", 2)
--- error_code eval
[200, 200]



=== TEST 16: the format is the one the worker answers in
--- request
GET /request?op=query&sql=html
--- response_headers
Content-Type: text/html; charset=utf-8
--- response_body
<p>&lt;



=== TEST 17: a connection is used again after each kind of clean end
--- config
    location = /one {
        qasino_pass qasino;
    }
    location = /two {
        qasino_pass qasino;
        qasino_buffering off;
    }
--- request eval
[map { ("GET /one?op=query&sql=$_", "GET /two?op=query&sql=$_") }
    'count', 'empty', 'size+20000', 'stream+20000', 'no_data', 'status+400',
    'late_end', 'count']
--- error_code eval
[(200) x 10, (400) x 2, (200) x 4]
--- response_body_like eval
['^connection \d+ request 1$', '^connection \d+ request 2$', ('') x 12,
 '^connection \d+ request 15$', '^connection \d+ request 16$']
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
        keepalive 1;
        keepalive_requests 16;
    }
    qasino_temp_path proxy_temp;
    qasino_multiplex off;



=== TEST 18: and after HEAD and an empty POST
--- config
    location = /one {
        qasino_pass qasino;
    }
--- request eval
["HEAD /one?op=query&sql=size+100", "POST /one?op=query&sql=size+10\nx",
 "GET /one?op=query&sql=count"]
--- error_code eval
[(200) x 3]
--- response_body_like eval
['', '', '^connection \d+ request 3$']
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
        keepalive 1;
        keepalive_requests 3;
    }
    qasino_temp_path proxy_temp;
    qasino_multiplex off;



=== TEST 19: ABORT: what came is sent, the reason is logged, no end follows
--- request eval
main::get10('abort+20', @::all)
--- response_body eval
main::times(main::text(20), 4)
--- error_code eval
main::times(200, 4)
--- error_log
worker broke off its response: "deadline of 10 s is over"



=== TEST 20: ABORT after more than all buffers
--- request eval
main::get10('abort+200000', @::all)
--- response_body eval
main::times(main::text(200_000), 4)
--- error_code eval
main::times(200, 4)
--- error_log
worker broke off its response: "deadline of 10 s is over"



=== TEST 21: ABORT without a reason
--- request eval
main::get10('abort_silently', @::all)
--- response_body eval
main::times("some\n", 4)
--- error_code eval
main::times(200, 4)
--- error_log
worker broke off its response: ""



=== TEST 22: ABORT byte by byte, with a reason too long to log
--- request eval
main::get10('abort_tiny', @::all)
--- response_body eval
main::times("some\n", 4)
--- error_code eval
main::times(200, 4)
--- error_log eval
qr/worker broke off its response: "x{512}"/



=== TEST 23: the worker hangs up in the middle of a body
--- request eval
main::get10('cut_body', @::both)
--- response_body eval
main::times("half of", 2)
--- response_headers eval
main::times("Content-Length: 100", 2)
--- error_code eval
[200, 200]
--- error_log
upstream prematurely closed connection



=== TEST 24: between frames, and in the header of one
--- request eval
[@{main::get10('cut_data', @::all)}, @{main::get10('cut_head', @::all)}]
--- response_body eval
main::times("half of it\n", 8)
--- error_code eval
main::times(200, 8)
--- error_log
upstream prematurely closed connection



=== TEST 25: frames that are no data
--- request eval
[map { @{main::get10($_, @::both)} } qw(data_id data_magic data_type
    data_args)]
--- response_body eval
main::times("some\n", 8)
--- error_code eval
main::times(200, 8)
--- error_log
worker sent invalid response: data of another request
worker sent invalid response: not a Qasino frame: wrong magic
worker sent invalid response: another frame where data should follow
worker sent invalid response: data with arguments



=== TEST 26: bytes after the last frame do no harm
--- request eval
main::get('data_extra', @::all)
--- response_body eval
main::times("some\nmore\n", 4)
--- error_code eval
main::times(200, 4)
--- error_log
worker sent bytes after the end of its response



=== TEST 27: responses that are none are as good as no worker
--- request eval
[map { "GET /request?op=query&sql=$_" } qw(wrong_id wrong_magic wrong_version
    wrong_type wrong_status wrong_format wrong_flags wrong_args wrong_number
    request_arg long_args extra)]
--- error_code eval
main::times(503, 12)
--- response_headers eval
main::times("Retry-After: 1\nContent-Type: application/json", 12)
--- response_body eval
main::times('{"response_op": "error", "error_message": "The Qasino worker is'
    . ' away, try again", "identity": "fake \"worker\""}', 12)
--- error_log
worker sent invalid response: response to another request
worker sent invalid response: not a Qasino frame: wrong magic
worker sent invalid response: frame of another protocol version
worker sent invalid response: another frame than a response
worker sent invalid response: response without an HTTP status
worker sent invalid response: response in an unknown format
worker sent invalid response: response with unknown flags
worker sent invalid response: frame arguments are cut off
worker sent invalid response: response with an invalid argument
worker sent invalid response: bytes after the end of the response
worker sent invalid response: arguments too long for a response



=== TEST 28: a worker that hangs up without an answer
--- request eval
[@{main::get('hang_up', @::both)}, @{main::get('half_header', @::both)}]
--- error_code eval
main::times(503, 4)
--- response_body_like eval
main::times('"The Qasino worker is away, try again"', 4)



=== TEST 29: a worker that is away
--- request eval
['GET /away?op=query&sql=x', "POST /away?op=add_table_data\n{}",
 'GET /away?op=query&sql=x&format=text', 'HEAD /away?op=query&sql=x']
--- error_code eval
main::times(503, 4)
--- response_headers eval
[('Retry-After: 1') x 4]
--- response_body eval
[('{"response_op": "error", "error_message": "The Qasino worker is away, '
    . 'try again", "identity": "fake \"worker\""}') x 2,
 "The Qasino worker is away, try again\n", '']



=== TEST 30: a worker that takes too long
--- config
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 50ms;
    }
--- request
GET /request?op=query&sql=slow+2
--- error_code: 504
--- response_headers
!Retry-After
--- response_body_like: "The Qasino worker did not answer within 50 ms \(qasino_read_timeout\)"



=== TEST 31: the same in the middle of a result
--- config
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 50ms;
    }
    location = /unbuffered {
        qasino_pass qasino;
        qasino_buffering off;
        qasino_read_timeout 50ms;
    }
--- request eval
main::get10('stall+2', @::both)
--- error_code eval
[200, 200]
--- response_body eval
["begun\n", "begun\n"]
--- error_log
upstream timed out



=== TEST 32: a client that leaves
--- request
GET /request?op=query&sql=slow+1
--- abort
--- timeout: 100ms
--- ignore_response
--- no_error_log
[alert]
[crit]



=== TEST 33: damaged streams harm nobody but their client
--- config
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 50ms;
    }
    location = /small_unbuffered {
        qasino_pass qasino;
        qasino_buffering off;
        qasino_buffer_size 512;
        qasino_read_timeout 50ms;
    }
--- request eval
[map { @{main::get10("damaged+$_", '/request', '/small_unbuffered')} } 1 .. 30]
--- error_code_like eval
main::times('^[2-5]\d\d$', 60)
