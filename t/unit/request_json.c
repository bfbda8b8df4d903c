/* request_json.c: a body means the same however it is cut into pieces, and
   what is wrong with it is said with its place. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_buf.h"
#include "request_json.h"

static const request_limits_t limits = {
    .max_cell = 100, .max_columns = 50, .max_sql = 40
};


/* Feeds body in pieces: cut bytes first, then step at a time. */
static int
parse(request_t *request, const char *body, size_t length, size_t cut,
    size_t step)
{
    request_init(request, &limits);

    request_json_t *json = request_json_create(request);
    int rc = 0;
    size_t at = 0;

    assert_non_null(json);

    while (rc == 0 && at < length) {
        size_t piece = at == 0 && cut ? cut : step;

        if (piece > length - at) {
            piece = length - at;
        }

        /* memory of just that size, which then goes away */
        char *copy = malloc(piece);

        assert_non_null(copy);
        memcpy(copy, body + at, piece);
        rc = request_json_feed(json, copy, piece);
        free(copy);
        at += piece;
    }

    if (rc == 0) {
        rc = request_json_finish(json);
    }

    request_json_destroy(json);
    assert_int_equal(rc, request->status ? -1 : 0);

    return rc;
}


static void
put_list(qsn_buf_t *out, const char *name, const text_list_t *list)
{
    qsn_buf_printf(out, " %s=", name);

    for (size_t i = 0; i < list->count; i++) {
        qsn_buf_printf(out, "%s%s", i ? "," : "", list->items[i].data);
    }
}


/* All that a request says, as one line. */
static void
describe(const request_t *request, qsn_buf_t *out)
{
    const table_t *table = &request->table;
    tape_reader_t reader;
    cell_t cell;

    qsn_buf_printf(out, "op=%d id=%s sql=%s %d%d%d%d%d%s table=%s",
                   (int) request->op,
                   request->identity.data ? request->identity.data : "-",
                   request->sql.data ? request->sql.data : "-",
                   request->persist, request->is_static, request->update,
                   request->use_write_db, request->native,
                   request->frozen ? " frozen" : "",
                   table->name.data ? table->name.data : "-");
    put_list(out, "names", &table->column_names);
    put_list(out, "types", &table->column_types);
    put_list(out, "keys", &table->keycols);
    tape_rewind(&table->tape, &reader);

    for (uint64_t row = 0; row < table->rows; row++) {
        qsn_buf_string(out, " [");

        for (size_t i = 0; i < table->row_width; i++) {
            qsn_buf_string(out, i ? "," : "");
            tape_read(&reader, &cell);

            switch (cell.kind) {
            case CELL_NULL:
                qsn_buf_string(out, "null");
                break;
            case CELL_INTEGER:
                qsn_buf_printf(out, "%lld", (long long) cell.as.integer);
                break;
            case CELL_REAL:
                qsn_buf_printf(out, "r%.17g", cell.as.real);
                break;
            case CELL_TEXT:
                qsn_buf_byte(out, '<');
                qsn_buf_append(out, cell.as.text.data, cell.as.text.length);
                qsn_buf_byte(out, '>');
                break;
            }
        }

        qsn_buf_byte(out, ']');
    }
}


static void
assert_says(const char *body, const char *expected)
{
    request_t request;
    qsn_buf_t out = { 0 };

    if (parse(&request, body, strlen(body), 0, strlen(body) + 1) != 0) {
        fail_msg("%s: %s", body, request.error);
    }

    describe(&request, &out);
    assert_string_equal(qsn_buf_text(&out), expected);
    qsn_buf_free(&out);
    request_free(&request);
}


/* The error must be the same however the body is cut. */
static void
assert_wrong_bytes(const char *body, size_t length, unsigned status,
    const char *phrase)
{
    request_t request;
    char whole[REQUEST_ERROR_SIZE];

    if (parse(&request, body, length, 0, length + 1) != -1) {
        fail_msg("%s: taken, but: %s", body, phrase);
    }

    assert_int_equal(request.status, status);
    memcpy(whole, request.error, sizeof(whole));
    request_free(&request);

    if (strstr(whole, phrase) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", phrase, whole);
    }

    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(parse(&request, body, length, cut,
                               cut ? length : 1), -1);
        assert_int_equal(request.status, status);

        if (strstr(request.error, phrase) == NULL) {
            fail_msg("cut at %zu: \"%s\" is not in \"%s\"", cut, phrase,
                     request.error);
        }

        request_free(&request);
    }
}


