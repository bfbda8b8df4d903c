/* The three renderers, on statements of a database in memory. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render.h"

/* A sink that gathers everything, and counts how often it was emptied. */
typedef struct {
    sink_t sink;
    qsn_buf_t all;
    int flushes;
    size_t largest;
} gather_t;

static int
gather_flush(sink_t *sink)
{
    gather_t *gather = (gather_t *) sink;

    gather->flushes++;
    gather->largest = sink->buf.length > gather->largest
                      ? sink->buf.length : gather->largest;
    qsn_buf_append(&gather->all, sink->buf.data, sink->buf.length);
    qsn_buf_clear(&sink->buf);

    return 0;
}


static const char *
render(gather_t *gather, enum qsn_format format, int native, size_t limit,
    const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    render_t r;

    memset(gather, 0, sizeof(*gather));
    gather->sink.limit = limit;
    gather->sink.flush = gather_flush;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(render_init(&r, format, native, "srv<\">",
                                 &gather->sink), 0);
    r.kind->begin(&r, statement);

    do {
        while (sqlite3_step(statement) == SQLITE_ROW) {
            r.kind->row(&r, statement);
            r.rows++;
        }

        (void) sqlite3_reset(statement);
    } while (r.kind->again && r.kind->again(&r));

    r.kind->end(&r);
    assert_int_equal(r.failed, 0);
    (void) gather_flush(&gather->sink);
    render_free(&r);
    (void) sqlite3_finalize(statement);
    (void) sqlite3_close(db);

    return qsn_buf_text(&gather->all);
}


static void
done(gather_t *gather)
{
    qsn_buf_free(&gather->sink.buf);
    qsn_buf_free(&gather->all);
}


static void
is(enum qsn_format format, int native, const char *sql,
    const char *expected)
{
    gather_t gather;

    assert_string_equal(render(&gather, format, native, 1 << 20, sql),
                        expected);
    done(&gather);

    /* The same, however small the pieces. */
    assert_string_equal(render(&gather, format, native, 1, sql), expected);
    done(&gather);
}


#define JSON(names, rows, widths) \
    "{\"response_op\": \"result_table\", \"identity\": \"srv<\\\">\", " \
    "\"table\": {\"column_names\": [" names "], \"rows\": [" rows "]}, " \
    "\"max_widths\": {" widths "}}"

static void
test_json(void **state)
{
    (void) state;

    is(QSN_FORMAT_JSON, 0, "select 1 a, null b, '' c, 1.5 d, 'x' \"e\"",
       JSON("\"a\", \"b\", \"c\", \"d\", \"e\"",
            "[\"1\", \"\", \"\", \"1.5\", \"x\"]",
            "\"0\": 1, \"1\": 1, \"2\": 1, \"3\": 3, \"4\": 1"));
    is(QSN_FORMAT_JSON, 0, "select 9e999 a, -9e999 b, 9e999-9e999 c",
       JSON("\"a\", \"b\", \"c\"", "[\"inf\", \"-inf\", \"\"]",
            "\"0\": 3, \"1\": 4, \"2\": 1"));
    is(QSN_FORMAT_JSON, 0, "select 1 a where 0",
       JSON("\"a\"", "", "\"0\": 1"));
    is(QSN_FORMAT_JSON, 0, "select 1 a union all select -922",
       JSON("\"a\"", "[\"1\"], [\"-922\"]", "\"0\": 4"));
    is(QSN_FORMAT_JSON, 0, "select 1 as \"\xc3\xa9\"",
       JSON("\"\xc3\xa9\"", "[\"1\"]", "\"0\": 1"));
}


static void
test_json_native(void **state)
{
    (void) state;

    is(QSN_FORMAT_JSON, 1,
       "select 1 a, null b, 2.0 c, 9e999 d, 'x' e, 1e300 f",
       JSON("\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"",
            "[1, null, 2.0, \"inf\", \"x\", 1e+300]",
            "\"0\": 1, \"1\": 1, \"2\": 3, \"3\": 3, \"4\": 1, \"5\": 6"));
}


