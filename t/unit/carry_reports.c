/* carry_reports.c: what each table gets, and how often it asks SQLite for what
   all its reports share. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "carry_fixture.h"


/* What SQLite is asked to compile: it calls this each time. */
typedef struct {
    int infos;                  /* reads of a sealed table's columns */
    int copies;                 /* insertions into table t */
    int moves;                  /* notes where a report is now */
    int marks;                  /* look-ups of rows that updates have set */
} compiled_t;

static int
count_compiled(void *data, int action, const char *first, const char *second,
    const char *database, const char *trigger)
{
    compiled_t *compiled = data;

    (void) trigger;

    if (action == SQLITE_PRAGMA) {
        compiled->infos += strcmp(first, "table_info") == 0
                           && strcmp(database, "main") == 0;

    } else if (action == SQLITE_INSERT) {
        compiled->copies += strcmp(first, "t") == 0;
        compiled->moves += strcmp(first, "_qasino_moved") == 0;

    } else if (action == SQLITE_READ) {
        compiled->marks += strcmp(first, "_qasino_marks_to_carry") == 0
                           && strcmp(second, "identity") == 0;
    }

    return SQLITE_OK;
}


/* However many reports a table has: with as many columns, anything done for
   each report and each column blocks the writer for seconds. */
static void
test_asks_once(void **state)
{
    generation_t *generation = begin_sealed();
    compiled_t read = { 0 };
    compiled_t written = { 0 };
    int closings = 0;
    char identity[16];

    (void) state;

    for (int i = 0; i < 200; i++) {
        (void) snprintf(identity, sizeof(identity), "plain%d", i);
        publish_columns(generation, identity, "", "\"k\", \"a\", \"b\"",
                        "\"int\", \"int\", \"text\"", "1, 2, \"x\"");
        (void) snprintf(identity, sizeof(identity), "update%d", i);
        publish_columns(generation, identity,
                        ", \"update\": 1, \"keycols\": \"id\"",
                        "\"id\", \"b\"", "\"text\", \"text\"",
                        i % 2 ? "\"odd\", \"y\"" : "\"even\", \"z\"");
    }

    seal_open(generation);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin_from(next, generation, &closings);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    (void) sqlite3_set_authorizer(generation->store.db, count_compiled,
                                  &read);
    (void) sqlite3_set_authorizer(next->store.db, count_compiled, &written);
    rest(carry);
    (void) sqlite3_set_authorizer(next->store.db, NULL, NULL);

    assert_int_equal(read.infos, 1);
    assert_int_equal(written.copies, 2);        /* plain ones, updates */
    assert_int_equal(read.moves, 1);
    assert_int_equal(read.marks, 1);
    fixture_assert_rows(next->store.db, "SELECT id, count(*), sum(a) FROM t "
                        "GROUP BY id ORDER BY id",
                        "NULL|200|400;even|1|NULL;odd|1|NULL");
    fixture_assert_rows(next->store.db, "SELECT is_update, count(*), "
                        "sum(nr_rows) FROM _qasino_reports GROUP BY 1",
                        "0|200|200;1|200|2");
    generation_close(next);
}


/* Columns that only some reports have, in whatever case, and a second report
   that knows others: each column comes once, with its type, in the order of
   the reports. */
static void
test_columns(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;
    publish_columns(generation, "plain", "", "\"gone\"", "\"int\"", "0");
    publish_columns(generation, "h1", "", "\"a\", \"b\"",
                    "\"int\", \"real\"", "1, 1.5");
    publish_columns(generation, "h2", "", "\"B\", \"A\"",
                    "\"real\", \"int\"", "2.5, 2");
    publish_columns(generation, "h3", "", "\"b\", \"c\"",
                    "\"real\", \"text\"", "3.5, \"c3\"");
    publish_columns(generation, "h4", "", "\"A\", \"b\"",
                    "\"int\", \"real\"", "4, 4.5");
    publish_columns(generation, "up", ", \"update\": 1, \"keycols\": \"A\"",
                    "\"a\", \"set\"", "\"int\", \"text\"", "1, \"by up\"");
    publish_columns(generation, "up", ", \"update\": 1, \"keycols\": \"A\"",
                    "\"A\", \"Set\"", "\"int\", \"text\"",
                    "9, \"made by up\"");
    publish_columns(generation, "plain", "", "\"d\", \"SET\"",
                    "\"int\", \"text\"", "5, \"own\"");
    publish_columns(generation, "h5", "", "\"a\", \"b\"",
                    "\"int\", \"real\"", "6, 6.5");
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT name, type FROM "
                        "pragma_table_info('t')", "a|INTEGER;b|REAL;"
                        "set|TEXT;c|TEXT;d|INTEGER");
    fixture_assert_rows(next->store.db, "SELECT a, b, \"set\", c, d FROM t "
                        "ORDER BY _rowid_",
                        "1|1.5|by up|NULL|NULL;2|2.5|NULL|NULL|NULL;"
                        "NULL|3.5|NULL|c3|NULL;4|4.5|NULL|NULL|NULL;"
                        "6|6.5|NULL|NULL|NULL;NULL|NULL|own|NULL|5;"
                        "9|NULL|made by up|NULL|NULL");
    generation_close(next);
}


