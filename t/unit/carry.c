/* carry.c: table by table, before a publish of the table, once whatever
   happens in between. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "carry_fixture.h"

#define ALL_A  "SELECT host, x FROM a ORDER BY _rowid_"
#define ALL_B  "SELECT host, x FROM b ORDER BY _rowid_"


/* With persisted rows in a and b, and others in c. */
static void
make_sealed(void)
{
    generation_t *generation = begin_sealed();

    assert_int_equal(publish(generation, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h2", "a", ", \"persist\": 1", 2),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "b", ", \"persist\": 1", 3),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "c", "", 4), REPORT_TAKEN);
    assert_true(catalog_find(&generation->store.catalog, "b")->persists);
    assert_false(catalog_find(&generation->store.catalog, "c")->persists);
    seal(generation);
}


static void
test_rest(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_non_null(carry);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    assert_null(catalog_find(&next->store.catalog, "c"));
    assert_null(begin(next));           /* once */
    assert_true(catalog_find(&next->store.catalog, "b")->persists);
    generation_close(next);
}


/* What the sealed one's catalog knows is expected; what there really is is
   seen when the file is looked into. */
static void
test_expected(void **state)
{
    (void) state;

    generation_t *before = begin_sealed();

    assert_int_equal(publish(before, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "b", ", \"persist\": 1", 2),
                     REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "b", "", 3), REPORT_DUPLICATE);
    assert_int_equal(publish(before, "h1", "c", "", 4), REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "d", "", 5), REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "d", ", \"persist\": 1", 6),
                     REPORT_DUPLICATE);
    seal_open(before);

    /* as after a report that persisted and then did not */
    catalog_find(&before->store.catalog, "c")->persists = 1;

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry;

    assert_int_equal(carry_expect(next, sealed, &before->store.catalog,
                                  &no_source, &carry, fixture.error), 0);
    assert_non_null(carry);
    assert_false(carry_is_open(carry));
    assert_true(carry_has(carry, "A"));
    assert_true(carry_has(carry, "b"));
    assert_true(carry_has(carry, "c"));
    assert_true(carry_has(carry, "d"));
    assert_false(carry_has(carry, "e"));
    assert_int_equal(next->store.promised, 4);

    /* others are published meanwhile, and undone */
    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(publish(next, "h2", "e", "", 7), REPORT_TAKEN);
    assert_int_equal(store_rollback(&next->store), 0);
    assert_int_equal(carry_rolled_back(carry), 0);
    assert_int_equal(next->store.promised, 4);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_true(carry_is_open(carry));
    assert_false(carry_has(carry, "c"));
    assert_int_equal(next->store.promised, 3);
    generation_close(before);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1");
    fixture_assert_rows(next->store.db, "SELECT x FROM d", "6");
    assert_null(catalog_find(&next->store.catalog, "b"));
    assert_null(begin(next));
    generation_close(next);
}


/* Nothing that is expected, a file that cannot be opened, a kill before it
   is looked into. */
static void
test_expected_in_vain(void **state)
{
    catalog_t none;
    carry_t *carry;

    (void) state;
    make_sealed();
    catalog_init(&none);

    generation_t *next = fixture_generation(&fixture, 2);

    assert_int_equal(carry_expect(next, sealed, &none, &no_source, &carry,
                                  fixture.error), 0);
    assert_null(carry);
    assert_null(begin(next));
    generation_discard(next);

    catalog_add(&none, "a")->persists = 1;
    next = fixture_generation(&fixture, 2);
    assert_int_equal(carry_expect(next, fixture.dir, &none, &no_source,
                                  &carry, fixture.error), 0);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(carry_next(&carry, fixture.error), -1);
        assert_non_null(strstr(fixture.error, fixture.dir));
        assert_int_equal(store_rollback(&next->store), 0);
        assert_int_equal(carry_rolled_back(carry), 0);
        assert_false(carry_is_open(carry));
        assert_true(carry_has(carry, "a"));
    }

    carry_stop(carry);
    assert_int_equal(carry_expect(next, sealed, &none, &no_source, &carry,
                                  fixture.error), 0);
    carry_stop(carry);
    generation_close(next);

    next = fixture_generation(&fixture, 2);
    rest(begin(next));
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    generation_close(next);
    catalog_clear(&none);
}


