/*
 * The pool's life: its processes begin, go over to each snapshot and end, and
 * queries come and are called off.
 */

#include "pool_private.h"

#include <stdlib.h>

#define GENERATIONS_KEPT  3

static void replace(query_t *query, query_t *heir);
static void on_before_poll(uv_prepare_t *prepare);


pool_t *
pool_create(uv_loop_t *loop, const qsn_settings_t *settings, stats_t *stats,
    slow_queries_t *slow, const char *program, char **argv)
{
    pool_t *pool = calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }

    pool->loop = loop;
    pool->settings = settings;
    pool->stats = stats;
    pool->slow = slow;
    pool->share = share_create();
    pool->costs = qsn_costs_create();

    if (lanes_create(&pool->lanes, loop,
                     pool_per_core(settings->query_processes),
                     (size_t) settings->query_slow_processes) != 0
        || (pool->takers = takers_create(pool->lanes.lanes)) == NULL
        || pool->share == NULL || pool->costs == NULL)
    {
        lanes_destroy(&pool->lanes);
        share_destroy(pool->share);
        qsn_costs_destroy(pool->costs);
        takers_destroy(pool->takers);
        free(pool);
        return NULL;
    }

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_init(&pool->lanes.processes[i], loop, settings,
                           program, argv);
        pool->lanes.processes[i].owner = pool;
        pool->lanes.processes[i].events = &pool_events;
    }

    (void) uv_timer_init(loop, &pool->queue_timer);
    pool->queue_timer.data = pool;
    (void) uv_timer_init(loop, &pool->slow_timer);
    pool->slow_timer.data = pool;

    /* Handles that were started last run first: so this one comes after
       connection.c's, which may submit queries. */
    (void) uv_prepare_init(loop, &pool->before_poll);
    (void) uv_prepare_start(&pool->before_poll, on_before_poll);
    pool->before_poll.data = pool;

    return pool;
}


size_t
pool_per_core(int64_t setting)
{
    return setting ? (size_t) setting : (size_t) uv_available_parallelism();
}


void
pool_destroy(pool_t *pool)
{
    pool->stopping = 1;
    uv_close((uv_handle_t *) &pool->queue_timer, NULL);
    uv_close((uv_handle_t *) &pool->slow_timer, NULL);
    uv_close((uv_handle_t *) &pool->before_poll, NULL);

    for (int pace = 0; pace < LANES_PACES; pace++) {
        while (pool->queues[pace].first) {
            pool_fail(pool, query_queue_pop(&pool->queues[pace]), 503,
                      "The server stops");
        }
    }

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_stop(&pool->lanes.processes[i]);
    }

    /* each death is seen by the loop, which closes the handles */
    (void) uv_run(pool->loop, UV_RUN_DEFAULT);

    lanes_destroy(&pool->lanes);
    denylist_clear(&pool->suspected);
    denylist_clear(&pool->denied);
    share_destroy(pool->share);
    qsn_costs_destroy(pool->costs);
    takers_destroy(pool->takers);
    free(pool);
}


void
pool_serve(pool_t *pool, snapshot_t *snapshot, uint64_t static_version)
{
    pool->turn++;
    pool->world++;
    denylist_clear(&pool->suspected);
    denylist_clear(&pool->denied);
    lanes_serve(&pool->lanes, snapshot, static_version);

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_t *process = &pool->lanes.processes[i];

        for (size_t j = 0; j < process->sent_count; j++) {
            query_t *query = process->sent[j].query;

            if (query && pool->turn - query->turn >= GENERATIONS_KEPT) {
                pool_stop(pool, query, 504, "The query was still running "
                          "three generations later");
            }
        }
    }
}


query_process_t *
pool_process(const pool_t *pool, size_t i)
{
    return i < pool->lanes.count ? &pool->lanes.processes[i] : NULL;
}


void
pool_drop_retired(pool_t *pool)
{
    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_t *process = &pool->lanes.processes[i];

        for (size_t j = 0; j < process->sent_count; j++) {
            query_t *query = process->sent[j].query;

            if (query && query->turn != pool->turn) {
                pool_stop(pool, query, 504, "The generation that the query "
                          "ran on has made room: the file system of db_dir is "
                          "full");
            }
        }
    }
}


void
pool_static_changed(pool_t *pool)
{
    pool->world++;
}


void
pool_submit(pool_t *pool, query_t *query)
{
    query->process = NULL;
    query->queue = NULL;
    query->key = qsn_costs_key(query->client ^ query->op, query->sql,
                           query->sql_length);
    query->cost_us = qsn_costs_of(pool->costs, query->key, &query->sure);
    query->begun_us = 0;
    query->alone = 0;
    query->retried = 0;
    query->answered = 0;
    query->queued_ms = uv_now(pool->loop);
    query->world = pool->world;
    pool->stats->sql_received++;
    takers_ask(pool->takers, query->client, query->queued_ms);

    if (!share_enter(pool->share, query)) {
        pool_enqueue(pool, query);
        pool_dispatch(pool);
    }
}


void
pool_hear_of(pool_t *pool, uint64_t client)
{
    takers_ask(pool->takers, client, uv_now(pool->loop));
}


int
pool_is_short(const pool_t *pool)
{
    return pool_waiting(pool) > 0;
}


void
pool_cancel(pool_t *pool, query_t *query)
{
    static const char message[] = "The query was cancelled";

    if (query->leader) {
        share_leave(query);
        pool_fail(pool, query, 503, message);
        return;
    }

    query_t *heir = query->leading ? share_succeed(pool->share, query) : NULL;

    if (heir) {
        replace(query, heir);
        pool_fail(pool, query, 503, message);
    } else {
        pool_stop(pool, query, 503, message);
    }
}


void
pool_pause(query_t *query)
{
    if (query->process) {
        query_process_pause(query->process);
    }
}


void
pool_resume(query_t *query)
{
    if (query->process) {
        query_process_resume(query->process);
    }
}


/* heir takes the place of query, which the caller still has to end. */
static void
replace(query_t *query, query_t *heir)
{
    if (query->process) {
        heir->process = query->process;
        heir->turn = query->turn;
        heir->begun_us = query->begun_us;
        query_process_replace(query->process, query, heir);
        query->process = NULL;

    } else {
        query_queue_replace(query, heir);
    }

    heir->alone = query->alone;
}


static void
on_before_poll(uv_prepare_t *prepare)
{
    pool_t *pool = prepare->data;

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_flush(&pool->lanes.processes[i]);
    }
}