/* A report that has no room any more is dropped, and those that have it are
   not, whichever came before. */
static void
test_refused(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;

    for (int i = 0; i < 2; i++) {
        publish_columns(generation, i ? "h3" : "h1", "", "\"a\", \"b\"",
                        "\"int\", \"int\"", "1, 2");
        publish_columns(generation, i ? "h4" : "h2", "", "\"c\", \"b\"",
                        "\"int\", \"int\"", "3, 4");
    }

    seal(generation);
    fixture.settings.max_columns = 2;

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT * FROM t", "1|2;1|2");
    fixture_assert_rows(next->store.db, "SELECT identity FROM "
                        "_qasino_reports ORDER BY 1", "h1;h3");
    generation_close(next);
}


/* The names of all of them together are longer than a row may be. */
static void
test_many_updates(void **state)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t names = { 0 };
    qsn_buf_t types = { 0 };
    qsn_buf_t row = { 0 };
    char identity[16];

    (void) state;

    for (int i = 0; i < 30; i++) {
        qsn_buf_printf(&names, "%s\"column%0100d\"", i ? "," : "", i);
        qsn_buf_string(&types, i ? ",\"int\"" : "\"int\"");
        qsn_buf_string(&row, i ? ",1" : "1");
    }

    for (int i = 0; i < 60; i++) {
        (void) snprintf(identity, sizeof(identity), "h%d", i);
        publish_columns(generation, identity, ", \"update\": 1",
                        qsn_buf_text(&names), qsn_buf_text(&types),
                        qsn_buf_text(&row));
    }

    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM t", "1");
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM "
                        "_qasino_reports", "60");
    generation_close(next);
    qsn_buf_free(&names);
    qsn_buf_free(&types);
    qsn_buf_free(&row);
}


/* Nothing is left of what does not fit, whether it is a first report or a
   second one; and the next generations can be begun. */
static void
test_too_big(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;
    assert_int_equal(publish_texts(generation, "h0", 3, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h1", 9, 99000),
                     REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h2", 3, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h3", 4, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h3", 5, 99000),
                     REPORT_DUPLICATE);
    assert_int_equal(publish_texts(generation, "h4", 6, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h4", 7, 0),
                     REPORT_DUPLICATE);
    seal(generation);
    fixture.settings.max_cell = 1000;

    for (uint64_t number = 2; number < 4; number++) {
        generation_t *next = fixture_generation(&fixture, number);

        rest(begin(next));
        fixture_assert_rows(next->store.db, "SELECT count(*) FROM texts",
                            "13");
        fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                            "_qasino_reports ORDER BY 1",
                            "h0|3;h1|0;h2|3;h3|0;h4|7");
        assert_int_equal(catalog_find(&next->store.catalog, "texts")->rows,
                         13);
        assert_int_equal(store_begin(&next->store), 0);
        free(sealed);
        seal(next);
    }
}


/* Whose update set a row last counts it, when the one who made it goes. */
static void
test_taken_over(void **state)
{
    static const char update[] = ", \"update\": 1, \"keycols\": \"a\"";
    generation_t *generation = begin_sealed();

    (void) state;
    publish_columns(generation, "u1", update, "\"a\", \"b\"",
                    "\"int\", \"int\"", "1, 1],[2, 1],[3, 1");
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    assert_int_equal(store_begin(&next->store), 0);
    publish_columns(next, "u2", update, "\"a\", \"b\"",
                    "\"int\", \"int\"", "2, 2");
    publish_columns(next, "u1", "", "\"a\", \"b\"", "\"int\", \"int\"",
                    "9, 9");
    assert_int_equal(store_commit(&next->store), 0);

    for (int opened = 0; opened < 2; opened++) {
        fixture_assert_rows(next->store.db, "SELECT a, b FROM t ORDER BY 1",
                            "2|2;9|9");
        fixture_assert_rows(next->store.db, "SELECT sum(nr_rows) FROM "
                            "_qasino_reports", "2");
        assert_int_equal(catalog_find(&next->store.catalog, "t")->rows, 2);
        generation_close(next);
        next = fixture_generation(&fixture, 2);
    }

    generation_close(next);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_asks_once, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_columns, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_refused, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_many_updates, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_too_big, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_taken_over, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