/* Deleted by hand, or made anew since: there is nothing to wait for. */
static void
test_gone(void **state)
{
    (void) state;

    for (int empty = 0; empty < 2; empty++) {
        catalog_t before;
        carry_t *carry;

        make_sealed();
        assert_int_equal(empty ? truncate(sealed, 0) : unlink(sealed), 0);
        catalog_init(&before);
        catalog_add(&before, "a")->persists = 1;

        generation_t *next = fixture_generation(&fixture, 2);

        assert_int_equal(carry_expect(next, sealed, &before, &no_source,
                                      &carry, fixture.error), 0);
        assert_int_equal(next->store.promised, 1);
        assert_int_equal(carry_next(&carry, fixture.error), 0);
        assert_null(carry);
        assert_int_equal(next->store.promised, 0);
        assert_int_equal(store_meta(&next->store, "carried", 0), 1);
        assert_int_equal(publish(next, "h1", "a", "", 10), REPORT_TAKEN);
        generation_discard(next);

        next = fixture_generation(&fixture, 2);
        assert_null(begin(next));
        assert_int_equal(access(sealed, F_OK), empty ? 0 : -1);
        generation_discard(next);
        generation_unlink(sealed);
        free(sealed);
        sealed = NULL;
        catalog_clear(&before);
    }
}


/* Of what was carried by a worker that was killed nothing is lost. */
static void
test_gone_half_way(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    carry_stop(carry);
    generation_close(next);
    assert_int_equal(unlink(sealed), 0);

    next = fixture_generation(&fixture, 2);
    assert_null(begin(next));
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    assert_null(catalog_find(&next->store.catalog, "b"));
    assert_null(begin(next));
    generation_close(next);
}


/* The connection that has written it is used, which gives it back when all is
   carried or it stops: without the file's name, without its temp tables. */
static void
test_from_open(void **state)
{
    (void) state;

    for (int stopped = 0; stopped < 2; stopped++) {
        generation_t *before = begin_sealed();
        int closings = 0;

        assert_int_equal(publish(before, "h1", "a", ", \"persist\": 1", 1),
                         REPORT_TAKEN);
        assert_int_equal(publish(before, "h2", "a", ", \"persist\": 1", 2),
                         REPORT_TAKEN);
        assert_int_equal(publish(before, "h1", "b", ", \"persist\": 1", 3),
                         REPORT_TAKEN);
        seal_open(before);

        generation_t *next = fixture_generation(&fixture, 2);
        carry_t *carry = begin_from(next, before, &closings);

        assert_int_equal(carry_next(&carry, fixture.error), 0);
        assert_true(carry_is_open(carry));
        assert_int_equal(unlink(sealed), 0);

        /* undone, and done once more */
        assert_int_equal(store_begin(&next->store), 0);
        assert_int_equal(carry_table(carry, "a"), 0);
        assert_int_equal(store_rollback(&next->store), 0);
        assert_int_equal(carry_rolled_back(carry), 0);
        assert_int_equal(closings, 0);

        if (stopped) {
            carry_stop(carry);
        } else {
            rest(carry);
            fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
            fixture_assert_rows(next->store.db, ALL_B, "h1|3");
        }

        assert_int_equal(closings, 1);
        generation_discard(next);
        free(sealed);
        sealed = NULL;
    }
}


static int
interrupt(void *ignored)
{
    (void) ignored;

    return 1;
}


