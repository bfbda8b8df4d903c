/* internal_tables.c: the counts, its own included. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "internal_tables.h"
#include "worker_fixture.h"

static fixture_t fixture;
static uint64_t number = 1700000000;


static generation_t *
filled(void)
{
    generation_t *generation = fixture_generation(&fixture, ++number);

    assert_int_equal(fixture_publish(&fixture, generation,
        "{\"identity\": \"a\", \"table\": {\"tablename\": \"Hosts\", "
        "\"column_names\": [\"x\"], \"column_types\": [\"int\"], "
        "\"rows\": [[1], [2], [3]]}}"), REPORT_TAKEN);
    assert_int_equal(fixture_publish(&fixture, generation,
        "{\"identity\": \"b\", \"table\": {\"tablename\": \"hosts\", "
        "\"column_names\": [\"x\"], \"column_types\": [\"int\"], "
        "\"rows\": [[4]]}}"), REPORT_TAKEN);
    assert_int_equal(fixture_publish(&fixture, generation,
        "{\"identity\": \"a\", \"table\": {\"tablename\": \"empty\", "
        "\"column_names\": [\"x\"], \"column_types\": [\"int\"], "
        "\"rows\": []}}"), REPORT_TAKEN);

    return generation;
}


static void
make(generation_t *generation, const catalog_t *statics)
{
    views_t *views = views_create(NULL, NULL);
    slow_queries_t slow = { 0 };
    internal_info_t info = {
        .identity = "the 'server'",
        .duration_s = 1.5,
        .start_epoch = 1795331139.21,
        .stats = {
            .sql_received = 1, .sql_completed = 2, .sql_errors = 3,
            .inserts_received = 4, .inserts_completed = 5,
            .updates_received = 6, .updates_completed = 7,
            .update_errors = 8
        },
        .slow = &slow,
        .statics = statics
    };

    slow_queries_add(&slow, "select 1", 8, 250, 200, 1795331139.25);
    slow_queries_add(&slow, "select it's", 11, 4000, 504, 1795331138.5);
    assert_non_null(views);
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(internal_tables_make(generation, &info, views), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    views_destroy(views);
}


static void
test_tables(void **state)
{
    generation_t *generation = filled();
    sqlite3 *db = generation->store.db;
    catalog_t statics;

    (void) state;

    catalog_init(&statics);

    catalog_table_t *table = catalog_add(&statics, "hosts");

    table->rows = 9;
    table->updates = 2;
    table->last_update = 1.25;
    make(generation, &statics);

    fixture_assert_rows(db, "SELECT tablename, nr_rows, nr_updates, static "
                        "FROM qasino_server_tables WHERE tablename NOT LIKE "
                        "'qasino%' ORDER BY static, tablename",
                        "Hosts|4|2|0;empty|0|1|0;hosts|9|2|1");
    fixture_assert_rows(db, "SELECT last_update_epoch FROM "
                        "qasino_server_tables WHERE static", "1.25");
    fixture_assert_rows(db, "SELECT count(*) FROM qasino_server_tables "
                        "WHERE tablename = 'Hosts' AND abs("
                        "last_update_epoch - strftime('%s', 'now')) < 100",
                        "1");
    fixture_assert_rows(db, "SELECT tablename, identity, nr_rows, "
                        "nr_updates, persist, carried FROM "
                        "qasino_server_reports ORDER BY 1, 2",
                        "empty|a|0|1|0|0;Hosts|a|3|1|0|0;Hosts|b|1|1|0|0");
    generation_close(generation);
    catalog_clear(&statics);
}


/* Every table of the generation is listed, with what count(*) says; but one
   that the original did not have. */
static void
test_own_counts(void **state)
{
    generation_t *generation = filled();
    sqlite3 *db = generation->store.db;
    sqlite3_stmt *statement = NULL;
    int count = 0;

    (void) state;

    make(generation, NULL);
    fixture_assert_rows(db, "SELECT name FROM sqlite_schema WHERE type = "
                        "'table' AND name NOT LIKE '\\_qasino%' ESCAPE '\\' "
                        "EXCEPT SELECT tablename FROM qasino_server_tables",
                        "qasino_server_slow_queries");
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT tablename, nr_rows FROM "
                                        "qasino_server_tables", -1,
                                        &statement, NULL), SQLITE_OK);

    while (sqlite3_step(statement) == SQLITE_ROW) {
        char sql[200];

        (void) snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"%s\"",
                        (const char *) sqlite3_column_text(statement, 0));
        fixture_assert_rows(db, sql, (const char *)
                            sqlite3_column_text(statement, 1));
        count++;
    }

    (void) sqlite3_finalize(statement);
    assert_int_equal(count, 8);
    fixture_assert_rows(db, "SELECT nr_rows FROM qasino_server_tables WHERE "
                        "tablename = 'qasino_server_tables'", "8");
    generation_close(generation);
}


