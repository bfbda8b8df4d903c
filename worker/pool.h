#ifndef POOL_H
#define POOL_H

/*
 * The query processes, seen from the worker: a few children that can be
 * killed, a queue in front of them, and for each running query the frames
 * that come back, passed on to whoever asked.
 *
 * What a query will take is guessed from what its like took before
 * (qsn_costs.h).  A process is sent a few quick ones ahead, so that a crowd
 * of them costs it and the worker one read and one write a handful; those
 * that turn out to wait behind a slow one are taken back and run elsewhere.
 * Known slow ones run beside the others from the start (lanes.h), and have a
 * queue of their own.  In each queue clients take turns (query_queue.h).
 *
 * Queries that ask the same at the same time run once, where the answer is
 * one that caches may keep.
 *
 * A query past its deadline is interrupted by its own process, at twice the
 * deadline the process is killed here and replaced; either way the asker
 * gets a last frame.
 *
 * Threads: the worker's loop only.
 */

#include <stdint.h>
#include <uv.h>

#include "qsn_frame.h"
#include "qsn_settings.h"
#include "query_process.h"
#include "slow_queries.h"
#include "snapshot.h"
#include "stats.h"

#define QUERY_REASON_SIZE  512

typedef struct pool_s pool_t;
typedef struct query_s query_t;

struct query_s {
    /* filled in by the asker, who owns the memory until the last frame */
    uint8_t op;                 /* enum qsn_op */
    uint8_t format;             /* enum qsn_format */
    uint16_t flags;             /* NATIVE, PARTS */
    const char *sql;            /* NULL: none given */
    size_t sql_length;
    snapshot_t *snapshot;       /* for this query alone; NULL: the served */
    uint64_t client;            /* who asks: a hash of its name */

    void (*on_frame)(query_t *query, const qsn_frame_t *frame,
                     const uint8_t *args, const uint8_t *body);
    void *asker;

    /* the pool's */
    struct query_queue_s *queue;        /* that it waits in, or NULL */
    query_t *previous;          /* there */
    query_t *next;
    uint64_t round;
    query_process_t *process;   /* NULL while it is queued */
    uint64_t queued_ms;         /* loop time */
    uint64_t key;               /* in qsn_costs_t */
    uint32_t cost_us;           /* what it may take, or QSN_COSTS_UNKNOWN */
    int sure;                   /* whether it need not be measured */
    uint64_t begun_us;          /* its process's time; 0: not noted */
    uint64_t turn;              /* of the pool's snapshots, it runs on */
    int alone;                  /* shares a process with no other query */
    int retried;                /* its process was killed from outside */
    int answered;               /* the RESPONSE frame has been passed on */

    /* share.c's */
    uint64_t world;
    uint64_t hash;
    int leading;
    query_t *next_leader;
    query_t *followers;
    query_t *leader;            /* NULL: it follows none */
    query_t *next_follower;
};

/*
 * slow: where queries that take long are noted.
 * argv is the worker's own command line: the children read the same
 * settings.  program is the path of qasino-query.  NULL without memory.
 */
pool_t *pool_create(uv_loop_t *loop, const qsn_settings_t *settings,
    stats_t *stats, slow_queries_t *slow, const char *program, char **argv);

/* How many a setting means of which 0 is one per core. */
size_t pool_per_core(int64_t setting);

/* Kills the children; waiting and running queries get their last frame.
   Runs the loop until everything on it is closed. */
void pool_destroy(pool_t *pool);

/* All processes go over to this snapshot, those that are busy when they are
   free.  Queries submitted from now on run on it. */
void pool_serve(pool_t *pool, snapshot_t *snapshot, uint64_t static_version);

/* For preparation.h: NULL past the last. */
query_process_t *pool_process(const pool_t *pool, size_t i);

/* Static tables have changed: an answer from before is none for a query
   from now on. */
void pool_static_changed(pool_t *pool);

/*
 * Queues a query.  ->on_frame is called for every frame of its answer, the
 * last being the first without QSN_FLAG_MORE: then the query is the asker's
 * again.  It may be called before this returns.
 */
void pool_submit(pool_t *pool, query_t *query);

/* This client asks elsewhere: nobody else is alone. */
void pool_hear_of(pool_t *pool, uint64_t client);

/* Ends the queries that run on older snapshots, which need room. */
void pool_drop_retired(pool_t *pool);

/* 1 if queries wait for a process. */
int pool_is_short(const pool_t *pool);

/* Nobody waits for it any more.  Its last frame comes before this returns. */
void pool_cancel(pool_t *pool, query_t *query);

/* Between these no frames are passed on: the asker's client is slow. */
void pool_pause(query_t *query);
void pool_resume(query_t *query);

#endif