static carry_t *
begin_one(generation_t *next, generation_t **before, int *closings)
{
    *before = begin_sealed();
    assert_int_equal(publish(*before, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    seal_open(*before);

    return begin_from(next, *before, closings);
}


/* One that cannot be read is given back, and its file is read. */
static void
test_from_unreadable(void **state)
{
    generation_t *next = fixture_generation(&fixture, 2);
    generation_t *before;
    int closings = 0;
    carry_t *carry = begin_one(next, &before, &closings);

    (void) state;
    sqlite3_progress_handler(before->store.db, 1, interrupt, NULL);
    assert_int_equal(carry_next(&carry, fixture.error), -1);
    assert_non_null(strstr(fixture.error, sealed));
    assert_non_null(strstr(fixture.error, "interrupted"));
    assert_int_equal(closings, 1);
    assert_false(carry_is_open(carry));
    assert_true(carry_has(carry, "a"));
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1");
    assert_int_equal(closings, 1);
    generation_close(next);
}


/* So is one that was made anew by hand: there is nothing to wait for. */
static void
test_from_emptied(void **state)
{
    generation_t *next = fixture_generation(&fixture, 2);
    generation_t *before;
    int closings = 0;
    carry_t *carry = begin_one(next, &before, &closings);

    (void) state;
    assert_int_equal(truncate(sealed, 0), 0);

    for (int tries = 0; carry && tries < 2; tries++) {
        (void) carry_next(&carry, fixture.error);
    }

    assert_null(carry);
    assert_int_equal(closings, 1);
    assert_int_equal(store_meta(&next->store, "carried", 0), 1);
    generation_close(next);
}


/* What goes wrong there is told from what goes wrong here, and forgotten when
   that is undone. */
static void
test_from_failing(void **state)
{
    generation_t *next = fixture_generation(&fixture, 2);
    generation_t *before;
    int closings = 0;
    carry_t *carry = begin_one(next, &before, &closings);

    (void) state;
    assert_int_equal(carry_next(&carry, fixture.error), 0);
    sqlite3_progress_handler(before->store.db, 1, interrupt, NULL);
    assert_int_equal(carry_next(&carry, fixture.error), -1);
    assert_non_null(strstr(fixture.error, "interrupted"));
    assert_int_equal(store_rollback(&next->store), 0);
    sqlite3_progress_handler(before->store.db, 0, NULL, NULL);
    assert_int_equal(carry_rolled_back(carry), 0);

    sqlite3_progress_handler(next->store.db, 1, interrupt, NULL);
    assert_int_equal(carry_next(&carry, fixture.error), -1);
    assert_ptr_equal(carry_failed(carry), next->store.db);
    sqlite3_progress_handler(next->store.db, 0, NULL, NULL);
    (void) store_rollback(&next->store);
    assert_int_equal(carry_rolled_back(carry), 0);

    assert_int_equal(store_begin(&next->store), 0);
    sqlite3_progress_handler(before->store.db, 1, interrupt, NULL);
    assert_int_equal(carry_table(carry, "a"), -1);
    assert_ptr_equal(carry_failed(carry), before->store.db);
    assert_int_equal(store_rollback(&next->store), 0);
    sqlite3_progress_handler(before->store.db, 0, NULL, NULL);
    assert_int_equal(carry_rolled_back(carry), 0);
    assert_ptr_equal(carry_failed(carry), next->store.db);

    assert_int_equal(closings, 0);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1");
    assert_int_equal(closings, 1);
    generation_close(next);
}


/* A fresh report finds what it replaces, whatever came first. */
static void
test_before_a_publish(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "A"), 0);
    assert_int_equal(publish(next, "h1", "A", "", 10), REPORT_TAKEN);
    assert_int_equal(carry_table(carry, "a"), 0);
    assert_int_equal(carry_table(carry, "other"), 0);
    assert_int_equal(store_commit(&next->store), 0);
    fixture_assert_rows(next->store.db, ALL_A, "h2|2;h1|10");

    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h2|2;h1|10");
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    generation_close(next);
}