static void
assert_wrong(const char *body, unsigned status, const char *phrase)
{
    assert_wrong_bytes(body, strlen(body), status, phrase);
}


static const char sample[] =
    " {\"table\": {\"rows\": [[1, \"a\", 2.5, null],\n"
    "[-9223372036854775808, \"\\u00e9\\n\xe2\x82\xac\\ud83d\\ude00\", "
    "1e300, true], [9223372036854775807, \"\", -0.0, false]],\n"
    "\"tablename\": \"t\", \"other\": {\"x\": [{}, [], [[1]], \"y\"]},\n"
    "\"column_types\": [\"int\", \"text\", \"real\", \"int\"], "
    "\"column_names\": [\"a\", \"b\", \"c\", \"d\"]},\n"
    "\"extra\": [1, {\"table\": {\"rows\": [[1]]}, \"op\": \"query\"}],"
    "\"persist\": 1, \"static\": \"no\", \"update\": true, "
    "\"keycols\": \"a; b\", \"identity\": \"me\", "
    "\"op\": \"add_table_data\"} \n";

static const char sample_says[] =
    "op=1 id=me sql=- 10100 table=t names=a,b,c,d types=int,text,real,int "
    "keys=a,b [1,<a>,r2.5,null] [-9223372036854775808,"
    "<\xc3\xa9\n\xe2\x82\xac\xf0\x9f\x98\x80>,r1.0000000000000001e+300,1] "
    "[9223372036854775807,<>,r-0,0]";


static void
test_whole(void **state)
{
    (void) state;
    assert_says(sample, sample_says);
}


/* Every split into two, and byte by byte. */
static void
test_split(void **state)
{
    size_t length = sizeof(sample) - 1;

    (void) state;

    for (size_t cut = 0; cut < length; cut++) {
        request_t request;
        qsn_buf_t out = { 0 };

        if (parse(&request, sample, length, cut, cut ? length : 1) != 0) {
            fail_msg("cut at %zu: %s", cut, request.error);
        }

        describe(&request, &out);
        assert_string_equal(qsn_buf_text(&out), sample_says);
        qsn_buf_free(&out);
        request_free(&request);
    }
}


/* All orders of the table's four keys, and of what stands around it. */
static void
test_orders(void **state)
{
    static const char *const parts[] = {
        "\"tablename\": \"t\"", "\"column_names\": [\"a\", \"b\"]",
        "\"column_types\": [\"int\", \"text\"]",
        "\"rows\": [[1, \"x\"], [2, \"y\"]]"
    };

    (void) state;

    for (int order = 0; order < 256; order++) {
        int i[4] = { order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 };
        char body[512];

        if ((1 << i[0] | 1 << i[1] | 1 << i[2] | 1 << i[3]) != 15) {
            continue;
        }

        for (int last = 0; last < 2; last++) {
            (void) snprintf(body, sizeof(body),
                            "{%s\"table\": {%s,%s,%s,%s}%s}",
                            last ? "" : "\"identity\": \"me\",",
                            parts[i[0]], parts[i[1]], parts[i[2]],
                            parts[i[3]],
                            last ? ",\"identity\": \"me\"" : "");
            assert_says(body, "op=0 id=me sql=- 00000 table=t names=a,b "
                        "types=int,text keys= [1,<x>] [2,<y>]");
        }
    }
}


static void
test_flags(void **state)
{
    static const struct {
        const char *value;
        int on;
    } values[] = {
        { "true", 1 }, { "false", 0 }, { "1", 1 }, { "0", 0 }, { "null", 0 },
        { "\"\"", 0 }, { "\"0\"", 0 }, { "\"no\"", 0 }, { "\"False\"", 0 },
        { "\"yes\"", 1 }, { "\"1\"", 1 }, { "2", 1 }
    };
    static const char *const names[] = {
        "persist", "static", "update", "use_write_db"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (size_t n = 0; n < 4; n++) {
            char body[64];
            char flags[6] = "00000";
            char expected[128];

            (void) snprintf(body, sizeof(body), "{\"%s\": %s}", names[n],
                            values[i].value);
            flags[n] = values[i].on ? '1' : '0';
            (void) snprintf(expected, sizeof(expected), "op=0 id=- sql=- %s "
                            "table=- names= types= keys=", flags);
            assert_says(body, expected);
        }
    }

    assert_says("{\"values\": \"native\"}", "op=0 id=- sql=- 00001 table=- "
                "names= types= keys=");
    assert_says("{\"values\": \"classic\"}", "op=0 id=- sql=- 00000 table=- "
                "names= types= keys=");
    assert_wrong("{\"values\": \"other\"}", 400, "'values'");
    assert_says("{\"now\": \"real\"}", "op=0 id=- sql=- 00000 table=- "
                "names= types= keys=");
    assert_says("{\"now\": \"generation\"}", "op=0 id=- sql=- 00000 frozen "
                "table=- names= types= keys=");
    assert_wrong("{\"now\": \"then\"}", 400, "'now'");
}


