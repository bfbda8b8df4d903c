/* CSV and JSON into requests: what is sent, and what is refused, where. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "csv_table.h"
#include "json_table.h"

#define HEAD  "{\"op\": \"add_table_data\", \"identity\": \"me\", "

typedef int (*read_t)(draft_t *draft, const char *text, size_t length);

/* Byte by byte: where a chunk ends must not matter. */
static int
read_csv(draft_t *draft, const char *text, size_t length)
{
    csv_table_t csv;
    int rc = 0;

    csv_table_init(&csv, draft);

    for (size_t i = 0; rc == 0 && i < length; i++) {
        rc = csv_table_feed(&csv, text + i, 1);
    }

    if (rc == 0) {
        rc = csv_table_finish(&csv);
    }

    csv_table_free(&csv);

    return rc;
}


static int
read_csv_whole(draft_t *draft, const char *text, size_t length)
{
    csv_table_t csv;

    csv_table_init(&csv, draft);

    int rc = csv_table_feed(&csv, text, length);

    if (rc == 0) {
        rc = csv_table_finish(&csv);
    }

    csv_table_free(&csv);

    return rc;
}


static void
sends(read_t read, const char *text, const char *expected)
{
    draft_t draft;
    qsn_buf_t body = { 0 };

    draft_init(&draft);

    if (read(&draft, text, strlen(text)) != 0 || draft_check(&draft) != 0) {
        fail_msg("%s: %s", text, draft.error);
    }

    assert_int_equal(draft_request(&draft, draft.identity ? draft.identity
                                   : "me", &body), 0);
    assert_string_equal(qsn_buf_text(&body), expected);
    qsn_buf_free(&body);
    draft_free(&draft);
}


static void
refuses(read_t read, const char *text, size_t length, const char *expected)
{
    draft_t draft;

    draft_init(&draft);

    if (read(&draft, text, length) == 0 && draft_check(&draft) == 0) {
        fail_msg("taken: %s", text);
    }

    assert_string_equal(draft.error, expected);
    draft_free(&draft);
}


static void
csv_sends(const char *text, const char *expected)
{
    sends(read_csv, text, expected);
    sends(read_csv_whole, text, expected);
}


static void
csv_refuses(const char *text, const char *expected)
{
    refuses(read_csv, text, strlen(text), expected);
    refuses(read_csv_whole, text, strlen(text), expected);
}


static void
json_sends(const char *text, const char *expected)
{
    sends(json_table_read, text, expected);
}


static void
json_refuses(const char *text, const char *expected)
{
    refuses(json_table_read, text, strlen(text), expected);
}


static void
test_csv(void **state)
{
    (void) state;

    csv_sends("1\nt\na,b\nint,string\nx,y\n1,one\n2,\"t,\"\"w\"\"\no\"\n",
              HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
              "[\"a\", \"b\"], \"column_types\": [\"integer\", \"text\"], "
              "\"rows\": [[1, \"one\"],\n[2, \"t,\\\"w\\\"\\no\"]]}}");

    /* CRLF, a byte order mark, options, no line break at the end */
    csv_sends("\xef\xbb\xbf" "1,identity=x,persist=yes,static=0,update=true,"
              "keycols=a;b\r\nt\r\n a , b \r\nll,FLOAT\r\n\r\n7,1e3",
              "{\"op\": \"add_table_data\", \"identity\": \"x\", \"persist\": "
              "1, \"update\": 1, \"keycols\": \"a;b\", \"table\": "
              "{\"tablename\": \"t\", \"column_names\": [\"a\", \"b\"], "
              "\"column_types\": [\"integer\", \"real\"], \"rows\": "
              "[[7, 1e3]]}}");

    /* that is a line break outside of quotes alone */
    csv_sends("1\nt\na\nstr\n\n\"x\r\"\n\"y\r\"\r\nz\r\n\"\"\r\n\"e\r\"",
              HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
              "[\"a\"], \"column_types\": [\"text\"], \"rows\": "
              "[[\"x\\r\"],\n[\"y\\r\"],\n[\"z\"],\n[\"\"],\n[\"e\\r\"]]}}");

    /* empty cells, blank lines at the end, no rows */
    csv_sends("1\nt\na,b,c\nint,real,str\n\n,,\n\n\n",
              HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
              "[\"a\", \"b\", \"c\"], \"column_types\": [\"integer\", "
              "\"real\", \"text\"], \"rows\": [[null, null, \"\"]]}}");
    csv_sends("1\nt\na\nip\nx\n",
              HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
              "[\"a\"], \"column_types\": [\"text\"], \"rows\": []}}");
}


