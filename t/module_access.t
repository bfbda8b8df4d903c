# qasino_allow and qasino_identity: what the module refuses by itself, what it
# tells the worker, and their values and inheritance.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Qasino::FakeWorker;

start_fake_worker();
no_long_string();

fake_blocks(server => <<'SERVER');
    location = /read {
        qasino_pass qasino;
        qasino_allow query;
    }
    location = /write {
        qasino_pass qasino;
        qasino_allow publish static;
    }
    location = /header {
        qasino_pass qasino;
        qasino_identity $http_who;
    }
    location = /both {
        qasino_pass qasino;
        qasino_identity "user $arg_who";
        qasino_allow all;
    }
SERVER

run_tests();

__DATA__

=== TEST 1: a query where queries are allowed; the worker is told
--- request
GET /read?op=query&sql=one
--- response_body_like chomp
^op 4 format 0 flags 0\nallow: 1\nsql: one\n



=== TEST 2: publishing where only queries are allowed, before the body
--- request
POST /read?op=add_table_data
{}
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like: "error_message": "Operations of class 'publish' are not allowed here \(qasino_allow\)"



=== TEST 3: an update by GET
--- request
GET /read?op=name_value_update&name=a.b&value=1
--- error_code: 403
--- response_body_like: class 'update' are not allowed here



=== TEST 4: a query where only publishing is allowed
--- request
GET /write?op=query&sql=one&format=text
--- error_code: 403
--- response_headers
Content-Type: text/plain; charset=utf-8
--- response_body_like: ^Operations of class 'query' are not allowed here \(qasino_allow\)\n



=== TEST 5: the list of tables is a query
--- request
GET /write?op=get_table_list
--- error_code: 403
--- response_body_like: class 'query'



=== TEST 6: what generation it is anyone may ask
--- request
GET /write?op=generation_signal
--- response_body_like: ^op 6 format 0 flags 0\nallow: 10\n



=== TEST 7: an op in the body is the worker's to judge
--- request
POST /read
{"op": "add_table_data"}
--- response_body_like: ^op 0 format 0 flags 0\nallow: 1\n



=== TEST 8: so is whether a table is static
--- request
POST /write?op=add_csv_table_data
x
--- response_body_like: ^op 2 format 0 flags 0\nallow: 10\n



=== TEST 9: an identity from a variable
--- request
GET /header?op=query&sql=one
--- more_headers
Who: web 1
--- response_body_like: flags 0\nidentity: web 1\nsql: one



=== TEST 10: a variable without a value is an empty identity, not none
--- request
GET /header?op=query&sql=one
--- response_body_like: flags 0\nidentity: \nsql: one



=== TEST 11: text and variables together
--- request
GET /both?op=query&sql=one&who=me
--- response_body_like: flags 0\nidentity: user me\nsql: one



=== TEST 12: 255 bytes are an identity
--- request eval
"GET /both?op=query&sql=one&who=" . 'x' x 250
--- response_body_like: identity: user x{250}\n



=== TEST 13: 256 are none
--- request eval
"GET /both?op=query&sql=one&who=" . 'x' x 251
--- error_code: 403
--- response_body_like: asserted for this request is too long



=== TEST 14: both are inherited, and replaced
--- config
    qasino_allow query;
    qasino_identity server;
    location = /request {
        qasino_pass qasino;
    }
    location = /other {
        qasino_pass qasino;
        qasino_allow publish;
        qasino_identity location;
    }
--- request eval
["GET /request?op=query&sql=one", "GET /other?op=generation_signal"]
--- response_body_like eval
[qr/allow: 1\nidentity: server\n/, qr/allow: 2\nidentity: location\n/]



=== TEST 15: in if
--- config
    location = /request {
        qasino_pass qasino;
        if ($arg_ro) {
            qasino_allow query;
        }
    }
--- request eval
["GET /request?op=name_value_update&name=a.b", "GET /request?op=name_value_update&name=a.b&ro=1"]
--- error_code eval
[200, 403]



=== TEST 16: an unknown class
--- config
    location = /request {
        qasino_pass qasino;
        qasino_allow query writing;
    }
--- must_die
--- error_log
invalid value "writing"



=== TEST 17: an identity twice
--- config
    location = /request {
        qasino_pass qasino;
        qasino_identity a;
        qasino_identity b;
    }
--- must_die
--- error_log
"qasino_identity" directive is duplicate



=== TEST 18: a page of another origin publishes
--- request
POST /both?op=add_table_data&who=me
{}
--- more_headers
Sec-Fetch-Site: cross-site
Content-Type: text/plain
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like: "error_message": "Operations of class 'publish' are not allowed for pages of another origin \(Sec-Fetch-Site, Origin\)"



=== TEST 19: its image updates
--- request
GET /both?op=name_value_update&name=a.b&value=1&format=text
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code: 403
--- response_body_like: ^Operations of class 'update' are not allowed for pages of another origin



=== TEST 20: another port or host of the same site is another origin
--- request
GET /both?op=name_value_update&name=a.b&value=1
--- more_headers
Sec-Fetch-Site: same-site
--- error_code: 403
--- response_body_like: class 'update' are not allowed for pages



=== TEST 21: what only the body says is the worker's to judge, as a query
--- request
POST /both
{"op": "add_table_data"}
--- more_headers
Sec-Fetch-Site: cross-site
--- response_body_like: ^op 0 format 0 flags 0\nallow: 1\n



=== TEST 22: it may ask, by any way
--- request eval
["GET /both?op=query&sql=one", "POST /both?op=query\n{}",
 "GET /both?op=get_table_list", "GET /both?op=generation_signal"]
--- more_headers
Sec-Fetch-Site: cross-site
Origin: http://example.org
--- error_code eval
[200, 200, 200, 200]



=== TEST 23: where the location allows no queries it may do nothing
--- request eval
["POST /write\n{}", "POST /write?op=add_csv_table_data\nx"]
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code eval
[200, 403]
--- response_body_like eval
[qr/^op 0 format 0 flags 0\nallow: 0\n/, qr/for pages of another origin/]



=== TEST 24: pages of this server
--- request
POST /both?op=add_table_data
{}
--- more_headers
Sec-Fetch-Site: Same-Origin
Origin: https://elsewhere.example
--- response_body_like: ^op 1 format 0 flags 0\nidentity: user \n



=== TEST 25: an address that someone typed in
--- request
GET /both?op=name_value_update&name=a.b&value=1
--- more_headers
Sec-Fetch-Site: none
--- response_body_like: ^op 3 format 0 flags 0\nidentity: user \n



=== TEST 26: by plain HTTP there is Origin alone
--- request eval
[map { "POST /both?op=add_table_data\n{}" } 1 .. 7]
--- more_headers eval
["Host: Qasino.example:81\nOrigin: http://qasino.example:81",
 "Host: qasino.example\nOrigin: https://qasino.example",
 "Host: qasino.example:81\nOrigin: http://qasino.example",
 "Host: qasino.example\nOrigin: http://qasino.example.org",
 "Host: qasino.example\nOrigin: http://evil.example://qasino.example",
 "Host: null\nOrigin: null",
 "Host: qasino.example\nOrigin:"]
--- error_code eval
[200, 200, 403, 403, 403, 403, 403]



=== TEST 27: Origin and an op in the body
--- request
POST /both
{"op": "add_table_data"}
--- more_headers
Origin: null
--- response_body_like: ^op 0 format 0 flags 0\nallow: 1\n
