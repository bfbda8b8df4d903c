/* report.c and schema.c: what a publish leaves in a generation's file. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker_fixture.h"

static fixture_t fixture;
static generation_t *generation;
static uint64_t number = 1000;


static int
fresh(void **state)
{
    (void) state;
    generation = generation_open(&fixture.settings, ++number,
                                 fixture.error);

    return generation ? 0 : -1;
}


static int
done(void **state)
{
    (void) state;
    generation_close(generation);

    return 0;
}


/* Table name with these columns, types, rows and more keys, by identity. */
static const char *
body(const char *identity, const char *name, const char *columns,
    const char *types, const char *rows, const char *more)
{
    static char json[4096];
    int n = snprintf(json, sizeof(json), "{\"identity\": \"%s\", \"table\": "
                     "{\"tablename\": \"%s\", \"column_names\": [%s], "
                     "\"column_types\": [%s], \"rows\": [%s]}%s}", identity,
                     name, columns, types, rows, more);

    assert_true(n > 0 && (size_t) n < sizeof(json));

    return json;
}


static enum report_result
publish(const char *identity, const char *name, const char *columns,
    const char *types, const char *rows, const char *more)
{
    return fixture_publish(&fixture, generation,
                           body(identity, name, columns, types, rows, more));
}


static void
holds(const char *sql, const char *expected)
{
    fixture_assert_rows(generation->store.db, sql, expected);
}


/* The catalog counts as the file does. */
static void
assert_counts(void)
{
    const catalog_t *catalog = &generation->store.catalog;

    for (size_t i = 0; i < catalog->table_count; i++) {
        const catalog_table_t *table = catalog->tables[i];
        char sql[256];
        char rows[32];

        (void) snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"%s\"",
                        table->name);
        (void) snprintf(rows, sizeof(rows), "%llu",
                        (unsigned long long) table->rows);
        holds(sql, rows);

        (void) snprintf(sql, sizeof(sql), "SELECT group_concat(name) FROM "
                        "pragma_table_info('%s')", table->name);

        qsn_buf_t columns = { 0 };

        for (size_t c = 0; c < table->column_count; c++) {
            qsn_buf_printf(&columns, c ? ",%s" : "%s", table->columns[c]);
        }

        holds(sql, qsn_buf_text(&columns));
        qsn_buf_free(&columns);
    }
}


static void
test_rows(void **state)
{
    (void) state;

    assert_int_equal(publish("a", "t", "\"i\", \"r\", \"s\"",
                             "\"int\", \"real\", \"text\"",
                             "[1, 2, \"x\"], [null, 0.5, null]", ""),
                     REPORT_TAKEN);
    holds("SELECT i, typeof(r), r, s FROM t",
          "1|real|2.0|x;NULL|real|0.5|NULL");
    assert_int_equal(publish("b", "T", "\"s\", \"i\"", "\"text\", \"int\"",
                             "[\"y\", 7]", ""), REPORT_TAKEN);
    holds("SELECT i, r, s FROM t ORDER BY rowid",
          "1|2.0|x;NULL|0.5|NULL;7|NULL|y");
    assert_int_equal(generation->store.catalog.table_count, 1);
    assert_string_equal(generation->store.catalog.tables[0]->name, "t");
    assert_int_equal(generation->store.catalog.identity_count, 2);
    assert_int_equal(generation->store.catalog.tables[0]->updates, 2);
    assert_counts();
}


static void
test_union(void **state)
{
    (void) state;

    assert_int_equal(publish("a", "t", "\"One\"", "\"int\"", "[1]", ""),
                     REPORT_TAKEN);
    assert_int_equal(publish("b", "t", "\"two\", \"ONE\", \"three\"",
                             "\"text\", \"text\", \"real\"",
                             "[\"x\", \"5\", 1]", ""), REPORT_TAKEN);
    holds("SELECT name, type FROM pragma_table_info('t')",
          "One|INTEGER;two|TEXT;three|REAL");

    /* the first type stands, and the value becomes it */
    holds("SELECT typeof(One), One, two, three FROM t",
          "integer|1|NULL|NULL;integer|5|x|1.0");
    assert_counts();
}


