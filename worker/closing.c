/*
 * All at once the pages are given back in 1 to 4 ms.  They are of the
 * writer's part of the heap, so that each is a lock that the writer waits
 * for, which has just begun with the next generation: its first publishes
 * took 1 to 2 ms then, and 0.2 beside a few pages at a time.
 */

#include "closing.h"

#include <stdlib.h>

#include "background.h"
#include "sql.h"

#define PAGES     16384         /* at most, of generation.c's cache_size */
#define SLICE     256           /* 20 us */
#define PAUSE_US  500

typedef struct {
    job_t job;
    uv_loop_t *loop;
    generation_t *generation;
} later_t;

static void run_closing(void *generation);
static void on_later(job_t *job);


void
closing_begin(uv_loop_t *loop, generation_t *generation)
{
    background_run(loop, run_closing, NULL, generation);
}


/* While the worker stops nobody waits for a lock, and the inbox may not be
   looked into any more. */
void
closing_later(uv_loop_t *loop, mailbox_t *inbox, generation_t *generation)
{
    later_t *later = background_hurries() ? NULL : calloc(1, sizeof(*later));

    if (later == NULL) {
        generation_close(generation);
        return;
    }

    later->job.done = on_later;
    later->loop = loop;
    later->generation = generation;
    mailbox_put_job(inbox, &later->job);
}


static void
on_later(job_t *job)
{
    later_t *later = (later_t *) job;

    closing_begin(later->loop, later->generation);
    free(later);
}


static void
run_closing(void *data)
{
    generation_t *generation = data;
    int left = PAGES;

    while ((left -= SLICE) > 0 && !background_hurries()) {
        (void) sql_execf(generation->store.db, "PRAGMA cache_size = %d",
                         left);
        background_leave_core(PAUSE_US);
    }

    generation_close(generation);
}
