/*
 * The file is begun at half of the time: its thread is the last that the
 * scheduler thinks of, and gets little of a machine that is busy.
 *
 * Listing is a job of the writer's for some publishers, and from its answer
 * the next one.  When all are listed others go on publishing: half of the
 * time later those are.
 */

#include "ahead.h"

#include <stdlib.h>

#include "budget.h"
#include "ingest.h"
#include "internal_tables.h"
#include "qsn_log.h"

#define AHEAD_MS  1000          /* a quarter of a generation at most */
#define MAKE_MS   2000          /* for making tables, likewise */
#define AT_ONCE   500           /* less than a millisecond */
#define LAST_MS   20            /* whoever comes later is few */

typedef struct {
    job_t job;
    worker_t *worker;
    int more;
} listing_t;

static void make_spare(worker_t *worker, uint64_t left_ms);
static void on_half(uv_timer_t *timer);
static void on_timer(uv_timer_t *timer);
static void run_listing(job_t *job);
static void on_listed(job_t *job);


void
ahead_start(worker_t *worker)
{
    worker->ahead.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->ahead);
}


void
ahead_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->ahead, NULL);
}


void
ahead_expect(worker_t *worker, uint64_t left_ms)
{
    (void) uv_timer_start(&worker->ahead, on_half, left_ms / 2, 0);
}


static void
make_spare(worker_t *worker, uint64_t left_ms)
{
    spare_make(&worker->spare, worker->snapshot,
               budget_awaited(&worker->writer.budget),
               left_ms / 2 < MAKE_MS ? left_ms / 2 : MAKE_MS);
}


static void
on_half(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    uint64_t left = uv_timer_get_due_in(&worker->rotation);
    uint64_t ahead = left / 2 < AHEAD_MS ? left / 2 : AHEAD_MS;

    make_spare(worker, left);
    (void) uv_timer_start(timer, on_timer, left - ahead, 0);
}


static void
on_timer(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    listing_t *listing = calloc(1, sizeof(*listing));

    /* if there was no room for it */
    make_spare(worker, uv_timer_get_due_in(&worker->rotation));

    if (listing) {
        listing->job.run = run_listing;
        listing->job.done = on_listed;
        listing->worker = worker;
        ingest_run(worker, &listing->job);
    }
}


/* On the writer.  What fails here is done when the generation is sealed. */
static void
run_listing(job_t *job)
{
    listing_t *listing = (listing_t *) job;
    worker_t *worker = listing->worker;
    writer_t *writer = &worker->writer;

    listing->more = 0;

    if (writer->generation == NULL || writer->refusing[0] != '\0'
        || writer->generation->store.catalog.unlisted == NULL)
    {
        return;
    }

    store_t *store = &writer->generation->store;

    budget_lift(store);

    if (store_begin(store) == 0
        && internal_tables_list(store, worker->settings.identity, AT_ONCE,
                                &listing->more) == 0
        && store_commit(store) == 0)
    {
        budget_limit(store, writer->budget.max_generation);
        return;
    }

    qsn_log("publishers are not listed ahead: %s", sqlite3_errmsg(store->db));
    listing->more = 0;
    writer_rollback(writer);
    budget_limit(store, writer->budget.max_generation);
}


/* On the loop. */
static void
on_listed(job_t *job)
{
    listing_t *listing = (listing_t *) job;
    worker_t *worker = listing->worker;
    uint64_t left = uv_timer_get_due_in(&worker->rotation);

    if (listing->more && !worker->rotating
        && !worker->writer.thread.stopping)
    {
        ingest_run(worker, job);
        return;
    }

    free(listing);

    if (left > LAST_MS && left <= AHEAD_MS
        && !uv_is_closing((uv_handle_t *) &worker->ahead))
    {
        (void) uv_timer_start(&worker->ahead, on_timer, left / 2, 0);
    }
}
