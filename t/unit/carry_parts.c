/* A table that goes over in several transactions: what is there in between,
   and after whatever happens there. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "carry_fixture.h"


/* Tables "big", of 3,000 rows in one report and some more, which an update
   has set a row of in each, and "a". */
static void
make_big(void)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t json = { 0 };

    for (int report = 0; report < 3; report++) {
        qsn_buf_clear(&json);
        qsn_buf_printf(&json, "{\"identity\": \"h%d\", \"persist\": 1, "
                       "\"table\": {\"tablename\": \"big\", "
                       "\"column_names\": [\"host\", \"x\", \"t\"], "
                       "\"column_types\": [\"text\", \"int\", \"text\"], "
                       "\"rows\": [", report);

        for (int row = 0; row < (report == 1 ? 3000 : 30); row++) {
            qsn_buf_printf(&json, "%s[\"h%d\", %d, \"\"]", row ? "," : "",
                           report, row);
        }

        qsn_buf_string(&json, "]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)), REPORT_TAKEN);
    }

    assert_int_equal(fixture_apply(&fixture, generation,
        "{\"identity\": \"up\", \"persist\": 1, \"update\": 1, "
        "\"keycols\": \"host;x\", \"table\": {\"tablename\": \"big\", "
        "\"column_names\": [\"host\", \"x\", \"t\"], "
        "\"column_types\": [\"text\", \"int\", \"text\"], \"rows\": "
        "[[\"h0\", 7, \"set\"], [\"h1\", 2900, \"set\"], "
        "[\"h2\", 3, \"set\"], [\"new\", 1, \"set\"]]}}"), REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "c", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    seal(generation);
    qsn_buf_free(&json);
}


static void
assert_big(generation_t *generation, int more)
{
    char expected[64];

    (void) snprintf(expected, sizeof(expected), "%d", 3061 + more);
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM big",
                        expected);
    fixture_assert_rows(generation->store.db, "SELECT host, x FROM big WHERE "
                        "t = 'set' ORDER BY _rowid_",
                        "h0|7;h1|2900;h2|3;new|1");
    fixture_assert_rows(generation->store.db, "SELECT identity, nr_rows, "
                        "(SELECT count(*) FROM big WHERE host = identity "
                        "AND _rowid_ BETWEEN first_rowid AND last_rowid) "
                        "FROM _qasino_reports WHERE tablename = 'big' "
                        "AND carried AND NOT is_update ORDER BY 1",
                        "h0|30|30;h1|3000|3000;h2|30|30");
    fixture_assert_rows(generation->store.db, "SELECT host, x, owned FROM "
                        "_qasino_updated u JOIN big b ON b._rowid_ = row_id "
                        "ORDER BY row_id",
                        "h0|7|0;h1|2900|0;h2|3|0;new|1|1");
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM "
                        "_qasino_meta WHERE key = 'half_carried'", "0");

    const catalog_table_t *table = catalog_find(&generation->store.catalog,
                                                "big");

    assert_non_null(table);
    assert_int_equal(table->rows, 3061 + more);
}


/* With the big one half there. */
static carry_t *
begin_big(generation_t *next)
{
    carry_t *carry = begin(next);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_non_null(carry);
    fixture_assert_rows(next->store.db, "SELECT count(*) > 30 "
                        "AND count(*) < 1100 FROM big", "1");
    fixture_assert_rows(next->store.db, "SELECT identity FROM "
                        "_qasino_reports", "h0");

    return carry;
}


static void
test_in_parts(void **state)
{
    (void) state;
    make_big();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin_big(next);

    assert_true(carry_has(carry, "big"));
    rest(carry);
    assert_big(next, 0);
    generation_close(next);
}


static void
test_killed_half_way(void **state)
{
    (void) state;
    make_big();

    generation_t *next = fixture_generation(&fixture, 2);

    carry_stop(begin_big(next));
    generation_close(next);
    next = fixture_generation(&fixture, 2);
    rest(begin(next));
    assert_big(next, 0);
    generation_close(next);
}


/* Whoever publishes the table has all of it before him; that undone, it goes
   on from where it was.  Another table is not held up. */
