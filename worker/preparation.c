#include "preparation.h"

#include "direct.h"
#include "pool.h"
#include "query_process.h"
#include "worker.h"

#define MOST_MS   2000          /* for all of them, or */
#define PART      4             /* of a generation, if that is less */
#define TICK_MS   20            /* who cannot be heard is not waited for */

static void go_on(worker_t *worker);
static size_t count_told(worker_t *worker);
static query_process_t *process_at(worker_t *worker, size_t i);
static void on_prepared(void *data, const snapshot_t *snapshot);
static void on_tick(uv_timer_t *timer);
static void end(worker_t *worker);


void
preparation_start(worker_t *worker)
{
    worker->preparation.timer.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->preparation.timer);
}


void
preparation_stop(worker_t *worker)
{
    snapshot_put(worker->preparation.snapshot);
    worker->preparation.snapshot = NULL;
    uv_close((uv_handle_t *) &worker->preparation.timer, NULL);
}


void
preparation_begin(worker_t *worker, snapshot_t *snapshot,
    void (*done)(worker_t *worker))
{
    preparation_t *preparation = &worker->preparation;
    uint64_t ms = (uint64_t) worker->settings.generation_duration_ms / PART;

    preparation->snapshot = snapshot_get(snapshot);
    preparation->next = 0;
    preparation->until_ms = uv_now(&worker->loop)
                            + (ms < MOST_MS ? ms : MOST_MS);
    preparation->done = done;
    (void) uv_timer_start(&preparation->timer, on_tick, TICK_MS, TICK_MS);
    go_on(worker);
}


static void
go_on(worker_t *worker)
{
    preparation_t *preparation = &worker->preparation;
    size_t most = ((size_t) uv_available_parallelism() + 1) / 2;
    size_t told = count_told(worker);
    query_process_t *process;

    while (told < most
           && (process = process_at(worker, preparation->next)) != NULL)
    {
        preparation->next++;
        told += query_process_prepare(process, preparation->snapshot,
                                      worker->page_state.static_version,
                                      on_prepared, worker) == 0;
    }

    if (told == 0) {
        end(worker);
    }
}


/* And have not answered. */
static size_t
count_told(worker_t *worker)
{
    size_t told = 0;
    query_process_t *process;

    for (size_t i = 0; (process = process_at(worker, i)) != NULL; i++) {
        told += (size_t) query_process_prepares(process,
                                                worker->preparation.snapshot);
    }

    return told;
}


/* Those that nginx asks come first: most queries go to them. */
static query_process_t *
process_at(worker_t *worker, size_t i)
{
    size_t count = direct_processes(worker);

    return i < count ? direct_process(worker, i)
                     : pool_process(worker->pool, i - count);
}


/* Or dead.  Of an earlier one: it was late. */
static void
on_prepared(void *data, const snapshot_t *snapshot)
{
    worker_t *worker = data;

    if (worker->preparation.snapshot == snapshot) {
        go_on(worker);
    }
}


static void
on_tick(uv_timer_t *timer)
{
    worker_t *worker = timer->data;

    if (uv_now(&worker->loop) >= worker->preparation.until_ms) {
        end(worker);
    } else {
        go_on(worker);
    }
}


static void
end(worker_t *worker)
{
    preparation_t *preparation = &worker->preparation;

    (void) uv_timer_stop(&preparation->timer);
    snapshot_put(preparation->snapshot);
    preparation->snapshot = NULL;
    preparation->done(worker);
}