static void
test_query(void **state)
{
    (void) state;

    assert_says("{\"op\": \"query\", \"sql\": \"select \\\"a\\\";\"}",
                "op=4 id=- sql=select \"a\"; 00000 table=- names= types= "
                "keys=");
    assert_says("{\"op\": \"nosuch\"}", "op=255 id=- sql=- 00000 table=- "
                "names= types= keys=");
    assert_wrong("{\"sql\": \"12345678901234567890123456789012345678901\"}",
                 413, "query_max_sql");
    assert_says("{\"sql\": \"1234567890123456789012345678901234567890\"}",
                "op=0 id=- sql=1234567890123456789012345678901234567890 "
                "00000 table=- names= types= keys=");
}


static void
test_name_value(void **state)
{
    request_t request;
    const char *body = "{\"name\": \"t.c\", \"value\": 1.50}";

    (void) state;

    assert_int_equal(parse(&request, body, strlen(body), 0, 1), 0);
    assert_string_equal(request.name.data, "t.c");
    assert_string_equal(request.value.data, "1.50");
    request_free(&request);

    body = "{\"value\": null}";
    assert_int_equal(parse(&request, body, strlen(body), 0, 1), 0);
    assert_null(request.value.data);
    request_free(&request);
}


/* The phrase and the place of it. */
static void
test_syntax(void **state)
{
    static const struct {
        const char *body;
        const char *phrase;
    } cases[] = {
        { "{", "Could not parse POST body: " },
        { "{]", "at line 1 column " },
        { "{\n\n \"a\" 1}", "at line 3 column " },
        { "{\"a\": 1,}", "at line 1 column " },
        { "{\"a\": 01}", "Could not parse POST body: " },
        { "{\"a\": nul}", "Could not parse POST body: " },
        { "{\"a\": 1} x", "trailing garbage" },
        { "{} {}", "trailing garbage" },
        { "{\"a\": \"\x01\"}", "Could not parse POST body: " },
        { "{\"a\": \"\xff\"}", "UTF8" },
        { "{\"a\": \"\xc3\"}", "UTF8" },
        { "{\"a\": \"\xed\xa0\x80\"}", "UTF8" },
        { "{'a': 1}", "Could not parse POST body: " },
        { "{\"a\": \"\\x\"}", "Could not parse POST body: " },
        { "{\"a\": -}", "Could not parse POST body: " }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].phrase, "UTF8") == 0) {
            assert_wrong(cases[i].body, 400, "Could not parse POST body: ");
        } else {
            assert_wrong(cases[i].body, 400, cases[i].phrase);
        }
    }
}


/* Line and column are counted over pieces, from 1. */
static void
test_place(void **state)
{
    request_t request;
    const char *body = "{\"identity\": \"a\",\n  \"op\": ?}";
    unsigned long long line, column, byte;
    const char *at;

    (void) state;

    for (size_t cut = 0; cut < strlen(body); cut++) {
        assert_int_equal(parse(&request, body, strlen(body), cut,
                               cut ? strlen(body) : 1), -1);
        at = strstr(request.error, " at line ");
        assert_non_null(at);
        assert_int_equal(sscanf(at, " at line %llu column %llu (byte %llu)",
                                &line, &column, &byte), 3);
        assert_int_equal(line, 2);

        /* yajl has the byte it stumbled over, or the one before */
        assert_in_range(column, 8, 10);
        assert_in_range(byte, 25, 27);
        request_free(&request);
    }
}


static void
test_empty(void **state)
{
    request_t request;

    (void) state;

    request_init(&request, &limits);

    request_json_t *json = request_json_create(&request);

    assert_int_equal(request_json_finish(json), -1);
    assert_int_equal(request.status, 400);
    assert_non_null(strstr(request.error, "Could not parse POST body"));
    request_json_destroy(json);
    request_free(&request);
    request_json_destroy(NULL);

    assert_wrong(" \n ", 400, "Could not parse POST body");
    assert_says("{}", "op=0 id=- sql=- 00000 table=- names= types= keys=");
}


