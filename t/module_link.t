# The link: all small requests of an nginx worker on one connection, long
# answers claimed over one of their own, and what happens when it breaks.
# Requests side by side are in link.t.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
repeat_each(2);
no_long_string();

fake_blocks(http => <<'HTTP', server => <<'SERVER');
    upstream away {
        server unix:$TEST_NGINX_AWAY_SOCKET;
    }
    upstream two {
        server unix:$TEST_NGINX_FAKE_SOCKET;
        server unix:$TEST_NGINX_AWAY_SOCKET backup;
    }
HTTP
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 2s;
        client_body_buffer_size 200k;
    }
    location = /other {
        qasino_pass qasino;
        qasino_read_timeout 2s;
    }
    location = /away {
        qasino_pass away;
    }
SERVER

sub get { "GET /request?op=query&sql=$_[0]" }
sub text { Qasino::FakeWorker::fake_text($_[0]) }

run_tests();

__DATA__

=== TEST 1: one connection for all, also for another location
--- request eval
[main::get('count'), "POST /request?op=query&sql=count\nbody",
 'GET /other?op=query&sql=count', 'HEAD /request?op=query&sql=count',
 main::get('count')]
--- response_body_like eval
['^connection (\d+) request \d+$', '^connection (\d+) request \d+$',
 '^connection (\d+) request \d+$', '', '^connection (\d+) request \d+$']
--- no_error_log
[error]
--- grep_error_log: the link to
--- grep_error_log_out



=== TEST 2: answers of every size that fits one frame
--- request eval
[map { main::get("size+$_") } 0, 1, 4000, 65471, 65472, 65535, 65536, 65537,
 131072, 262144, 1000000]
--- response_body eval
[map { main::text($_) } 0, 1, 4000, 65471, 65472, 65535, 65536, 65537,
 131072, 262144, 1000000]
--- no_error_log
[error]



=== TEST 3: a body goes with the request, in one buffer or two
--- request eval
["POST /request?op=add_table_data\n" . 'x' x 10,
 "POST /request?op=add_table_data\n" . 'x' x 65536,
 "POST /request?op=add_table_data\n"]
--- response_body_like eval
['body 10 ', 'body 65536 ', 'body 0 ']
--- no_error_log
[error]



=== TEST 4: a body that is too large has a connection of its own
--- request eval
[main::get('count'), "POST /request?op=query&sql=count\n" . 'x' x 65537,
 main::get('count')]
--- response_body_like eval
['^connection \d+ request \d+', '^connection \d+ request \d+',
 '^connection \d+ request \d+']
--- no_error_log
[error]



=== TEST 5: a long answer is claimed
--- request eval
[main::get('long+1000'), main::get('long+3000000'), main::get('count'),
 "POST /request?op=query&sql=long+2000\nbody"]
--- response_body_like eval
[quotemeta(main::text(1000)), '^line 0 (.|\n)*', '^connection \d+ request',
 quotemeta(main::text(2000))]
--- response_headers eval
[('Qasino-Generation: 1700000000') x 4]
--- no_error_log
[error]



=== TEST 6: statuses and headers of the worker's answers
--- request eval
[main::get('status+400'), main::get('status+503+9'), main::get('html')]
--- error_code eval
[400, 503, 200]
--- response_headers eval
["Retry-After: 7", "Retry-After: 9", "Content-Type: text/html; charset=utf-8"]



=== TEST 7: an answer that comes twice is taken once
--- request eval
[main::get('twice'), main::get('empty')]
--- response_body eval
["once\n", '']
--- no_error_log
[error]



=== TEST 8: a link that breaks: questions are asked again
--- request eval
[map { main::get($_) } qw(hang_up half_header wrong_magic wrong_flags
 wrong_type cut_body long_half long_body)]
--- error_code eval
[503, 503, 503, 503, 503, 200, 503, 503]
--- ignore_response
--- error_log eval
[qr/the link to \S+ was closed, 1 requests on it/,
 'not a Qasino frame: wrong magic', 'sent an answer with unknown flags',
 'another frame than a response', 'sent half a claim']



=== TEST 9: and other requests are not
--- request
POST /request?op=add_table_data&sql=hang_up
body
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like: "error_message": "The Qasino worker is away, try again"
--- error_log
was closed, 1 requests on it



=== TEST 10: after which there is a new one
--- request eval
["POST /request?op=add_table_data&sql=hang_up\nbody", main::get('empty'),
 "POST /request?op=add_table_data\nbody"]
--- error_code eval
[503, 200, 200]



=== TEST 11: an answer to what was never asked breaks it
--- request eval
[main::get('wrong_id')]
--- error_code eval
[503]
--- error_log
sent an answer to what it was not asked



=== TEST 12: nobody there
--- request eval
['GET /away?op=query&sql=empty', "POST /away?op=add_table_data\nbody"]
--- error_code eval
[503, 503]
--- response_body_like eval
[('The Qasino worker is away, try again') x 2]



=== TEST 13: no answer in time
--- config
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 100ms;
    }
--- request eval
[main::get('hold'), main::get('release'), main::get('empty')]
--- error_code eval
[504, 200, 200]
--- response_body_like eval
['did not answer within 100 ms \(qasino_read_timeout\)', 'released', '']
--- error_log
no answer of the worker to a request on the link



=== TEST 14: qasino_multiplex off: a connection each
--- config
    location = /request {
        qasino_pass unix:$TEST_NGINX_FAKE_SOCKET;
        qasino_multiplex off;
    }
--- request eval
[main::get('count'), main::get('count')]
--- response_body_like eval
[('^connection \d+ request 1$') x 2]



=== TEST 15: with several servers nginx chooses, for each request
--- config
    location = /request {
        qasino_pass two;
    }
--- request eval
[main::get('count'), main::get('count')]
--- response_body_like eval
[('^connection \d+ request 1$') x 2]



=== TEST 16: a body that would fill a file is passed on as it comes
--- config
    location = /request {
        qasino_pass qasino;
        qasino_request_buffering off;
        client_body_buffer_size 16k;
    }
--- request eval
["POST /request?op=add_table_data\n" . main::text(300_000),
 "POST /request?op=add_table_data\n" . main::text(10_001)]
--- response_body_like eval
['body 300000 ' . Digest::MD5::md5_hex(main::text(300_000)),
 'body 10001 ' . Digest::MD5::md5_hex(main::text(10_001))]
--- no_error_log
a client request body is buffered to a temporary file



=== TEST 17: by default it fills the file
--- config
    location = /request {
        qasino_pass qasino;
        client_body_buffer_size 16k;
    }
--- request eval
"POST /request?op=add_table_data\n" . main::text(300_000)
--- response_body_like eval
'body 300000 ' . Digest::MD5::md5_hex(main::text(300_000))
--- error_log
a client request body is buffered to a temporary file
