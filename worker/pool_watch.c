/*
 * What queries take: looked at while they run, so that one that turns out to
 * be slow holds up nobody, and noted for the next of their like.
 */

#include "pool_private.h"

#define LOOK_AT  8              /* of a queue */

static void on_slow_timer(uv_timer_t *timer);
static void take_back(query_process_t *process);
static void note_slowness(query_process_t *process);
static int asks_more(const pool_t *pool, const query_t *query);
static uint64_t spent_us(const query_t *query);


void
pool_watch(pool_t *pool)
{
    if (!uv_is_active((uv_handle_t *) &pool->slow_timer)) {
        (void) uv_timer_start(&pool->slow_timer, on_slow_timer,
                              LANES_TICK_MS, 0);
    }
}


static void
on_slow_timer(uv_timer_t *timer)
{
    pool_t *pool = timer->data;

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_t *process = &pool->lanes.processes[i];

        if (!lanes_is_slow(&pool->lanes, process)) {
            continue;
        }

        take_back(process);
        note_slowness(process);
    }

    if (lanes_tick(&pool->lanes) || pool_waiting(pool)) {
        (void) uv_timer_start(timer, on_slow_timer, LANES_TICK_MS, 0);
    }

    pool_dispatch(pool);
}


static void
take_back(query_process_t *process)
{
    for (size_t i = process->sent_count; --i > 0; /* void */) {
        query_t *query = process->sent[i].query;

        if (query) {
            query_process_forget(process, query);
            pool_run_again(query);
        }
    }
}


/* Its query is slow, or had to wait for a core.  One that was expected to be
   quick is looked at from here on.  Its like is known to be slow before it
   ends, if it does. */
static void
note_slowness(query_process_t *process)
{
    pool_t *pool = process->owner;
    query_t *query = process->sent[0].query;

    if (query == NULL || process->yields) {
        return;
    }

    if (query->begun_us == 0) {
        qsn_costs_forget(pool->costs, query->key);
        query->cost_us = QSN_COSTS_UNKNOWN;
        pool_note_begin(process);

    } else if (spent_us(query) >= LANES_HEAVY_US) {
        query->cost_us = LANES_HEAVY_US;
        qsn_costs_add(pool->costs, query->key, query->cost_us);
        lanes_yield(&pool->lanes, process);
    }
}


/* What the process takes from here on is its first query's, unless it reads a
   schema first.  For those that
   are known to be quick it is not asked: it would be a good part of that. */
void
pool_note_begin(query_process_t *process)
{
    query_t *query = process->sent_count ? process->sent[0].query : NULL;

    if (query && query->begun_us == 0 && !query_process_catches_up(process)
        && (!query->sure || query->cost_us >= LANES_QUICK_US))
    {
        query->begun_us = query_process_cpu(process);
    }
}


/* What has its place beside the lanes takes nothing of them.  Nor does a client
   crowd anybody out who asks one question at a time. */
void
pool_note_cost(pool_t *pool, const query_t *query)
{
    uint64_t us = query->cost_us;

    if (query->begun_us) {
        us = spent_us(query);
        qsn_costs_add(pool->costs, query->key, us);
    }

    if (us < LANES_HEAVY_US && asks_more(pool, query)) {
        takers_add(pool->takers, query->client, us, uv_now(pool->loop));
    }
}


/* Whether another query of its client runs or waits.  Clients take turns in each
   queue: one of a client that has many is soon met. */
static int
asks_more(const pool_t *pool, const query_t *query)
{
    for (size_t i = 0; i < pool->lanes.count; i++) {
        const query_process_t *process = &pool->lanes.processes[i];

        for (size_t j = 0; j < process->sent_count; j++) {
            const query_t *other = process->sent[j].query;

            if (other && other != query && other->client == query->client) {
                return 1;
            }
        }
    }

    for (int pace = 0; pace < LANES_PACES; pace++) {
        const query_t *other = pool->queues[pace].first;

        for (int i = 0; other && i < LOOK_AT; i++, other = other->next) {
            if (other->client == query->client) {
                return 1;
            }
        }
    }

    return 0;
}


/* Of its process's time; 0: not known. */
static uint64_t
spent_us(const query_t *query)
{
    uint64_t now_us = query->begun_us ? query_process_cpu(query->process) : 0;

    return now_us ? now_us - query->begun_us : 0;
}