static void
test_no_object(void **state)
{
    static const char *const bodies[] = {
        "[]", "[{}]", "1", "\"x\"", "null", "true", "-1.5e3"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_wrong(bodies[i], 400,
                     "Invalid input format: the body is no object");
    }
}


static void
test_misplaced(void **state)
{
    static const struct {
        const char *body;
        const char *phrase;
    } cases[] = {
        { "{\"op\": 1}", "'op' is not a string" },
        { "{\"op\": null}", "'op' is" },
        { "{\"op\": {}}", "'op' is an object" },
        { "{\"op\": []}", "'op' is an array" },
        { "{\"identity\": 5}", "'identity' is not a string" },
        { "{\"identity\": [\"x\"]}", "'identity' is an array" },
        { "{\"sql\": false}", "'sql' is not a string" },
        { "{\"name\": 1}", "'name' is not a string" },
        { "{\"persist\": {}}", "'persist' is an object" },
        { "{\"keycols\": []}", "'keycols' is an array" },
        { "{\"table\": 1}", "'table' is" },
        { "{\"table\": []}", "'table' is an array" },
        { "{\"table\": {\"tablename\": 1}}",
          "'tablename' is not a string" },
        { "{\"table\": {\"tablename\": {}}}",
          "'tablename' is an object" },
        { "{\"table\": {\"column_names\": 1}}", "'column_names' is" },
        { "{\"table\": {\"column_names\": \"a\"}}", "'column_names' is" },
        { "{\"table\": {\"column_names\": {}}}",
          "'column_names' is an object" },
        { "{\"table\": {\"column_names\": [1]}}",
          "'column_names' is not a string" },
        { "{\"table\": {\"column_names\": [[]]}}", "is an array" },
        { "{\"table\": {\"column_types\": [null]}}",
          "'column_types' is not a string" },
        { "{\"table\": {\"column_types\": [{}]}}", "is an object" },
        { "{\"table\": {\"rows\": {}}}", "'rows' is an object" },
        { "{\"table\": {\"rows\": null}}", "'rows' is" },
        { "{\"table\": {\"rows\": [1]}}", "row 1 is no array" },
        { "{\"table\": {\"rows\": [[1], {}]}}", "row 2 is no array" },
        { "{\"table\": {\"rows\": [[1, []]]}}",
          "cell 2 of row 1 is an array" },
        { "{\"table\": {\"rows\": [[1, 2], [1, {\"a\": 1}]]}}",
          "cell 2 of row 2 is an object" },
        { "{\"table\": {\"rows\": [[1, 2], [1]]}}",
          "row 2 has 1 cells, the rows before it have 2" },
        { "{\"table\": {\"rows\": [[1], []]}}", "row 2 has 0 cells" },
        { "{\"table\": {\"rows\": [[1], [1, 2]]}}", "row 2 has 2 cells" },
        { "{\"table\": {\"rows\": [], \"rows\": []}}",
          "'rows' is there twice" },
        { "{\"table\": {\"column_names\": [], \"column_names\": []}}",
          "there twice" },
        { "{\"table\": {\"column_types\": [], \"column_types\": []}}",
          "there twice" },
        { "{\"table\": {\"rows\": [[1]]}, \"table\": {\"rows\": [[2]]}}",
          "there twice" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_wrong(cases[i].body, 400, "Invalid input format: ");
        assert_wrong(cases[i].body, 400, cases[i].phrase);
    }
}


static void
test_numbers(void **state)
{
    char body[512];
    char digits[301];

    (void) state;

    assert_wrong("{\"table\": {\"rows\": [[9223372036854775808]]}}", 400,
                 "number 9223372036854775808 in cell 1 of row 1 does not "
                 "fit 64 bits");
    assert_wrong("{\"table\": {\"rows\": [[0], [-9223372036854775809]]}}",
                 400, "cell 1 of row 2 does not fit 64 bits");
    assert_wrong("{\"table\": {\"rows\": [[0, 1e999]]}}", 400,
                 "number 1e999 in cell 2 of row 1");
    assert_wrong("{\"table\": {\"rows\": [[-1E400]]}}", 400, "-1E400");

    /* numbers nobody asks for do not count */
    assert_says("{\"x\": 1e999, \"y\": 99999999999999999999}", "op=0 id=- "
                "sql=- 00000 table=- names= types= keys=");
    assert_says("{\"table\": {\"rows\": [[1e-999, 0.1, -0, 1E2, 5e-324]]}}",
                "op=0 id=- sql=- 00000 table=- names= types= keys= "
                "[r0,r0.10000000000000001,0,r100,r4.9406564584124654e-324]");

    memset(digits, '7', sizeof(digits) - 1);
    digits[300] = '\0';
    (void) snprintf(body, sizeof(body), "{\"table\": {\"rows\": [[%s]]}}",
                    digits);
    assert_wrong(body, 400, "does not fit 64 bits");
    (void) snprintf(body, sizeof(body), "{\"table\": {\"rows\": [[0.%s]]}}",
                    digits);
    assert_says(body, "op=0 id=- sql=- 00000 table=- names= types= keys= "
                "[r0.77777777777777779]");
}


static void
test_max_cell(void **state)
{
    char body[256];
    char text[102];
    char expected[256];

    (void) state;

    memset(text, 'x', sizeof(text));
    text[100] = '\0';
    (void) snprintf(body, sizeof(body), "{\"table\": {\"rows\": "
                    "[[\"%s\"]]}}", text);
    (void) snprintf(expected, sizeof(expected), "op=0 id=- sql=- 00000 "
                    "table=- names= types= keys= [<%s>]", text);
    assert_says(body, expected);

    text[100] = 'x';
    text[101] = '\0';
    (void) snprintf(body, sizeof(body), "{\"table\": {\"rows\": "
                    "[[0, 1], [0, \"%s\"]]}}", text);
    assert_wrong(body, 413, "cell 2 of row 2 has 101 bytes, more than "
                 "max_cell (100)");
}

/* Python writes these for a float; split wherever the network likes to. */
static void
test_python_words(void **state)
{
    static const char body[] =
        "{\"table\": {\"rows\": [[NaN, 1.5, \"NaN -Infinity\"], [Infinity,"
        "-Infinity , \"Inf\"], [1, NaN,\"-\"]]}}";
    static const char says[] =
        "op=0 id=- sql=- 00000 table=- names= types= keys= "
        "[null,r1.5,<NaN -Infinity>] [rinf,r-inf,<Inf>] [1,null,<->]";
    static const char *const wrong[] = {
        "{\"op\": NaN}", "{\"table\": {\"rows\": [NaN]}}",
        "{\"table\": {\"rows\": [[1 NaN]]}}",
        "{\"table\": {\"rows\": [[NaN NaN]]}}",
        "{\"table\": {\"rows\": [[\"a\"NaN]]}}",
        "{\"table\": {\"rows\": [[Nan]]}}",
        "{\"table\": {\"rows\": [[--Infinity]]}}",
        "{\"table\": {\"rows\": [[NaN]", "NaN"
    };

    (void) state;

    for (size_t cut = 0; cut < sizeof(body) - 1; cut++) {
        request_t request;
        qsn_buf_t out = { 0 };

        if (parse(&request, body, sizeof(body) - 1, cut,
                  cut ? sizeof(body) - 1 : 1) != 0)
        {
            fail_msg("cut at %zu: %s", cut, request.error);
        }

        describe(&request, &out);
        assert_string_equal(qsn_buf_text(&out), says);
        qsn_buf_free(&out);
        request_free(&request);
    }

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_wrong(wrong[i], 400, "Could not parse POST body: ");
    }
}


