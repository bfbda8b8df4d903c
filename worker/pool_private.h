#ifndef POOL_PRIVATE_H
#define POOL_PRIVATE_H

/*
 * The pool, between its parts: pool.c has its life, pool_dispatch.c the
 * queries that wait, pool_watch.c those that run, pool_answer.c what comes of
 * them.
 */

#include "denylist.h"
#include "lanes.h"
#include "pool.h"
#include "qsn_costs.h"
#include "query_process.h"
#include "query_queue.h"
#include "share.h"
#include "takers.h"

struct pool_s {
    uv_loop_t *loop;
    const qsn_settings_t *settings;
    stats_t *stats;
    slow_queries_t *slow;
    lanes_t lanes;
    uint64_t turn;              /* counts snapshots */
    uint64_t world;             /* and changes of static tables, too */
    share_t *share;
    qsn_costs_t *costs;
    takers_t *takers;
    query_queue_t queues[LANES_PACES];
    uv_timer_t queue_timer;     /* while queries wait, or a while longer */
    uv_timer_t slow_timer;      /* while queries run */
    uv_prepare_t before_poll;
    int stopping;
    denylist_t suspected;       /* statements of this generation for which a */
    denylist_t denied;          /* process was killed once; that are refused */
};

/* What the pool's processes tell it. */
extern const query_process_events_t pool_events;

/* The query waits for a process, or is refused; dispatch sends what can be
   sent by now. */
void pool_enqueue(pool_t *pool, query_t *query);
void pool_dispatch(pool_t *pool);

/* A query that was with a process, and did not begin to be answered, waits
   before all others for one of its own. */
void pool_run_again(query_t *query);

/* How many queries wait. */
size_t pool_waiting(const pool_t *pool);

/* Sees to it that slow queries are found; due when one is sent. */
void pool_watch(pool_t *pool);

/* The process may have begun with another query; that one has ended. */
void pool_note_begin(query_process_t *process);
void pool_note_cost(pool_t *pool, const query_t *query);

/* The last frame of a query, made here; stop: of one that may be with a
   process or in a queue. */
void pool_fail(pool_t *pool, query_t *query, unsigned status,
    const char *message);
void pool_stop(pool_t *pool, query_t *query, unsigned status,
    const char *message);

#endif