static void
test_others(void **state)
{
    generation_t *generation = filled();
    sqlite3 *db = generation->store.db;
    char expected[64];

    (void) state;

    make(generation, NULL);
    (void) snprintf(expected, sizeof(expected), "%llu|1795331139.21",
                    (unsigned long long) number);
    fixture_assert_rows(db, "SELECT generation_number, "
                        "generation_start_epoch FROM qasino_server_info",
                        expected);
    fixture_assert_rows(db, "SELECT generation_duration_s FROM "
                        "qasino_server_info", "1.5");
    fixture_assert_rows(db, "SELECT sql_received, sql_completed, sql_errors "
                        "FROM qasino_server_sql_stats", "1|2|3");
    fixture_assert_rows(db, "SELECT updates_received, updates_completed, "
                        "update_errors, inserts_received, inserts_completed "
                        "FROM qasino_server_update_stats", "6|7|8|4|5");
    fixture_assert_rows(db, "SELECT statement, seconds, status, "
                        "finished_epoch FROM qasino_server_slow_queries",
                        "select it's|4.0|504|1795331138.5;"
                        "select 1|0.25|200|1795331139.25");
    fixture_assert_rows(db, "SELECT identity, nr_tables FROM "
                        "qasino_server_connections ORDER BY identity",
                        "a|2;b|1;the 'server'|6");
    fixture_assert_rows(db, "SELECT count(*) FROM qasino_server_views", "0");

    /* as recorded: WIRE.md */
    fixture_assert_rows(db, "SELECT group_concat(name) FROM "
                        "pragma_table_info('qasino_server_tables')",
                        "tablename,nr_rows,nr_updates,last_update_epoch,"
                        "static");
    generation_close(generation);
}


/* They go with the transaction, and can be made again. */
static void
test_again(void **state)
{
    generation_t *generation = filled();
    views_t *views = views_create(NULL, NULL);
    internal_info_t info = { .identity = "me" };

    (void) state;

    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(internal_tables_make(generation, &info, views), 0);
    assert_int_equal(store_rollback(&generation->store), 0);
    assert_int_equal(generation->store.catalog.table_count, 2);
    views_destroy(views);
    make(generation, NULL);
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM "
                        "qasino_server_tables", "8");
    generation_close(generation);
}


static int
open_fixture(void **state)
{
    (void) state;

    return fixture_open(&fixture);
}


static int
close_fixture(void **state)
{
    (void) state;
    fixture_close(&fixture);

    return 0;
}


/* A file that an earlier version began is opened as it is, as there may be no
   room for more in it; they are made when it is sealed. */
static void
test_file_without(void **state)
{
    generation_t *generation = filled();
    catalog_t statics;

    (void) state;
    assert_int_equal(sqlite3_exec(generation->store.db,
        "DROP VIEW qasino_server_reports; DROP TABLE qasino_server_info; "
        "DROP TABLE qasino_server_tables; "
        "DROP TABLE qasino_server_connections; "
        "DROP TABLE qasino_server_views; DROP TABLE qasino_server_sql_stats; "
        "DROP TABLE qasino_server_update_stats; "
        "DROP TABLE qasino_server_slow_queries", NULL, NULL, NULL),
        SQLITE_OK);
    generation_close(generation);
    generation = fixture_generation(&fixture, number);
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM "
                        "sqlite_schema WHERE name LIKE 'qasino%'", "0");

    catalog_init(&statics);
    make(generation, &statics);
    fixture_assert_rows(generation->store.db, "SELECT identity, nr_tables "
                        "FROM qasino_server_connections ORDER BY 1",
                        "a|2;b|1;the 'server'|6");
    fixture_assert_rows(generation->store.db,
                        "SELECT count(*) FROM qasino_server_reports", "3");
    generation_close(generation);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_own_counts),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_file_without)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
