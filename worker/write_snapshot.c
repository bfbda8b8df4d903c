/*
 * A query takes the first copy whose last step the loop hears of after it has
 * asked.  That has every publish which was acknowledged before:
 *
 *   - it was committed before the writer's last step: the writer's answers
 *     come in order, and the loop itself writes only where it has taken all
 *     of them (ingest.c), so neither acknowledges what was committed later
 *     before it has heard of that step;
 *   - what is committed before the last step is in the copy, whether its
 *     pages had been copied by then or not (write_copy.h).
 *
 * So one copy is made at a time, and those who ask after the last step, while
 * it is sealed, wait for the next one.
 *
 * At the turn of a generation, which ends a copy, who waits is given the
 * sealed one, served or not.  All that was acknowledged to them is in that: what
 * goes into the next one is acknowledged after the loop has heard of the turn.
 * So from when the writer is told to turn until then no copy is begun.
 */

#include "write_snapshot.h"

#include <pthread.h>
#include <stdlib.h>

#include "ingest.h"
#include "removal.h"
#include "seal.h"
#include "write_copy.h"

#define COPIES_MAX  2           /* each as large as the generation */

typedef struct {
    write_copy_t copy;
    worker_t *worker;
    seal_info_t info;           /* as of its last step */
    exchange_t *waiting;        /* for it to be sealed */
    int failed;                 /* it could not be */
} making_t;

static void on_copied(job_t *job);
static void run_sealing(job_t *job);
static void on_sealed(job_t *job);
static void run_sealer(void *arg);
static void on_rested(uv_timer_t *timer);
static int keep_copy(making_t *making);
static void give_up(making_t *making, unsigned status);
static void end(making_t *making);
static void drop(worker_t *worker);
static exchange_t *take_waiting(worker_t *worker);
static void answer_all(exchange_t *exchange, snapshot_t *snapshot,
    unsigned status, const char *error);


void
write_snapshot_start(worker_t *worker)
{
    (void) uv_timer_init(&worker->loop, &worker->write_rest);
    worker->write_rest.data = worker;
}


int
write_snapshot_start_sealer(worker_t *worker)
{
    return mailbox_start(&worker->write_sealer, run_sealer, worker);
}


void
write_snapshot_stop_sealer(worker_t *worker)
{
    mailbox_stop(&worker->write_sealer);
}


void
write_snapshot_ask(exchange_t *exchange, write_snapshot_ready_t *ready)
{
    worker_t *worker = exchange->worker;

    if (worker->write_asked >= (size_t) worker->settings.query_queue) {
        ready(exchange, 503, "Too many queries are waiting (query_queue)");
        return;
    }

    if (worker->write_waiting == NULL) {
        worker->write_waiting_end = &worker->write_waiting;
    }

    exchange->next_waiting = NULL;
    exchange->on_write_snapshot = ready;
    *worker->write_waiting_end = exchange;
    worker->write_waiting_end = &exchange->next_waiting;
    worker->write_asked++;
    write_snapshot_next(worker);
}


/* The last copy may turn out to be still right: then no other is made.  Or to
   have been made too short a time ago. */
void
write_snapshot_next(worker_t *worker)
{
    if (worker->write_waiting == NULL || worker->write_copying
        || worker->write_copies >= COPIES_MAX || worker->rotating)
    {
        return;
    }

    making_t *making = calloc(1, sizeof(*making));

    if (making == NULL) {
        answer_all(take_waiting(worker), NULL, 503, "out of memory");
        return;
    }

    making->worker = worker;
    making->copy.writer = &worker->writer;
    making->copy.done = on_copied;
    making->copy.have_last = worker->write_snapshot != NULL;
    write_copy_init(&making->copy);
    worker->write_copying = 1;
    ingest_run(worker, &making->copy.job);
}


void
write_snapshot_turn(worker_t *worker, snapshot_t *sealed)
{
    if (uv_is_active((uv_handle_t *) &worker->write_rest)) {
        (void) uv_timer_stop(&worker->write_rest);
        worker->write_copying = 0;
    }

    drop(worker);
    answer_all(take_waiting(worker), sealed, 0, NULL);
}


void
write_snapshot_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->write_rest, NULL);
    drop(worker);
    answer_all(take_waiting(worker), NULL, 503, "The server stops");
}


