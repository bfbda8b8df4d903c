/* sql_text and the output modes; .watch's comparison and its marks. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql_diff.h"
#include "sql_render.h"
#include "sql_text.h"

#define S(text)  { REPLY_STRING, text, sizeof(text) - 1 }
#define N(text)  { REPLY_NUMBER, text, sizeof(text) - 1 }
#define NIL      { REPLY_NULL, "", 0 }

static void
check_text(const char *text, size_t length, size_t max, const char *expected,
    size_t width)
{
    qsn_buf_t out = { 0 };

    assert_int_equal(sql_text_put(&out, text, length, max), width);
    assert_string_equal(qsn_buf_text(&out), expected);
    qsn_buf_free(&out);
}


static void
texts(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
        size_t width;
    } cases[] = {
        { "", "", 0 }, { "plain", "plain", 5 },
        { "a\nb\tc\rd", "a\\nb\\tc\\rd", 10 },
        { "\x1b[31m\x07\x7f", "\\x1b[31m\\x07\\x7f", 16 },
        { "h\xc3\xa9", "h\xc3\xa9", 2 },
        { "\xe8\xaa\x9e", "\xe8\xaa\x9e", 2 },          /* a wide one */
        { "e\xcc\x81", "e\xcc\x81", 1 },                /* a combining one */
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 2 },  /* an emoji */
        { "\xc2\x9b", "\\u009b", 6 },                   /* C1: CSI */
        { "\xe2\x80\xae", "\\u202e", 6 },               /* right to left */
        { "\xf3\xa0\x80\xa0", "\\U000e0020", 10 },      /* a tag */
        { "\xff\xc3", "\\xff\\xc3", 8 },                /* no UTF-8 */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80", 12 },      /* a surrogate */
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].text);

        check_text(cases[i].text, length, SQL_TEXT_NO_LIMIT, cases[i].shown,
                   cases[i].width);
        assert_int_equal(sql_text_width(cases[i].text, length),
                         cases[i].width);
    }

    check_text("a\0b", 3, SQL_TEXT_NO_LIMIT, "a\\x00b", 6);
    check_text("12345", 5, 5, "12345", 5);
    check_text("123456", 6, 5, "1234\xe2\x80\xa6", 5);
    check_text("\xe8\xaa\x9e\xe8\xaa\x9e", 6, 3, "\xe8\xaa\x9e\xe2\x80\xa6",
               3);
    check_text("\xe8\xaa\x9e\xe8\xaa\x9e", 6, 2, "\xe2\x80\xa6", 1);
    check_text("a\x1b", 2, 3, "a\xe2\x80\xa6", 2);
    check_text("ab", 2, 0, "", 0);
}


static void
make(sql_result_t *result, size_t columns, const char *const *names,
    const reply_cell_t *cells, size_t rows)
{
    assert_int_equal(sql_result_begin(result, names, columns), 0);

    for (size_t i = 0; i < rows; i++) {
        assert_int_equal(sql_result_add(result, cells + i * columns, columns),
                         0);
    }
}


static void
check_mode(const sql_result_t *result, enum sql_mode mode, size_t width,
    int headers, const char *expected)
{
    sql_format_t format = { mode, headers, "", width, 0 };
    sql_output_t output;

    sql_output_init(&output, -1);
    assert_int_equal(sql_render(result, &format, &output), 0);
    assert_string_equal(qsn_buf_text(&output.buf), expected);
    sql_output_close(&output);
}


static void
modes(void **state)
{
    static const char *const names[] = { "k", "a|b" };
    static const reply_cell_t cells[] = {
        S("x\ny"), N("1"), S("a,\"b\""), N("-20.5"), NIL, NIL
    };
    sql_result_t result;

    (void) state;
    make(&result, 2, names, cells, 3);

    check_mode(&result, SQL_MODE_TABLE, 0, 1,
               "k        a|b\n=====  =====\nx\\ny       1\na,\"b\"  -20.5\n"
               "            \n3 rows returned\n");
    check_mode(&result, SQL_MODE_TABLE, 0, 0,
               "x\\ny       1\na,\"b\"  -20.5\n            \n");
    check_mode(&result, SQL_MODE_CSV, 0, 1,
               "k,a|b\n\"x\ny\",1\n\"a,\"\"b\"\"\",-20.5\n,\n");
    check_mode(&result, SQL_MODE_TSV, 0, 0,
               "x\\ny\t1\na,\"b\"\t-20.5\n\t\n");
    check_mode(&result, SQL_MODE_JSON, 0, 1,
               "[{\"k\": \"x\\ny\", \"a|b\": 1},\n"
               " {\"k\": \"a,\\\"b\\\"\", \"a|b\": -20.5},\n"
               " {\"k\": null, \"a|b\": null}]\n");
    check_mode(&result, SQL_MODE_MARKDOWN, 0, 1,
               "| k | a\\|b |\n|---|---:|\n| x<br>y | 1 |\n"
               "| a,\"b\" | -20.5 |\n|  |  |\n");
    check_mode(&result, SQL_MODE_LINE, 0, 1,
               "  k = x\\ny\na|b = 1\n\n  k = a,\"b\"\na|b = -20.5\n\n"
               "  k = \na|b = \n");

    sql_result_free(&result);
}


