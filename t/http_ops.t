# Each operation over HTTP, nginx and the real worker together.  What the
# statements and tables themselves do is tested at the worker; here it is the
# way there and back: by GET and POST, in every format, small and large.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::Worker;

our $worker = start_worker(generation_duration => 3600);

no_long_string();
no_shuffle();

our $http_config = <<'END';
    upstream qasino {
        server unix:$TEST_NGINX_QASINO_SOCKET;
        keepalive 8;
    }
    log_format qasino '[$qasino_op $qasino_format $qasino_generation $status]';
    qasino_temp_path proxy_temp;
    qasino_generation_page $TEST_NGINX_QASINO_PAGE;
END

our $config = <<'END';
    location = /request {
        client_max_body_size 16m;
        client_body_buffer_size 64k;
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
END

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('http_config', $main::http_config)
        if !defined $block->http_config;
    $block->set_value('config', $main::config) if !defined $block->config;
});

run_tests();

__DATA__

=== TEST 1: query by GET
--- request
GET /request?op=query&sql=select+1+as+one,'x'+as+two
--- response_headers
Content-Type: application/json
--- response_headers_like
Qasino-Generation: \d{10}
--- response_body_like: ^\{"response_op": "result_table", .*"column_names": \["one", ?"two"\].*\["1", ?"x"\]
--- access_log eval
qr/\[query json \d{10} 200\]/



=== TEST 2: query by POST
--- request
POST /request?op=query
{"sql": "select 1 as one"}
--- response_body_like: "response_op": "result_table".*\["1"\]



=== TEST 3: the operation in the body
--- request
POST /request
{"op": "query", "sql": "select 1 as one"}
--- response_body_like: "response_op": "result_table".*\["1"\]
--- access_log eval
qr/\[query json \d{10} 200\]/



=== TEST 4: format=text
--- request
GET /request?op=query&sql=select+1+as+one&format=text
--- response_headers
Content-Type: text/plain; charset=utf-8
--- response_body eval
"one\n===\n  1\n1 rows returned\n"



=== TEST 5: format=html
--- request
GET /request?op=query&sql=select+'<b>'+as+one&format=html
--- response_headers
Content-Type: text/html; charset=utf-8
--- response_body_like: &lt;b&gt;



=== TEST 6: values=native
--- request
GET /request?op=query&sql=select+1+as+one,null+as+two&values=native
--- response_body_like: \[1, ?null\]



=== TEST 7: a large result
--- request
GET /request?op=query&sql=with+recursive+c(x)+as+(select+1+union+all+select+x%2b1+from+c+where+x<100000)+select+x+from+c&format=text
--- response_headers
!Content-Length
--- response_body_like eval
qr/\n100000\n100000 rows returned\n\z/



=== TEST 8: HEAD
--- request
HEAD /request?op=query&sql=select+1
--- response_headers
Content-Type: application/json
--- response_body



=== TEST 9: a statement that is wrong
--- request eval
['GET /request?op=query&sql=selekt+1',
 "POST /request?op=query\n{\"sql\": \"select * from nosuch\"}",
 'GET /request?op=query&sql=drop+table+x',
 'GET /request?op=query&sql=select+1;select+2']
--- error_code eval
[(400) x 4]
--- response_headers eval
[('Content-Type: application/json') x 4]
--- response_body_like eval
[('^\{"response_op": "error", "error_message": ".+", '
    . '"identity": "test-server"\}\s*$') x 4]



=== TEST 10: as text
--- request
GET /request?op=query&sql=selekt+1&format=text
--- error_code: 400
--- response_headers
Content-Type: text/plain; charset=utf-8
--- response_body_unlike: ^\{



=== TEST 11: POST of a query without a statement
--- request
POST /request?op=query
{}
--- error_code: 400
--- response_body_like: "Must specify 'sql' param



=== TEST 12: a body that is no JSON
--- request eval
["POST /request?op=query\n{\"sql\": ", "POST /request\nhello",
 "POST /request?op=add_table_data\n[1,2", "POST /request\n[]"]
--- error_code eval
[(400) x 4]
--- response_body_like eval
[('"response_op": "error"') x 4]



=== TEST 13: a body without op, an unknown op in it, no body at all
--- request eval
["POST /request\n{}", "POST /request\n{\"op\": \"bogus\"}", 'POST /request']
--- error_code eval
[(400) x 3]
--- response_body_like eval
['No op specified', 'Unrecognized operation', '"response_op": "error"']



=== TEST 14: add_table_data
--- request
POST /request?op=add_table_data
{"op": "add_table_data", "identity": "host1", "table": {"tablename": "t1", "column_names": ["a", "b"], "column_types": ["int", "text"], "rows": [[1, "x"], [2, "y"]]}}
--- response_body_like: ^\{"response_op": "ok", "identity": "test-server"
--- access_log eval
qr/\[add_table_data json \d{10} 200\]/



=== TEST 15: is in the generation being collected
--- request
GET /request?op=query&sql=select+*+from+t1&use_write_db=1&format=text
--- response_body eval
"a  b\n=  =\n1  x\n2  y\n2 rows returned\n"



=== TEST 16: and not in the snapshot
--- request
GET /request?op=query&sql=select+*+from+t1&use_write_db=0
--- error_code: 400
--- response_body_like: no such table: t1



=== TEST 17: add_table_data with the operation in the body
--- request
POST /request
{"op": "add_table_data", "identity": "host2", "table": {"tablename": "t1", "column_names": ["a", "b"], "column_types": ["int", "text"], "rows": [[3, "z"]]}}
--- response_body_like: "response_op": "ok"
--- access_log eval
qr/\[add_table_data json \d{10} 200\]/



=== TEST 18: refused whole
--- request
POST /request?op=add_table_data
{"identity": "host3", "table": {"tablename": "t1", "column_names": ["a", "b"], "column_types": ["int", "text"], "rows": [[4, "u"], [5]]}}
--- error_code: 400
--- response_body_like: "response_op": "error"



=== TEST 19: a large table, through a file
--- request eval
'POST /request?op=add_table_data' . "\n"
. '{"identity": "host4", "table": {"tablename": "t2", "column_names": '
. '["a"], "column_types": ["text"], "rows": ['
. CORE::join(',', map { "[\"row number $_\"]" } 1 .. 100_000) . ']}}'
--- response_body_like: "response_op": "ok"



=== TEST 20: is all there
--- request
GET /request?op=query&sql=select+count(*)+n,max(rowid)+m+from+t2&use_write_db=1
--- response_body_like: \["100000", ?"100000"\]



=== TEST 21: add_csv_table_data
--- request
POST /request?op=add_csv_table_data
identity=host5
t3
name,size
text,int
Name,Size
one,1
two,2
--- response_body_like: "response_op": "ok"



=== TEST 22: with an identity in the query string
--- request
POST /request?op=add_csv_table_data&identity=host6
1
t3
name,size
text,int
Name,Size
three,3
--- response_body_like: "response_op": "ok"



=== TEST 23: both are there
--- request
GET /request?op=query&sql=select+group_concat(name)+n+from+t3&use_write_db=1
--- response_body_like: \["one,two,three"\]



=== TEST 24: name_value_update, by GET and by POST
--- request eval
['GET /request?op=name_value_update&name=nv.color&value=red&identity=host7',
 'POST /request?op=name_value_update&name=nv.size&value=4+2&identity=host7']
--- error_code eval
[200, 200]
--- response_body_like eval
[('"response_op": "ok"') x 2]



=== TEST 25: and there it is
--- request
GET /request?op=query&sql=select+color,size+from+nv&use_write_db=1
--- response_body_like: \["red", ?"4 2"\]



=== TEST 26: name_value_update without a column
--- request
GET /request?op=name_value_update&name=no-dot&value=1
--- error_code: 400
--- response_body_like: Invalid name



=== TEST 27: get_table_list, by GET and by POST
--- request eval
['GET /request?op=get_table_list', 'POST /request?op=get_table_list',
 "POST /request\n{\"op\": \"get_table_list\"}"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[('^\{"response_op": "tables_list", .*"tables": \{.*"qasino_server_info": \{')
    x 3]



=== TEST 28: generation_signal, by GET and by POST
--- request eval
['GET /request?op=generation_signal', 'POST /request?op=generation_signal']
--- error_code eval
[200, 200]
--- response_body_like eval
[('"generation_number": \d{10}') x 2]



=== TEST 29: the page's identity and generation in nginx's own errors
--- config
    location = /request {
        deny all;
        qasino_pass qasino;
        access_log logs/access.log qasino;
    }
--- request
GET /request?op=query&sql=select+1
--- error_code: 403
--- response_body chomp
{"response_op": "error", "error_message": "Access denied", "identity": "test-server"}
--- access_log eval
qr/\[query json \d{10} 403\]/



=== TEST 30: many requests on one connection
--- pipelined_requests eval
['GET /request?op=query&sql=select+1', 'GET /request?op=bogus',
 "POST /request?op=query\n{\"sql\": \"select 2\"}",
 'GET /request?op=query&sql=selekt', 'GET /request?op=query&sql=select+3']
--- error_code eval
[200, 400, 200, 400, 200]
--- response_body_like eval
['\["1"\]', 'Unrecognized', '\["2"\]', 'error', '\["3"\]']



=== TEST 31: a chunked body
--- request eval
"POST /request?op=query\n7\r\n{\"sql\":\r\nd\r\n \"select 42\"}\r\n0\r\n\r\n"
--- more_headers
Transfer-Encoding: chunked
--- response_body_like: \["42"\]
