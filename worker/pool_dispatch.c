/*
 * The queues in front of the query processes: who waits for how long, and
 * whom a process takes next.
 *
 * A process that dies takes one query with it, but when it had several, who
 * knows which: each is run again, alone this time.  So is one that was taken
 * back from behind a slow one, which it may have been itself: the answers
 * before it can be on their way while it runs.
 */

#include "pool_private.h"

#include <string.h>

static int is_denied(const pool_t *pool, const query_t *query);
static void refuse_denied(pool_t *pool, query_t *query);
static void refuse_one(pool_t *pool, query_queue_t *longest);
static void watch_queues(pool_t *pool);
static void on_queue_timer(uv_timer_t *timer);
static query_t *longest_waiting(const pool_t *pool);
static int send_first(pool_t *pool, query_queue_t *queue);
static enum lanes_pace pace_of(pool_t *pool, const query_t *query);
static uint32_t load_of(const query_t *query);
static void send_query(query_process_t *process, query_t *query);


void
pool_enqueue(pool_t *pool, query_t *query)
{
    if (is_denied(pool, query)) {
        refuse_denied(pool, query);
        return;
    }

    query_queue_t *queue = &pool->queues[pace_of(pool, query)];
    size_t most = (size_t) pool->settings->query_queue;

    query_queue_push(queue, query);
    watch_queues(pool);

    if (pool_waiting(pool) > most) {
        refuse_one(pool, queue);
    }
}


static int
is_denied(const pool_t *pool, const query_t *query)
{
    return denylist_has(&pool->denied, query->sql, query->sql_length);
}


static void
refuse_denied(pool_t *pool, query_t *query)
{
    pool_fail(pool, query, 403, "This statement cost a query process its life "
              "(it crashed, was killed twice, or did not stop at its "
              "query_deadline): it is refused until the next generation");
}


/* It comes before all that is queued: it was before. */
void
pool_run_again(query_t *query)
{
    query_process_t *process = query->process;
    pool_t *pool = process->owner;

    query->process = NULL;
    query->alone = 1;
    query->begun_us = 0;
    query_queue_push_first(&pool->queues[pace_of(pool, query)], query);
    watch_queues(pool);
}


/* The last one where most are waiting: as clients take turns, it is of the
   one that wants most. */
static void
refuse_one(pool_t *pool, query_queue_t *longest)
{
    for (int pace = 0; pace < LANES_PACES; pace++) {
        if (pool->queues[pace].count > longest->count) {
            longest = &pool->queues[pace];
        }
    }

    query_t *query = longest->last;

    query_queue_remove(query);
    pool_fail(pool, query, 503, "Too many queries are waiting (query_queue)");
}


static void
watch_queues(pool_t *pool)
{
    if (!uv_is_active((uv_handle_t *) &pool->queue_timer)) {
        (void) uv_timer_start(&pool->queue_timer, on_queue_timer,
                              (uint64_t) pool->settings->query_deadline_ms,
                              0);
    }
}


size_t
pool_waiting(const pool_t *pool)
{
    size_t count = 0;

    for (int pace = 0; pace < LANES_PACES; pace++) {
        count += pool->queues[pace].count;
    }

    return count;
}


/* It goes off at times for nothing: cheaper than to find who has waited
   longest at each change. */
static void
on_queue_timer(uv_timer_t *timer)
{
    pool_t *pool = timer->data;
    uint64_t patience = (uint64_t) pool->settings->query_deadline_ms;
    query_t *query;

    while ((query = longest_waiting(pool)) != NULL) {
        uint64_t waited = uv_now(pool->loop) - query->queued_ms;

        if (waited < patience) {
            (void) uv_timer_start(timer, on_queue_timer, patience - waited,
                                  0);
            break;
        }

        query_queue_remove(query);
        pool_fail(pool, query, 503, "All query processes were busy for as "
                  "long as a query may take (query_deadline)");
    }

    pool_dispatch(pool);
}


