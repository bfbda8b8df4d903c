/*
 * What is kept of a held answer are its first frame and, should its query
 * die meanwhile, its last; the query itself is paused.
 */

#include "held.h"

#include <stdlib.h>
#include <sys/random.h>

#include "connection.h"
#include "qsn_buf.h"

#define TICK_MS    250
#define BYTES_MAX  (32u * 1024 * 1024)          /* of all held answers */

struct held_s {
    held_t *previous;           /* oldest first */
    held_t *next;
    exchange_t *exchange;
    connection_t *connection;   /* where it is announced */
    uint64_t id;                /* and as the answer to which request */
    uint64_t token;
    uint64_t since_ms;          /* loop time */
    qsn_buf_t frames;
};

static held_t *create(exchange_t *exchange, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void announce(const held_t *held, const qsn_frame_t *frame,
    const uint8_t *args);
static void append_frame(held_t *held, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void send_frames(const held_t *held);
static void drop(held_t *held);
static void end(held_t *held);
static void on_tick(uv_timer_t *timer);


void
held_start(worker_t *worker)
{
    (void) uv_timer_init(&worker->loop, &worker->held_timer);
    worker->held_timer.data = worker;
}


void
held_stop(worker_t *worker)
{
    held_t *next;

    for (held_t *held = worker->held_first; held; held = next) {
        next = held->next;
        drop(held);
    }

    uv_close((uv_handle_t *) &worker->held_timer, NULL);
}


void
held_keep(exchange_t *exchange, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    worker_t *worker = exchange->worker;
    held_t *held = create(exchange, frame, args, body);

    if (held == NULL) {
        (void) request_fail(&exchange->request, 503, "Too many long answers "
                            "wait to be fetched");
        exchange_answer_error(exchange);
        return;
    }

    if (worker->held_last) {
        held->previous = worker->held_last;
        worker->held_last->next = held;
    } else {
        worker->held_first = held;
        (void) uv_timer_start(&worker->held_timer, on_tick, TICK_MS, TICK_MS);
    }

    worker->held_last = held;
    worker->held_bytes += held->frames.length;

    announce(held, frame, args);
    exchange_leave(exchange);
    exchange->held = held;

    if (exchange->queried) {
        pool_pause(&exchange->query);
    }
}


void
held_add(exchange_t *exchange, const qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    held_t *held = exchange->held;

    exchange->worker->held_bytes -= held->frames.length;
    append_frame(held, frame, args, body);
    exchange->worker->held_bytes += held->frames.length;

    if (held->frames.failed) {
        drop(held);
    }
}


void
held_claim(exchange_t *claim, uint64_t token)
{
    held_t *held = claim->worker->held_first;

    while (held && held->token != token) {
        held = held->next;
    }

    if (held == NULL) {
        /* of a former worker, most likely: nothing is wrong with what was
           asked */
        (void) request_fail(&claim->request, 503, "The answer is gone (it "
                            "was fetched before, nobody came for it in time, "
                            "or another worker had it), try again");
        exchange_answer_error(claim);
        return;
    }

    exchange_t *exchange = held->exchange;

    exchange_replace(claim, exchange);
    send_frames(held);
    end(held);

    if (exchange->queried) {
        pool_resume(&exchange->query);
    } else {
        exchange_drop(exchange);
    }
}


void
held_cancel(worker_t *worker, const connection_t *connection, uint64_t id)
{
    for (held_t *held = worker->held_first; held; held = held->next) {
        if (held->connection == connection && held->id == id) {
            drop(held);
            return;
        }
    }
}


void
held_leave(worker_t *worker, const connection_t *connection)
{
    held_t *next;

    for (held_t *held = worker->held_first; held; held = next) {
        next = held->next;

        if (held->connection == connection) {
            drop(held);
        }
    }
}


/* NULL: no memory for it, or too much is held already. */
static held_t *
create(exchange_t *exchange, const qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    held_t *held = calloc(1, sizeof(*held));

    if (held == NULL) {
        return NULL;
    }

    held->exchange = exchange;
    held->connection = exchange->connection;
    held->id = exchange->id;
    held->since_ms = uv_now(&exchange->worker->loop);
    append_frame(held, frame, args, body);

    if (held->frames.failed
        || exchange->worker->held_bytes + held->frames.length > BYTES_MAX
        || getrandom(&held->token, sizeof(held->token), 0)
           != sizeof(held->token))
    {
        qsn_buf_free(&held->frames);
        free(held);
        return NULL;
    }

    return held;
}


/* Says what the first frame says, but for the body. */
static void
announce(const held_t *held, const qsn_frame_t *frame, const uint8_t *args)
{
    uint8_t claim[QSN_FRAME_ARG_SIZE + 8];
    qsn_frame_t head = *frame;
    qsn_buf_t all = { 0 };

    (void) qsn_frame_put_u64(claim, QSN_ARG_CLAIM, held->token);
    qsn_buf_append(&all, args, frame->args_length);
    qsn_buf_append(&all, claim, sizeof(claim));

    head.flags = QSN_FLAG_WHOLE;
    head.id = held->id;
    head.args_length = (uint32_t) all.length;
    head.body_length = 0;

    /* without memory nobody hears of it, and it goes in time */
    connection_send(held->connection, &head, (uint8_t *) all.data, NULL);
    qsn_buf_free(&all);
}


static void
append_frame(held_t *held, const qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    uint8_t head[QSN_FRAME_HEADER_SIZE];

    qsn_frame_encode(head, frame);
    qsn_buf_append(&held->frames, head, sizeof(head));
    qsn_buf_append(&held->frames, args, frame->args_length);
    qsn_buf_append(&held->frames, body, (size_t) frame->body_length);
}


static void
send_frames(const held_t *held)
{
    const exchange_t *exchange = held->exchange;
    const uint8_t *at = (const uint8_t *) held->frames.data;
    const uint8_t *stop = at + held->frames.length;

    while (at < stop) {
        qsn_frame_t frame;

        (void) qsn_frame_decode(at, &frame);    /* our own: it is right */
        at += QSN_FRAME_HEADER_SIZE;
        frame.id = exchange->id;
        connection_send(exchange->connection, &frame, at,
                        at + frame.args_length);
        at += frame.args_length + frame.body_length;
    }
}


static void
drop(held_t *held)
{
    exchange_t *exchange = held->exchange;

    end(held);

    if (exchange->queried) {
        exchange_abandon(exchange);
    } else {
        exchange_drop(exchange);
    }
}


static void
end(held_t *held)
{
    worker_t *worker = held->exchange->worker;

    if (held->previous) {
        held->previous->next = held->next;
    } else {
        worker->held_first = held->next;
    }

    if (held->next) {
        held->next->previous = held->previous;
    } else {
        worker->held_last = held->previous;
    }

    if (worker->held_first == NULL) {
        (void) uv_timer_stop(&worker->held_timer);
    }

    worker->held_bytes -= held->frames.length;
    held->exchange->held = NULL;
    qsn_buf_free(&held->frames);
    free(held);
}


static void
on_tick(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    uint64_t now = uv_now(&worker->loop);
    held_t *next;

    for (held_t *held = worker->held_first; held; held = next) {
        uint64_t age = now - held->since_ms;

        next = held->next;

        if (age >= HELD_MS
            || (age >= HELD_BUSY_MS && held->exchange->queried
                && pool_is_short(worker->pool)))
        {
            drop(held);
        }
    }
}
