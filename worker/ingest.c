/* Batches: one hand-over a turn of the loop, one wake-up a group. */

#include "ingest.h"

#include "connection.h"
#include "parse.h"
#include "qsn_buf.h"
#include "qsn_log.h"
#include "receiving.h"
#include "rotate.h"
#include "write_snapshot.h"

static void on_written(job_t *job);
static void on_static_written(job_t *job);
static void release(exchange_t *exchange);
static void on_before_poll(uv_prepare_t *prepare);
static void write_here(worker_t *worker);
static void hand_over(worker_t *worker);
static void on_answers(uv_async_t *async);
static void wake_stalled(worker_t *worker);
static void take_answers(worker_t *worker);
static void finish(job_t *job);
static void answer(worker_t *worker, exchange_t *exchange);


int
ingest_start(worker_t *worker)
{
    int rc;

    job_list_init(&worker->publishes);
    job_list_init(&worker->static_publishes);
    worker->hand_over.data = worker;
    worker->wake.data = worker;

    /* whatever added to the lists in this turn of the loop, timers and what
       else prepares included: those that were started last prepare first */
    (void) uv_prepare_init(&worker->loop, &worker->hand_over);
    (void) uv_prepare_start(&worker->hand_over, on_before_poll);

    if ((rc = uv_async_init(&worker->loop, &worker->wake, on_answers)) != 0) {
        return rc;
    }

    mailbox_open(&worker->inbox, &worker->wake);

    if ((rc = writer_start(&worker->writer, &worker->inbox)) != 0
        || (rc = static_writer_start(&worker->static_writer, worker->statics,
                                     &worker->inbox)) != 0)
    {
        return rc;
    }

    if ((rc = write_snapshot_start_sealer(worker)) != 0) {
        return rc;
    }

    return parse_start(worker);
}


void
ingest_stop(worker_t *worker)
{
    parse_stop(worker);
    take_answers(worker);       /* parsed: to be written */
    hand_over(worker);
    writer_stop(&worker->writer);
    static_writer_stop(&worker->static_writer);
    take_answers(worker);       /* a copy may be whole: to be sealed */
    write_snapshot_stop_sealer(worker);
    take_answers(worker);
    mailbox_close(&worker->inbox);
    uv_close((uv_handle_t *) &worker->wake, NULL);
    uv_close((uv_handle_t *) &worker->hand_over, NULL);
}


void
ingest_add(worker_t *worker, exchange_t *exchange)
{
    receiving_forget(exchange);
    exchange->unwritten = exchange->request.arena.total;
    worker->unwritten += exchange->unwritten;
    exchange->job.run = NULL;

    if (exchange->request.is_static) {
        exchange->job.done = on_static_written;
        job_list_add(&worker->static_publishes, &exchange->job);
    } else {
        exchange->job.done = on_written;
        job_list_add(&worker->publishes, &exchange->job);
    }
}


void
ingest_run(worker_t *worker, job_t *job)
{
    job_list_add(&worker->publishes, job);
}


int
ingest_has_room(worker_t *worker)
{
    size_t limit = (size_t) worker->settings.publish_memory;

    if (worker->unwritten < limit && parse_has_room(worker)) {
        return 1;
    }

    worker->stalled = 1;

    return 0;
}


static void
on_written(job_t *job)
{
    exchange_t *exchange = exchange_of(job);

    release(exchange);
    answer(exchange->worker, exchange);
}


/* Readers see it from here on, so the page has to say so. */
static void
on_static_written(job_t *job)
{
    exchange_t *exchange = exchange_of(job);
    worker_t *worker = exchange->worker;
    const request_t *request = &exchange->request;

    release(exchange);
    exchange->generation = worker->collecting;
    rotate_static_changed(worker, exchange->static_version);

    if (request->update) {
        worker->stats.updates_received++;
        worker->stats.updates_completed += request->status == 0;
        worker->stats.update_errors += request->status != 0;
    } else {
        worker->stats.inserts_received++;
        worker->stats.inserts_completed += request->status == 0;
    }

    answer(worker, exchange);
}


static void
release(exchange_t *exchange)
{
    exchange->worker->unwritten -= exchange->unwritten;
}


static void
on_before_poll(uv_prepare_t *prepare)
{
    worker_t *worker = prepare->data;

    write_here(worker);
    write_snapshot_next(worker);
    hand_over(worker);
}


/* What the writer did before is heard of first: whoever is acknowledged now
   finds things as they are. */
static void
write_here(worker_t *worker)
{
    while (worker->publishes.first
           && mailbox_is_idle(&worker->writer.thread.inbox))
    {
        take_answers(worker);

        if (writer_write_here(&worker->writer, &worker->publishes) != 0) {
            return;
        }

        job_t *written = worker->publishes.first;

        job_list_init(&worker->publishes);
        finish(written);
        wake_stalled(worker);
        connection_flush_all(worker);   /* may have more to be written */
    }
}


static void
hand_over(worker_t *worker)
{
    mailbox_put(&worker->writer.thread.inbox, &worker->publishes);
    mailbox_put(&worker->static_writer.thread.inbox,
                &worker->static_publishes);
}


static void
on_answers(uv_async_t *async)
{
    worker_t *worker = async->data;

    take_answers(worker);
    wake_stalled(worker);
}


static void
wake_stalled(worker_t *worker)
{
    if (worker->stalled && ingest_has_room(worker)) {
        worker->stalled = 0;
        connection_balance_all(worker);
    }
}


static void
take_answers(worker_t *worker)
{
    finish(mailbox_take(&worker->inbox, 0));
}


static void
finish(job_t *job)
{
    while (job) {
        job_t *next = job->next;

        job->done(job);
        job = next;
    }
}


static void
answer(worker_t *worker, exchange_t *exchange)
{
    const request_t *request = &exchange->request;
    const char *identity = worker->settings.identity;
    qsn_buf_t body = { 0 };

    if (request->status) {
        qsn_log_as(request->error_kind, "publish of '%s' by '%s' failed: %s",
                   request->table.name.data, request->identity.data,
                   request->error);
        exchange_answer_error(exchange);
        return;
    }

    qsn_buf_string(&body, "{\"response_op\": \"ok\", \"identity\": \"");
    qsn_buf_json(&body, identity);
    qsn_buf_printf(&body, "\", \"generation_number\": %llu, \"rows\": %llu",
                   (unsigned long long) exchange->generation,
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