static query_t *
longest_waiting(const pool_t *pool)
{
    query_t *longest = NULL;

    for (int pace = 0; pace < LANES_PACES; pace++) {
        for (query_t *q = pool->queues[pace].first; q; q = q->next) {
            if (longest == NULL || q->queued_ms < longest->queued_ms) {
                longest = q;
            }
        }
    }

    return longest;
}


/* Those that are not known to be slow in the order in which they came, so far
   as there are processes for them.  One that has to run alone is not passed:
   what is quick would keep all of them busy. */
void
pool_dispatch(pool_t *pool)
{
    query_queue_t *quick = &pool->queues[LANES_QUICK];
    query_queue_t *unsure = &pool->queues[LANES_UNSURE];
    int sent;

    do {
        int swap = quick->first && unsure->first
                   && unsure->first->queued_ms < quick->first->queued_ms;

        sent = send_first(pool, swap ? unsure : quick)
               || (!(swap && unsure->first->alone)
                   && send_first(pool, swap ? quick : unsure));
    } while (sent);

    while (send_first(pool, &pool->queues[LANES_SLOW])
           || send_first(pool, &pool->queues[LANES_MANY]))
    {
        /* void */
    }
}


/* 1 if the first of the queue has left it. */
static int
send_first(pool_t *pool, query_queue_t *queue)
{
    query_t *query = queue->first;

    if (query == NULL) {
        return 0;
    }

    /* the same may have cost a process meanwhile */
    if (is_denied(pool, query)) {
        refuse_denied(pool, query_queue_pop(queue));
        return 1;
    }

    /* its like may have become known meanwhile */
    query->cost_us = qsn_costs_of(pool->costs, query->key, &query->sure);

    enum lanes_pace pace = pace_of(pool, query);

    if (queue != &pool->queues[pace]) {
        query_queue_remove(query);
        query_queue_push(&pool->queues[pace], query);
        return 1;
    }

    query_process_t *process = lanes_choose(&pool->lanes, pace,
                                            query->cost_us, query->alone);

    if (process == NULL && pace == LANES_MANY
        && pool->queues[LANES_QUICK].first == NULL
        && pool->queues[LANES_UNSURE].first == NULL)
    {
        process = lanes_spare(&pool->lanes);
    }

    if (process == NULL) {
        return 0;
    }

    send_query(process, query_queue_pop(queue));

    return 1;
}


static enum lanes_pace
pace_of(pool_t *pool, const query_t *query)
{
    return lanes_pace(&pool->lanes, load_of(query),
                      takers_is_greedy(pool->takers, query->client,
                                       uv_now(pool->loop)));
}


/* What it counts for where it is: nothing is to be sent behind one alone. */
static uint32_t
load_of(const query_t *query)
{
    return query->alone && query->cost_us < LANES_QUICK_US ? LANES_QUICK_US
                                                           : query->cost_us;
}


static void
send_query(query_process_t *process, query_t *query)
{
    pool_t *pool = process->owner;
    uint64_t deadline = (uint64_t) pool->settings->query_deadline_ms;
    qsn_frame_arg_t args[QSN_FRAME_TAGS] = { { 0 } };
    uint8_t milliseconds[8];
    qsn_frame_t frame = {
        .type = QSN_FRAME_REQUEST,
        .op = query->op,
        .format = query->format,
        .flags = query->flags
    };

    qsn_frame_store_u64(milliseconds, deadline);
    args[QSN_ARG_SQL] = (qsn_frame_arg_t) { (const uint8_t *) query->sql,
                                            query->sql_length };
    args[QSN_ARG_DEADLINE_MS] = (qsn_frame_arg_t) { milliseconds, 8 };

    if (query->snapshot) {
        args[QSN_ARG_SNAPSHOT] = (qsn_frame_arg_t) {
            (const uint8_t *) query->snapshot->path,
            strlen(query->snapshot->path) };
    }

    lanes_before_query(process, query->cost_us);

    if (query_process_send(process, query, &frame, args, 2 * deadline,
                           load_of(query)) != 0)
    {
        pool_fail(pool, query, 503, "out of memory");
        return;
    }

    query->process = process;
    query->turn = pool->turn;
    pool_note_begin(process);
    pool_watch(pool);
}
