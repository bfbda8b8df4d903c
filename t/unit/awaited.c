/* awaited.c and template.c: a table of the generation before costs nothing to
   make, and nobody can tell that it was made beforehand. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "awaited.h"
#include "background.h"
#include "carry.h"
#include "template.h"
#include "worker_fixture.h"

#define MANY   40
#define PAGES  1000            /* room enough */

static fixture_t fixture;
static generation_t *generation;
static uint64_t number = 1000;
static char template[128];


static int
start(void **state)
{
    (void) state;

    if (fixture_open(&fixture) != 0) {
        return -1;
    }

    fixture.settings.max_tables = 2 * MANY;
    (void) snprintf(template, sizeof(template), "%s/template.db",
                    fixture.dir);
    generation = fixture_generation(&fixture, ++number);

    return 0;
}


static int
stop(void **state)
{
    (void) state;
    generation_close(generation);
    fixture_close(&fixture);

    return 0;
}


static enum report_result
publish(const char *identity, const char *table, const char *columns,
    const char *types, const char *rows)
{
    char json[512];
    int n = snprintf(json, sizeof(json), "{\"identity\": \"%s\", \"table\": "
                     "{\"tablename\": \"%s\", \"column_names\": [%s], "
                     "\"column_types\": [%s], \"rows\": [%s]}}", identity,
                     table, columns, types, rows);

    assert_true(n > 0 && (size_t) n < sizeof(json));

    return fixture_publish(&fixture, generation, json);
}


/* Table n, of two columns. */
static void
publish_usual(int n)
{
    char table[32];

    (void) snprintf(table, sizeof(table), "t%d", n);
    assert_int_equal(publish("a", table, "\"x\", \"s\"", "\"int\", \"text\"",
                             "[1, \"y\"]"), REPORT_TAKEN);
}


static void
holds(const char *sql, const char *expected)
{
    fixture_assert_rows(generation->store.db, sql, expected);
}


static sqlite3_int64
ask(const char *sql)
{
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(generation->store.db, sql, -1,
                                        &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);

    sqlite3_int64 value = sqlite3_column_int64(statement, 0);

    (void) sqlite3_finalize(statement);

    return value;
}


/* How often the schema has changed. */
static sqlite3_int64
version(void)
{
    return ask("PRAGMA schema_version");
}


static void
seal(void)
{
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(awaited_remove(&generation->store), 0);
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    holds("PRAGMA integrity_check", "ok");
    generation_close(generation);
    generation = NULL;
}


static int
update(int64_t pages)
{
    char *sealed = generation_path(fixture.dir, number);
    int rc = template_update(&fixture.settings, template, sealed, pages, 10000);

    free(sealed);

    return rc;
}


/* The next one, which awaits the tables of this one. */
static void
turn(int64_t pages)
{
    seal();
    assert_int_equal(update(pages), 0);

    char *path = generation_path(fixture.dir, ++number);

    assert_int_equal(template_copy(template, path), 0);
    free(path);
    generation = fixture_generation(&fixture, number);
    assert_int_equal(generation->store.catalog.table_count, 0);
}


static void
reopen(void)
{
    generation_close(generation);
    generation = fixture_generation(&fixture, number);
}


#define TABLES  "SELECT group_concat(name) FROM (SELECT name FROM "          \
                "sqlite_schema WHERE type = 'table' AND name NOT LIKE "      \
                "'%qasino%' ORDER BY 1)"


