/*
 * Group commit.  Should one publish of a group fail inside SQLite, the group
 * is rolled back and each goes in by itself, so that it fails alone.
 */

#include "ingest.h"

#include <stdlib.h>

#include "qsn_buf.h"
#include "qsn_log.h"
#include "report.h"
#include "rotate.h"

static void on_after_poll(uv_check_t *check);
static int write_group(worker_t *worker, exchange_t *first);
static void write_alone(worker_t *worker, exchange_t *exchange);
static void write_static(worker_t *worker, exchange_t *exchange);
static enum report_result apply(store_t *store, exchange_t *exchange);
static void answer(worker_t *worker, exchange_t *exchange);
static void rollback(store_t *store);


void
ingest_start(worker_t *worker)
{
    worker->publishes = NULL;
    worker->publishes_end = &worker->publishes;
    worker->after_poll.data = worker;
    (void) uv_check_init(&worker->loop, &worker->after_poll);
    (void) uv_check_start(&worker->after_poll, on_after_poll);
}


void
ingest_stop(worker_t *worker)
{
    ingest_flush(worker);
    uv_close((uv_handle_t *) &worker->after_poll, NULL);
}


void
ingest_add(worker_t *worker, exchange_t *exchange)
{
    exchange->next_publish = NULL;
    *worker->publishes_end = exchange;
    worker->publishes_end = &exchange->next_publish;
}


void
ingest_flush(worker_t *worker)
{
    exchange_t *exchange = worker->publishes;
    exchange_t *next;

    if (exchange == NULL) {
        return;
    }

    worker->publishes = NULL;
    worker->publishes_end = &worker->publishes;

    int alone = write_group(worker, exchange) != 0;

    for (/* void */; exchange; exchange = next) {
        next = exchange->next_publish;

        if (exchange->request.is_static) {
            write_static(worker, exchange);

        } else if (alone) {
            write_alone(worker, exchange);
        }

        answer(worker, exchange);
    }
}


static void
on_after_poll(uv_check_t *check)
{
    ingest_flush(check->data);
}


/* 0: committed, each exchange knows its result.  -1: nothing is in. */
static int
write_group(worker_t *worker, exchange_t *first)
{
    store_t *store = &worker->generation->store;

    if (store_begin(store) != 0) {
        return -1;
    }

    for (exchange_t *e = first; e; e = e->next_publish) {
        if (!e->request.is_static && apply(store, e) == REPORT_FAILED) {
            rollback(store);
            return -1;
        }
    }

    if (store_commit(store) == 0) {
        return 0;
    }

    qsn_log("commit failed: %s", sqlite3_errmsg(store->db));
    rollback(store);

    return -1;
}


static void
write_alone(worker_t *worker, exchange_t *exchange)
{
    store_t *store = &worker->generation->store;
    request_t *request = &exchange->request;

    request->status = 0;        /* of the try in the group */
    exchange->duplicate = 0;

    if (store_begin(store) != 0) {
        (void) request_fail(request, 503, "The generation cannot be "
                            "written: %s", sqlite3_errmsg(store->db));
        return;
    }

    if (apply(store, exchange) == REPORT_FAILED) {
        rollback(store);
        return;
    }

    if (store_commit(store) != 0) {
        (void) request_fail(request, 507, "The generation cannot be "
                            "committed: %s", sqlite3_errmsg(store->db));
        rollback(store);
    }
}


/* Readers see it from here on, so the page has to say so. */
static void
write_static(worker_t *worker, exchange_t *exchange)
{
    if (static_store_apply(worker->statics, &exchange->request)
        == REPORT_TAKEN)
    {
        rotate_static_changed(worker);
    }
}


static enum report_result
apply(store_t *store, exchange_t *exchange)
{
    enum report_result result = report_apply(store, &exchange->request);

    exchange->duplicate = result == REPORT_DUPLICATE;

    return result;
}


static void
answer(worker_t *worker, exchange_t *exchange)
{
    const request_t *request = &exchange->request;
    const char *identity = worker->settings.identity;
    qsn_buf_t body = { 0 };

    if (request->status) {
        qsn_log("publish of '%s' by '%s' failed: %s",
                request->table.name.data, request->identity.data,
                request->error);
        worker->stats.update_errors += request->update != 0;
        exchange_answer_error(exchange);
        return;
    }

    if (request->update) {
        worker->stats.updates_completed++;
    } else {
        worker->stats.inserts_completed++;
    }

    qsn_buf_string(&body, "{\"response_op\": \"ok\", \"identity\": \"");
    qsn_buf_json(&body, identity);
    qsn_buf_printf(&body, "\", \"generation_number\": %llu, \"rows\": %llu",
                   (unsigned long long) worker->generation->number,
                   exchange->duplicate ? 0ull
                   : (unsigned long long) request->table.rows);

    if (exchange->duplicate) {
        qsn_buf_printf(&body, ", \"warning\": \"table '%s' was reported "
                       "before in this generation by '",
                       request->table.name.data);
        qsn_buf_json(&body, request->identity.data);
        qsn_buf_string(&body, "': the first report stands\"");
    }

    if (!exchange->duplicate && request->warning) {
        qsn_buf_printf(&body, ", \"warning\": \"%s\"", request->warning);
    }

    qsn_buf_byte(&body, '}');
    exchange_answer(exchange, 200, body.data, body.length);
    qsn_buf_free(&body);
}


static void
rollback(store_t *store)
{
    if (store_rollback(store) != 0) {
        /* the catalog would lie from here on: start anew from the file */
        qsn_log("rollback failed: %s: the worker starts anew",
                sqlite3_errmsg(store->db));
        abort();
    }
}
