/* query_process.c: a program that cannot be started, or only later; when one
   that runs is told of a snapshot. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "query_process_private.h"
#include "qsn_op.h"
#include "worker_fixture.h"

static fixture_t fixture;
static uv_loop_t loop;
static char program[80];
static char *argv[] = { (char *) "query", NULL };
static snapshot_t *snapshot;
static query_process_t process;
static int deaths;


static void
on_ready(query_process_t *that)
{
    (void) that;
    fail_msg("nothing here serves a snapshot");
}


static void
on_frame(query_process_t *that, void *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    (void) that;
    (void) query;
    (void) frame;
    (void) args;
    (void) body;
    fail_msg("nothing here was asked");
}


static void
on_death(query_process_t *that, int overdue)
{
    (void) that;
    (void) overdue;
    deaths++;
}


static const query_process_events_t events = {
    .on_ready = on_ready,
    .on_frame = on_frame,
    .on_death = on_death
};


static void
ignore_ready(query_process_t *that)
{
    (void) that;
}


static const query_process_events_t indifferent = {
    .on_ready = ignore_ready,
    .on_frame = on_frame,
    .on_death = on_death
};


static int
open_fixture(void **state)
{
    (void) state;

    assert_int_equal(fixture_open(&fixture), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    (void) snprintf(program, sizeof(program), "%s/query", fixture.dir);
    snapshot = snapshot_create(&loop, &fixture.settings, 1,
                               generation_path(fixture.dir, 1));
    assert_non_null(snapshot);
    memset(&process, 0, sizeof(process));
    query_process_init(&process, &loop, &fixture.settings, program, argv);
    process.events = &events;
    deaths = 0;

    return 0;
}


static int
close_fixture(void **state)
{
    (void) state;

    query_process_stop(&process);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    query_process_free(&process);
    snapshot_put(snapshot);
    assert_int_equal(uv_loop_close(&loop), 0);
    fixture_close(&fixture);

    return 0;
}


/* Whoever serves it a snapshot may be choosing a process for a query: nothing
   calls back then.  It is tried again, and what has lived can die. */
static void
test_no_program(void **state)
{
    (void) state;

    query_process_serve(&process, snapshot, 1);
    assert_int_equal(deaths, 0);
    assert_true(query_process_is_on(&process));
    assert_false(query_process_is_up(&process));

    (void) uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(deaths, 0);
    assert_int_equal(symlink("/bin/true", program), 0);

    while (deaths == 0) {
        assert_true(query_process_is_on(&process));
        (void) uv_run(&loop, UV_RUN_ONCE);
    }
}


/* It is ended while it waits for its next try, and can be begun anew. */
static void
test_ended(void **state)
{
    (void) state;

    query_process_serve(&process, snapshot, 1);
    query_process_end(&process);
    assert_false(query_process_is_on(&process));
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_true(query_process_is_off(&process));
    assert_int_equal(deaths, 0);

    assert_int_equal(symlink("/bin/true", program), 0);
    query_process_serve(&process, snapshot, 1);
    assert_true(query_process_is_on(&process));
    assert_true(process.alive);
}


/* One that takes what it is told, and says nothing. */
static void
start_listener(void)
{
    FILE *script = fopen(program, "w");

    assert_non_null(script);
    (void) fputs("#!/bin/sh\nexec cat <&3 >/dev/null\n", script);
    assert_int_equal(fclose(script), 0);
    assert_int_equal(chmod(program, 0700), 0);
    process.events = &indifferent;
    query_process_serve(&process, snapshot, 1);
    assert_true(process.alive);
}


static void
confirm(void)
{
    qsn_frame_t frame = { .status = 200 };

    assert_null(query_process_confirmed(&process, &frame, NULL));
}


static int prepared;

static void
on_prepared(void *data, const snapshot_t *that)
{
    assert_ptr_equal(data, &prepared);
    assert_ptr_equal(that, snapshot);
    prepared++;
}


static int
prepare(void)
{
    return query_process_prepare(&process, snapshot, 1, on_prepared,
                                 &prepared);
}


/* Only one that serves a snapshot already and is about no other. */
static void
test_prepare(void **state)
{
    (void) state;
    prepared = 0;

    assert_int_equal(prepare(), -1);
    start_listener();
    assert_int_equal(prepare(), -1);
    confirm();
    assert_int_equal(prepare(), 0);
    assert_int_equal(prepare(), -1);
    assert_int_equal(prepared, 0);
    assert_null(query_process_prepared(&process));
    assert_int_equal(prepared, 1);
    assert_non_null(query_process_prepared(&process));

    query_process_serve(&process, snapshot, 1);
    assert_int_equal(prepare(), -1);
    confirm();
    process.yields = 1;
    assert_int_equal(prepare(), -1);
    process.yields = 0;
    process.paused = 1;
    assert_int_equal(prepare(), -1);
    process.paused = 0;
    assert_false(query_process_prepares(&process, snapshot));
    assert_int_equal(prepare(), 0);
    assert_int_equal(prepared, 1);
    assert_true(query_process_prepares(&process, snapshot));
    assert_false(query_process_is_stuck(&process, snapshot));
    assert_true(query_process_is_stuck(&process, NULL));

    /* what cannot be heard may have been said */
    process.paused = 1;
    assert_false(query_process_prepares(&process, snapshot));
    assert_false(query_process_is_stuck(&process, NULL));
    process.paused = 0;
}


/* Its death is an answer. */
static void
test_prepare_and_die(void **state)
{
    (void) state;
    prepared = 0;

    start_listener();
    confirm();
    assert_int_equal(prepare(), 0);
    query_process_end(&process);
    assert_int_equal(prepared, 0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(prepared, 1);
    assert_int_equal(deaths, 1);
}


/* What waits behind a schema begins when that is read. */
static void
test_catches_up(void **state)
{
    qsn_frame_t frame = { .type = QSN_FRAME_REQUEST, .op = QSN_OP_QUERY };

    (void) state;

    start_listener();
    confirm();
    query_process_serve(&process, snapshot, 1);
    assert_false(query_process_catches_up(&process));
    assert_int_equal(query_process_send(&process, &process, &frame, NULL,
                                        60000, 10), 0);
    assert_true(query_process_catches_up(&process));

    uint64_t before = uv_now(&loop);

    while (uv_now(&loop) == before) {
        uv_sleep(1);
        uv_update_time(&loop);
    }

    assert_true(process.since_ms < uv_now(&loop));
    confirm();
    assert_true(process.since_ms == uv_now(&loop));
    assert_false(query_process_catches_up(&process));

    /* and not what it had to do before it was told */
    query_process_serve(&process, snapshot, 1);
    assert_false(query_process_catches_up(&process));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_program, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_ended, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_prepare, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_prepare_and_die, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_catches_up, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
