# The query string, methods and bodies: what of a request reaches the worker,
# and what is answered without it.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
repeat_each(2);
no_long_string();

fake_blocks(server => <<'SERVER');
    location = /request {
        qasino_pass qasino;
    }
SERVER

run_tests();

__DATA__

=== TEST 1: op, and the statement decoded
--- request
GET /request?op=query&sql=select%201%2b1+as+%22x%26y%22;
--- response_body_like chomp
^op 4 format 0 flags 0\nsql: select 1\+1 as "x&y";\nbody 0 d41d8cd98f00b204e9800998ecf8427e\n$



=== TEST 2: a percent sign without digits stands for itself
--- request
GET /request?op=query&sql=100%+%zz%4
--- response_body_like: sql: 100% %zz%4\n



=== TEST 3: NUL and non-ASCII bytes arrive as they are
--- request
GET /request?op=query&sql=a%00b%c3%A9%ff
--- response_body_like eval
qr/sql: a\0b\xc3\xa9\xff\n/



=== TEST 4: the first of a name counts
--- request
GET /request?op=query&op=bogus&sql=one&sql=two
--- response_body_like: op 4.*sql: one\n



=== TEST 5: names are decoded, too
--- request
GET /request?%6fp=query&s%71l=one
--- response_body_like: op 4.*sql: one\n



=== TEST 6: empty statement is the worker's to judge
--- request
GET /request?op=query&sql=
--- response_body_like: sql: \n



=== TEST 7: semicolons separate nothing
--- request
GET /request?op=query&sql=select+1;op=bogus
--- response_body_like: sql: select 1;op=bogus\n



=== TEST 8: all other arguments
--- request
GET /request?op=name_value_update&name=t.c&value=4+2&identity=h%31
--- response_body_like: op 3 format 0 flags 0\nclaimed_identity: h1\nname: t\.c\nvalue: 4 2\n



=== TEST 9: unknown parameters are ignored
--- request
GET /request?op=query&sql=one&&x=y&=z&w
--- response_body_like: ^op 4 format 0 flags 0\nsql: one\nbody



=== TEST 10: format=text
--- request
GET /request?op=query&sql=one&format=text
--- response_headers
Content-Type: text/plain; charset=utf-8
--- response_body_like: ^op 4 format 1



=== TEST 11: format=html
--- request
GET /request?op=query&sql=one&format=html
--- response_headers
Content-Type: text/html; charset=utf-8
--- response_body_like: ^op 4 format 2



=== TEST 12: format=json, in any case
--- request
GET /request?op=query&sql=one&format=JSON
--- response_headers
Content-Type: application/json
--- response_body_like: ^op 4 format 0



=== TEST 13: an empty format is json
--- request
GET /request?op=query&sql=one&format=
--- response_headers
Content-Type: application/json



=== TEST 14: an unknown format
--- request
GET /request?op=query&sql=one&format=xml
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chomp
{"response_op": "error", "error_message": "Unknown format, known are: json, text, html", "identity": "fake \"worker\""}



=== TEST 15: values=native
--- request
GET /request?op=query&sql=one&values=native
--- response_body_like: flags 8\n



=== TEST 16: values=classic
--- request
GET /request?op=query&sql=one&values=classic
--- response_body_like: flags 0\n



=== TEST 17: unknown values
--- request
GET /request?op=query&sql=one&values=modern
--- error_code: 400
--- response_body_like: "error_message": "Unknown values, known are: classic, native"



=== TEST 18: use_write_db
--- request eval
[map { "GET /request?op=query&sql=one&use_write_db=$_" }
    '1', 'true', 'yes', 'x', '0', 'no', 'NO', 'false', 'False', '']
--- response_body_like eval
[('flags 4\n') x 4, ('flags 0\n') x 6]
--- error_code eval
[(200) x 10]



=== TEST 19: every public operation by POST
--- request eval
[map { "POST /request?op=$_\n{}" } qw(add_table_data add_csv_table_data
    name_value_update query get_table_list generation_signal)]
--- response_body_like eval
[map { "^op $_ .*body 2 99914b932bd37a50b983c5e7c90ae93b\n" } 1 .. 6]
--- error_code eval
[(200) x 6]



=== TEST 20: those that only ask, by GET
--- request eval
[map { "GET /request?op=$_" } qw(name_value_update get_table_list
    generation_signal)]
--- response_body_like eval
['^op 3 ', '^op 5 ', '^op 6 ']
--- error_code eval
[(200) x 3]



=== TEST 21: POST without op: the body has to say
--- request
POST /request
{"op": "query", "sql": "select 1"}
--- response_body_like: ^op 0 format 0 flags 0\nbody 34 



=== TEST 22: POST of a query with its statement in the query string
--- request
POST /request?op=query&sql=select+1
--- response_body_like: ^op 4 .*sql: select 1\nbody 0 



=== TEST 23: form content type means nothing
--- request
POST /request?op=query
{"sql": "select 1&op=bogus"}
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- response_body_like: ^op 4 format 0 flags 0\nbody 28 



=== TEST 24: GET without op
--- request
GET /request
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chomp
{"response_op": "error", "error_message": "No op specified", "identity": "fake \"worker\""}



=== TEST 25: op without a value is no op
--- request
GET /request?op&sql=select+1
--- error_code: 400
--- response_body_like: No op specified