/* On the loop. */
static void
on_copied(job_t *job)
{
    making_t *making = (making_t *) job;
    worker_t *worker = making->worker;

    if (making->copy.end == WRITE_COPY_RESTS) {
        (void) uv_timer_start(&worker->write_rest, on_rested,
                              making->copy.rest_ms, 0);
        free(making);
        return;
    }

    if (making->copy.end == WRITE_COPY_OVER) {
        end(making);            /* who waits hears of what it was over for */
        return;
    }

    making->waiting = take_waiting(worker);

    if (making->copy.end == WRITE_COPY_SAME) {
        answer_all(making->waiting, worker->write_snapshot, 0, NULL);
        end(making);

    } else if (making->copy.end == WRITE_COPY_FAILED) {
        give_up(making, 507);

    } else if (seal_info_gather(worker, &making->info) != 0) {
        (void) snprintf(making->copy.error, sizeof(making->copy.error),
                        "out of memory");
        give_up(making, 503);

    } else {
        making->copy.job.run = run_sealing;
        making->copy.job.done = on_sealed;
        mailbox_put_job(&worker->write_sealer.inbox, job);
    }
}


/* On the sealer. */
static void
run_sealing(job_t *job)
{
    making_t *making = (making_t *) job;

    making->failed = seal_copy(making->worker, making->copy.path,
                               making->copy.number, &making->info,
                               &making->copy.stats, making->copy.error) != 0;
}


/* On the loop.  If that was a generation before, it is nobody else's. */
static void
on_sealed(job_t *job)
{
    making_t *making = (making_t *) job;
    worker_t *worker = making->worker;

    if (making->failed) {
        give_up(making, 507);
        return;
    }

    if (keep_copy(making) != 0) {
        (void) snprintf(making->copy.error, sizeof(making->copy.error),
                        "out of memory");
        give_up(making, 503);
        return;
    }

    answer_all(making->waiting, worker->write_snapshot, 0, NULL);

    if (making->copy.number != worker->collecting) {
        drop(worker);
    }

    end(making);
}


static void
run_sealer(void *arg)
{
    worker_t *worker = arg;
    mailbox_thread_t *own = &worker->write_sealer;

    (void) pthread_setname_np(pthread_self(), "qasino-sealer");

    while (!own->stopping) {
        job_t *job = mailbox_take(&own->inbox, MAILBOX_FOREVER);

        while (job) {
            job = mailbox_run(job, &worker->inbox);
        }
    }
}


static void
on_rested(uv_timer_t *timer)
{
    worker_t *worker = timer->data;

    worker->write_copying = 0;
    write_snapshot_next(worker);
}


static int
keep_copy(making_t *making)
{
    worker_t *worker = making->worker;

    drop(worker);
    worker->write_snapshot = snapshot_create(&worker->loop, &worker->settings,
                                             making->copy.number,
                                             making->copy.path);

    if (worker->write_snapshot == NULL) {
        return -1;
    }

    making->copy.path = NULL;
    worker->write_snapshot->copies = &worker->write_copies;
    worker->write_copies++;

    return 0;
}


/* The last one goes, too: it is an old one, and takes room. */
static void
give_up(making_t *making, unsigned status)
{
    drop(making->worker);
    answer_all(making->waiting, NULL, status, making->copy.error);
    end(making);
}


/* The next one may be made. */
static void
end(making_t *making)
{
    worker_t *worker = making->worker;

    if (making->copy.path) {
        removal_begin(&worker->loop, making->copy.path);
        free(making->copy.path);
    }

    worker->write_copying = 0;
    seal_info_free(&making->info);
    free(making);
}


static void
drop(worker_t *worker)
{
    snapshot_put(worker->write_snapshot);
    worker->write_snapshot = NULL;
}


static exchange_t *
take_waiting(worker_t *worker)
{
    exchange_t *first = worker->write_waiting;

    worker->write_waiting = NULL;

    return first;
}


static void
answer_all(exchange_t *exchange, snapshot_t *snapshot, unsigned status,
    const char *error)
{
    while (exchange) {
        exchange_t *next = exchange->next_waiting;

        if (status == 0) {
            exchange->query.snapshot = snapshot_get(snapshot);
        }

        exchange->worker->write_asked--;
        exchange->on_write_snapshot(exchange, status, error);
        exchange = next;
    }
}
