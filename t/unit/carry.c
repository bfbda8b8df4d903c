/* carry.c: table by table, before a publish of the table, once whatever
   happens in between. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "carry.h"
#include "worker_fixture.h"

static fixture_t fixture;
static char *sealed;

#define ALL_A  "SELECT host, x FROM a ORDER BY _rowid_"
#define ALL_B  "SELECT host, x FROM b ORDER BY _rowid_"


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
    free(sealed);
    sealed = NULL;
    fixture_close(&fixture);

    return 0;
}


static enum report_result
publish(generation_t *generation, const char *identity, const char *table,
    const char *options, int x)
{
    char json[512];

    (void) snprintf(json, sizeof(json), "{\"identity\": \"%s\"%s, \"table\": "
                    "{\"tablename\": \"%s\", \"column_names\": [\"host\", "
                    "\"x\"], \"column_types\": [\"text\", \"int\"], "
                    "\"rows\": [[\"%s\", %d]]}}", identity, options, table,
                    identity, x);

    return fixture_apply(&fixture, generation, json);
}


/* Generation 1 has persisted rows in a and b, and others in c. */
static void
make_sealed(void)
{
    generation_t *generation = fixture_generation(&fixture, 1);

    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(publish(generation, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h2", "a", ", \"persist\": 1", 2),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "b", ", \"persist\": 1", 3),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "c", "", 4), REPORT_TAKEN);
    assert_true(generation->store.persists);
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    sealed = strdup(generation->store.path);
    generation_close(generation);
}


static carry_t *
begin(generation_t *generation)
{
    carry_t *carry;

    if (carry_begin(generation, sealed, &carry, fixture.error) != 0) {
        fail_msg("%s", fixture.error);
    }

    return carry;
}


static void
rest(carry_t *carry)
{
    while (carry) {
        if (carry_next(&carry, fixture.error) != 0) {
            fail_msg("%s", fixture.error);
        }
    }
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
    assert_true(next->store.persists);
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
    generation_close(next);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rest, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_before_a_publish, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_rolled_back, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_goes_on, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
