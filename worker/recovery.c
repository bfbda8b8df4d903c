/* A worker that is killed again and again still rotates, and loses nothing. */

#include "recovery.h"

#include "next.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "seal.h"

static int make_first_snapshot(worker_t *worker, leftovers_t *found,
    char *error);
static int go_on(worker_t *worker, const leftovers_t *found, char *error);
static uint64_t remaining_ms(worker_t *worker);


int
recovery_run(worker_t *worker, leftovers_t *found, uint64_t *left_ms,
    char *error)
{
    if (leftovers_find(worker, found, error) != 0) {
        return -1;
    }

    *left_ms = remaining_ms(worker);

    if ((found->served == 0
         && make_first_snapshot(worker, found, error) != 0)
        || go_on(worker, found, error) != 0)
    {
        return -1;
    }

    next_begin(worker, NULL, NULL);
    worker->collecting = worker->writer.number;

    return 0;
}


/*
 * Readers always have a snapshot, an empty one to begin with.  It comes
 * before the open generation, if there is one: that goes on.
 */
static int
make_first_snapshot(worker_t *worker, leftovers_t *found, char *error)
{
    uint64_t number = found->collecting ? found->collecting - 1
                                        : (uint64_t) qsn_clock_epoch();
    seal_facts_t facts;

    if (found->collecting) {
        qsn_log("no sealed generation in db_dir %s, beside the one that "
                "collects: an empty one is served",
                worker->settings.db_dir);
    }

    if (seal_empty(worker, number, &facts, error) != 0) {
        return -1;
    }

    seal_show(worker, &facts);
    found->served = number;

    if (found->highest < number) {
        found->highest = number;
    }

    return 0;
}


/* With the open generation, if there is one. */
static int
go_on(worker_t *worker, const leftovers_t *found, char *error)
{
    writer_t *writer = &worker->writer;

    writer->sealed = found->served;

    if (found->collecting <= found->served) {
        writer->number = next_number(found->highest);
        return 0;
    }

    writer->number = found->collecting;
    writer->generation = generation_open(&worker->settings,
                                         found->collecting, error);

    if (writer->generation == NULL
        || next_carry(worker, NULL, error) != 0)
    {
        return -1;              /* it may hold rows: the next start tries */
    }

    qsn_log("goes on collecting into generation %llu",
            (unsigned long long) found->collecting);

    return 0;
}


/* What the former worker's page says. */
static uint64_t
remaining_ms(worker_t *worker)
{
    uint64_t duration = (uint64_t) worker->settings.generation_duration_ms;
    uint64_t now = qsn_clock_monotonic_ms();
    qsn_page_state_t before;

    if (qsn_page_read(worker->page, &before) != 0) {
        return duration;
    }

    worker->page_state.start_epoch_us = before.start_epoch_us;
    worker->page_state.tables = before.tables;
    worker->page_state.rows = before.rows;
    worker->page_state.publishers = before.publishers;

    if (before.expires_ms > now + duration) {
        return duration;        /* another boot's, or another duration */
    }

    return before.expires_ms > now ? before.expires_ms - now : 0;
}