static void
test_csv_numbers(void **state)
{
    (void) state;

    csv_sends("1\nt\na\nreal\n\n.5\n+1\n1.\n 2 \n1234567890123456789012345\n"
              "-0.10\n007\n",
              HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
              "[\"a\"], \"column_types\": [\"real\"], \"rows\": [[0.5],\n"
              "[1.0],\n[1.0],\n[2.0],\n[1234567890123456789012345.0],\n"
              "[-0.10],\n[7.0]]}}");
    csv_sends("1\nt\na\nint\n\n+1\n-9223372036854775808\n",
              HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
              "[\"a\"], \"column_types\": [\"integer\"], \"rows\": [[1],\n"
              "[-9223372036854775808]]}}");
    csv_refuses("1\nt\na\nint\n\n9223372036854775808\n",
                "line 6 column 1: '9223372036854775808' (a) is no integer of "
                "64 bits");
    csv_refuses("1\nt\na,b\nint,float\n\n1,0x10\n",
                "line 6 column 2: '0x10' (b) is no number");
    csv_refuses("1\nt\na\nfloat\n\n1e999\n",
                "line 6 column 1: '1e999' (a) is no number that JSON can "
                "express");
    csv_refuses("1\nt\na\nfloat\n\nnan\n",
                "line 6 column 1: 'nan' (a) is no number that JSON can "
                "express");
}


static void
test_csv_errors(void **state)
{
    (void) state;

    csv_refuses("", "line 1: the CSV ends before its line of options");
    csv_refuses("1\nt\na,b\n",
                "line 4: the CSV ends before its line of column types");
    csv_refuses("1\nt\na,b\nint\n",
                "line 4: 1 column types for 2 column names");
    csv_refuses("1\nt\na,b\nint,blob\n",
                "line 4 column 2: column 'b' has the unknown type 'blob'");
    csv_refuses("1\nt\na,b\nint,int\n\n1,2\n3\n",
                "line 7: wrong number of cells: 1, expected 2");
    csv_refuses("1\nt\na,b\nint,int\n\n1,2\n\n3,4\n",
                "line 7: wrong number of cells: 0, expected 2");
    csv_refuses("1\nt\na,b\nint,str\n\n1,\"x\n2,y\n",
                "line 6: a quoted cell does not end");
    csv_refuses("1\nt\na\nstr\n\n\xe9\n",
                "line 6 column 1: '\xe9' (a) is not UTF-8");

    /* a line break in quotes is a line */
    csv_refuses("1\nt\na\nstr\n\n\"x\ny\"\na,b\n",
                "line 8: wrong number of cells: 2, expected 1");
    csv_refuses("1\nt x\na\nstr\n\n",
                "line 2 column 1: invalid table name 't x': a letter, then "
                "letters, digits and _");
    csv_refuses("1\nqasino_server_x\na\nstr\n\n",
                "line 2 column 1: invalid table name 'qasino_server_x': "
                "names that begin so are reserved");
    csv_refuses("1\nJSON_Each\na\nstr\n\n",
                "line 2 column 1: invalid table name 'JSON_Each': "
                "SQL has a function of that name");
    csv_refuses("1\nt\na,B,b\nstr,int,int\n\n",
                "line 3 column 3: column 'b' is there twice");
    csv_refuses("1,keycols=a;c\nt\na,b\nstr,int\n\n",
                "key column 'c' is no column of the table");
}


