/* scan.c and statement.c: what texts mean, without running anything. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "statement.h"

#define MAX_SQL  4096

static int
parse(statement_t *statement, failure_t *failure, const char *text)
{
    memset(failure, 0, sizeof(*failure));

    return statement_parse(statement, text, strlen(text), MAX_SQL, failure);
}


static void
accepts(enum statement_kind kind, const char *text)
{
    statement_t statement;
    failure_t failure;

    if (parse(&statement, &failure, text) == -1) {
        fail_msg("%s: %s", text, qsn_buf_text(&failure.text));
    }

    assert_int_equal(statement.kind, kind);
    statement_free(&statement);
    failure_free(&failure);
}


static void
refuses_bytes(const char *text, size_t length, int status,
    const char *expected)
{
    statement_t statement;
    failure_t failure = { 0 };

    if (statement_parse(&statement, text, length, MAX_SQL, &failure) == 0) {
        fail_msg("accepted: %s", text);
    }

    assert_string_equal(qsn_buf_text(&failure.text), expected);
    assert_int_equal(failure.status, status);
    statement_free(&statement);
    failure_free(&failure);
}


static void
refuses(const char *text, const char *expected)
{
    refuses_bytes(text, strlen(text), 400, expected);
}


static void
binds(enum statement_kind kind, const char *text, const char *schema,
    const char *value)
{
    statement_t statement;
    failure_t failure;

    assert_int_equal(parse(&statement, &failure, text), 0);
    assert_int_equal(statement.kind, kind);
    assert_int_equal(statement.has_value, 1);
    assert_string_equal(qsn_buf_text(&statement.value), value);
    assert_int_equal(statement.has_schema, schema != NULL);

    if (schema) {
        assert_string_equal(qsn_buf_text(&statement.schema), schema);
    }

    statement_free(&statement);
    failure_free(&failure);
}


static void
test_queries(void **state)
{
    static const char *const texts[] = {
        "select 1", "select 1;", "SeLeCt 1 ; ;; ", "select*from t",
        "  \n\t select 1", "select(1)", "/* c */ select 1",
        "-- c\nselect 1", "select 1 -- done", "select 1; -- done",
        "select 1; /* done */", "with x as (select 1) select * from x",
        "values (1, 2)", "explain select 1",
        "explain query plan select 1", "(select 1)", "((select 1));",
        "explain with x as (values (1)) select 2",
        " ( values (1) ) -- c", "select ';'", "select \"a;b\"",
        "select [a;b] from t", "select `a;b` from t",
        "select 1 /* ; */ + 2", "\xef\xbb\xbfselect 1",
        "select 'a''b;'", "select 'h\xc3\xa9'"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        accepts(STATEMENT_SQL, texts[i]);
    }
}


static void
test_unrecognized(void **state)
{
    static const char *const texts[] = {
        "selec 1;", "hello world;", "create table t (a);", "show;",
        "update t set a = 1;", "drop table t;", "pragma table_info(t);",
        "attach 'x' as y;", "begin;", "vacuum;", "explain vacuum;",
        "explain query select 1;", "explain pragma journal_mode = wal;",
        "explain;", "explain explain select 1;", "show databases;",
        "show create table fix;", "show tables like;",
        "show tables like %x%;", "show tables like 'x' or 1;", "desc;",
        "desc fix extra;", "desc fix);", "desc a.b.c;", "quit now;",
        "; select 1;", "set use_write_db = 1;", "desc view a b;", "();",
        "(quit);",
        "create trigger t after insert on t begin select 1; end;",
        "drop table t; drop table u;"
    };
    char expected[200];

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        (void) snprintf(expected, sizeof(expected),
                        "ERROR: Unrecognized statement: %s", texts[i]);
        refuses(texts[i], expected);
    }

    refuses("", "ERROR: Unrecognized statement: ;");
    refuses("   ", "ERROR: Unrecognized statement:    ;");
    refuses("hello", "ERROR: Unrecognized statement: hello;");
    refuses("-- hi", "ERROR: Unrecognized statement: -- hi;");
    refuses("/* hi */;", "ERROR: Unrecognized statement: /* hi */;");
}


static void
test_incomplete(void **state)
{
    static const char *const texts[] = {
        "select 'abc", "select \"abc", "select `abc", "select [abc",
        "select 1 /* abc", "select 1 /*/", "select 'a''", "/*", "'",
        "show tables like 'a'b';", "desc x');select(1;", "desc \"x"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refuses(texts[i], "Incomplete sql statement");
    }
}


