/* lanes.c: who is chosen while the idle ones have not read a new snapshot. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#include "lanes.h"

#define LANES  2
#define SLOW   2
#define QUICK  100      /* us */

static uv_loop_t loop;
static lanes_t lanes;


/* Two that serve a snapshot and have nothing to do; two are off. */
static int
open_lanes(void **state)
{
    (void) state;

    if (uv_loop_init(&loop) != 0
        || lanes_create(&lanes, &loop, LANES, SLOW) != 0)
    {
        return -1;
    }

    for (size_t i = 0; i < LANES + SLOW; i++) {
        lanes.processes[i].loop = &loop;
        lanes.processes[i].alive = i < LANES;
        lanes.processes[i].confirmed = i < LANES;
    }

    return 0;
}


static int
close_lanes(void **state)
{
    (void) state;

    free(lanes.processes);
    lanes = (lanes_t) { 0 };

    return uv_loop_close(&loop);
}


static query_process_t *
choose(enum lanes_pace pace)
{
    return lanes_choose(&lanes, pace, QUICK, 0);
}


/* One that would have to read it first is left alone, and no other begins. */
static void
test_late_ones_wait(void **state)
{
    (void) state;

    lanes.processes[0].late = lanes.processes[1].late = 1;
    lanes.wait = 1;
    assert_null(choose(LANES_QUICK));
    assert_null(choose(LANES_UNSURE));
    assert_null(choose(LANES_SLOW));
    assert_null(choose(LANES_MANY));

    for (size_t i = LANES; i < LANES + SLOW; i++) {
        assert_int_equal(lanes.processes[i].alive, 0);
        assert_null(lanes.processes[i].wanted);
    }

    lanes.wait = 0;
    assert_non_null(choose(LANES_QUICK));
}


static void
test_not_late(void **state)
{
    (void) state;

    for (size_t late = 0; late < LANES; late++) {
        query_process_t *other = &lanes.processes[1 - late];

        lanes.processes[late].late = 1;
        other->late = 0;

        for (lanes.wait = 0; lanes.wait < 2; lanes.wait++) {
            assert_ptr_equal(choose(LANES_QUICK), other);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late_ones_wait, open_lanes,
                                        close_lanes),
        cmocka_unit_test_setup_teardown(test_not_late, open_lanes,
                                        close_lanes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