static void
test_keywords(void **state)
{
    (void) state;

    assert_int_equal(publish("a", "select", "\"order\", \"group\", \"rowid\"",
                             "\"int\", \"text\", \"int\"",
                             "[1, \"x\", 9], [2, \"y\", 9]", ""),
                     REPORT_TAKEN);
    assert_int_equal(publish("b", "Select", "\"table\"", "\"int\"", "[3]",
                             ""), REPORT_TAKEN);
    holds("SELECT \"order\", \"group\", \"rowid\", \"table\" FROM \"select\"",
          "1|x|9|NULL;2|y|9|NULL;NULL|NULL|NULL|3");
    assert_counts();
}


static void
test_duplicate(void **state)
{
    (void) state;

    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "[1]", ""),
                     REPORT_TAKEN);
    assert_int_equal(publish("a", "T", "\"x\", \"new\"",
                             "\"int\", \"int\"", "[2, 2]", ""),
                     REPORT_DUPLICATE);
    holds("SELECT * FROM t", "1");          /* not even the column */

    /* another identity, if only by case, is another publisher */
    assert_int_equal(publish("A", "t", "\"x\"", "\"int\"", "[3]", ""),
                     REPORT_TAKEN);
    assert_int_equal(publish("a", "u", "\"x\"", "\"int\"", "[4]", ""),
                     REPORT_TAKEN);
    holds("SELECT x FROM t ORDER BY x", "1;3");
    assert_int_equal(generation->store.catalog.tables[0]->updates, 2);
    assert_counts();
}


/* A report of no rows makes the table and is not the first. */
static void
test_no_rows(void **state)
{
    (void) state;

    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "", ""),
                     REPORT_TAKEN);
    holds("SELECT count(*) FROM t", "0");
    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "[1], [2]", ""),
                     REPORT_TAKEN);
    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "[3]", ""),
                     REPORT_DUPLICATE);
    holds("SELECT x FROM t", "1;2");
    assert_int_equal(generation->store.catalog.identity_count, 1);
    assert_int_equal(catalog_identity(&generation->store.catalog, "a")
                     ->tables, 1);
    assert_counts();
}


/* A persisted report is a range of rowids, whatever goes on around it. */
static void
test_ranges(void **state)
{
    (void) state;

    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "[1]", ""),
                     REPORT_TAKEN);
    assert_int_equal(publish("b", "t", "\"x\"", "\"int\"",
                             "[2], [3], [4]", ", \"persist\": true"),
                     REPORT_TAKEN);
    assert_int_equal(publish("c", "t", "\"x\"", "\"int\"", "[5]", ""),
                     REPORT_TAKEN);
    holds("SELECT identity, persist, nr_rows, (SELECT group_concat(x) FROM t "
          "WHERE _rowid_ BETWEEN first_rowid AND last_rowid) "
          "FROM _qasino_reports ORDER BY 1",
          "a|0|1|1;b|1|3|2,3,4;c|0|1|5");
}


static void
test_limits(void **state)
{
    request_t request;
    char name[16];

    (void) state;

    for (int i = 0; i < 20; i++) {
        (void) snprintf(name, sizeof(name), "t%d", i);
        assert_int_equal(publish("a", name, "\"x\"", "\"int\"", "[1]", ""),
                         REPORT_TAKEN);
    }

    assert_int_equal(store_begin(&generation->store), 0);
    fixture_request(&fixture, &request,
                    body("a", "one_more", "\"x\"", "\"int\"", "[1]", ""));
    assert_int_equal(report_apply(&generation->store, &request),
                     REPORT_REFUSED);
    assert_int_equal(request.status, 507);
    assert_non_null(strstr(request.error, "max_tables (20)"));
    request_free(&request);

    /* refused changes nothing: the same transaction goes on */
    assert_int_equal(fixture_apply(&fixture, generation,
                                   body("b", "t0", "\"x\"", "\"int\"", "[2]",
                                        "")), REPORT_TAKEN);
    assert_int_equal(store_commit(&generation->store), 0);
    holds("SELECT count(*) FROM sqlite_schema WHERE name = 'one_more'", "0");
    holds("SELECT x FROM t0", "1;2");
    assert_null(catalog_find(&generation->store.catalog, "one_more"));
    assert_counts();
}