static void
test_escapes(void **state)
{
    request_t request;
    tape_reader_t reader;
    cell_t cell;
    const char *body = "{\"table\": {\"rows\": [[\"a\\u0000b\\/\\\\\\\"\"]]}}";

    (void) state;

    assert_int_equal(parse(&request, body, strlen(body), 0, 1), 0);
    tape_rewind(&request.table.tape, &reader);
    tape_read(&reader, &cell);
    assert_int_equal(cell.as.text.length, 6);
    assert_memory_equal(cell.as.text.data, "a\0b/\\\"", 6);
    request_free(&request);
}


/* What a lone surrogate becomes is open, but it has to be UTF-8. */
static void
test_surrogates(void **state)
{
    static const char *const lone[] = {
        "\\ud800", "\\udc00", "\\ud800x", "\\ud800\\ud800", "\\udfff\\ud800",
        "\\ud83d\\u0041"
    };
    char body[128];

    (void) state;

    for (size_t i = 0; i < sizeof(lone) / sizeof(lone[0]); i++) {
        request_t request;
        tape_reader_t reader;
        cell_t cell;

        (void) snprintf(body, sizeof(body), "{\"table\": {\"rows\": "
                        "[[\"%s\"]]}}", lone[i]);

        if (parse(&request, body, strlen(body), 0, 1) == 0) {
            size_t at = 0;

            tape_rewind(&request.table.tape, &reader);
            tape_read(&reader, &cell);

            while (at < cell.as.text.length) {
                const unsigned char *p =
                    (const unsigned char *) cell.as.text.data + at;
                size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2
                              : p[0] < 0xf0 ? 3 : 4;

                assert_true(p[0] < 0x80 || p[0] >= 0xc2);
                assert_false(size == 3 && p[0] == 0xed && p[1] >= 0xa0);
                at += size;
            }

            assert_int_equal(at, cell.as.text.length);
        }

        request_free(&request);
    }
}


