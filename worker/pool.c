/*
 * The queue in front of the query processes, and the last frame of every
 * query that its process can no longer send itself.
 *
 * A process that dies takes one query with it, but when it had several, who
 * knows which: each is run again, alone this time.  So is one that was taken
 * back from behind a slow one, which it may have been itself: the answers
 * before it can be on their way while it runs.
 */

#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_costs.h"
#include "denylist.h"
#include "lanes.h"
#include "qsn_clock.h"
#include "qsn_op.h"
#include "qsn_reply.h"
#include "query_process.h"
#include "query_queue.h"
#include "share.h"
#include "takers.h"

#define GENERATIONS_KEPT  3
#define RETRY_MS          1000  /* a query that ran for less may run twice */

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
    denylist_t denied;          /* statements, in this generation */
};

static void enqueue(pool_t *pool, query_t *query);
static void watch_queues(pool_t *pool);
static void dispatch(pool_t *pool);
static int send_first(pool_t *pool, query_queue_t *queue);
static enum lanes_pace pace_of(pool_t *pool, const query_t *query);
static uint32_t load_of(const query_t *query);
static size_t count_waiting(const pool_t *pool);
static void send_query(query_process_t *process, query_t *query);
static void on_queue_timer(uv_timer_t *timer);
static query_t *longest_waiting(const pool_t *pool);
static void on_slow_timer(uv_timer_t *timer);
static void note_begin(query_process_t *process);
static void note_slowness(query_process_t *process);
static uint64_t spent_us(const query_t *query);
static void note_cost(pool_t *pool, const query_t *query);
static void take_back(query_process_t *process);
static void run_again(query_t *query);
static void on_before_poll(uv_prepare_t *prepare);
static void on_ready(query_process_t *process);
static void on_frame(query_process_t *process, void *data,
    const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);
static void on_death(query_process_t *process, int overdue);
static int deserves_another(const query_process_t *process, query_t *query);
static void pass_on(pool_t *pool, query_t *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void hand_out(pool_t *pool, query_t *follower,
    const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);
static int is_for_all(const qsn_frame_t *frame, const uint8_t *args);
static void note_slow(pool_t *pool, const query_t *query, uint64_t ms,
    unsigned status);
static void note_ended(pool_t *pool, const query_t *query, unsigned status);
static void fail(pool_t *pool, query_t *query, unsigned status,
    const char *message);
static void stop(pool_t *pool, query_t *query, unsigned status,
    const char *message);
static void replace(query_t *query, query_t *heir);

static const query_process_events_t events = {
    .on_ready = on_ready,
    .on_frame = on_frame,
    .on_death = on_death
};


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

    if (lanes_create(&pool->lanes, loop, settings->query_processes
                     ? (size_t) settings->query_processes
                     : (size_t) uv_available_parallelism(),
                     (size_t) settings->query_slow_processes,
                     (size_t) settings->query_slow_cores) != 0
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
        query_process_init(&pool->lanes.processes[i], loop, program, argv,
                           settings->static_db);
        pool->lanes.processes[i].owner = pool;
        pool->lanes.processes[i].events = &events;
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


void
pool_destroy(pool_t *pool)
{
    pool->stopping = 1;
    uv_close((uv_handle_t *) &pool->queue_timer, NULL);
    uv_close((uv_handle_t *) &pool->slow_timer, NULL);
    uv_close((uv_handle_t *) &pool->before_poll, NULL);

    for (int pace = 0; pace < LANES_PACES; pace++) {
        while (pool->queues[pace].first) {
            fail(pool, query_queue_pop(&pool->queues[pace]), 503,
                 "The server stops");
        }
    }

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_stop(&pool->lanes.processes[i]);
    }

    /* each death is seen by the loop, which closes the handles */
    (void) uv_run(pool->loop, UV_RUN_DEFAULT);

    lanes_destroy(&pool->lanes);
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
    denylist_clear(&pool->denied);
    lanes_serve(&pool->lanes, snapshot, static_version);

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_t *process = &pool->lanes.processes[i];

        for (size_t j = 0; j < process->sent_count; j++) {
            query_t *query = process->sent[j].query;

            if (query && pool->turn - query->turn >= GENERATIONS_KEPT) {
                stop(pool, query, 504, "The query was still running three "
                     "generations later");
            }
        }
    }
}


