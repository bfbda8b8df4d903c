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


static void
send_query(void)
{
    qsn_frame_t frame = { .type = QSN_FRAME_REQUEST, .op = QSN_OP_QUERY };

    assert_int_equal(query_process_send(&process, &process, &frame, NULL,
                                        60000, 10), 0);
}


static void
let_time_pass(void)
{
    uint64_t before = uv_now(&loop);

    while (uv_now(&loop) == before) {
        uv_sleep(1);
        uv_update_time(&loop);
    }
}


static void
test_told_later(void **state)
{
    (void) state;

    start_listener();
    confirm();
    assert_false(query_process_catches_up(&process));

    /* with nothing to do: when it is to catch up */
    query_process_serve_later(&process, snapshot, 1);
    assert_null(process.told);
    assert_true(query_process_is_up(&process));
    assert_int_equal(query_process_catch_up(&process), 1);
    assert_non_null(process.told);
    assert_int_equal(query_process_catch_up(&process), 0);
    confirm();

    /* or before its next query, which begins when that is done */
    query_process_serve_later(&process, snapshot, 1);
    send_query();
    assert_non_null(process.told);
    assert_int_equal(query_process_catch_up(&process), 0);
    assert_true(query_process_catches_up(&process));
    let_time_pass();
    assert_true(process.since_ms < uv_now(&loop));
    confirm();
    assert_true(process.since_ms == uv_now(&loop));
    assert_false(query_process_catches_up(&process));

    /* with something to do: behind that, and what is slow is that */
    let_time_pass();
    query_process_serve_later(&process, snapshot, 1);
    assert_non_null(process.told);
    assert_false(query_process_catches_up(&process));
    confirm();
    assert_true(process.since_ms < uv_now(&loop));
}


/* It ends before it was told, and is begun anew; and one that is late is told
   at the next turn at the latest. */
static void
test_ended_late(void **state)
{
    (void) state;

    start_listener();
    confirm();
    query_process_serve_later(&process, snapshot, 1);
    query_process_serve_later(&process, snapshot, 2);
    assert_non_null(process.told);
    confirm();

    query_process_serve_later(&process, snapshot, 3);
    query_process_end(&process);
    assert_int_equal(query_process_catch_up(&process), 0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_true(query_process_is_off(&process));
    assert_int_equal(query_process_catch_up(&process), 0);

    query_process_serve(&process, snapshot, 4);
    assert_non_null(process.told);
    assert_int_equal(query_process_catch_up(&process), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_program, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_ended, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_told_later, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_ended_late, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