/* Whatever the width: no line is longer, no number is cut. */
static void
widths(void **state)
{
    static const char *const names[] = { "name", "number", "text" };
    static const reply_cell_t cells[] = {
        S("a name that is quite long"), N("1234567890"),
        S("\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e"
          "\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e")
    };
    sql_result_t result;

    (void) state;
    make(&result, 3, names, cells, 1);

    sql_format_t format = { SQL_MODE_TABLE, 0, "", 0, 0 };

    assert_int_equal(sql_render_table_width(&result, &format),
                     25 + 2 + 10 + 2 + 20);

    for (size_t width = 1; width < 70; width++) {
        sql_output_t output;
        const char *text;

        format.width = width;
        sql_output_init(&output, -1);
        assert_int_equal(sql_render(&result, &format, &output), 0);
        text = qsn_buf_text(&output.buf);

        if (width > 3) {
            assert_in_range(sql_text_width(text, strcspn(text, "\n")), 1,
                            width);
        }

        if (strchr(text, '1')) {
            assert_non_null(strstr(text, "1234567890"));
        }

        sql_output_close(&output);
    }

    sql_result_free(&result);
}


static void
diff(void **state)
{
    static const char *const names[] = { "k", "v", "w" };
    static const reply_cell_t before[] = {
        S("a"), N("1"), S("x"), S("b"), N("1"), S("x"), S("c"), N("1"),
        S("x"), S("d"), N("1"), S("x"), S("d"), N("2"), S("y")
    };
    static const reply_cell_t after[] = {
        S("e"), N("1"), S("x"), S("d"), N("2"), S("z"), S("d"), N("1"),
        S("x"), S("b"), N("2"), S("x"), S("a"), N("1"), S("x"), S("a"),
        N("1"), S("x")
    };
    sql_result_t a, b;

    (void) state;
    make(&a, 3, names, before, 5);
    make(&b, 3, names, after, 6);
    assert_int_equal(sql_diff(&b, &a), 0);
    assert_int_equal(b.rows, 6);
    assert_int_equal(b.gone, 1);
    assert_memory_equal(b.marks, "+* * ", 5);
    assert_int_equal(b.marks[5] == '+' || b.marks[4] == '+', 0 + 1);

    check_mode(&b, SQL_MODE_NDJSON, 0, 1,
        "{\"change\": \"new\", \"k\": \"e\", \"v\": 1, \"w\": \"x\"}\n"
        "{\"change\": \"changed\", \"k\": \"d\", \"v\": 2, \"w\": \"z\"}\n"
        "{\"change\": \"\", \"k\": \"d\", \"v\": 1, \"w\": \"x\"}\n"
        "{\"change\": \"changed\", \"k\": \"b\", \"v\": 2, \"w\": \"x\"}\n"
        "{\"change\": \"\", \"k\": \"a\", \"v\": 1, \"w\": \"x\"}\n"
        "{\"change\": \"new\", \"k\": \"a\", \"v\": 1, \"w\": \"x\"}\n"
        "{\"change\": \"gone\", \"k\": \"c\", \"v\": 1, \"w\": \"x\"}\n");
    check_mode(&b, SQL_MODE_TABLE, 0, 1,
        "  k  v  w\n  =  =  =\n+ e  1  x\n* d  2  z\n  d  1  x\n* b  2  x\n"
        "  a  1  x\n+ a  1  x\n- c  1  x\n"
        "6 rows returned (2 new, 2 changed, 1 gone)\n");

    sql_result_free(&a);
    sql_result_free(&b);
}


static void
diff_edges(void **state)
{
    static const char *const names[] = { "n" };
    static const char *const others[] = { "m" };
    static const reply_cell_t one[] = { N("1") };
    static const reply_cell_t two[] = { N("2"), N("3") };
    sql_result_t a, b, c, none;

    (void) state;
    make(&a, 1, names, one, 1);
    make(&b, 1, names, two, 1);
    make(&c, 1, others, two, 2);
    make(&none, 1, names, one, 0);

    assert_int_equal(sql_diff(&b, &a), 0);      /* one row, another value */
    assert_int_equal(b.marks[0], SQL_MARK_CHANGED);
    assert_int_equal(sql_diff(&c, &a), 0);      /* another column */
    assert_null(c.marks);
    assert_int_equal(sql_diff(&none, &b), 0);
    assert_int_equal(none.gone, 1);
    assert_int_equal(none.rows, 0);

    sql_result_free(&a);
    sql_result_free(&b);
    sql_result_free(&c);
    sql_result_free(&none);
}


/* Names of any kind become objects whose keys differ. */
static void
json_names(void **state)
{
    static const char *const names[] = { "a", "a:2", "a", "", "change" };
    static const reply_cell_t cells[] = {
        N("1"), N("2"), N("3"), S("\x1f\""), NIL
    };
    sql_result_t result, same;

    (void) state;
    make(&result, 5, names, cells, 1);
    make(&same, 5, names, cells, 1);
    check_mode(&result, SQL_MODE_NDJSON, 0, 1, "{\"a\": 1, \"a:2\": 2, "
               "\"a:3\": 3, \"\": \"\\u001f\\\"\", \"change\": null}\n");
    assert_int_equal(sql_diff(&result, &same), 0);
    check_mode(&result, SQL_MODE_NDJSON, 0, 1, "{\"change\": \"\", \"a\": 1, "
               "\"a:2\": 2, \"a:3\": 3, \"\": \"\\u001f\\\"\", "
               "\"change:2\": null}\n");
    sql_result_free(&result);
    sql_result_free(&same);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(modes),
        cmocka_unit_test(widths),
        cmocka_unit_test(diff),
        cmocka_unit_test(diff_edges),
        cmocka_unit_test(json_names),
    };

    sql_text_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
