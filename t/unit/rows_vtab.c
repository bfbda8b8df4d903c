/* rows_vtab.c: SQLite reads what was parsed. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "rows_vtab.h"
#include "worker_fixture.h"

static sqlite3 *db;
static rows_source_t source;


static int
open_db(void **state)
{
    (void) state;

    return sqlite3_open(":memory:", &db) == SQLITE_OK
           && rows_vtab_register(db, &source) == SQLITE_OK ? 0 : -1;
}


static int
close_db(void **state)
{
    (void) state;

    return sqlite3_close(db) == SQLITE_OK ? 0 : -1;
}


static void
with_rows(const char *json, const char *sql, const char *expected)
{
    fixture_t fixture;
    request_t request;

    assert_int_equal(fixture_open(&fixture), 0);
    fixture_request(&fixture, &request, json);
    source.table = &request.table;
    fixture_assert_rows(db, sql, expected);
    source.table = NULL;
    request_free(&request);
    fixture_close(&fixture);
}


static const char cells[] =
    "{\"identity\": \"me\", \"table\": {\"tablename\": \"t\", "
    "\"column_names\": [\"a\", \"b\", \"c\"], "
    "\"column_types\": [\"int\", \"text\", \"real\"], \"rows\": ["
    "[9223372036854775807, \"x\\u00e9\", 0.5], "
    "[-9223372036854775808, \"\", null], [null, \"a\\u0000b\", 1e300]]}}";


static void
test_cells(void **state)
{
    (void) state;

    with_rows(cells, "SELECT typeof(c0), c0, typeof(c1), c1, typeof(c2), c2 "
              "FROM _qasino_rows",
              "integer|9223372036854775807|text|x\xc3\xa9|real|0.5;"
              "integer|-9223372036854775808|text||null|NULL;"
              "null|NULL|text|a|real|1.0e+300");
    with_rows(cells, "SELECT length(CAST(c1 AS BLOB)) FROM _qasino_rows",
              "3;0;3");

    /* what lies past the table's columns is NULL, not memory */
    with_rows(cells, "SELECT typeof(c3), typeof(c99), c0 IS NULL "
              "FROM _qasino_rows", "null|null|0;null|null|0;null|null|1");
    with_rows(cells, "SELECT typeof(c3), typeof(c1999), c0 IS NULL "
              "FROM _qasino_rows_wide", "null|null|0;null|null|0;null|null|1");
    with_rows(cells, "SELECT rowid FROM _qasino_rows", "1;2;3");
}


/* Two cursors at once, and one that is rewound for every row of another. */
static void
test_cursors(void **state)
{
    (void) state;

    with_rows(cells, "SELECT count(*), count(DISTINCT x.c0 || y.c1) "
              "FROM _qasino_rows AS x, _qasino_rows AS y", "9|6");
    with_rows(cells, "SELECT (SELECT count(*) FROM _qasino_rows AS y "
              "WHERE y.rowid <= x.rowid) FROM _qasino_rows AS x", "1;2;3");
}


static void
test_none(void **state)
{
    (void) state;

    with_rows("{\"identity\": \"me\", \"table\": {\"tablename\": \"t\", "
              "\"column_names\": [\"a\"], \"column_types\": [\"int\"], "
              "\"rows\": []}}", "SELECT count(*), max(c0) FROM _qasino_rows",
              "0|NULL");
}


/* A prepared statement goes on to the next table, of another width. */
static void
test_reuse(void **state)
{
    static const char *const tables[] = {
        cells,
        "{\"identity\": \"me\", \"table\": {\"tablename\": \"t\", "
        "\"column_names\": [\"z\"], \"column_types\": [\"int\"], "
        "\"rows\": [[1], [2], [3], [4]]}}"
    };
    sqlite3_stmt *statement = NULL;
    fixture_t fixture;

    (void) state;
    assert_int_equal(fixture_open(&fixture), 0);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*), sum(c0 IS "
                                        "NULL) FROM _qasino_rows", -1,
                                        &statement, NULL), SQLITE_OK);

    for (int i = 0; i < 6; i++) {
        request_t request;

        fixture_request(&fixture, &request, tables[i % 2]);
        source.table = &request.table;
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), i % 2 ? 4 : 3);
        assert_int_equal(sqlite3_column_int(statement, 1), i % 2 ? 0 : 1);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        assert_int_equal(sqlite3_reset(statement), SQLITE_OK);
        source.table = NULL;
        request_free(&request);
    }

    (void) sqlite3_finalize(statement);
    fixture_close(&fixture);
}


static void
fail_at_three(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void) argc;

    if (sqlite3_value_int(argv[0]) == 3) {
        sqlite3_result_error_nomem(context);
    } else {
        sqlite3_result_value(context, argv[0]);
    }
}


/* The rows of a statement of another connection. */
static void
with_statement(const char *rows, const char *sql, const char *expected)
{
    sqlite3 *other;

    assert_int_equal(sqlite3_open(":memory:", &other), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(other, "fail", 1, SQLITE_UTF8,
                                             NULL, fail_at_three, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(other, rows, -1, &source.statement,
                                        NULL), SQLITE_OK);

    if (expected) {
        fixture_assert_rows(db, sql, expected);
        fixture_assert_rows(db, sql, expected);         /* from the first */
    } else {
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL),
                         SQLITE_NOMEM);
    }

    assert_int_equal(sqlite3_finalize(source.statement),
                     expected ? SQLITE_OK : SQLITE_NOMEM);
    source.statement = NULL;
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}


static void
test_statement(void **state)
{
    qsn_buf_t wide = { 0 };

    (void) state;
    with_statement("VALUES (9223372036854775807, 'x\xc3\xa9', 0.5),"
                   " (-1, '', NULL), (NULL, CAST(x'610062' AS TEXT), 1e300),"
                   " (0, x'6263', x'')",
                   "SELECT typeof(c0), c0, typeof(c1), length(CAST(c1 AS "
                   "BLOB)), hex(c1), typeof(c2), c2, c3 IS NULL "
                   "FROM _qasino_rows",
                   "integer|9223372036854775807|text|3|78C3A9|real|0.5|1;"
                   "integer|-1|text|0||null|NULL|1;"
                   "null|NULL|text|3|610062|real|1.0e+300|1;"
                   "integer|0|text|2|6263|text||1");
    with_statement("SELECT 1 WHERE 0", "SELECT count(*) FROM _qasino_rows",
                   "0");

    qsn_buf_string(&wide, "SELECT 0");

    for (int i = 1; i < 1999; i++) {
        qsn_buf_printf(&wide, ",%d", i);
    }

    with_statement(qsn_buf_text(&wide), "SELECT c0, c1998, c1999 IS NULL "
                   "FROM _qasino_rows_wide", "0|1998|1");
    qsn_buf_free(&wide);

    /* what goes wrong there ends the statement here */
    with_statement("SELECT fail(column1) FROM (VALUES (1), (2), (3), (4))",
                   "SELECT count(*) FROM _qasino_rows", NULL);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_statement)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, open_db, close_db);
}
