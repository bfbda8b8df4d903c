#ifndef LANES_H
#define LANES_H

/*
 * How many query processes there are, and which of them takes a query.
 *
 * As many queries run side by side as there are lanes, one a core.  A query
 * that has run for LANES_SLOW_MS leaves its lane and goes on beside it, so
 * that those behind it are not held up: another process takes its place.
 * Its own yields the cores from then on, unless the query has hardly used
 * them: then others were in its way.  As a process may not raise its priority
 * again, it takes only slow queries afterwards: those whose like took
 * LANES_HEAVY_US before go to such a process from the start, and more are
 * started for them.
 *
 * One of which nothing is known gives way to whoever wakes up, and does
 * without the cores that slow ones do without: its process goes on so until
 * it is given another.
 *
 * A query whose client does not take its answer leaves its lane, too, and
 * who has many quick ones, so that they fill the lanes while others ask
 * (takers.h), has them beside.
 *
 * While there are slow queries one process more than there are lanes waits:
 * it takes a quick query when those in the lanes are no quick ones.
 *
 * Threads: the worker's loop only.
 */

#include "query_process.h"

#define LANES_SLOW_MS   10      /* more than two ticks of control.c, which
                                   then answers what is done */
#define LANES_QUICK_US  1000    /* what one waits behind, at most */
#define LANES_HEAVY_US  2500    /* of processor time: may not hold a lane */
#define LANES_TICK_MS   5
#define LANES_KEEP_MS   2000    /* how long a process too many is idle */

/* What is expected of a query. */
enum lanes_pace {
    LANES_QUICK,                /* less than LANES_QUICK_US */
    LANES_UNSURE,
    LANES_SLOW,                 /* LANES_HEAVY_US or more */
    LANES_MANY,                 /* less, but there are too many of them */
    LANES_PACES
};

typedef struct {
    query_process_t *processes; /* running or not */
    size_t count;
    size_t lanes;
    uv_loop_t *loop;
    snapshot_t *snapshot;       /* what a process begins with */
    uint64_t static_version;
} lanes_t;

/* slow: how many queries at most run beside the lanes.  0 or -1 (memory); the
   processes are still to be initialised. */
int lanes_create(lanes_t *lanes, uv_loop_t *loop, size_t count, size_t slow);
void lanes_destroy(lanes_t *lanes);

/* All processes that run go over to this snapshot; some may begin or end. */
void lanes_serve(lanes_t *lanes, snapshot_t *snapshot,
    uint64_t static_version);

/* By what a query may take, in microseconds (qsn_costs.h); greedy: its client
   takes too much of the lanes. */
enum lanes_pace lanes_pace(const lanes_t *lanes, uint32_t cost_us,
    int greedy);

/* The process that should take such a query, behind what it has to do or
   alone; NULL: it has to wait, and may be the reason to start a process. */
query_process_t *lanes_choose(lanes_t *lanes, enum lanes_pace pace,
    uint32_t cost_us, int alone);

/* For one of many, when nobody else waits for a lane: one that is idle, if
   there is no more place beside them.  NULL: it has to wait. */
query_process_t *lanes_spare(const lanes_t *lanes);

/* Such a query is about to be sent to the process. */
void lanes_before_query(query_process_t *process, uint32_t cost_us);

/* 1 if nothing new should wait behind what the process does. */
int lanes_is_slow(const lanes_t *lanes, const query_process_t *process);

/* The process has a slow query: from here on it yields the cores, if others
   can take its place. */
void lanes_yield(const lanes_t *lanes, query_process_t *process);

/* Due every LANES_TICK_MS while queries run, and while there are more
   processes than lanes.  1: it is due again. */
int lanes_tick(lanes_t *lanes);

/* The process is dead. */
void lanes_bury(query_process_t *process);

#endif
