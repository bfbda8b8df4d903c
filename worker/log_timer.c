/* Any thread may have logged: the loop looks whenever it has turned, as each
   thread that did something wakes it. */

#include "log_timer.h"

#include "qsn_log.h"

static void on_prepare(uv_prepare_t *prepare);
static void on_timer(uv_timer_t *timer);


void
log_timer_start(worker_t *worker)
{
    (void) uv_timer_init(&worker->loop, &worker->log_timer);
    (void) uv_prepare_init(&worker->loop, &worker->log_prepare);
    (void) uv_prepare_start(&worker->log_prepare, on_prepare);
    worker->log_prepare.data = worker;
}


void
log_timer_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->log_prepare, NULL);
    uv_close((uv_handle_t *) &worker->log_timer, NULL);
}


static void
on_prepare(uv_prepare_t *prepare)
{
    worker_t *worker = prepare->data;

    if (!uv_is_active((uv_handle_t *) &worker->log_timer)) {
        int wait = qsn_log_timeout();

        if (wait != -1) {
            (void) uv_timer_start(&worker->log_timer, on_timer,
                                  (uint64_t) wait, 0);
        }
    }
}


/* If it is early, by the loop's clock, the next turn sets it again. */
static void
on_timer(uv_timer_t *timer)
{
    (void) timer;

    qsn_log_held();
}