static void
test_json_shapes(void **state)
{
    (void) state;

    json_sends("{\"tablename\": \"t\", \"rows\": [[1, null, true, 1.50, "
               "\"\\u00e9\"]], \"extra\": [{\"rows\": [1]}], "
               "\"column_types\": [\"int\", \"IP\", \"ll\", \"real\", "
               "\"text\"], \"column_names\": [\"a\", \"b\", \"c\", \"d\", "
               "\"e\"]}",
               HEAD "\"table\": {\"tablename\": \"t\", \"column_names\": "
               "[\"a\", \"b\", \"c\", \"d\", \"e\"], \"column_types\": "
               "[\"integer\", \"text\", \"integer\", \"real\", \"text\"], "
               "\"rows\": [[1, null, 1, 1.50, \"\xc3\xa9\"]]}}");

    json_sends("{\"op\": \"add_table_data\", \"identity\": \"x\", "
               "\"persist\": 1, \"static\": \"no\", \"update\": true, "
               "\"keycols\": \"a\", \"table\": {\"persist\": 0, "
               "\"tablename\": \"t\", \"column_names\": [\"a\"], "
               "\"column_types\": [\"int\"], \"rows\": []}}",
               "{\"op\": \"add_table_data\", \"identity\": \"x\", "
               "\"persist\": 1, \"update\": 1, \"keycols\": \"a\", "
               "\"table\": {\"tablename\": \"t\", \"column_names\": [\"a\"], "
               "\"column_types\": [\"integer\"], \"rows\": []}}");
}


static void
test_json_errors(void **state)
{
    (void) state;

    json_refuses("", "line 1 column 1: there is no JSON");
    json_refuses("{\"tablename\":", "line 1 column 14: the JSON ends too "
                 "early");
    json_refuses("{\n  \"tablename\": nope}", "line 2 column 17: lexical "
                 "error: invalid string in json text.");
    json_refuses("7", "line 1 column 1: this is no table: neither an object "
                 "nor an array of objects");
    json_refuses("{\"op\": \"query\"}", "line 1 column 8: 'op' is not "
                 "\"add_table_data\": this publishes tables only");
    json_refuses("{}", "there is no tablename");
    json_refuses("{\"tablename\": \"t\", \"column_names\": [],"
                 "\"column_types\": [], \"rows\": []}",
                 "table 't' has no columns");
    json_refuses("{\"tablename\": \"t\"}", "table 't' has no column_names");
    json_refuses("{\"column_names\": [\"a\", 7]}", "line 1 column 24: "
                 "'column_names' has something in it that is no string");
    json_refuses("{\"column_names\": [\"a\"],\n \"rows\": [[1],\n [1, 2]]}",
                 "line 3: row 2 has 2 cells, but there are 1 columns");
    json_refuses("{\"rows\": [[1],\n [1, 2]]}",
                 "line 2: row 2 has 2 cells, the rows before it have 1");
    json_refuses("{\"rows\": [[1, 2]], \"tablename\": \"t\", \"column_names\""
                 ": [\"a\"], \"column_types\": [\"int\"]}",
                 "the rows have 2 cells, but there are 1 columns");
    json_refuses("{\"rows\": [[1],\n [9223372036854775808]]}", "line 2 column "
                 "3: cell 1 of row 2 is an integer of more than 64 bits");
    json_refuses("{\"rows\": [[{}]]}", "line 1 column 12: cell 1 of row 1 is "
                 "an object");
    json_refuses("{\"rows\": [[[]]]}", "line 1 column 12: cell 1 of row 1 is "
                 "an array");
    json_refuses("{\"rows\": [7]}", "line 1 column 11: row 1 is no array");
    json_refuses("{\"rows\": {}}", "line 1 column 10: an object does not "
                 "belong here");
    json_refuses("{\"table\": []}", "line 1 column 11: 'table' is an array");
    json_refuses("{\"rows\": [], \"rows\": []}", "line 1 column 22: 'rows' "
                 "is there twice");
    json_refuses("{\"tablename\": \"t\", \"column_names\": [\"a\", \"b c\"],"
                 " \"column_types\": [], \"rows\": []}",
                 "line 1 column 42: invalid column name 'b c': a letter, "
                 "then letters, digits and _");
}