void
pool_drop_retired(pool_t *pool)
{
    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_t *process = &pool->lanes.processes[i];

        for (size_t j = 0; j < process->sent_count; j++) {
            query_t *query = process->sent[j].query;

            if (query && query->turn != pool->turn) {
                stop(pool, query, 504, "The generation that the query ran on "
                     "has made room: the file system of db_dir is full");
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
        enqueue(pool, query);
        dispatch(pool);
    }
}


static void
enqueue(pool_t *pool, query_t *query)
{
    if (query->sql
        && denylist_has(&pool->denied, query->sql, query->sql_length))
    {
        fail(pool, query, 403, "This statement cost a query process its life "
             "(it crashed, or did not stop at its query_deadline): it is "
             "refused until the next generation");
        return;
    }

    if (count_waiting(pool) >= (size_t) pool->settings->query_queue) {
        fail(pool, query, 503, "Too many queries are waiting (query_queue)");
        return;
    }

    query_queue_push(&pool->queues[pace_of(pool, query)], query);
    watch_queues(pool);
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


int
pool_is_short(const pool_t *pool)
{
    return count_waiting(pool) > 0;
}


void
pool_cancel(pool_t *pool, query_t *query)
{
    static const char message[] = "The query was cancelled";

    if (query->leader) {
        share_leave(query);
        fail(pool, query, 503, message);
        return;
    }

    query_t *heir = query->leading ? share_succeed(pool->share, query) : NULL;

    if (heir) {
        replace(query, heir);
        fail(pool, query, 503, message);
    } else {
        stop(pool, query, 503, message);
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


/* Those that are not known to be slow in the order in which they came, so far
   as there are processes for them.  One that has to run alone is not passed:
   what is quick would keep all of them busy. */
static void
dispatch(pool_t *pool)
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


static size_t
count_waiting(const pool_t *pool)
{
    size_t count = 0;

    for (int pace = 0; pace < LANES_PACES; pace++) {
        count += pool->queues[pace].count;
    }

    return count;
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

    if (query_process_send(process, query, &frame, args, 2 * deadline,
                           load_of(query)) != 0)
    {
        fail(pool, query, 503, "out of memory");
        return;
    }

    query->process = process;
    query->turn = pool->turn;
    note_begin(process);

    if (!uv_is_active((uv_handle_t *) &pool->slow_timer)) {
        (void) uv_timer_start(&pool->slow_timer, on_slow_timer,
                              LANES_TICK_MS, 0);
    }
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
        fail(pool, query, 503, "All query processes were busy for as long "
             "as a query may take (query_deadline)");
    }

    dispatch(pool);
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

    if (lanes_tick(&pool->lanes) || count_waiting(pool)) {
        (void) uv_timer_start(timer, on_slow_timer, LANES_TICK_MS, 0);
    }

    dispatch(pool);
}


/* What the process takes from here on is its first query's.  For those that
   are known to be quick it is not asked: it would be a good part of that. */
static void
note_begin(query_process_t *process)
{
    query_t *query = process->sent_count ? process->sent[0].query : NULL;

    if (query && query->begun_us == 0
        && (!query->sure || query->cost_us >= LANES_QUICK_US))
    {
        query->begun_us = query_process_cpu(process);
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
        note_begin(process);

    } else if (spent_us(query) >= LANES_HEAVY_US) {
        query->cost_us = LANES_HEAVY_US;
        qsn_costs_add(pool->costs, query->key, query->cost_us);
        lanes_yield(&pool->lanes, process);
    }
}


/* Of its process's time; 0: not known. */
static uint64_t
spent_us(const query_t *query)
{
    uint64_t now_us = query->begun_us ? query_process_cpu(query->process) : 0;

    return now_us ? now_us - query->begun_us : 0;
}


/* What has its place beside the lanes takes nothing of them. */
static void
note_cost(pool_t *pool, const query_t *query)
{
    uint64_t us = query->cost_us;

    if (query->begun_us) {
        us = spent_us(query);
        qsn_costs_add(pool->costs, query->key, us);
    }

    if (us < LANES_HEAVY_US) {
        takers_add(pool->takers, query->client, us, uv_now(pool->loop));
    }
}


static void
take_back(query_process_t *process)
{
    for (size_t i = process->sent_count; --i > 0; /* void */) {
        query_t *query = process->sent[i].query;

        if (query) {
            query_process_forget(process, query);
            run_again(query);
        }
    }
}


/* It comes before all that is queued: it was before. */
static void
run_again(query_t *query)
{
    query_process_t *process = query->process;
    pool_t *pool = process->owner;

    query->process = NULL;
    query->alone = 1;
    query->begun_us = 0;
    query_queue_push_first(&pool->queues[pace_of(pool, query)], query);
    watch_queues(pool);
}


static void
on_before_poll(uv_prepare_t *prepare)
{
    pool_t *pool = prepare->data;

    for (size_t i = 0; i < pool->lanes.count; i++) {
        query_process_flush(&pool->lanes.processes[i]);
    }
}


static void
on_ready(query_process_t *process)
{
    pool_t *pool = process->owner;

    note_begin(process);
    dispatch(pool);
}


static void
on_frame(query_process_t *process, void *data, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    pool_t *pool = process->owner;
    query_t *query = data;

    if (frame->flags & QSN_FLAG_MORE) {
        query->answered = 1;
        pass_on(pool, query, frame, args, body);
        dispatch(pool);         /* what followed has to run for itself */
        return;
    }

    int good = query->answered ? !(frame->flags & QSN_FLAG_ABORT)
                               : frame->status == 200;

    pool->stats->sql_completed += good;
    pool->stats->sql_errors += !good;
    note_slow(pool, query, process->ran_ms, query->answered ? 200 * good
                                                            : frame->status);

    note_cost(pool, query);
    note_begin(process);
    pass_on(pool, query, frame, args, body);
    dispatch(pool);
}


static void
on_death(query_process_t *process, int overdue)
{
    pool_t *pool = process->owner;
    int several = process->sent_count > 1;

    /* from the last one on: each comes before those behind it again */
    for (size_t i = process->sent_count; i-- > 0; /* void */) {
        query_t *query = process->sent[i].query;

        if (query == NULL) {
            continue;
        }

        /* with others behind it, it may have been one of those */
        if (process->at_fault && i == 0 && (overdue || !several)) {
            denylist_add(&pool->denied, query->sql, query->sql_length);
        }

        if (overdue && i == 0) {
            note_ended(pool, query, 504);
            fail(pool, query, 504, "The query did not stop at its deadline "
                 "(query_deadline): its process was killed");

        } else if (!query->answered && !pool->stopping
                   && (several || deserves_another(process, query)))
        {
            run_again(query);

        } else {
            note_ended(pool, query, 500);
            fail(pool, query, 500, "The query's process died");
        }
    }

    lanes_bury(process);

    if (!pool->stopping) {
        dispatch(pool);
    }
}


/* Whoever killed the process from outside did not mean the statement.  One
   that had run for long is not begun anew: it may be why (for its memory). */
static int
deserves_another(const query_process_t *process, query_t *query)
{
    const pool_t *pool = process->owner;

    return process->killed && !query->retried++
           && uv_now(pool->loop) - process->since_ms < RETRY_MS;
}


/* The first frame of a leader is also for those that follow it. */
static void
pass_on(pool_t *pool, query_t *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    query_t *follower = NULL;

    if (query->leading) {
        follower = share_resolve(pool->share, query);
    }

    if (!(frame->flags & QSN_FLAG_MORE)) {
        query->process = NULL;
    }

    query->on_frame(query, frame, args, body);

    while (follower) {
        query_t *next = follower->next_follower;

        hand_out(pool, follower, frame, args, body);
        follower = next;
    }
}


static void
hand_out(pool_t *pool, query_t *follower, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    if (is_for_all(frame, args)) {
        pool->stats->sql_completed += frame->status == 200;
        pool->stats->sql_errors += frame->status != 200;
        follower->on_frame(follower, frame, args, body);

    } else if (pool->stopping) {
        fail(pool, follower, 503, "The server stops");

    } else {
        enqueue(pool, follower);        /* whoever is calling dispatches */
    }
}


/* A whole answer that is the same for all, or the news that it takes too
   long to find: the others would take as long. */
static int
is_for_all(const qsn_frame_t *frame, const uint8_t *args)
{
    qsn_frame_arg_t found[QSN_FRAME_TAGS];

    if (frame->flags & QSN_FLAG_MORE) {
        return 0;
    }

    return frame->status == 504
           || (qsn_frame_parse_args(args, frame->args_length, found) == NULL
               && found[QSN_ARG_MAX_AGE_MS].data);
}


static void
note_slow(pool_t *pool, const query_t *query, uint64_t ms, unsigned status)
{
    slow_queries_add(pool->slow, query->sql, query->sql_length, ms, status,
                     qsn_clock_epoch());
}


/* The same of a query with a process that will not end it: of the one that
   it runs, as those behind have taken no time yet. */
static void
note_ended(pool_t *pool, const query_t *query, unsigned status)
{
    const query_process_t *process = query->process;

    if (process->sent[0].query == query) {
        note_slow(pool, query, uv_now(pool->loop) - process->since_ms,
                  query->answered ? 0 : status);
    }
}


/* The last frame of a query, made here. */
static void
fail(pool_t *pool, query_t *query, unsigned status, const char *message)
{
    size_t length = strlen(message);
    qsn_frame_t frame = {
        .type = QSN_FRAME_RESPONSE,
        .op = query->op,
        .format = query->format,
        .status = (uint16_t) status
    };

    pool->stats->sql_errors++;

    if (query->answered) {
        frame.type = QSN_FRAME_DATA;
        frame.status = 0;
        frame.flags = QSN_FLAG_ABORT;
        frame.body_length = length;
        pass_on(pool, query, &frame, NULL, (const uint8_t *) message);
        return;
    }

    const char *identity = pool->settings->identity;
    size_t size = qsn_reply_error_size(query->format, identity, message,
                                       length);
    uint8_t *body = malloc(size);

    if (body) {
        (void) qsn_reply_error((char *) body, query->format, identity,
                               message, length);
        frame.body_length = size;
    }

    pass_on(pool, query, &frame, NULL, body);
    free(body);
}


/* The same for a query that may be with a process. */
static void
stop(pool_t *pool, query_t *query, unsigned status, const char *message)
{
    query_process_t *process = query->process;

    if (process == NULL) {
        query_queue_remove(query);
        fail(pool, query, status, message);
        return;
    }

    int paused = process->paused && process->sent[0].query == query;

    note_ended(pool, query, status);
    query_process_forget(process, query);
    fail(pool, query, status, message);

    if (paused) {
        query_process_resume(process);  /* what it still says has to go */
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
