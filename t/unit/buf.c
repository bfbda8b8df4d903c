/* qsn_buf.c: growth, failing, consuming. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_buf.h"


static void
test_empty(void **state)
{
    qsn_buf_t buf = { 0 };

    (void) state;

    assert_string_equal(qsn_buf_text(&buf), "");
    assert_int_equal(buf.length, 0);
    qsn_buf_append(&buf, NULL, 0);
    qsn_buf_string(&buf, "");
    qsn_buf_fill(&buf, 'x', 0);
    qsn_buf_json(&buf, "");
    qsn_buf_printf(&buf, "%s", "");
    qsn_buf_consume(&buf, 0);
    qsn_buf_consume(&buf, 10);
    assert_int_equal(buf.length, 0);
    assert_int_equal(buf.failed, 0);
    qsn_buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.capacity, 0);
    qsn_buf_free(&buf);
}


/* Every size over the first capacities, against a plain array. */
static void
test_growth(void **state)
{
    qsn_buf_t buf = { 0 };
    static char expected[200000];
    char piece[700];
    size_t length = 0;

    (void) state;
    srandom(2);

    while (length < sizeof(expected) - sizeof(piece)) {
        size_t size = (size_t) random() % sizeof(piece);

        for (size_t i = 0; i < size; i++) {
            piece[i] = (char) random();
        }

        qsn_buf_append(&buf, piece, size);
        memcpy(expected + length, piece, size);
        length += size;
        assert_int_equal(buf.length, length);
        assert_true(buf.capacity >= length);

        if (random() % 50 == 0) {
            size_t drop = (size_t) random() % (length + 1);

            qsn_buf_consume(&buf, drop);
            memmove(expected, expected + drop, length - drop);
            length -= drop;
            assert_int_equal(buf.length, length);
        }

        assert_memory_equal(buf.data, expected, length);
    }

    qsn_buf_free(&buf);
}


static void
test_pieces(void **state)
{
    qsn_buf_t buf = { 0 };

    (void) state;

    qsn_buf_byte(&buf, 'a');
    qsn_buf_string(&buf, "bc");
    qsn_buf_fill(&buf, '-', 3);
    qsn_buf_printf(&buf, "%d %s", 42, "x");
    assert_string_equal(qsn_buf_text(&buf), "abc---42 x");
    assert_int_equal(buf.length, 10);

    /* the NUL of text is not counted */
    qsn_buf_byte(&buf, '!');
    assert_string_equal(qsn_buf_text(&buf), "abc---42 x!");

    qsn_buf_consume(&buf, 3);
    assert_string_equal(qsn_buf_text(&buf), "---42 x!");
    qsn_buf_consume(&buf, 1000);
    assert_int_equal(buf.length, 0);

    size_t capacity = buf.capacity;

    qsn_buf_string(&buf, "again");
    qsn_buf_clear(&buf);
    assert_int_equal(buf.length, 0);
    assert_int_equal(buf.capacity, capacity);
    qsn_buf_free(&buf);
}


/* Filled to the last byte, then one more: where an off-by-one hides. */
static void
test_borders(void **state)
{
    (void) state;

    for (size_t size = 250; size < 262; size++) {
        qsn_buf_t buf = { 0 };

        qsn_buf_fill(&buf, 'x', size);
        assert_int_equal(strlen(qsn_buf_text(&buf)), size);
        qsn_buf_printf(&buf, "%s", "12345");
        assert_int_equal(buf.length, size + 5);
        assert_int_equal(strlen(qsn_buf_text(&buf)), size + 5);
        qsn_buf_free(&buf);
    }
}


static void
test_printf_long(void **state)
{
    static char text[70001];
    qsn_buf_t buf = { 0 };

    (void) state;

    memset(text, 'y', sizeof(text) - 1);
    qsn_buf_string(&buf, "<");
    qsn_buf_printf(&buf, "%s|%d", text, -1);
    assert_int_equal(buf.length, 1 + 70000 + 3);
    assert_memory_equal(buf.data + 1, text, 70000);
    assert_memory_equal(buf.data + 70001, "|-1", 3);
    qsn_buf_free(&buf);
}


static void
test_reserve(void **state)
{
    qsn_buf_t buf = { 0 };

    (void) state;

    char *room = qsn_buf_reserve(&buf, 1000);

    assert_non_null(room);
    memset(room, 'z', 1000);
    assert_int_equal(buf.length, 0);
    qsn_buf_commit(&buf, 3);
    assert_string_equal(qsn_buf_text(&buf), "zzz");
    qsn_buf_free(&buf);
}


/* After a failure nothing changes, and clear() makes it good again. */
static void
test_failure(void **state)
{
    qsn_buf_t buf = { 0 };

    (void) state;

    qsn_buf_string(&buf, "kept");
    assert_null(qsn_buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(buf.failed, 1);
    qsn_buf_string(&buf, "more");
    qsn_buf_byte(&buf, 'x');
    qsn_buf_printf(&buf, "%d", 1);
    qsn_buf_json(&buf, "y");
    qsn_buf_fill(&buf, 'f', 4);
    assert_int_equal(buf.length, 4);
    assert_memory_equal(buf.data, "kept", 4);
    assert_string_equal(qsn_buf_text(&buf), "");

    qsn_buf_clear(&buf);
    qsn_buf_string(&buf, "good");
    assert_string_equal(qsn_buf_text(&buf), "good");
    qsn_buf_free(&buf);

    /* nor does a size near the end of numbers wrap around */
    qsn_buf_string(&buf, "1");
    assert_null(qsn_buf_reserve(&buf, SIZE_MAX / 2));
    assert_int_equal(buf.failed, 1);
    qsn_buf_free(&buf);
}


static void
test_json(void **state)
{
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        { "plain", "plain" },
        { "a\"b\\c/", "a\\\"b\\\\c/" },
        { "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
        { "\x01\x1f\x7f", "\\u0001\\u001f\\u007f" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\xff", "\xef\xbf\xbd" },
        { "a\xc3", "a\xef\xbf\xbd" },
        { "\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz" }
    };
    qsn_buf_t buf = { 0 };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        qsn_buf_clear(&buf);
        qsn_buf_json(&buf, cases[i].in);
        assert_string_equal(qsn_buf_text(&buf), cases[i].out);
    }

    qsn_buf_free(&buf);
}


static void
test_file_uri(void **state)
{
    qsn_buf_t buf = { 0 };

    (void) state;
    qsn_buf_file_uri(&buf, "/a b/100%?#/\xc3\xa9&=.db", "mode=ro");
    assert_string_equal(qsn_buf_text(&buf), "file:/a%20b/100%25%3F%23/"
                        "%C3%A9&=.db?mode=ro");
    qsn_buf_free(&buf);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_printf_long),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_file_uri)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