static void
test_json_text(void **state)
{
    (void) state;

    is(QSN_FORMAT_JSON, 0, "select 'q\"' || char(10,9,13,8,12,1,127,0) "
       "|| '\\' a",
       JSON("\"a\"", "[\"q\\\"\\n\\t\\r\\b\\f\\u0001\\u007f\\u0000\\\\\"]",
            "\"0\": 11"));
    is(QSN_FORMAT_JSON, 0, "select 'h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80' a",
       JSON("\"a\"", "[\"h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]",
            "\"0\": 4"));
    is(QSN_FORMAT_JSON, 0, "select cast(x'61ff62c3' as text) a",
       JSON("\"a\"", "[\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"]", "\"0\": 4"));
}


/* Bytes are copied eight at a time: each length, with each kind of byte that
   is not plain at each place, beside what a loop over the bytes makes of it. */
static void
test_json_places(void **state)
{
    static const char *const odd[][2] = {
        { "\"", "\\\"" }, { "\\", "\\\\" }, { "\x01", "\\u0001" },
        { "\x1f", "\\u001f" }, { "\x7f", "\\u007f" },
        { "\xc3\xa9", "\xc3\xa9" }, { "\xff", "\xef\xbf\xbd" }
    };

    (void) state;

    for (size_t kind = 0; kind < sizeof(odd) / sizeof(odd[0]); kind++) {
        for (int length = 0; length <= 27; length++) {
            for (int at = 0; at <= length; at++) {
                qsn_buf_t sql = { 0 }, row = { 0 }, expected = { 0 };

                qsn_buf_string(&sql, "select cast(x'");
                qsn_buf_string(&row, "[\"");

                for (int i = 0; i < length; i++) {
                    char plain = "!~ #[]za09^_`"[i % 13];

                    for (const char *p = odd[kind][0]; i == at && *p; p++) {
                        qsn_buf_printf(&sql, "%02x", (unsigned char) *p);
                    }

                    qsn_buf_string(&row, i == at ? odd[kind][1] : "");
                    qsn_buf_printf(&sql, "%02x", (unsigned char) plain);
                    qsn_buf_byte(&row, plain);
                }

                qsn_buf_string(&sql, "' as text) a");
                qsn_buf_string(&row, "\"]");
                qsn_buf_printf(&expected, JSON("\"a\"", "%s", "\"0\": %d"),
                               qsn_buf_text(&row),
                               length == 0 ? 1 : length + (at < length));
                is(QSN_FORMAT_JSON, 0, qsn_buf_text(&sql),
                   qsn_buf_text(&expected));
                qsn_buf_free(&sql);
                qsn_buf_free(&row);
                qsn_buf_free(&expected);
            }
        }
    }
}


static void
test_blobs(void **state)
{
    (void) state;

    is(QSN_FORMAT_JSON, 0, "select x'c3a9' a, x'ff00' b, zeroblob(0) c,"
       " zeroblob(2) d",
       JSON("\"a\", \"b\", \"c\", \"d\"",
            "[\"\xc3\xa9\", \"x'ff00'\", \"\", \"\\u0000\\u0000\"]",
            "\"0\": 1, \"1\": 7, \"2\": 1, \"3\": 2"));
    is(QSN_FORMAT_TEXT, 0, "select x'c3a9' a, x'ff00' b",
       "a        b\n=  =======\n\xc3\xa9  x'ff00'\n1 rows returned\n");
}


static void
test_text(void **state)
{
    (void) state;

    is(QSN_FORMAT_TEXT, 0, "select 'BOS' datacenter, 123 stat1 "
       "union all select 'NYCLGA', 4",
       "datacenter  stat1\n==========  =====\n       BOS    123\n"
       "    NYCLGA      4\n2 rows returned\n");
    is(QSN_FORMAT_TEXT, 0, "select 1 a union all select 'x' "
       "union all select null union all select 2.5",
       "  a\n===\n  1\n  x\n   \n2.5\n4 rows returned\n");
    is(QSN_FORMAT_TEXT, 0, "select 1 a, 2 bb where 0",
       "a  bb\n=  ==\n0 rows returned\n");
    is(QSN_FORMAT_TEXT, 0,
       "select 'a' || char(10) || 'b' || char(9) || char(13) || char(127)"
       " || char(1) || char(133) || char(0) a, 'back\\slash' b",
       "                       a           b\n"
       "========================  ==========\n"
       "a\\nb\\t\\r\\x7f\\x01\\x85\\x00  back\\slash\n1 rows returned\n");
    is(QSN_FORMAT_TEXT, 0, "select 'h\xc3\xa9' a, 1 \"\xe2\x82\xac\"",
       " a  \xe2\x82\xac\n==  =\nh\xc3\xa9  1\n1 rows returned\n");
}