static void
test_json_rows(void **state)
{
    draft_t draft;

    (void) state;

    draft_init(&draft);
    assert_int_equal(json_table_read(&draft, " []", 3), 0);
    assert_int_equal(draft.column_names.count, 0);
    draft_free(&draft);

    json_refuses("[1]", "line 1 column 2: this is no object, but rows of an "
                 "array have to be");
    json_refuses("[[]]", "line 1 column 2: this is an array, but rows of an "
                 "array have to be objects");
    json_refuses("[{\"a\": 1},\n{\"a\": 99999999999999999999}]",
                 "line 2 column 7: 'a' is an integer of more than 64 bits");
    json_refuses("[{\"a\": 1}", "line 1 column 10: the JSON ends too early");
    json_refuses("[{\"a\": 1}] x", "line 1 column 13: parse error: trailing "
                 "garbage");
    assert_int_equal(json_table_is_json("\n [", 3), 1);
    assert_int_equal(json_table_is_json("{", 1), 1);
    assert_int_equal(json_table_is_json("1\nt", 3), 0);
    assert_int_equal(json_table_is_json("", 0), 0);
}


/* name, type and rows of the table t that an array becomes */
static void
becomes(const char *text, const char *names, const char *types,
    const char *rows)
{
    draft_t draft;
    qsn_buf_t body = { 0 };
    char expected[1024];

    draft_init(&draft);
    assert_int_equal(json_table_read(&draft, text, strlen(text)), 0);
    assert_int_equal(draft_set_tablename(&draft, "t", 1, 0, 0), 0);
    assert_int_equal(draft_check(&draft), 0);
    assert_int_equal(draft_request(&draft, "me", &body), 0);
    (void) snprintf(expected, sizeof(expected),
                    HEAD "\"table\": {\"tablename\": \"t\", "
                    "\"column_names\": [%s], \"column_types\": [%s], "
                    "\"rows\": [%s]}}", names, types, rows);
    assert_string_equal(qsn_buf_text(&body), expected);
    qsn_buf_free(&body);
    draft_free(&draft);
}


static void
test_json_inference(void **state)
{
    (void) state;

    /* strings that are written as a number would be */
    becomes("[{\"a\": \"1\", \"b\": \"x\"}, {\"b\": \"\", \"c\": 1.5, "
            "\"a\": \"-2\"}, {\"a\": \"\"}]",
            "\"a\", \"b\", \"c\"", "\"integer\", \"text\", \"real\"",
            "[1, \"x\", null],\n[-2, \"\", 1.5],\n[null, null, null]");
    becomes("[{\"a\": \"007\"}, {\"a\": \"1\"}]", "\"a\"", "\"text\"",
            "[\"007\"],\n[\"1\"]");
    becomes("[{\"a\": \"1.10\"}]", "\"a\"", "\"text\"", "[\"1.10\"]");
    becomes("[{\"a\": \"1.5\"}, {\"a\": \"3\"}, {\"a\": \"0.500000\"}]",
            "\"a\"", "\"real\"", "[1.5],\n[3],\n[0.500000]");
    becomes("[{\"a\": \"9223372036854775808\"}]", "\"a\"", "\"text\"",
            "[\"9223372036854775808\"]");
    becomes("[{\"a\": \"-0\"}, {\"a\": \"+1\"}]", "\"a\"", "\"text\"",
            "[\"-0\"],\n[\"+1\"]");

    /* what is inside a cell, and keys that are no names */
    becomes("[{\"a\": {\"x\": [1, {\"y\": null}]}, \"%cpu\": true, "
            "\"5min-load\": [], \"\": 1}]",
            "\"a\", \"c_cpu\", \"c_5min_load\", \"c\"",
            "\"text\", \"integer\", \"text\", \"integer\"",
            "[\"{\\\"x\\\":[1,{\\\"y\\\":null}]}\", 1, \"[]\", 1]");

    /* nothing but nulls, and a type mixed */
    becomes("[{\"a\": null, \"b\": 1}, {\"b\": \"n/a\"}]", "\"a\", \"b\"",
            "\"text\", \"text\"", "[null, 1],\n[null, \"n/a\"]");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_numbers),
        cmocka_unit_test(test_csv_errors),
        cmocka_unit_test(test_json_shapes),
        cmocka_unit_test(test_json_errors),
        cmocka_unit_test(test_json_rows),
        cmocka_unit_test(test_json_inference)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
