/* statement_splitter.c: where statements end. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "statement_splitter.h"


/* For each statement that ends in text one letter: '1' with content, '0'
   without; then '.' if what is left is blank, '?' if it is not. */
static const char *
split(const char *text, size_t length)
{
    static char found[256];
    statement_splitter_t splitter = { 0 };
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        int has_content = 7;

        if (statement_splitter_byte(&splitter, text[i], &has_content)) {
            found[count++] = (char) ('0' + has_content);
        } else {
            assert_int_equal(has_content, 7);
        }
    }

    found[count++] = statement_splitter_blank(&splitter) ? '.' : '?';
    found[count] = '\0';

    return found;
}


static void
test_statements(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        { "", "." },
        { " \t\r\n", "." },
        { ";", "0." },
        { ";;; ;", "0000." },
        { "select 1", "?" },
        { "select 1;", "1." },
        { "select 1; select 2;", "11." },
        { "select 1; select 2", "1?" },
        { "a;;b;", "101." },
        { "\xff;", "1." },

        /* strings and names */
        { "select ';';", "1." },
        { "select ';", "?" },
        { "';;;'", "?" },
        { "';;;';", "1." },
        { "select 'a''b;';", "1." },
        { "select 'a'';';", "1." },
        { "'''';'", "1?" },
        { "''';'", "?" },
        { "\"a;b\";", "1." },
        { "\"a\"\";\";", "1." },
        { "`a;b`;", "1." },
        { "`a``;`;", "1." },
        { "[a;b];", "1." },
        { "[a;b", "?" },
        { "[[;];", "1." },
        { "'\";';\"';\";", "11." },
        { "'[;';];", "11." },
        { "'\n;\n';", "1." },
        { "'\\';", "1." },
        { "'--;\n';", "1." },
        { "'/*';*/", "1?" },

        /* comments */
        { "-- ;\n", "." },
        { "-- ;\n;", "0." },
        { "-- '\n;", "0." },
        { "--", "?" },
        { "select 1 -- ;\n;", "1." },
        { "-- a\nselect 1;", "1." },
        { "/* ; */;", "0." },
        { "/* ; */", "." },
        { "/* '\n\" */;", "0." },
        { "/* ;", "?" },
        { "/**/;", "0." },
        { "/***/;", "0." },
        { "/* * / ; **/;", "0." },
        { "/*/;*/;", "0." },
        { "/* -- */;", "0." },
        { "-- /*\n;*/", "0?" },
        { "/*/**/;", "0." },
        { "/* */ */;", "1." },
        { "1/*;*/2;", "1." },

        /* half of a comment's mark is content */
        { "-", "?" },
        { "-;", "1." },
        { "/;", "1." },
        { "1-2;", "1." },
        { "1/2;", "1." },
        { "- -;", "1." },
        { "-/*;*/;", "1." },
        { "/--;\n;", "1." },
        { "-';';", "1." },
        { "/';';", "1." },
        { "--;\n-;", "1." },
        { "//*;*/;", "1." },
        { "/-;", "1." },
        { "-\n-;", "1." }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = split(cases[i].text, strlen(cases[i].text));

        if (strcmp(found, cases[i].expected) != 0) {
            fail_msg("%s: %s, expected %s", cases[i].text, found,
                     cases[i].expected);
        }
    }
}


/* A statement that ended leaves no trace in the next. */
static void
test_anew(void **state)
{
    statement_splitter_t splitter = { 0 };
    const char *text = "x ';' ; -- c\n ;";
    int ends[2];
    int count = 0;

    (void) state;

    for (size_t i = 0; text[i]; i++) {
        if (statement_splitter_byte(&splitter, text[i], &ends[count])) {
            count++;
            assert_true(statement_splitter_blank(&splitter));
        }
    }

    assert_int_equal(count, 2);
    assert_int_equal(ends[0], 1);
    assert_int_equal(ends[1], 0);
}


static void
test_many(void **state)
{
    statement_splitter_t splitter = { 0 };
    const char *statement = "select 'a;b', \"c;\" /* ; */ from t; ";
    int has_content;
    int count = 0;

    (void) state;

    for (int i = 0; i < 20000; i++) {
        for (size_t at = 0; statement[at]; at++) {
            count += statement_splitter_byte(&splitter, statement[at],
                                             &has_content);
        }
    }

    assert_int_equal(count, 20000);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_anew),
        cmocka_unit_test(test_many)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