/* What stands around every page's content. */
#define HTML_OPEN(title)                                                     \
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"    \
    "<title>" title "</title>\n<style>"                                      \
    "body{font:15px/1.4 sans-serif;margin:1.5em}"                            \
    "table{border-collapse:collapse}"                                        \
    "th,td{border:1px solid #bbb;padding:.2em .5em;text-align:left;"         \
    "white-space:pre-wrap}"                                                  \
    "th{background:#eee}textarea{width:40em;max-width:90%}"                  \
    "</style></head>\n<body>\n"                                              \
    "<nav><a href=\"tables\">Tables</a></nav>\n"                             \
    "<form action=\"query\"><p><label>SQL<br>"                               \
    "<textarea name=\"sql\" rows=\"3\"></textarea></label> "                 \
    "<button>Query</button></p></form>\n"


static void
test_html(void **state)
{
    (void) state;

    is(QSN_FORMAT_HTML, 0, "select '<script>\"&''' || char(1) \"<b>\", 1 n",
       HTML_OPEN("srv&lt;&quot;&gt;") "<table>\n"
       "<thead><tr><th>&lt;b&gt;</th><th>n</th></tr></thead>\n<tbody>\n"
       "<tr><td>&lt;script&gt;&quot;&amp;&#39;\\x01</td><td>1</td></tr>\n"
       "</tbody>\n</table>\n<p>1 rows returned</p>\n</body>\n</html>\n");

    /* table names are links, and cannot break out of them */
    is(QSN_FORMAT_HTML, 0, "select '\"><i>' tablename",
       HTML_OPEN("srv&lt;&quot;&gt;") "<table>\n"
       "<thead><tr><th>tablename</th></tr></thead>\n<tbody>\n"
       "<tr><td><a href=\"desc?tablename=&quot;&gt;&lt;i&gt;\">"
       "&quot;&gt;&lt;i&gt;</a></td></tr>\n"
       "</tbody>\n</table>\n<p>1 rows returned</p>\n</body>\n</html>\n");
}


/* Text past the bound is measured first and printed by a second run; what
   is kept and what is not must look alike. */
static void
test_text_twice(void **state)
{
    gather_t gather;
    const char *p;
    size_t lines = 0;

    (void) state;

    p = render(&gather, QSN_FORMAT_TEXT, 0, 1 << 16,
               "with recursive n(i) as (select 1 union all select i + 1 "
               "from n where i < 200000) select i, 'row ' || i name from n");

    for (const char *q = p; *q; q = strchr(q, '\n') + 1) {
        size_t length = (size_t) (strchr(q, '\n') - q);

        lines++;
        assert_int_equal(length, lines == 200003 ? 20 : 18);
    }

    assert_int_equal(lines, 200003);
    assert_non_null(strstr(p, "\n     1       row 1\n"));
    assert_non_null(strstr(p, "\n200000  row 200000\n200000 rows returned\n"));
    assert_true(gather.largest < (1 << 16) + 64 * 1024);
    done(&gather);
}


/* One cell far larger than the limit passes in pieces. */
static void
test_large_cells(void **state)
{
    static const enum qsn_format formats[] = {
        QSN_FORMAT_JSON, QSN_FORMAT_TEXT, QSN_FORMAT_HTML
    };
    gather_t gather;

    (void) state;

    for (size_t i = 0; i < 3; i++) {
        (void) render(&gather, formats[i], 0, 64 * 1024,
                      "select replace(hex(zeroblob(2000000)), '00',"
                      " '\xe2\x82\xac<'), randomblob(1000000)"
                      " union all select 1, 2");
        assert_true(gather.all.length > 10000000);
        assert_true(gather.flushes > 20);
        assert_true(gather.largest < 400 * 1024);
        done(&gather);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_native),
        cmocka_unit_test(test_json_text),
        cmocka_unit_test(test_json_places),
        cmocka_unit_test(test_blobs),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_text_twice),
        cmocka_unit_test(test_large_cells)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
