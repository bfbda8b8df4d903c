/* sql_scan, sql_input, sql_set, sql_command_split(): what a line means. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sql_command.h"
#include "sql_input.h"
#include "sql_set.h"

/* What comes of lines, each item as "kind:text|". */
static void
check_items(const char *lines, const char *expected)
{
    static const char kinds[] = "-SCQ";
    sql_input_t input = { 0 };
    char got[1024] = "";
    enum sql_input_kind kind;
    const char *text;
    size_t length;

    while (*lines) {
        size_t line = strcspn(lines, "\n");

        sql_input_line(&input, lines, line);
        lines += line + (lines[line] == '\n');

        while ((kind = sql_input_next(&input, &text, &length))
               != SQL_INPUT_NONE)
        {
            assert_int_equal(strlen(text), length);
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%c:%s|",
                     kinds[kind], text);
        }
    }

    if (sql_input_rest(&input, &text, &length) != SQL_INPUT_NONE) {
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "R:%s|", text);
    }

    assert_string_equal(got, expected);
    sql_input_free(&input);
}


static void
statements(void **state)
{
    (void) state;
    check_items("", "");
    check_items("select 1;", "S:select 1;|");
    check_items("select 1;select 2;", "S:select 1;|S:select 2;|");
    check_items(" select\n 1 ; ", "S:select\n 1 ;|");
    check_items("select 1", "R:select 1|");
    check_items("select 1; select 2", "S:select 1;|R:select 2|");
    check_items(";;  ; ;", "");
    check_items("select ';', \";\", `;`, [;]; x",
                "S:select ';', \";\", `;`, [;];|R:x|");
    check_items("select 'it''s;';", "S:select 'it''s;';|");
    check_items("select 'a\nb;\nc';", "S:select 'a\nb;\nc';|");
    check_items("select 1 -- x;\n;", "S:select 1 -- x;\n;|");
    check_items("select 1 - -1;", "S:select 1 - -1;|");
    check_items("select 4/2;", "S:select 4/2;|");
    check_items("/* ; */ select 1;", "S:/* ; */ select 1;|");
    check_items("/*/;*/;", "");
    check_items("/* a\n.mode\n*/ select 1;", "S:/* a\n.mode\n*/ select 1;|");
    check_items("/* never closed", "");
    check_items("-- nothing", "");
    check_items("select 'open;", "R:select 'open;|");
    check_items("select 1;\r\nselect 2;\r\n", "S:select 1;|S:select 2;|");
}


static void
commands(void **state)
{
    (void) state;
    check_items(".mode csv", "C:.mode csv|");
    check_items("  .mode csv  ", "C:.mode csv|");
    check_items("-- comment\n.mode csv\nselect 1;",
                "C:.mode csv|S:select 1;|");
    check_items("select\n.5;", "S:select\n.5;|");
    check_items("select 1;\n.mode;x", "S:select 1;|C:.mode;x|");
    check_items("quit", "Q:quit|");
    check_items("EXIT;", "Q:EXIT;|");
    check_items("logout", "Q:logout|");
    check_items("select 1 as\nquit;", "S:select 1 as\nquit;|");
    check_items("quitter;", "S:quitter;|");
}


static void
pending(void **state)
{
    sql_input_t input = { 0 };
    const char *text;
    size_t length;

    (void) state;
    assert_false(sql_input_pending(&input));
    sql_input_line(&input, "-- x", 4);
    assert_int_equal(sql_input_next(&input, &text, &length), SQL_INPUT_NONE);
    assert_false(sql_input_pending(&input));
    sql_input_line(&input, "/* x", 4);
    assert_int_equal(sql_input_next(&input, &text, &length), SQL_INPUT_NONE);
    assert_true(sql_input_pending(&input));
    sql_input_clear(&input);
    assert_false(sql_input_pending(&input));
    sql_input_free(&input);
}


/* A statement of many lines is looked at once, not once a line. */
static void
long_statement(void **state)
{
    sql_input_t input = { 0 };
    const char *text;
    size_t length;

    (void) state;

    for (int i = 0; i < 200000; i++) {
        sql_input_line(&input, "select 1 union all", 18);
        assert_int_equal(sql_input_next(&input, &text, &length),
                         SQL_INPUT_NONE);
    }

    sql_input_line(&input, "select 2;", 9);
    assert_int_equal(sql_input_next(&input, &text, &length),
                     SQL_INPUT_STATEMENT);
    assert_int_equal(length, 200000 * 19 + 9);
    sql_input_free(&input);
}


static void
check_set(const char *text, const char *name, const char *value)
{
    sql_set_t set;

    assert_int_equal(sql_set_parse(&set, text, strlen(text)), 1);
    assert_string_equal(set.name, name);
    assert_string_equal(set.value, value);
}


static void
sets(void **state)
{
    sql_set_t set;

    (void) state;
    check_set("SET use_write_db = true;", "use_write_db", "true");
    check_set("set use_write_db='1' ;", "use_write_db", "1");
    check_set("Set\nx\n=\n\"y z\"", "x", "y z");
    check_set("set x;", "x", "");
    check_set("set ;", "", "");
    check_set("set = ';", "", "'");
    assert_int_equal(sql_set_parse(&set, "select 1;", 9), 0);
    assert_int_equal(sql_set_parse(&set, "setx = 1;", 9), 0);
    assert_int_equal(sql_set_parse(&set, "set", 3), 0);
    assert_int_equal(sql_set_parse(&set, "", 0), 0);

    assert_int_equal(sql_set_flag("ON"), 1);
    assert_int_equal(sql_set_flag("yes"), 1);
    assert_int_equal(sql_set_flag("False"), 0);
    assert_int_equal(sql_set_flag("0"), 0);
    assert_int_equal(sql_set_flag(""), -1);
    assert_int_equal(sql_set_flag("2"), -1);
}


static void
split(void **state)
{
    char line[] = "  one 'two words'\t\"it's\" '' last";
    char open[] = "one 'two";
    char many[] = "a b c";
    char *words[8];

    (void) state;
    assert_int_equal(sql_command_split(line, words, 8), 5);
    assert_string_equal(words[0], "one");
    assert_string_equal(words[1], "two words");
    assert_string_equal(words[2], "it's");
    assert_string_equal(words[3], "");
    assert_string_equal(words[4], "last");
    assert_int_equal(sql_command_split(open, words, 8), -1);
    assert_int_equal(sql_command_split(many, words, 2), -1);
    assert_int_equal(sql_command_split(open + 3, words, 8), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements),
        cmocka_unit_test(commands),
        cmocka_unit_test(pending),
        cmocka_unit_test(long_statement),
        cmocka_unit_test(sets),
        cmocka_unit_test(split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
