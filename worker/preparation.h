#ifndef PREPARATION_H
#define PREPARATION_H

/*
 * A snapshot is served to all at the same moment, so before that the query
 * processes read its schema, beside what they serve: some of them at a time,
 * so that half of the cores are left to whoever asks and publishes.  Nobody
 * waits for it meanwhile, only the turn does, and not for long: a process
 * that has not read it by then does so when it is served.
 *
 * Threads: the worker's loop only.
 */

#include <stdint.h>
#include <uv.h>

#include "snapshot.h"

typedef struct worker_s worker_t;

typedef struct {
    snapshot_t *snapshot;       /* NULL: none is prepared now */
    size_t next;                /* process to be told */
    uint64_t until_ms;          /* loop time */
    uv_timer_t timer;
    void (*done)(worker_t *worker);
} preparation_t;

void preparation_start(worker_t *worker);

/* done is never called after this. */
void preparation_stop(worker_t *worker);

/* One at a time.  done is called once, perhaps before this returns. */
void preparation_begin(worker_t *worker, snapshot_t *snapshot,
    void (*done)(worker_t *worker));

#endif
