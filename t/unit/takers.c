/* takers.c: who takes too much of the lanes, and until when. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "takers.h"

#define CROWD      1
#define NEIGHBOUR  2
#define SAME_SLOT  (CROWD + 256)
#define LANES      2

static takers_t *takers;
static uint64_t now_ms;


static int
begin(void **state)
{
    (void) state;
    now_ms = 1000000;
    takers = takers_create(LANES);

    return takers ? 0 : -1;
}


static int
end(void **state)
{
    (void) state;
    takers_destroy(takers);

    return 0;
}


/* For so many seconds the crowd takes a part of a core, in small queries;
   somebody else asks beside it, or does not. */
static void
take(double seconds, double part, uint64_t other)
{
    for (uint64_t end_ms = now_ms + (uint64_t) (seconds * 1000);
         now_ms < end_ms; now_ms += 10)
    {
        if (other) {
            takers_ask(takers, other, now_ms);
        }

        takers_ask(takers, CROWD, now_ms);
        takers_add(takers, CROWD, (uint64_t) (10000 * part), now_ms);
        (void) takers_is_greedy(takers, CROWD, now_ms);
    }
}


static void
a_part_is_too_much(void **state)
{
    (void) state;
    take(20, 0.9 * 0.15 * LANES, NEIGHBOUR);
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
    take(20, 1.1 * 0.15 * LANES, NEIGHBOUR);
    assert_true(takers_is_greedy(takers, CROWD, now_ms));
    assert_false(takers_is_greedy(takers, NEIGHBOUR, now_ms));
}


/* Nobody is disturbed: all of it may be had. */
static void
alone_there_is_no_limit(void **state)
{
    (void) state;
    take(20, LANES, 0);
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
    take(0.05, LANES, NEIGHBOUR);
    assert_true(takers_is_greedy(takers, CROWD, now_ms));
    take(3, LANES, 0);
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
}


/* A short burst is nobody's affair. */
static void
a_burst_is_not(void **state)
{
    (void) state;
    take(0.05, LANES, NEIGHBOUR);
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
}


/* Not for long, with all lanes in one hand. */
static void
it_is_noticed_soon(void **state)
{
    (void) state;
    take(0.1, LANES, NEIGHBOUR);
    assert_true(takers_is_greedy(takers, CROWD, now_ms));
}


/* Beside the lanes it takes less: that is no reason to let it back. */
static void
it_has_to_come_far_down(void **state)
{
    (void) state;
    take(20, LANES / 2.0, NEIGHBOUR);
    take(20, LANES / 40.0, NEIGHBOUR);
    assert_true(takers_is_greedy(takers, CROWD, now_ms));
    take(20, LANES / 120.0, NEIGHBOUR);
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
    take(20, LANES / 8.0, NEIGHBOUR);
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
}


/* Two in one slot: neither pays for the other. */
static void
a_slot_is_the_last_ones(void **state)
{
    (void) state;
    take(20, LANES, NEIGHBOUR);
    assert_false(takers_is_greedy(takers, SAME_SLOT, now_ms));
    assert_false(takers_is_greedy(takers, CROWD, now_ms));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_part_is_too_much, begin, end),
        cmocka_unit_test_setup_teardown(alone_there_is_no_limit, begin, end),
        cmocka_unit_test_setup_teardown(a_burst_is_not, begin, end),
        cmocka_unit_test_setup_teardown(it_is_noticed_soon, begin, end),
        cmocka_unit_test_setup_teardown(it_has_to_come_far_down, begin, end),
        cmocka_unit_test_setup_teardown(a_slot_is_the_last_ones, begin, end)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
