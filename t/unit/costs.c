/* qsn_costs.c: what is the same shape, what is remembered and what is not. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_costs.h"

#define FLOOD  100000


static uint32_t
cost(qsn_costs_t *costs, uint64_t of)
{
    int sure;

    return qsn_costs_of(costs, of, &sure);
}


static uint64_t
key(uint64_t client, const char *sql)
{
    return qsn_costs_key(client, sql, strlen(sql));
}


static void
same_shape(void **state)
{
    static const char *const same[][2] = {
        { "select 1", "select 4711" },
        { "select 1", "  select\n\t1 " },
        { "select 1.5e3", "select 0x1f" },
        { "where a = 'x'", "where a = 'it''s; select' " },
        { "where a = ''", "where a = ''''" },
        { "where a = 'x", "where a = 'y and no end" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_int_equal(key(1, same[i][0]), key(1, same[i][1]));
    }
}


static void
other_shape(void **state)
{
    static const char *const other[][2] = {
        { "select a", "select b" },
        { "select a1", "select a2" },
        { "select \"a\"", "select \"b\"" },
        { "select 'a'", "select a" },
        { "select 1", "select 1, 1" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_int_not_equal(key(1, other[i][0]), key(1, other[i][1]));
    }

    assert_int_not_equal(key(1, "select 1"), key(2, "select 1"));
    assert_int_not_equal(qsn_costs_key(1, NULL, 0), qsn_costs_key(2, NULL, 0));
}


static void
a_text_is_read_to_its_end(void **state)
{
    static const char *const cut[] = { "", "'", "''", "a'", "1", "1.", "x'" };

    (void) state;

    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        char copy[3];           /* no byte behind it that is its own */
        size_t length = strlen(cut[i]);

        memcpy(copy + sizeof(copy) - length, cut[i], length);
        assert_int_equal(qsn_costs_key(1, copy + sizeof(copy) - length, length),
                         key(1, cut[i]));
    }
}


static void
rises_at_once_and_falls_by_halves(void **state)
{
    qsn_costs_t *costs = qsn_costs_create();
    int samples = 0;

    (void) state;

    assert_int_equal(cost(costs, 7), QSN_COSTS_UNKNOWN);
    qsn_costs_add(costs, 7, 20);
    assert_int_equal(cost(costs, 7), 20);
    qsn_costs_add(costs, 7, 20000);
    assert_int_equal(cost(costs, 7), 20000);

    while (cost(costs, 7) > 20) {
        qsn_costs_add(costs, 7, 20);
        samples++;
    }

    assert_in_range(samples, 10, 20);
    qsn_costs_add(costs, 7, UINT64_MAX);
    assert_int_equal(cost(costs, 7), QSN_COSTS_UNKNOWN - 1);

    qsn_costs_forget(costs, 7);
    qsn_costs_forget(costs, 8);
    assert_int_equal(cost(costs, 7), QSN_COSTS_UNKNOWN);
    qsn_costs_destroy(costs);
}


static void
it_takes_a_few_times_to_be_sure(void **state)
{
    qsn_costs_t *costs = qsn_costs_create();
    int sure = 1;
    int times = 0;

    (void) state;

    (void) qsn_costs_of(costs, 7, &sure);
    assert_false(sure);

    while (!sure) {
        qsn_costs_add(costs, 7, 20);
        (void) qsn_costs_of(costs, 7, &sure);
        times++;
    }

    assert_in_range(times, 2, 20);
    qsn_costs_forget(costs, 7);
    (void) qsn_costs_of(costs, 7, &sure);
    assert_false(sure);
    qsn_costs_destroy(costs);
}


/* One that is asked now and then outlives those of somebody who asks
   something else each time. */
static void
what_is_asked_stays(void **state)
{
    qsn_costs_t *costs = qsn_costs_create();
    uint64_t kept = key(1, "select * from t where n = 1");
    char sql[64];

    (void) state;

    qsn_costs_add(costs, kept, 5);

    for (int i = 0; i < FLOOD; i++) {
        (void) snprintf(sql, sizeof(sql), "select a%d", i);
        qsn_costs_add(costs, key(2, sql), 1000000);

        if (i % 100 == 0) {
            assert_int_equal(cost(costs, kept), 5);
        }
    }

    assert_int_equal(cost(costs, key(2, "select a0")), QSN_COSTS_UNKNOWN);
    qsn_costs_destroy(costs);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_shape),
        cmocka_unit_test(other_shape),
        cmocka_unit_test(a_text_is_read_to_its_end),
        cmocka_unit_test(rises_at_once_and_falls_by_halves),
        cmocka_unit_test(it_takes_a_few_times_to_be_sure),
        cmocka_unit_test(what_is_asked_stays)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