static void
test_max_columns(void **state)
{
    request_t request;
    qsn_buf_t names[2] = { { 0 } };
    qsn_buf_t types = { 0 };
    qsn_buf_t row = { 0 };

    (void) state;

    for (int i = 0; i < 16; i++) {
        qsn_buf_printf(&names[0], i ? ",\"a%d\"" : "\"a%d\"", i);
        qsn_buf_printf(&names[1], i ? ",\"b%d\"" : "\"b%d\"", i);
        qsn_buf_string(&types, i ? ",\"int\"" : "\"int\"");
        qsn_buf_printf(&row, i ? ",%d" : "[%d", i);
    }

    qsn_buf_byte(&row, ']');
    assert_int_equal(publish("a", "t", qsn_buf_text(&names[0]),
                             qsn_buf_text(&types), qsn_buf_text(&row), ""),
                     REPORT_TAKEN);
    assert_int_equal(store_begin(&generation->store), 0);
    fixture_request(&fixture, &request,
                    body("b", "t", qsn_buf_text(&names[1]),
                         qsn_buf_text(&types), qsn_buf_text(&row), ""));
    assert_int_equal(report_apply(&generation->store, &request),
                     REPORT_REFUSED);
    assert_non_null(strstr(request.error, "32 columns, more than "
                           "max_columns (30)"));
    request_free(&request);
    assert_int_equal(store_commit(&generation->store), 0);
    holds("SELECT count(*) FROM pragma_table_info('t')", "16");
    assert_counts();

    qsn_buf_free(&names[0]);
    qsn_buf_free(&names[1]);
    qsn_buf_free(&types);
    qsn_buf_free(&row);
}


/* Each publish is small enough, the row they make is not: nothing of the
   second may stay. */
static void
test_large_row(void **state)
{
    static const char format[] =
        "{\"identity\": \"%s\", \"update\": 1, \"keycols\": \"x\", "
        "\"table\": {\"tablename\": \"t\", \"column_names\": "
        "[\"x\", \"%s\"], \"column_types\": [\"int\", \"text\"], "
        "\"rows\": [[3, \"%s\"]]}}";
    char *json = malloc(400000);
    char *text = malloc(90001);

    (void) state;
    assert_non_null(json);
    assert_non_null(text);
    memset(text, 'x', 90000);
    text[90000] = '\0';
    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "[1]", ""),
                     REPORT_TAKEN);
    (void) snprintf(json, 400000, format, "b", "y", text);
    assert_int_equal(fixture_publish(&fixture, generation, json),
                     REPORT_TAKEN);
    (void) snprintf(json, 400000, format, "c", "z", text);
    assert_int_equal(fixture_publish(&fixture, generation, json),
                     REPORT_FAILED);
    holds("SELECT x, length(y) FROM t", "1|NULL;3|90000");
    assert_null(catalog_find_column(generation->store.catalog.tables[0],
                                    "z"));
    assert_int_equal(generation->store.catalog.identity_count, 2);
    assert_counts();

    /* and the failed one does not count as the first */
    assert_int_equal(publish("c", "t", "\"x\"", "\"int\"", "[4]", ""),
                     REPORT_TAKEN);
    holds("SELECT x FROM t", "1;3;4");
    free(json);
    free(text);
}


/* The catalog goes back with the transaction. */
static void
test_rollback(void **state)
{
    store_t *store = &generation->store;

    (void) state;

    assert_int_equal(publish("a", "t", "\"x\"", "\"int\"", "[1], [2]", ""),
                     REPORT_TAKEN);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(fixture_apply(&fixture, generation,
                                   body("b", "t", "\"x\", \"y\"",
                                        "\"int\", \"int\"", "[3, 3]", "")),
                     REPORT_TAKEN);
    assert_int_equal(fixture_apply(&fixture, generation,
                                   body("a", "u", "\"x\"", "\"int\"", "[1]",
                                        "")), REPORT_TAKEN);
    assert_int_equal(store->catalog.table_count, 2);
    assert_int_equal(store_rollback(store), 0);
    assert_int_equal(store->catalog.table_count, 1);
    assert_int_equal(store->catalog.tables[0]->column_count, 1);
    assert_int_equal(store->catalog.tables[0]->rows, 2);
    assert_int_equal(store->catalog.tables[0]->updates, 1);
    assert_int_equal(store->catalog.identity_count, 1);
    assert_int_equal(store->catalog.identities[0]->tables, 1);
    assert_null(catalog_find(&store->catalog, "u"));

    /* a rollback where nothing is open is none */
    assert_int_equal(store_rollback(store), 0);
    assert_int_equal(publish("b", "t", "\"x\"", "\"int\"", "[3]", ""),
                     REPORT_TAKEN);
    holds("SELECT x FROM t", "1;2;3");
    assert_counts();
}


