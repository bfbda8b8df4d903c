/* ingest.c and writer.c: which publishes the loop writes itself while the
   writer sleeps, and what it hears of before it does. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <sched.h>

#include <cmocka.h>

#include "exchange.h"
#include "ingest.h"
#include "qsn_clock.h"
#include "worker_fixture.h"

#define UPDATE  ", \"update\": 1, \"keycols\": \"k\""

static fixture_t fixture;
static worker_t worker;
static uint64_t number = 1000;
static int rows_heard_at;       /* in table t, when the job was heard of */


static void
wait_idle(void)
{
    while (!mailbox_is_idle(&worker.writer.thread.inbox)) {
        (void) sched_yield();
    }
}


/* A publish of that many rows with these keys more in it. */
static exchange_t *
make_publish(const char *identity, const char *table, int rows,
    const char *more)
{
    exchange_t *exchange = calloc(1, sizeof(*exchange));
    qsn_buf_t json = { 0 };

    assert_non_null(exchange);
    qsn_buf_printf(&json, "{\"identity\": \"%s\"%s, \"table\": "
                   "{\"tablename\": \"%s\", \"column_names\": [\"k\", "
                   "\"x\"], \"column_types\": [\"int\", \"int\"], "
                   "\"rows\": [", identity, more, table);

    for (int i = 0; i < rows; i++) {
        qsn_buf_printf(&json, i ? ",[%d,1]" : "[%d,1]", i);
    }

    qsn_buf_string(&json, "]}}");
    exchange->worker = &worker;
    fixture_request(&fixture, &exchange->request, qsn_buf_text(&json));
    qsn_buf_free(&json);

    return exchange;
}


/* 1 if the loop writes it, 0 if it leaves it to the writer. */
static int
is_written_here(const char *identity, const char *table, int rows,
    const char *more)
{
    exchange_t *exchange = make_publish(identity, table, rows, more);
    job_list_t list;

    job_list_init(&list);
    job_list_add(&list, &exchange->job);
    wait_idle();

    int rc = writer_write_here(&worker.writer, &list);

    if (rc == 0) {
        assert_int_equal(exchange->request.status, 0);
        assert_int_equal(exchange->generation, number);
    }

    exchange_drop(exchange);

    return rc == 0;
}


/* In place of the writer, which sleeps: a row by that identity. */
static void
publish(const char *identity, const char *table, const char *more)
{
    exchange_t *exchange = make_publish(identity, table, 1, more);
    store_t *store = &worker.writer.generation->store;

    wait_idle();
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(report_apply(store, &exchange->request), REPORT_TAKEN);
    assert_int_equal(store_commit(store), 0);
    exchange_drop(exchange);
}


/* A generation whose table t has a row, and the writer asleep beside it. */
static int
start(void **state)
{
    (void) state;

    memset(&worker, 0, sizeof(worker));
    worker.settings = fixture.settings;
    worker.settings.identity = (char *) "unit";
    worker.settings.publish_memory = 1 << 20;
    worker.writer.generation = fixture_generation(&fixture, ++number);
    worker.writer.number = number;
    assert_int_equal(uv_loop_init(&worker.loop), 0);
    assert_int_equal(ingest_start(&worker), 0);
    publish("first", "t", "");

    return 0;
}


static int
stop(void **state)
{
    (void) state;

    ingest_stop(&worker);
    (void) uv_run(&worker.loop, UV_RUN_DEFAULT);
    generation_close(worker.writer.generation);

    return uv_loop_close(&worker.loop);
}


static int
rows_of_t(void)
{
    const catalog_t *catalog = &worker.writer.generation->store.catalog;

    return (int) catalog_find(catalog, "t")->rows;
}


static void
test_small_ones(void **state)
{
    (void) state;

    assert_true(is_written_here("a", "t", 5, ""));
    assert_int_equal(rows_of_t(), 6);
    assert_false(is_written_here("a", "t", 5, ""));     /* a duplicate */
    assert_false(is_written_here("b", "new", 5, ""));
    assert_false(is_written_here("c", "t", 5, UPDATE));
    assert_int_equal(rows_of_t(), 6);
    fixture_assert_rows(worker.writer.generation->store.db,
                        "SELECT count(*) FROM t", "6");
}


/* Many small rows take long, though they have few bytes. */
static void
test_many_rows(void **state)
{
    (void) state;

    assert_true(is_written_here("a", "t", 2000, ""));
    assert_false(is_written_here("b", "t", 2001, ""));
    assert_int_equal(rows_of_t(), 2001);
}


/* So do those of a table with an index, which its first update makes, ... */
static void
test_indexed(void **state)
{
    (void) state;

    assert_true(is_written_here("a", "t", 1, ""));
    publish("u", "t", UPDATE);
    assert_false(is_written_here("b", "t", 1, ""));

    publish("u", "other", UPDATE);
    publish("a", "other", "");
    assert_false(is_written_here("b", "other", 1, ""));
    assert_int_equal(rows_of_t(), 2);
}


/* ... unless it is undone, ... */
static void
test_index_undone(void **state)
{
    exchange_t *update = make_publish("u", "t", 1, UPDATE);
    store_t *store = &worker.writer.generation->store;

    (void) state;

    wait_idle();
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(report_apply(store, &update->request), REPORT_TAKEN);
    assert_int_equal(store_rollback(store), 0);
    exchange_drop(update);

    publish("a", "t", "");
    assert_true(is_written_here("b", "t", 1, ""));
}