static void
test_skipped(void **state)
{
    static const char nothing[] =
        "op=0 id=me sql=- 00000 table=- names= types= keys=";
    char body[1024];
    size_t at;

    (void) state;

    /* known names inside of what is skipped mean nothing */
    assert_says("{\"x\": {\"op\": \"query\", \"table\": {\"tablename\": 1}, "
                "\"rows\": [[[1], {}]]}, \"identity\": \"me\"}", nothing);
    assert_says("{\"x\": [], \"y\": {}, \"z\": [[], {}, [{}]], "
                "\"identity\": \"me\"}", nothing);
    assert_says("{\"Op\": 1, \"IDENTITY\": 2, \"\": 3, "
                "\"identity\": \"me\"}", nothing);

    for (int depth = 1; depth <= 200; depth++) {
        at = (size_t) snprintf(body, sizeof(body), "{\"x\": ");

        for (int i = 0; i < depth; i++) {
            body[at++] = '[';
        }

        for (int i = 0; i < depth; i++) {
            body[at++] = ']';
        }

        (void) snprintf(body + at, sizeof(body) - at,
                        ", \"identity\": \"me\"}");

        if (depth < 64) {
            assert_says(body, nothing);
        } else if (depth == 64 || depth == 200) {
            assert_wrong(body, 400, "nested too deeply");
        }
    }
}


/* The last one of two counts, as in every JSON library; but not of lists. */
static void
test_twice(void **state)
{
    (void) state;

    assert_says("{\"identity\": \"a\", \"identity\": \"b\"}", "op=0 id=b "
                "sql=- 00000 table=- names= types= keys=");
    assert_says("{\"persist\": 1, \"persist\": 0}", "op=0 id=- sql=- 00000 "
                "table=- names= types= keys=");
}


/* After an error nothing is taken any more, and the first one stands. */
static void
test_after_error(void **state)
{
    request_t request;

    (void) state;

    request_init(&request, &limits);

    request_json_t *json = request_json_create(&request);

    assert_int_equal(request_json_feed(json, "{\"op\": 1", 8), 0);
    assert_int_equal(request_json_feed(json, "}", 1), -1);
    assert_non_null(strstr(request.error, "'op'"));
    assert_int_equal(request_json_feed(json, "]]]", 3), -1);
    assert_int_equal(request_json_finish(json), -1);
    assert_non_null(strstr(request.error, "'op'"));
    request_json_destroy(json);
    request_free(&request);
}


/* Bytes at random, and good bodies with one byte changed: no crash. */
static void
test_noise(void **state)
{
    char body[sizeof(sample)];

    (void) state;
    srandom(7);

    for (int i = 0; i < 3000; i++) {
        request_t request;
        size_t length = sizeof(sample) - 1;

        memcpy(body, sample, sizeof(sample));

        for (int n = 0; n <= random() % 3; n++) {
            body[(size_t) random() % length] =
                random() % 2 ? (char) random() : "{}[],:\"\\0"[random() % 9];
        }

        (void) parse(&request, body, length, 1 + (size_t) random() % length,
                     1 + (size_t) random() % 100);
        request_free(&request);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_name_value),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_no_object),
        cmocka_unit_test(test_misplaced),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_max_cell),
        cmocka_unit_test(test_python_words),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_surrogates),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_after_error),
        cmocka_unit_test(test_noise)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