static void
test_published_half_way(void **state)
{
    static const char one[] = "{\"identity\": \"h9\", \"table\": "
        "{\"tablename\": \"big\", \"column_names\": [\"host\"], "
        "\"column_types\": [\"text\"], \"rows\": [[\"h9\"]]}}";

    (void) state;
    make_big();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin_big(next);

    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "c"), 0);
    assert_int_equal(publish(next, "h2", "c", "", 2), REPORT_TAKEN);
    assert_int_equal(store_commit(&next->store), 0);
    fixture_assert_rows(next->store.db, "SELECT host FROM c ORDER BY 1",
                        "h1;h2");
    assert_int_equal(carry_next(&carry, fixture.error), 0);

    for (int undone = 1; undone >= 0; undone--) {
        assert_int_equal(store_begin(&next->store), 0);
        assert_int_equal(carry_table(carry, "big"), 0);
        assert_int_equal(fixture_apply(&fixture, next, one), REPORT_TAKEN);
        assert_big(next, 1);

        if (undone) {
            assert_int_equal(store_rollback(&next->store), 0);
            assert_int_equal(carry_rolled_back(carry), 0);
            assert_int_equal(carry_next(&carry, fixture.error), 0);
        } else {
            assert_int_equal(store_commit(&next->store), 0);
        }
    }

    rest(carry);
    assert_big(next, 1);
    fixture_assert_rows(next->store.db, "SELECT host FROM c ORDER BY 1",
                        "h1;h2");
    generation_close(next);
}


/* A report that turns out not to fit when the first parts of it are there
   does not go over, nor do its rows come to life in the generation after. */
static void
test_too_big_half_way(void **state)
{
    qsn_buf_t json = { 0 };

    (void) state;

    generation_t *generation = begin_sealed();

    for (int report = 0; report < 3; report++) {
        qsn_buf_clear(&json);
        qsn_buf_printf(&json, "{\"identity\": \"h%d\", \"persist\": 1, "
                       "\"table\": {\"tablename\": \"big\", "
                       "\"column_names\": [\"x\"], \"column_types\": "
                       "[\"text\"], \"rows\": [[\"", report);

        for (int i = 0; i < (report == 1 ? 3000 : 10); i++) {
            qsn_buf_string(&json, i ? "\"],[\"" : "");
        }

        for (int i = 0; i < (report == 1 ? 99000 : 0); i++) {
            qsn_buf_byte(&json, 'x');
        }

        qsn_buf_string(&json, "\"]]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)), REPORT_TAKEN);
    }

    seal(generation);
    fixture.settings.max_cell = 1000;

    for (uint64_t number = 2; number < 4; number++) {
        generation_t *next = fixture_generation(&fixture, number);

        rest(begin(next));
        fixture_assert_rows(next->store.db, "SELECT count(*) FROM big", "20");
        fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                            "_qasino_reports ORDER BY 1",
                            "h0|10;h1|0;h2|10");
        assert_int_equal(store_begin(&next->store), 0);
        free(sealed);
        seal(next);
    }

    qsn_buf_free(&json);
}


