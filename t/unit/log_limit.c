/* Lines of the log that are too many of a kind, by a clock that is given. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_log_limit.h"

#define START  5000             /* ms; any */

static qsn_log_limit_t limit;
static char last[512];
static unsigned written;


static int
setup(void **state)
{
    (void) state;
    memset(&limit, 0, sizeof(limit));
    last[0] = '\0';
    written = 0;

    return 0;
}


static void
write_line(const char *text)
{
    (void) snprintf(last, sizeof(last), "%s", text);
    written++;
}


static void
line(const char *kind, const char *text, uint64_t now_ms)
{
    qsn_log_limit_line(&limit, kind, text, now_ms, write_line);
}


static void
lines(const char *kind, unsigned count, uint64_t now_ms)
{
    for (unsigned i = 1; i <= count; i++) {
        char text[64];

        (void) snprintf(text, sizeof(text), "%s %u", kind, i);
        line(kind, text, now_ms);
    }
}


static void
first_ones_are_written(void **state)
{
    (void) state;

    lines("a", QSN_LOG_LINES, START);
    assert_int_equal(written, QSN_LOG_LINES);
    assert_string_equal(last, "a 30");
    assert_true(qsn_log_limit_due(&limit) == QSN_LOG_NEVER);

    lines("a", 970, START + 1);
    assert_int_equal(written, QSN_LOG_LINES);
    assert_true(qsn_log_limit_due(&limit) == START + QSN_LOG_PERIOD_MS);
}


static void
others_are_not_concerned(void **state)
{
    (void) state;

    lines("a", QSN_LOG_LINES + 1, START);
    line("b", "b", START);
    assert_string_equal(last, "b");
    assert_int_equal(written, QSN_LOG_LINES + 1);
}


static void
rest_is_said_once(void **state)
{
    (void) state;

    lines("a", QSN_LOG_LINES + 970, START);
    qsn_log_limit_say(&limit, 0, START + QSN_LOG_PERIOD_MS - 1, write_line);
    assert_int_equal(written, QSN_LOG_LINES);

    qsn_log_limit_say(&limit, 0, START + QSN_LOG_PERIOD_MS, write_line);
    assert_string_equal(last,
                        "970 more like this in the last 30 s: a 1000");
    assert_int_equal(written, QSN_LOG_LINES + 1);
    assert_true(qsn_log_limit_due(&limit) == QSN_LOG_NEVER);

    qsn_log_limit_say(&limit, 1, START + 2 * QSN_LOG_PERIOD_MS, write_line);
    assert_int_equal(written, QSN_LOG_LINES + 1);
}


/* Nobody has asked for the summary: any line brings it, and goes after it. */
static void
next_line_says_it_too(void **state)
{
    (void) state;

    lines("a", QSN_LOG_LINES + 1, START);
    line("b", "b", START + QSN_LOG_PERIOD_MS + 4001);
    assert_string_equal(last, "b");
    assert_int_equal(written, QSN_LOG_LINES + 2);

    lines("a", QSN_LOG_LINES + 1, START + 2 * QSN_LOG_PERIOD_MS);
    assert_int_equal(written, 2 * QSN_LOG_LINES + 2);
    assert_string_equal(last, "a 30");
}


static void
few_are_never_held(void **state)
{
    uint64_t now = START;

    (void) state;

    for (unsigned i = 1; i <= 10 * QSN_LOG_LINES; i++) {
        line("a", "a", now += QSN_LOG_PERIOD_MS / QSN_LOG_LINES);
        assert_int_equal(written, i);
    }
}


static void
end_says_all(void **state)
{
    (void) state;

    lines("a", QSN_LOG_LINES + 2, START);
    lines("b", QSN_LOG_LINES + 3, START);
    qsn_log_limit_say(&limit, 1, START + 1, write_line);
    assert_string_equal(last, "3 more like this in the last 1 s: b 33");
    assert_int_equal(written, 2 * QSN_LOG_LINES + 2);
}


static void
a_long_line_is_cut_off(void **state)
{
    char text[2 * QSN_LOG_TEXT];
    char expected[QSN_LOG_TEXT + 64];

    (void) state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';

    lines("a", QSN_LOG_LINES, START);
    line("a", text, START);
    qsn_log_limit_say(&limit, 0, START + QSN_LOG_PERIOD_MS, write_line);

    (void) snprintf(expected, sizeof(expected),
                    "1 more like this in the last 30 s: %.*s",
                    QSN_LOG_TEXT - 1, text);
    assert_string_equal(last, expected);
}


static void
one_kind_too_many_ends_the_eldest(void **state)
{
    static const char names[QSN_LOG_KINDS] = "";

    (void) state;

    lines("eldest", QSN_LOG_LINES + 7, START);

    for (unsigned i = 0; i < QSN_LOG_KINDS - 1; i++) {
        line(&names[i], "x", START + 1);
    }

    assert_int_equal(written, QSN_LOG_LINES + QSN_LOG_KINDS - 1);

    line("one more", "y", START + 2000);
    assert_string_equal(last, "y");
    assert_int_equal(written, QSN_LOG_LINES + QSN_LOG_KINDS + 1);

    lines(&names[0], QSN_LOG_LINES, START + 2000);      /* goes on */
    assert_true(qsn_log_limit_due(&limit) == START + 1 + QSN_LOG_PERIOD_MS);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_ones_are_written, setup),
        cmocka_unit_test_setup(others_are_not_concerned, setup),
        cmocka_unit_test_setup(rest_is_said_once, setup),
        cmocka_unit_test_setup(next_line_says_it_too, setup),
        cmocka_unit_test_setup(few_are_never_held, setup),
        cmocka_unit_test_setup(end_says_all, setup),
        cmocka_unit_test_setup(a_long_line_is_cut_off, setup),
        cmocka_unit_test_setup(one_kind_too_many_ends_the_eldest, setup)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
