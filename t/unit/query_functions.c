/*
 * Bounded functions: they answer what SQLite's own answer, on values made
 * up at random, and end soon, or refuse, where SQLite's own do not.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "functions.h"

#define ROUNDS  4000

static const policy_limits_t limits = { 1024 * 1024, 65536, 10000000 };

static sqlite3 *ours;
static sqlite3 *theirs;

/* One argument is made by each %: see argument(). */
static const char *const calls[] = {
    "instr(%t, %t)", "instr(%m, %m)", "replace(%m, %m, %m)",
    "instr(%b, %b)", "instr(%b, %t)", "instr(%t, %b)",
    "instr(%v, %v)", "replace(%t, %t, %t)", "replace(%v, %v, %v)",
    "replace(%b, %t, %v)", "trim(%t)", "ltrim(%t)", "rtrim(%t)",
    "trim(%t, %t)", "ltrim(%t, %t)", "rtrim(%t, %t)", "trim(%v, %v)",
    "printf(%f, %v, %v, %v)", "format(%f, %t, %v)", "printf(%f)",
    "printf(%f, %n, %n, %n)", "printf()", "printf(NULL, 1)",
    "json_patch(%j, %j)", "json_patch(%v, %j)",
    "json_set(%j, %p, %v)", "json_set(%j, %p, json(%j), %p, %v)",
    "json_insert(%j, %p, json_array(%v))", "json_insert(%j, %p)",
    "json_set(%j)", "json_set()", "json_set(%j, NULL, 1)",
    "json_array(json_set(%j, %p, %v), json_patch(%j, %j), json_insert(%j))",
    "json_array(printf(%f, %v), trim(%t), replace(%t, %t, %t))"
};


static const char *
pick(const char *const *list, size_t count)
{
    return list[(size_t) random() % count];
}


#define PICK(list)  pick(list, sizeof(list) / sizeof(list[0]))


static const char *
argument(char kind)
{
    static const char *const texts[] = {
        "''", "'a'", "'aa'", "'aaab'", "'  a b  '", "'\xc3\xa9'",
        "'\xe2\x82\xac\xc3\xa9 x\xc3\xa9'", "'\xf0\x9f\x98\x80'",
        "'abcabcabd'", "'abd'", "' '", "'ab' || char(0) || 'cd'",
        "char(0)", "'b'"
    };
    static const char *const malformed[] = {
        "'\xc3'", "'\x80\x80'", "'x\x80'", "'\xa9'", "'\xc3\xa9'", "'x'",
        "'\xa9\xc3\xa9'"
    };
    static const char *const blobs[] = {
        "x''", "x'00'", "x'6161'", "x'c3a9'", "x'80'", "x'616161620061'",
        "x'a9'", "x'61'"
    };
    static const char *const values[] = {
        "NULL", "1", "-17", "2.5", "1e300", "9223372036854775807", "'17'",
        "'abc'", "x'6162'", "-0.0", "9e999"
    };
    static const char *const formats[] = {
        "'%d'", "'%5d|%-5d|%05d'", "'%s'", "'%10s|%-10s|'", "'%.2f'",
        "'%e %g'", "'%x %X %o'", "'%c%c'", "'%5c|%-5c|'", "'%q %Q %w'",
        "'%%'", "'%'", "'%*d'", "'%-*d|'", "'%.*f'", "'%*.*f'", "'%!.20f'",
        "'%,d'", "'%+d % d'", "'%ld %lld'", "'%i %u'", "'%k rest'",
        "'%.3s|'", "'%!5.2s|'", "'%r'", "'%p'", "'%n%d'", "'%z'", "'%#x'",
        "'plain'", "''", "'%5.l1d'", "'\xc3\xa9%c'", "'%T after'"
    };
    static const char *const numbers[] = {
        "0", "1", "-3", "7", "20", "-1", "2.7", "NULL", "'5'"
    };
    static const char *const json[] = {
        "'{}'", "'[]'", "'{\"a\": 1}'", "'{\"a\": {\"b\": [1, 2]}}'",
        "'{\"b\": null, \"c\": \"x:y\"}'", "'[1, {\"a\": 2}]'", "'1'",
        "NULL", "'{\"a\": null}'", "'{\"\\\"\": 1, \"a\": 1.5}'", "'{oops'"
    };
    static const char *const paths[] = {
        "'$'", "'$.a'", "'$.a.b'", "'$.a.b[0]'", "'$[0]'", "'$[#]'",
        "'$.x.y.z'", "'$[1].a'", "'a'", "'$.\"q\"'"
    };

    switch (kind) {
    case 't':
        return PICK(texts);
    case 'm':
        return PICK(malformed);
    case 'b':
        return PICK(blobs);
    case 'f':
        return PICK(formats);
    case 'n':
        return PICK(numbers);
    case 'j':
        return PICK(json);
    case 'p':
        return PICK(paths);
    default:
        return random() % 2 ? PICK(values) : PICK(texts);
    }
}