static void
test_second_statement(void **state)
{
    (void) state;

    refuses("select 1; drop table t", "ERROR: only one statement at a time:"
            " a second one begins at byte 10");
    refuses("select 1;; select 2;", "ERROR: only one statement at a time:"
            " a second one begins at byte 11");
    refuses("quit; select 1", "ERROR: only one statement at a time:"
            " a second one begins at byte 6");
    refuses("select 1; 'x'", "ERROR: only one statement at a time:"
            " a second one begins at byte 10");
}


static void
test_bytes(void **state)
{
    char long_text[MAX_SQL + 2];

    (void) state;

    refuses_bytes("select \0 1", 10, 400,
                  "The statement has a NUL at byte 7");
    refuses("select '\xff'", "The statement is not UTF-8 at byte 8");
    refuses("select '\xed\xa0\x80'", "The statement is not UTF-8 at byte 8");
    refuses("select 1 \xc3", "The statement is not UTF-8 at byte 9");

    memset(long_text, 'x', sizeof(long_text));
    refuses_bytes(long_text, MAX_SQL + 1, 413, "The statement has 4097 "
                  "bytes, more than the 4096 that option query_max_sql "
                  "allows");
}


static void
test_long_quote_is_cut(void **state)
{
    char text[3000];
    statement_t statement;
    failure_t failure = { 0 };

    (void) state;

    memset(text, 'x', sizeof(text));
    assert_int_equal(statement_parse(&statement, text, sizeof(text), MAX_SQL,
                                     &failure), -1);
    assert_true(failure.text.length < 1100);
    statement_free(&statement);
    failure_free(&failure);
}


static void
test_shortcuts(void **state)
{
    static const char *const texts[] = {
        "show tables", "SHOW  TABLES ;", " show\ttables -- all",
        "show info;;", "show connections", "Show Views;",
        "/* c */ show info"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        accepts(STATEMENT_SHORTCUT, texts[i]);
    }

    binds(STATEMENT_SHORTCUT, "show tables like 'x%';", NULL, "x%");
    binds(STATEMENT_SHORTCUT, "show tables like 'a b'", NULL, "a b");
    binds(STATEMENT_SHORTCUT, "show tables like 'it''s'", NULL, "it's");
    binds(STATEMENT_SHORTCUT, "show tables like \"x\"", NULL, "x");
    binds(STATEMENT_SHORTCUT, "show tables like ''", NULL, "");
    binds(STATEMENT_SHORTCUT, "desc view v;", NULL, "v");
    binds(STATEMENT_SHORTCUT, "DESCRIBE VIEW \"v w\"", NULL, "v w");
}


static void
test_desc(void **state)
{
    (void) state;

    binds(STATEMENT_DESC, "desc fix", NULL, "fix");
    binds(STATEMENT_DESC, "DESCRIBE fix ; ", NULL, "fix");
    binds(STATEMENT_DESC, "desc view;", NULL, "view");
    binds(STATEMENT_DESC, "desc \"fi\"\"x\"", NULL, "fi\"x");
    binds(STATEMENT_DESC, "desc [fi x]", NULL, "fi x");
    binds(STATEMENT_DESC, "desc `fix`", NULL, "fix");
    binds(STATEMENT_DESC, "desc 'fix'", NULL, "fix");
    binds(STATEMENT_DESC, "desc f\xc3\xa9;", NULL, "f\xc3\xa9");
    binds(STATEMENT_DESC, "desc static.fix", "static", "fix");
    binds(STATEMENT_DESC, "desc \"main\" . [f]", "main", "f");
}


static void
test_quit(void **state)
{
    (void) state;

    accepts(STATEMENT_QUIT, "quit");
    accepts(STATEMENT_QUIT, " QUIT ; ");
    accepts(STATEMENT_QUIT, "exit;");
    accepts(STATEMENT_QUIT, "logout;");
}


static void
test_parentheses_become_blanks(void **state)
{
    statement_t statement;
    failure_t failure;

    (void) state;

    assert_int_equal(parse(&statement, &failure, "((select (1)));"), 0);
    assert_string_equal(qsn_buf_text(&statement.sql), "  select (1)  ;");
    statement_free(&statement);

    assert_int_equal(parse(&statement, &failure,
                           "(select 1) union select 2"), -1);
    statement_free(&statement);
    failure_free(&failure);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_unrecognized),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_second_statement),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_long_quote_is_cut),
        cmocka_unit_test(test_shortcuts),
        cmocka_unit_test(test_desc),
        cmocka_unit_test(test_quit),
        cmocka_unit_test(test_parentheses_become_blanks)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
