#ifndef LANES_H
#define LANES_H

/*
 * How many query processes there are, and which of them take new queries.
 *
 * As many queries run side by side as there are lanes, one a core.  A query
 * that has run for LANES_SLOW_MS, or whose client does not take its answer,
 * leaves its lane and goes on beside it, so that those behind it are not
 * held up: another process takes its place.  One
 * that runs for LANES_LONG_MS yields the cores to the others; its process,
 * which may not raise its own priority again, ends with it.
 *
 * Threads: the worker's loop only.
 */

#include "query_process.h"

#define LANES_SLOW_MS  10       /* more than two ticks of control.c, which
                                   then answers what is done */
#define LANES_LONG_MS  100
#define LANES_TICK_MS  5
#define LANES_KEEP_MS  2000     /* how long a process too many is idle */

typedef struct {
    query_process_t *processes; /* running or not */
    size_t count;
    size_t lanes;
    uv_loop_t *loop;
    snapshot_t *snapshot;       /* what a process begins with */
    uint64_t static_version;
} lanes_t;

/* slow: how many queries at most run beside the lanes.  0 or -1 (memory);
   the processes are still to be initialised. */
int lanes_create(lanes_t *lanes, uv_loop_t *loop, size_t count, size_t slow);
void lanes_destroy(lanes_t *lanes);

/* All processes that run go over to this snapshot; some may begin or end. */
void lanes_serve(lanes_t *lanes, snapshot_t *snapshot,
    uint64_t static_version);

/* 1 if nothing new should wait behind what the process does. */
int lanes_is_slow(const lanes_t *lanes, const query_process_t *process);

/* 1 if a process that does nothing may begin to do something. */
int lanes_is_free(const lanes_t *lanes);

/* Due every LANES_TICK_MS while queries run, and while there are more
   processes than lanes.  1: it is due again. */
int lanes_tick(lanes_t *lanes);

/* The process has done a query: if it was its last, it may end. */
void lanes_rest(lanes_t *lanes, query_process_t *process);

#endif
