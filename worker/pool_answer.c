/*
 * What comes of a query: the frames that its process sends are passed on, to
 * whoever asked and to those that asked the same, and where it cannot send
 * the last one any more that is made here.
 */

#include "pool_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_clock.h"
#include "qsn_reply.h"

#define RETRY_MS  1000          /* a query that ran for less may run twice */

static void on_ready(query_process_t *process);
static void on_frame(query_process_t *process, void *data,
    const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);
static void on_death(query_process_t *process, int overdue);
static int blame(const query_process_t *process, const query_t *query);
static int deserves_another(const query_process_t *process, query_t *query);
static void pass_on(pool_t *pool, query_t *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void hand_out(pool_t *pool, query_t *follower,
    const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);
static int is_for_all(const qsn_frame_t *frame, const uint8_t *args);
static void note_slow(pool_t *pool, const query_t *query, uint64_t ms,
    unsigned status);
static void note_ended(pool_t *pool, const query_t *query, unsigned status);

const query_process_events_t pool_events = {
    .on_ready = on_ready,
    .on_frame = on_frame,
    .on_death = on_death
};


static void
on_ready(query_process_t *process)
{
    pool_t *pool = process->owner;

    pool_note_begin(process);
    pool_dispatch(pool);
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
        pool_dispatch(pool);         /* what followed has to run for itself */
        return;
    }

    int good = query->answered ? !(frame->flags & QSN_FLAG_ABORT)
                               : frame->status == 200;

    pool->stats->sql_completed += good;
    pool->stats->sql_errors += !good;
    note_slow(pool, query, process->ran_ms, query->answered ? 200 * good
                                                            : frame->status);

    pool_note_cost(pool, query);
    pool_note_begin(process);
    pass_on(pool, query, frame, args, body);
    pool_dispatch(pool);
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
        int blamed = i == 0 && (overdue || !several)
                     && blame(process, query);

        if (blamed) {
            denylist_add(&pool->denied, query->sql, query->sql_length);
        }

        if (overdue && i == 0) {
            note_ended(pool, query, 504);
            pool_fail(pool, query, 504, "The query did not stop at its "
                      "deadline (query_deadline): its process was killed");

        } else if (!query->answered && !pool->stopping && !blamed
                   && (several || deserves_another(process, query)))
        {
            pool_run_again(query);

        } else {
            note_ended(pool, query, 500);
            pool_fail(pool, query, 500, "The query's process died");
        }
    }

    lanes_bury(process);

    if (!pool->stopping) {
        pool_dispatch(pool);
    }
}


/* Whether its statement is why the process died.  SIGKILL once may be for
   somebody else's reason, and is remembered.  Twice in one generation it is the
   kernel's, whose memory the statement takes. */
static int
blame(const query_process_t *process, const query_t *query)
{
    pool_t *pool = process->owner;

    if (process->killed != SIGKILL) {
        return process->at_fault;
    }

    if (denylist_has(&pool->suspected, query->sql, query->sql_length)) {
        return 1;
    }

    denylist_add(&pool->suspected, query->sql, query->sql_length);

    return 0;
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
        pool_fail(pool, follower, 503, "The server stops");

    } else {
        pool_enqueue(pool, follower);   /* whoever is calling dispatches */
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


void
pool_fail(pool_t *pool, query_t *query, unsigned status, const char *message)
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


void
pool_stop(pool_t *pool, query_t *query, unsigned status, const char *message)
{
    query_process_t *process = query->process;

    if (process == NULL) {
        query_queue_remove(query);
        pool_fail(pool, query, status, message);
        return;
    }

    int paused = process->paused && process->sent[0].query == query;

    note_ended(pool, query, status);
    query_process_forget(process, query);
    pool_fail(pool, query, status, message);

    if (paused) {
        query_process_resume(process);  /* what it still says has to go */
    }
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