static void
test_rolled_back(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "a"), 0);
    assert_int_equal(store_rollback(&next->store), 0);
    assert_int_equal(carry_rolled_back(carry), 0);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    generation_close(next);
}


/* The worker is killed when one table is done: the next goes on. */
static void
test_goes_on(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_non_null(carry);
    carry_stop(carry);
    generation_close(next);

    next = fixture_generation(&fixture, 2);
    assert_non_null(catalog_find(&next->store.catalog, "a"));
    assert_null(catalog_find(&next->store.catalog, "b"));
    carry = begin(next);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM sqlite_schema "
                        "WHERE name = '_qasino_carried'", "0");
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM "
                        "temp.sqlite_schema", "0");
    generation_close(next);
}


/* A former worker's sealed file has no index of what persists, and one still
   older no ids. */
static void
test_former_file(void **state)
{
    static const char *const former[] = {
        "DROP INDEX " STORE_PERSISTING,
        "ALTER TABLE _qasino_reports RENAME TO newer;"
        "CREATE TABLE _qasino_reports(tablename TEXT COLLATE NOCASE, "
        "identity TEXT, is_update INTEGER, nr_rows INTEGER, first_rowid "
        "INTEGER, last_rowid INTEGER, epoch REAL, persist INTEGER, carried "
        "INTEGER, updates INTEGER, columns TEXT, PRIMARY KEY(tablename, "
        "identity, is_update)) WITHOUT ROWID;"
        "INSERT INTO _qasino_reports SELECT tablename, identity, is_update, "
        "nr_rows, first_rowid, last_rowid, epoch, persist, carried, updates, "
        "columns FROM newer; DROP TABLE newer"
    };

    (void) state;
    make_sealed();

    for (uint64_t i = 0; i < 2; i++) {
        sqlite3 *db;

        assert_int_equal(sqlite3_open(sealed, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, former[i], NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);

        generation_t *next = fixture_generation(&fixture, 2 + i);

        rest(begin(next));
        fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
        fixture_assert_rows(next->store.db, ALL_B, "h1|3");
        fixture_assert_rows(next->store.db, "SELECT count(*) FROM "
                            "temp.sqlite_schema", "0");
        generation_close(next);
    }
}


/* By sixteen sets of key columns, a column each, from that one on. */
static void
update_by_all_keys(generation_t *generation, const char *table, int first)
{
    char json[256];

    for (int key = first; key < first + 16; key++) {
        (void) snprintf(json, sizeof(json), "{\"identity\": \"u\", "
                        "\"update\": 1, \"table\": {\"tablename\": "
                        "\"%s\", \"column_names\": [\"c%d\"], "
                        "\"column_types\": [\"int\"], \"rows\": [[1]]}}",
                        table, key);
        assert_int_equal(fixture_apply(&fixture, generation, json),
                         REPORT_TAKEN);
    }
}


/* The sealed generation has a table of the same name with as many indexes as
   there may be: an update has its own. */
static void
test_key_sets(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;
    assert_int_equal(publish(generation, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    update_by_all_keys(generation, "same", 1);
    update_by_all_keys(generation, "others", 1);
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_non_null(carry);
    assert_int_equal(store_begin(&next->store), 0);
    update_by_all_keys(next, "same", 1);
    update_by_all_keys(next, "others", 17);
    assert_int_equal(store_commit(&next->store), 0);
    fixture_assert_rows(next->store.db, "SELECT tbl_name, count(*) "
                        "FROM main.sqlite_schema WHERE type = 'index' "
                        "AND name LIKE '\\_qasino\\_key%' ESCAPE '\\' "
                        "GROUP BY 1", "others|16;same|16");
    rest(carry);
    generation_close(next);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rest, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_expected, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_expected_in_vain, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_gone, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_gone_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_from_open, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_from_unreadable, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_from_emptied, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_from_failing, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_before_a_publish, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_rolled_back, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_goes_on, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_former_file, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_key_sets, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