static void
test_same(void **state)
{
    (void) state;

    for (int n = 1; n <= 3; n++) {
        publish_usual(n);
    }

    for (int turns = 0; turns < 3; turns++) {
        turn(PAGES);

        sqlite3_int64 before = version();

        publish_usual(1);
        assert_int_equal(publish("b", "t1", "\"x\", \"s\"",
                                 "\"int\", \"text\"", "[2, \"z\"]"),
                         REPORT_TAKEN);
        holds("SELECT * FROM t1", "1|y;2|z");
        assert_int_equal(generation->store.catalog.table_count, 1);

        /* who goes on after a worker that was killed knows it, too */
        reopen();
        assert_int_equal(generation->store.catalog.table_count, 1);
        assert_string_equal(generation->store.catalog.tables[0]->name, "t1");
        assert_int_equal(generation->store.catalog.tables[0]->rows, 2);
        publish_usual(2);
        publish_usual(3);
        holds("SELECT count(*) FROM t2, t3", "1");
        assert_int_equal(version(), before);
    }

    turn(PAGES);
    publish_usual(2);
    seal();
    generation = fixture_generation(&fixture, number);
    holds(TABLES, "t2");
    holds("SELECT freelist_count >= 2 FROM pragma_freelist_count", "1");
}


/* The new first report says what the columns are. */
static void
test_other_columns(void **state)
{
    static const struct {
        const char *table;
        const char *columns;
        const char *types;
        const char *row;
        const char *sql;
    } cases[] = {
        { "t0", "\"x\", \"s\"", "\"text\", \"text\"", "[\"1\", \"y\"]",
          "CREATE TABLE \"t0\"(\"x\" TEXT, \"s\" TEXT)" },
        { "t1", "\"s\", \"x\"", "\"text\", \"int\"", "[\"y\", 1]",
          "CREATE TABLE \"t1\"(\"s\" TEXT, \"x\" INTEGER)" },
        { "t2", "\"x\"", "\"int\"", "[1]",
          "CREATE TABLE \"t2\"(\"x\" INTEGER)" },
        { "t3", "\"x\", \"s\", \"r\"", "\"int\", \"text\", \"real\"",
          "[1, \"y\", 0.5]",
          "CREATE TABLE \"t3\"(\"x\" INTEGER, \"s\" TEXT, \"r\" REAL)" },
        { "t4", "\"X\", \"s\"", "\"int\", \"text\"", "[1, \"y\"]",
          "CREATE TABLE \"t4\"(\"X\" INTEGER, \"s\" TEXT)" },
        { "T5", "\"x\", \"s\"", "\"int\", \"text\"", "[1, \"y\"]",
          "CREATE TABLE \"T5\"(\"x\" INTEGER, \"s\" TEXT)" }
    };
    const size_t count = sizeof(cases) / sizeof(cases[0]);
    char sql[128];

    (void) state;

    for (int n = 0; n < (int) count; n++) {
        publish_usual(n);
    }

    turn(PAGES);

    for (int pass = 0; pass < 3; pass++) {
        sqlite3_int64 before = version();

        for (size_t i = 0; i < count; i++) {
            assert_int_equal(publish("a", cases[i].table, cases[i].columns,
                                     cases[i].types, cases[i].row),
                             REPORT_TAKEN);
            (void) snprintf(sql, sizeof(sql), "SELECT sql FROM sqlite_schema "
                            "WHERE name = '%s'", cases[i].table);
            holds(sql, cases[i].sql);
            (void) snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s",
                            cases[i].table);
            holds(sql, "1");
        }

        assert_int_equal(generation->store.catalog.table_count, count);

        /* made anew, made again, and then as they were awaited */
        assert_true(pass < 2 ? version() > before : version() == before);
        turn(PAGES);
    }
}