static char *
make_statement(const char *call)
{
    sqlite3_str *text = sqlite3_str_new(NULL);

    sqlite3_str_appendall(text, "SELECT typeof(x) || ' ' || quote(x) FROM"
                                " (SELECT ");

    for (/* void */; *call; call++) {
        if (*call == '%') {
            sqlite3_str_appendall(text, argument(*++call));
        } else {
            sqlite3_str_appendchar(text, 1, *call);
        }
    }

    sqlite3_str_appendall(text, " AS x)");

    return sqlite3_str_finish(text);
}


/* The first cell, or the error; to be freed. */
static char *
answer(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    char *result;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK
        && sqlite3_step(statement) == SQLITE_ROW)
    {
        result = sqlite3_mprintf("%s", sqlite3_column_text(statement, 0));
    } else {
        result = sqlite3_mprintf("error: %s", sqlite3_errmsg(db));
    }

    (void) sqlite3_finalize(statement);

    return result;
}


static void
test_same(void **state)
{
    const char *given = getenv("QASINO_SEED");
    unsigned seed = given ? (unsigned) atoi(given) : 20261126;

    (void) state;
    print_message("# QASINO_SEED=%u\n", seed);
    srandom(seed);

    for (int i = 0; i < ROUNDS; i++) {
        char *sql = make_statement(PICK(calls));
        char *one = answer(ours, sql);
        char *two = answer(theirs, sql);

        if (strcmp(one, two) != 0) {
            fail_msg("%s\n  is %s\n  not %s", sql, one, two);
        }

        sqlite3_free(sql);
        sqlite3_free(one);
        sqlite3_free(two);
    }
}


/* What would take minutes, or the stack. */
static void
test_bounded(void **state)
{
    static const struct {
        const char *sql;
        const char *expected;
    } cases[] = {
        { "SELECT instr(hex(zeroblob(500000)), hex(zeroblob(250000)) || '1')",
          "0" },
        { "SELECT instr(zeroblob(1000000), zeroblob(500000) || x'01')", "0" },
        { "SELECT length(replace(hex(zeroblob(500000)), "
          "hex(zeroblob(250000)) || '1', 'x'))", "1000000" },
        { "SELECT length(replace(hex(zeroblob(100000)), '0', "
          "hex(zeroblob(1000))))", "error: string or blob too big" },
        { "SELECT length(trim(hex(zeroblob(250000)), (WITH RECURSIVE n(x) AS"
          " (SELECT 300 UNION ALL SELECT x + 1 FROM n WHERE x < 200000)"
          " SELECT group_concat(char(x), '') || '0' FROM n)))", "0" },
        { "SELECT length(trim((WITH RECURSIVE n(x) AS (SELECT 300 UNION ALL"
          " SELECT x + 1 FROM n WHERE x < 100000) SELECT"
          " group_concat(char(x), '') FROM n), (WITH RECURSIVE n(x) AS"
          " (SELECT 300 UNION ALL SELECT x + 1 FROM n WHERE x < 100000)"
          " SELECT group_concat(char(x), '') FROM n)))", "0" },
        { "SELECT printf('%.*c', 2147483647, 'x')",
          "error: string or blob too big" },
        { "SELECT printf('%2147483647d', 1)",
          "error: string or blob too big" },
        { "SELECT printf('%.2147483647f', 1.0)",
          "error: string or blob too big" },
        { "SELECT format('%*d%*d', 700000, 1, -700000, 2)",
          "error: string or blob too big" },
        { "SELECT length(printf('%1000000d', 1))", "1000000" },
        { "SELECT json_set('{}', '$' || replace(hex(zeroblob(250000)), '0',"
          " '.a'), 1)", "error: json_set(): a path of more than 1000 steps" },
        { "SELECT json_insert('[]', '$' || replace(hex(zeroblob(1000)), '0',"
          " '[0]'), 1)",
          "error: json_insert(): a path of more than 1000 steps" },
        { "SELECT length(json_set('{}', '$' || replace(hex(zeroblob(500)),"
          " '0', '.a'), 1))", "6001" },
        { "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n"
          " WHERE x < 20000), o(j) AS (SELECT json_group_object('a' || x, x)"
          " FROM n) SELECT json_patch(a.j, b.j) FROM o a, o b",
          "error: json_patch() has 400000000 pairs of keys to compare: option"
          " query_max_work allows 10000000" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *result = answer(ours, cases[i].sql);

        assert_string_equal(result, cases[i].expected);
        sqlite3_free(result);
    }
}


static int
setup(void **state)
{
    int length = (int) limits.max_cell + POLICY_CELL_MARGIN;

    (void) state;

    if (sqlite3_open(":memory:", &ours) != SQLITE_OK
        || sqlite3_open(":memory:", &theirs) != SQLITE_OK)
    {
        return -1;
    }

    (void) sqlite3_limit(ours, SQLITE_LIMIT_LENGTH, length);
    (void) sqlite3_limit(theirs, SQLITE_LIMIT_LENGTH, length);

    return functions_register(ours, &limits) == SQLITE_OK ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    assert_int_equal(sqlite3_close(ours), SQLITE_OK);
    assert_int_equal(sqlite3_close(theirs), SQLITE_OK);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_bounded)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