/* Second reports and updates go over in parts, too. */
static void
test_all_in_parts(void **state)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t json = { 0 };
    int steps = 0;

    (void) state;

    for (int update = 0; update < 2; update++) {
        qsn_buf_clear(&json);
        qsn_buf_printf(&json, "{\"identity\": \"up%d\", \"persist\": 1, "
                       "\"update\": 1, \"keycols\": \"x\", "
                       "\"table\": {\"tablename\": \"texts\", "
                       "\"column_names\": [\"x\"], \"column_types\": "
                       "[\"text\"], \"rows\": [", update);

        for (int i = 0; i < 3000; i++) {
            qsn_buf_printf(&json, "%s[\"%d\"]", i ? "," : "",
                           i + 2000 * update);
        }

        qsn_buf_string(&json, "]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)), REPORT_TAKEN);
    }

    assert_int_equal(publish_texts(generation, "h1", 10, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h1", 3000, 0),
                     REPORT_DUPLICATE);
    assert_int_equal(publish(generation, "h1", "zz", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);
    sqlite3_int64 before = sqlite3_total_changes64(next->store.db);

    while (carry) {
        assert_int_equal(carry_next(&carry, fixture.error), 0);

        sqlite3_int64 now = sqlite3_total_changes64(next->store.db);

        assert_in_range(now - before, 0, 2100);     /* a row and its mark */
        before = now;

        /* what goes wrong in between costs nothing of what is done */
        if (++steps % 3 == 0 && carry) {
            assert_int_equal(store_begin(&next->store), 0);
            assert_int_equal(carry_table(carry, "zz"), 0);
            assert_int_equal(store_rollback(&next->store), 0);
            assert_int_equal(carry_rolled_back(carry), 0);
            before = sqlite3_total_changes64(next->store.db);
        }
    }

    assert_in_range(steps, 10, 30);
    fixture_assert_rows(next->store.db, "SELECT count(*), count(DISTINCT x) "
                        "FROM texts", "8000|5001");
    fixture_assert_rows(next->store.db, "SELECT identity, count(*) FROM "
                        "_qasino_updated GROUP BY 1", "up0|2000;up1|3000");
    fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                        "_qasino_reports WHERE tablename = 'texts' "
                        "ORDER BY 1", "h1|3000;up0|2000;up1|3000");
    generation_close(next);
    qsn_buf_free(&json);
}


/* The limit is lower than it was: what was taken goes on, all of it. */
static void
test_wide_in_parts(void **state)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t json = { 0 };

    (void) state;

    for (int report = 0; report < 2; report++) {
        qsn_buf_clear(&json);
        qsn_buf_string(&json, "{\"identity\": \"h1\", \"persist\": 1, "
                       "\"table\": {\"tablename\": \"wide\", "
                       "\"column_names\": [\"a\", \"b\", \"c\"], "
                       "\"column_types\": [\"int\", \"int\", \"int\"], "
                       "\"rows\": [");

        for (int i = 0; i < 3000; i++) {
            qsn_buf_printf(&json, "%s[%d, 2, 3]", i ? "," : "", i);
        }

        qsn_buf_string(&json, "]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)),
                         report ? REPORT_DUPLICATE : REPORT_TAKEN);
    }

    seal(generation);
    qsn_buf_free(&json);
    fixture.settings.max_columns = 2;

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM wide", "3000");
    fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                        "_qasino_reports", "h1|3000");
    generation_close(next);
}


#define MARKS  "SELECT count(*) FROM temp._qasino_marks_to_carry"

/* From a connection of which nothing is undone: a table with as many marks as
   several parts have, carried once and undone, goes in parts after that as
   before. */
static void
test_marks_in_parts(void **state)
{
    generation_t *before = begin_sealed();
    qsn_buf_t json = { 0 };
    int closings = 0;

    (void) state;
    qsn_buf_string(&json, "{\"identity\": \"up\", \"persist\": 1, "
                   "\"update\": 1, \"keycols\": \"x\", \"table\": "
                   "{\"tablename\": \"t\", \"column_names\": [\"x\"], "
                   "\"column_types\": [\"int\"], \"rows\": [");

    for (int row = 0; row < 3000; row++) {
        qsn_buf_printf(&json, row ? ",[%d]" : "[%d]", row);
    }

    qsn_buf_string(&json, "]}}");
    assert_int_equal(fixture_apply(&fixture, before, qsn_buf_text(&json)),
                     REPORT_TAKEN);
    qsn_buf_free(&json);
    seal_open(before);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin_from(next, before, &closings);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "t"), 0);
    fixture_assert_rows(before->store.db, MARKS, "3000");
    assert_int_equal(store_rollback(&next->store), 0);
    assert_int_equal(carry_rolled_back(carry), 0);

    int parts = 0;

    while (carry) {
        sqlite3_int64 rows = sqlite3_total_changes64(next->store.db);

        assert_int_equal(carry_next(&carry, fixture.error), 0);
        assert_in_range(sqlite3_total_changes64(next->store.db) - rows, 0,
                        2100);  /* row, mark, its index, its owner */
        parts++;
    }

    assert_in_range(parts, 12, 20);     /* marks as well as rows: 6 each */
    assert_int_equal(closings, 1);
    fixture_assert_rows(next->store.db, "SELECT count(*), sum(x) FROM t",
                        "3000|4498500");
    fixture_assert_rows(next->store.db, "SELECT count(*), sum(owned) FROM "
                        "_qasino_updated", "3000|3000");
    generation_close(next);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_parts, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_killed_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_published_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_too_big_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_all_in_parts, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_wide_in_parts, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_marks_in_parts, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