/* Prepared insertions are kept: schema changes between must not show. */
static void
test_statements(void **state)
{
    char identity[16];

    (void) state;

    for (int i = 0; i < 60; i++) {
        static const char *const columns[] = {
            "\"a\", \"b\"", "\"b\", \"a\"", "\"b\", \"c\""
        };
        char row[32];

        (void) snprintf(identity, sizeof(identity), "h%d", i);
        (void) snprintf(row, sizeof(row), "[%d, %d]", i, i * 10);
        assert_int_equal(publish(identity, "t", columns[i / 2 % 3],
                                 "\"int\", \"int\"", row, ""), REPORT_TAKEN);
    }

    holds("SELECT count(*), sum(a), sum(b), sum(c) FROM t",
          "60|6450|6720|6300");
    assert_counts();
}


static void
test_update(void **state)
{
    (void) state;

    assert_int_equal(publish("p", "t", "\"k\", \"v\", \"w\"",
                             "\"int\", \"text\", \"text\"",
                             "[1, \"a\", \"keep\"], [2, \"b\", \"keep\"]",
                             ""), REPORT_TAKEN);
    assert_int_equal(publish("q", "t", "\"v\", \"K\"", "\"text\", \"int\"",
                             "[\"new\", 1], [\"c\", 3], [\"d\", 3]",
                             ", \"update\": 1, \"keycols\": \"k\""),
                     REPORT_TAKEN);
    holds("SELECT k, v, w FROM t ORDER BY k",
          "1|new|keep;2|b|keep;3|d|NULL");

    /* any number of times, and no key columns means all */
    assert_int_equal(publish("q", "t", "\"k\", \"v\"", "\"int\", \"text\"",
                             "[2, \"b\"], [2, \"z\"]", ", \"update\": 1"),
                     REPORT_TAKEN);
    holds("SELECT k, v, w FROM t ORDER BY k, v",
          "1|new|keep;2|b|keep;2|z|NULL;3|d|NULL");
    assert_counts();
}


/* One set of key columns too many changes nothing: the transaction, which is
   that of other publishes, goes on. */
static void
test_key_sets(void **state)
{
    static const char columns[] = "\"a\", \"b\", \"c\", \"d\", \"e\"";
    static const char types[] =
        "\"int\", \"int\", \"int\", \"int\", \"int\"";
    request_t request;
    char more[64];

    (void) state;

    for (int set = 1; set <= 16; set++) {
        char keys[16] = "";

        for (int i = 0; i < 5; i++) {
            if (set >> i & 1) {
                (void) snprintf(keys + strlen(keys), 4, "%s%c",
                                keys[0] ? ";" : "", 'a' + i);
            }
        }

        (void) snprintf(more, sizeof(more), ", \"update\": 1, "
                        "\"keycols\": \"%s\"", keys);
        assert_int_equal(publish("a", "t", columns, types,
                                 "[1, 2, 3, 4, 5]", more), REPORT_TAKEN);
    }

    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(fixture_apply(&fixture, generation,
                                   body("b", "u", "\"x\"", "\"int\"",
                                        "[1]", "")), REPORT_TAKEN);
    fixture_request(&fixture, &request,
                    body("c", "t", "\"a\", \"e\", \"new\"",
                         "\"int\", \"int\", \"int\"", "[1, 9, 9]",
                         ", \"update\": 1, \"keycols\": \"a;e\""));
    assert_int_equal(report_apply(&generation->store, &request),
                     REPORT_REFUSED);
    assert_int_equal(request.status, 507);
    assert_non_null(strstr(request.error, "16 sets of key columns"));
    request_free(&request);
    assert_int_equal(store_commit(&generation->store), 0);
    holds("SELECT * FROM t", "1|2|3|4|5");
    holds("SELECT x FROM u", "1");
    assert_counts();
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


#define TEST(function)  cmocka_unit_test_setup_teardown(function, fresh, done)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows), TEST(test_union), TEST(test_keywords),
        TEST(test_duplicate), TEST(test_no_rows), TEST(test_ranges),
        TEST(test_limits), TEST(test_max_columns), TEST(test_large_row),
        TEST(test_rollback), TEST(test_statements), TEST(test_update),
        TEST(test_key_sets)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