/* ... and whichever worker made it. */
static void
test_index_in_the_file(void **state)
{
    (void) state;

    publish("u", "t", UPDATE);
    generation_close(worker.writer.generation);
    worker.writer.generation = fixture_generation(&fixture, number);

    publish("a", "t", "");
    assert_false(is_written_here("b", "t", 1, ""));
}


/* A generation that still takes rows over, that is full, or whose last group
   had to be written one by one: what the writer does then takes its time. */
static void
test_not_now(void **state)
{
    writer_t *writer = &worker.writer;

    (void) state;

    wait_idle();
    writer->carry = (carry_t *) &worker;        /* only that there is one */
    assert_false(is_written_here("a", "t", 1, ""));
    writer->carry = NULL;
    (void) strcpy(writer->refusing, "it is full");
    assert_false(is_written_here("a", "t", 1, ""));
    writer->refusing[0] = '\0';
    writer->had_trouble = 1;
    assert_false(is_written_here("a", "t", 1, ""));
    writer->had_trouble = 0;
    assert_true(is_written_here("a", "t", 1, ""));
}


static void
on_heard(job_t *job)
{
    (void) job;

    rows_heard_at = rows_of_t();
}


/* What the writer has done is heard of before the loop writes: its answers
   go first, and what they change is so when others are answered. */
static void
test_hears_first(void **state)
{
    job_t earlier = { .done = on_heard };

    (void) state;

    wait_idle();
    rows_heard_at = -1;
    mailbox_put_job(&worker.inbox, &earlier);
    ingest_add(&worker, make_publish("a", "t", 3, ""));
    (void) uv_run(&worker.loop, UV_RUN_NOWAIT);

    assert_int_equal(rows_heard_at, 1);
    assert_int_equal(rows_of_t(), 4);
    assert_int_equal(worker.unwritten, 0);      /* answered, too */
}


/* By the writer; the generation's tables are looked at by whoever waits. */
static void
write_there(const char *identity, const char *table)
{
    exchange_t *exchange = make_publish(identity, table, 1, "");
    job_list_t list;

    job_list_init(&list);
    exchange->job.run = NULL;
    job_list_add(&list, &exchange->job);
    mailbox_put(&worker.writer.thread.inbox, &list);

    while (mailbox_take(&worker.inbox, 1) == NULL) {
        /* not yet */
    }

    assert_int_equal(exchange->request.status, 0);
    exchange_drop(exchange);
}


/* What persists in the generation before is looked for when a publish of its
   table, or of one more than there may be, has to know; those of others go
   on. */
static void
test_carries_in_time(void **state)
{
    carry_source_t no_source = { 0 };

    (void) state;

    for (int full = 0; full < 2; full++) {
        generation_t *before = fixture_generation(&fixture, ++number);
        writer_t *writer = &worker.writer;

        assert_int_equal(fixture_publish(&fixture, before, "{\"identity\": "
            "\"p\", \"persist\": 1, \"table\": {\"tablename\": \"kept\", "
            "\"column_names\": [\"k\", \"x\"], \"column_types\": [\"int\", "
            "\"int\"], \"rows\": [[7, 7]]}}"), REPORT_TAKEN);
        assert_int_equal(store_begin(&before->store), 0);
        assert_int_equal(generation_mark_sealed(before), 0);
        assert_int_equal(store_commit(&before->store), 0);
        assert_int_equal(generation_unlock(before), 0);
        wait_idle();
        assert_int_equal(carry_expect(writer->generation, before->store.path,
                                      &before->store.catalog, &no_source,
                                      &writer->carry, fixture.error), 0);
        writer->carry_from_ms = qsn_clock_monotonic_ms() + 3600000;
        write_there(full ? "third" : "second", "t");
        assert_non_null(writer->carry);
        assert_false(carry_is_open(writer->carry));
        worker.settings.max_tables = full ? 2 : 20;
        fixture.settings.max_tables = worker.settings.max_tables;
        write_there(full ? "fourth" : "other", full ? "t" : "kept");
        wait_idle();            /* all is carried */
        assert_null(writer->carry);
        fixture_assert_rows(writer->generation->store.db, "SELECT k FROM "
                            "kept ORDER BY _rowid_", full ? "7" : "7;0");
        generation_close(before);

        if (!full) {            /* begin again with another generation */
            generation_close(writer->generation);
            writer->generation = fixture_generation(&fixture, ++number);
            writer->number = number;
            publish("first", "t", "");
        }
    }

    fixture.settings.max_tables = 20;
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


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small_ones, start, stop),
        cmocka_unit_test_setup_teardown(test_many_rows, start, stop),
        cmocka_unit_test_setup_teardown(test_indexed, start, stop),
        cmocka_unit_test_setup_teardown(test_index_undone, start, stop),
        cmocka_unit_test_setup_teardown(test_index_in_the_file, start, stop),
        cmocka_unit_test_setup_teardown(test_not_now, start, stop),
        cmocka_unit_test_setup_teardown(test_hears_first, start, stop),
        cmocka_unit_test_setup_teardown(test_carries_in_time, start, stop)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
