# qasino_direct: which queries nginx asks past the worker, and that the worker
# is asked wherever that comes to nothing.  The statement "direct" says
# "past" there and "worker" at the worker.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker(direct => 1);
no_long_string();

fake_blocks(server => <<'SERVER');
    location = /request {
        qasino_pass qasino;
    }
SERVER

# Each block has an nginx of its own, which knows nothing of the one before.
add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => ($block->config // '') . '# ' . $block->name
        . "\n");
});

sub get { map { my $sql = "direct $_" =~ tr/ /+/r;
    "GET /request?op=query&sql=$sql" } @_ }

run_tests();

__DATA__

=== TEST 1: a query, by default
--- request eval
[main::get('past', 'past'), 'HEAD /request?op=query&sql=direct',
 main::get('past 190')]
--- error_code eval
[200, 200, 200, 200]
--- response_body eval
["past\n", "past\n", '', "past\n"]
--- no_error_log
[error]



=== TEST 2: nothing else
--- request eval
["POST /request?op=query\n" . '{"sql": "direct"}',
 "POST /request?op=query&sql=direct\nbody",
 'GET /request?op=get_table_list&sql=direct',
 'GET /request?op=generation_signal&sql=direct',
 "POST /request?op=add_table_data&sql=direct\nbody",
 main::get('past')]
--- response_body_like eval
['^op 4', '^worker$', ('^worker$') x 3, '^past$']
--- no_error_log
[error]



=== TEST 3: on and off, inherited
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    qasino_temp_path proxy_temp;
    qasino_generation_page $TEST_NGINX_FAKE_PAGE;
    qasino_direct off;
--- config
    location = /http {
        qasino_pass qasino;
    }
    location = /on {
        qasino_pass qasino;
        qasino_direct on;
    }
    location /nested {
        qasino_direct on;
        location = /nested/on {
            qasino_pass qasino;
        }
        location = /nested/off {
            qasino_pass qasino;
            qasino_direct off;
        }
    }
--- request eval
[map { "GET /$_?op=query&sql=direct" } qw(http on nested/on nested/off)]
--- response_body eval
["worker\n", "past\n", "past\n", "worker\n"]



=== TEST 4: off for a server
--- config
    qasino_direct off;
    location = /off {
        qasino_pass qasino;
    }
    location = /on {
        qasino_pass qasino;
        qasino_direct on;
    }
--- request eval
['GET /off?op=query&sql=direct', 'GET /on?op=query&sql=direct']
--- response_body eval
["worker\n", "past\n"]



=== TEST 5: not without the link
--- config
    location = /request {
        qasino_pass qasino;
        qasino_multiplex off;
    }
--- request eval
[main::get('past')]
--- response_body eval
["worker\n"]



=== TEST 6: nor without a generation page
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    qasino_temp_path proxy_temp;
--- request eval
[main::get('past')]
--- response_body eval
["worker\n"]



=== TEST 7: nor where there are several workers
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    qasino_temp_path proxy_temp;
    qasino_generation_page $TEST_NGINX_FAKE_PAGE;
--- request eval
[main::get('past')]
--- response_body eval
["worker\n"]



=== TEST 8: what is given back goes to the worker, and so does its like
--- request eval
[main::get('status 421', 'status 422', 'past', 'status 400')]
--- error_code eval
[200, 200, 200, 200]
--- response_body eval
["worker\n", "worker\n", "past\n", "worker\n"]
--- no_error_log
[error]



=== TEST 9: an error is an answer, if it is of the page's generation
--- request eval
['GET /request?op=query&sql=direct+keep_status+x+400']
--- error_code: 400
--- response_body_like: ^x \d+$



=== TEST 10: not one of another generation, but one of none
--- request eval
[main::get('past 10 30', 'past 10 0', 'bare')]
--- response_body eval
["worker\n", "past\n", "bare\n"]
--- no_error_log
[error]



=== TEST 11: what took long goes to the worker until it may be quick again
--- request eval
[main::get('past 250', 'past 10', 'past 10')]
--- response_body eval
["past\n", "worker\n", "past\n"]



=== TEST 12: who held up the others is not let in for a while
--- request eval
[main::get('past 4000 0 a', 'past 10 0 b', 'past 4001 0 c', 'past 10 0 d',
 'past 10 0 b')]
--- response_body eval
["past\n", "past\n", "past\n", "worker\n", "worker\n"]



=== TEST 13: a connection that breaks
--- request eval
[main::get('hang_up')]
--- response_body eval
["worker\n"]
--- error_log
query.sock was closed, 1 requests on it



=== TEST 14: what is no answer
--- request eval
[main::get('wrong_magic')]
--- response_body eval
["worker\n"]
--- error_log
not a Qasino frame: wrong magic



=== TEST 15: an answer to another question
--- request eval
[main::get('wrong_id')]
--- response_body eval
["worker\n"]
--- error_log
sent an answer to what it was not asked



=== TEST 16: half an answer
--- request eval
[main::get('cut_body')]
--- response_body eval
["worker\n"]



=== TEST 17: none in time, which is no long time here
--- config
    location = /request {
        qasino_pass qasino;
        qasino_read_timeout 600s;
    }
--- request eval
[main::get('hold')]
--- response_body eval
["worker\n"]
--- error_log
query.sock is not answered, 1 requests on it



=== TEST 18: one that comes twice
--- request eval
[main::get('twice')]
--- response_body eval
["worker\n"]



=== TEST 19: one that is to be claimed, which is the worker's to say
--- request eval
[main::get('long 5')]
--- response_body eval
["worker\n"]
--- error_log
query.sock sent a claim



=== TEST 20: no more is said of who asks than the statement
--- config
    location = /request {
        qasino_pass qasino;
        qasino_identity "somebody";
    }
--- request eval
[main::get('args'),
 'GET /request?op=query&sql=direct+args&identity=another']
--- response_body eval
["sql\n", "worker\n"]



=== TEST 21: the worker is told of whoever asks here, not each time
--- request eval
[main::get('past', 'past', 'past'),
 "POST /request?op=query&sql=askers\nbody"]
--- response_body eval
["past\n", "past\n", "past\n", '127.0.0.1']



=== TEST 22: not a worker from before that was something to be told
--- request eval
["POST /request?op=query&sql=page+frames+5\nbody",
 main::get('past', 'past'),
 "POST /request?op=query&sql=askers\nbody",
 "POST /request?op=query&sql=page+frames+6\nbody"]
--- response_body eval
["done\n", "past\n", "past\n", '', "done\n"]