=== TEST 26: an empty op, an unknown one, one in the wrong case
--- request eval
['GET /request?op=', 'GET /request?op=bogus', 'GET /request?op=Query&sql=x',
 "POST /request?op=subscribe\n{}", "POST /request?op=snapshot\n{}"]
--- error_code eval
[(400) x 5]
--- response_body_like eval
[('"response_op": "error", "error_message": "Unrecognized operation"') x 5]



=== TEST 27: GET of a query without a statement
--- request
GET /request?op=query
--- error_code: 400
--- response_body_like: "error_message": "Must specify 'sql' param"



=== TEST 28: the same as text
--- request
GET /request?op=query&sql&format=text
--- error_code: 400
--- response_headers
Content-Type: text/plain; charset=utf-8
--- response_body
Must specify 'sql' param.



=== TEST 29: an error with format=html is text
--- request
GET /request?op=nothing&format=html
--- error_code: 400
--- response_headers
Content-Type: text/plain; charset=utf-8
--- response_body
Unrecognized operation



=== TEST 30: publishing by GET
--- request eval
['GET /request?op=add_table_data', 'GET /request?op=add_csv_table_data',
 'HEAD /request?op=add_table_data']
--- error_code eval
[405, 405, 405]
--- response_headers eval
[('Allow: POST') x 3]
--- response_body_like eval
['"error_message": "Method not allowed: publish by POST"',
 '"response_op": "error"', '^$']



=== TEST 31: other methods
--- request eval
["PUT /request?op=query\n{}", 'DELETE /request', 'OPTIONS /request',
 'PATCH /request?op=bogus&format=text']
--- error_code eval
[405, 405, 405, 405]
--- response_headers eval
[('Allow: GET, HEAD, POST') x 4]
--- response_body_like eval
[('"response_op": "error", "error_message": "Method not allowed') x 3,
 '^Method not allowed: use GET or POST\n$']



=== TEST 32: HEAD
--- request
HEAD /request?op=query&sql=size+1000
--- response_headers
Content-Length: 1000
Content-Type: application/json
Qasino-Generation: 1700000000
--- response_body



=== TEST 33: HEAD of an error
--- request
HEAD /request?op=query&format=text
--- error_code: 400
--- response_headers
Content-Length: 26
--- response_body



=== TEST 34: a compressed body
--- request
POST /request?op=add_table_data
xxxx
--- more_headers
Content-Encoding: gzip
--- error_code: 415
--- response_body_like: "error_message": "A request body can't have a Content-Encoding"



=== TEST 35: which is not identity
--- request
POST /request?op=query
{}
--- more_headers
Content-Encoding: identity
--- response_body_like: ^op 4



=== TEST 36: chunked request body
--- request eval
"POST /request?op=query\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
--- more_headers
Transfer-Encoding: chunked
--- response_body_like: body 11 5eb63bbbe01eeed093cb22bb8f5acdc3



=== TEST 37: an empty body
--- request
POST /request?op=get_table_list
--- more_headers
Content-Length: 0
--- response_body_like: ^op 5 .*body 0 



=== TEST 38: a body larger than the buffer goes through a file
--- config
    location = /request {
        client_body_buffer_size 1k;
        qasino_pass qasino;
    }
--- request eval
"POST /request?op=add_table_data\n" . Qasino::FakeWorker::fake_text(300_000)
--- response_body_like eval
use Digest::MD5;
'body 300000 ' . Digest::MD5::md5_hex(Qasino::FakeWorker::fake_text(300_000))



=== TEST 39: a body that is in a file only
--- config
    location = /request {
        client_body_in_file_only clean;
        qasino_pass qasino;
    }
--- request
POST /request?op=query
hello world
--- response_body_like: body 11 5eb63bbbe01eeed093cb22bb8f5acdc3



=== TEST 40: the body of a GET is dropped
--- request
GET /request?op=query&sql=one
hello world
--- response_body_like: sql: one\nbody 0 



=== TEST 41: and the connection goes on after it, and after an error
--- pipelined_requests eval
["GET /request?op=query&sql=one\nhello", "GET /request?op=bogus\nhello",
 "PUT /request\nhello", "POST /request?op=query\nhello",
 "GET /request?op=query&sql=two"]
--- error_code eval
[200, 400, 405, 200, 200]
--- response_body_like eval
['sql: one\nbody 0', 'Unrecognized', 'not allowed', 'body 5 ', 'sql: two']



=== TEST 42: the client's address
--- request
GET /request?op=query&sql=client
--- response_body chomp
127.0.0.1



=== TEST 43: a query string longer than a frame's arguments may be
--- http_config
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
    }
    large_client_header_buffers 4 400k;
    qasino_temp_path proxy_temp;
--- request eval
'GET /request?op=query&sql=' . 'x' x 270_000
--- error_code: 414
--- response_body_like: "error_message": "The query string is too long: send the statement in the body of a POST"



=== TEST 44: now=generation
--- request
GET /request?op=query&sql=one&now=Generation
--- response_body_like: flags 32\n



=== TEST 45: now=real
--- request
GET /request?op=query&sql=one&now=real
--- response_body_like: flags 0\n



=== TEST 46: unknown now
--- request
GET /request?op=query&sql=one&now=then
--- error_code: 400
--- response_body_like: "error_message": "Unknown now, known are: real, generation"