/* More than are dropped one by one. */
static void
test_many_left(void **state)
{
    (void) state;

    for (int n = 0; n < MANY; n++) {
        publish_usual(n);
    }

    turn(PAGES);
    publish_usual(7);

    /* sealing it failed: all is as it was, for the next try */
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(awaited_remove(&generation->store), 0);
    holds(TABLES, "t7");
    assert_int_equal(store_rollback(&generation->store), 0);
    holds("SELECT * FROM t7", "1|y");
    assert_int_equal(generation->store.catalog.table_count, 1);

    sqlite3_int64 before = version();

    publish_usual(8);
    holds("SELECT * FROM t8", "1|y");
    assert_int_equal(version(), before);

    /* views are made after it, and may have the name of one that is gone */
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(awaited_remove(&generation->store), 0);
    assert_int_equal(sqlite3_exec(generation->store.db, "CREATE VIEW t9 AS "
                                  "SELECT x + 1 AS z FROM t8", NULL, NULL,
                                  NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(generation->store.db, "SELECT * FROM t10",
                                  NULL, NULL, NULL), SQLITE_ERROR);
    assert_int_equal(store_commit(&generation->store), 0);
    seal();

    generation = fixture_generation(&fixture, number);
    holds(TABLES, "t7,t8");
    holds("SELECT z FROM t9", "2");
    assert_int_equal(generation->store.catalog.table_count, 2);

    /* the next has two */
    turn(PAGES);
    holds(TABLES, "t7,t8");
    publish_usual(9);
    publish_usual(8);
    holds("SELECT count(*) FROM t8, t9", "1");
}


static void
test_rolled_back(void **state)
{
    static const char json[] =
        "{\"identity\": \"a\", \"table\": {\"tablename\": \"t%d\", "
        "\"column_names\": [\"x\", \"s\"], \"column_types\": [\"int\", "
        "\"%s\"], \"rows\": [[5, \"%s\"]]}}";
    char body[256];

    (void) state;

    publish_usual(1);
    publish_usual(2);
    turn(PAGES);

    for (int n = 1; n <= 2; n++) {
        const char *type = n == 1 ? "text" : "int";     /* it was text */

        (void) snprintf(body, sizeof(body), json, n, type,
                        n == 1 ? "v" : "6");
        assert_int_equal(store_begin(&generation->store), 0);
        assert_int_equal(fixture_apply(&fixture, generation, body),
                         REPORT_TAKEN);
        assert_int_equal(generation->store.catalog.table_count, 1);
        assert_int_equal(store_rollback(&generation->store), 0);
        assert_int_equal(generation->store.catalog.table_count, 0);
    }

    sqlite3_int64 before = version();

    publish_usual(1);
    publish_usual(2);
    holds("SELECT * FROM t1, t2", "1|y|1|y");
    assert_int_equal(version(), before);
}


/* Its columns came from two reports: which comes first is not known. */
static void
test_altered(void **state)
{
    (void) state;

    publish_usual(1);
    publish_usual(2);
    assert_int_equal(publish("b", "t1", "\"r\"", "\"real\"", "[0.5]"),
                     REPORT_TAKEN);
    turn(PAGES);
    holds(TABLES, "t2");
    assert_int_equal(publish("b", "t1", "\"r\"", "\"real\"", "[0.5]"),
                     REPORT_TAKEN);
    publish_usual(1);
    holds("SELECT * FROM t1", "0.5|NULL|NULL;NULL|1|y");

    /* an awaited one, too, when it has been published */
    publish_usual(2);
    assert_int_equal(publish("b", "t2", "\"r\"", "\"real\"", "[0.5]"),
                     REPORT_TAKEN);
    holds("SELECT * FROM t2", "1|y|NULL;NULL|NULL|0.5");
    turn(PAGES);
    holds(TABLES, "NULL");
}


static void
test_template_follows(void **state)
{
    (void) state;

    for (int n = 0; n < 6; n++) {
        publish_usual(n);
    }

    /* there is room for some */
    turn(ask("PRAGMA page_count") - 2);
    assert_in_range(ask("SELECT count(*) FROM _qasino_tables WHERE awaited"),
                    1, 4);

    for (int n = 3; n < 9; n++) {
        publish_usual(n);
    }

    turn(PAGES);
    holds(TABLES, "t3,t4,t5,t6,t7,t8");
    turn(PAGES);
    holds(TABLES, "NULL");
    publish_usual(1);

    /* there is room for none */
    turn(1);
    holds(TABLES, "NULL");
}


/* A file without a list, or none: a template without tables. */
static void
test_no_list(void **state)
{
    sqlite3 *db = NULL;
    char *path = generation_path(fixture.dir, number);
    char *nowhere = generation_path(fixture.dir, 1);

    (void) state;

    publish_usual(1);
    seal();
    assert_int_equal(update(PAGES), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE _qasino_tables", NULL, NULL,
                                  NULL), SQLITE_OK);
    (void) sqlite3_close(db);
    assert_int_equal(update(PAGES), 0);

    /* a former worker's file that is gone on with: it makes all its tables */
    generation = fixture_generation(&fixture, number);
    assert_int_equal(generation->store.catalog.table_count, 1);
    publish_usual(2);
    holds("SELECT count(*) FROM t1, t2", "1");
    assert_int_equal(awaited_remove(&generation->store), 0);
    generation_close(generation);
    generation = NULL;

    /* nor is a file made where there is none */
    generation_unlink(path);
    assert_int_equal(update(PAGES), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(template_copy(template, path), 0);
    generation = fixture_generation(&fixture, number);
    holds(TABLES, "NULL");

    generation_unlink(template);
    assert_int_equal(template_copy(template, nowhere), -1);
    assert_int_equal(access(nowhere, F_OK), -1);
    free(nowhere);
    free(path);
}


/* Carried are the rows of t1, whichever way it is awaited. */
static void
carried(const char *columns, const char *types)
{
    static const char json[] =
        "{\"identity\": \"b\", \"persist\": 1, \"table\": {\"tablename\": "
        "\"t1\", \"column_names\": [\"x\", \"s\"], \"column_types\": "
        "[\"int\", \"text\"], \"rows\": [[1, \"y\"]]}}";
    carry_t *carry = NULL;

    publish_usual(2);
    assert_int_equal(publish("a", "t1", columns, types, "[1, 2]"),
                     REPORT_TAKEN);
    turn(PAGES);
    publish_usual(2);
    assert_int_equal(fixture_publish(&fixture, generation, json),
                     REPORT_TAKEN);

    /* a spare that was made while the first one was served */
    char *sealed = generation_path(fixture.dir, number);
    char *path = generation_path(fixture.dir, number + 1);

    assert_int_equal(template_copy(template, path), 0);
    seal();
    generation = fixture_generation(&fixture, ++number);
    assert_int_equal(ask("SELECT count(*) FROM _qasino_tables "
                         "WHERE awaited"), 2);
    assert_int_equal(carry_begin(generation, sealed, &carry, fixture.error),
                     0);

    /* the file that is carried from is read meanwhile */
    while (carry) {
        assert_int_equal(template_update(&fixture.settings, template, sealed,
                                         PAGES, 10000), 0);

        if (carry_next(&carry, fixture.error) != 0) {
            fail_msg("%s", fixture.error);
        }
    }

    free(sealed);
    free(path);
    holds("SELECT * FROM t1", "1|y");
    holds(TABLES, "t1,t2");
    assert_int_equal(generation->store.catalog.table_count, 1);

    /* which persists is not awaited: it comes with its rows */
    turn(PAGES);
    holds(TABLES, "NULL");
}


static void
test_carried(void **state)
{
    (void) state;
    carried("\"x\", \"s\"", "\"int\", \"text\"");
    carried("\"s\", \"x\"", "\"int\", \"text\"");
    carried("\"z\", \"s\"", "\"int\", \"int\"");
}


/* Whoever stops does not wait for it.  From here on everybody hurries. */
static void
test_hurries(void **state)
{
    (void) state;

    publish_usual(1);
    background_hurry();
    turn(PAGES);
    holds(TABLES, "NULL");
    publish_usual(1);
}


#define TEST(function)  cmocka_unit_test_setup_teardown(function, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same), TEST(test_other_columns), TEST(test_many_left),
        TEST(test_rolled_back), TEST(test_altered),
        TEST(test_template_follows), TEST(test_no_list), TEST(test_carried),
        TEST(test_hurries)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
