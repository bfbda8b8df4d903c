/*
 * A connection's life, from its accept or the program before to its end or
 * the next program, and how much goes on on it at once: while there is too
 * much it is not read, and what was read waits.  A frame that breaks the
 * format ends it, since nothing after it can be told apart.
 */

#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "held.h"
#include "incoming.h"
#include "ingest.h"
#include "outgoing.h"
#include "qsn_buf.h"
#include "qsn_log.h"
#include "unix_socket.h"


struct connection_s {
    worker_t *worker;
    uv_pipe_t pipe;
    connection_t *previous;
    connection_t *next;
    connection_t *next_unflushed;
    int unflushed;
    int closing;
    int reading;

    qsn_buf_t pending;          /* read, but too much is being worked on */
    incoming_t incoming;
    exchange_t *exchanges;
    size_t exchange_count;
    outgoing_t outgoing;
    int subscribed;
    uint64_t subscription;
};

static void on_connection(uv_stream_t *listener, int status);
static connection_t *create(worker_t *worker);
static int is_quiet(const connection_t *connection);
static void hand_over(const connection_t *connection);
static int is_claim(const connection_t *connection, const uint8_t *data,
    size_t length);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
static void take_input(connection_t *connection, const char *data,
    size_t length);
static int may_take(const connection_t *connection, const uint8_t *data,
    size_t length);
static int has_room(const connection_t *connection);
static void balance_reading(connection_t *connection);
static void visit_before_poll(connection_t *connection);
static void flush(connection_t *connection);
static void on_before_poll(uv_prepare_t *prepare);
static void on_written(uv_stream_t *stream, int status);
static void wake_exchanges(connection_t *connection);
static void close_connection(connection_t *connection);
static void on_closed(uv_handle_t *handle);


int
connection_listen(worker_t *worker)
{
    (void) uv_prepare_init(&worker->loop, &worker->before_poll);
    (void) uv_prepare_start(&worker->before_poll, on_before_poll);
    worker->before_poll.data = worker;
    held_start(worker);

    return unix_socket_listen(worker, &worker->listener, QSN_WORKER_SOCKET,
                              HANDOVER_FRAMES_LISTENER, on_connection);
}


void
connection_close_all(worker_t *worker)
{
    unix_socket_unlisten(worker, &worker->listener);
    uv_close((uv_handle_t *) &worker->before_poll, NULL);

    for (connection_t *c = worker->connections; c; c = c->next) {
        if (worker->draining) {
            hand_over(c);
        }

        flush(c);               /* what is acknowledged is also said */
        close_connection(c);
    }

    held_stop(worker);
}


void
connection_balance_all(worker_t *worker)
{
    for (connection_t *c = worker->connections; c; c = c->next) {
        balance_reading(c);
    }
}


void
connection_send(connection_t *connection, const qsn_frame_t *frame,
    const uint8_t *args, const void *body)
{
    qsn_buf_t *queued = &connection->outgoing.queued;
    uint8_t head[QSN_FRAME_HEADER_SIZE];

    if (connection->closing) {
        return;
    }

    qsn_frame_encode(head, frame);
    qsn_buf_append(queued, head, sizeof(head));
    qsn_buf_append(queued, args, frame->args_length);
    qsn_buf_append(queued, body, (size_t) frame->body_length);
    visit_before_poll(connection);
}


size_t
connection_backlog(const connection_t *connection)
{
    return outgoing_backlog(&connection->outgoing);
}


void
connection_add(connection_t *connection, exchange_t *exchange)
{
    exchange->previous = NULL;
    exchange->next = connection->exchanges;

    if (connection->exchanges) {
        connection->exchanges->previous = exchange;
    }

    connection->exchanges = exchange;
    connection->exchange_count++;
}


void
connection_remove(connection_t *connection, exchange_t *exchange)
{
    if (exchange->previous) {
        exchange->previous->next = exchange->next;
    } else {
        connection->exchanges = exchange->next;
    }

    if (exchange->next) {
        exchange->next->previous = exchange->previous;
    }

    connection->exchange_count--;
    balance_reading(connection);
}


exchange_t *
connection_find(connection_t *connection, uint64_t id)
{
    for (exchange_t *e = connection->exchanges; e; e = e->next) {
        if (e->id == id) {
            return e;
        }
    }

    return NULL;
}


void
connection_subscribe(connection_t *connection, uint64_t id)
{
    connection->subscribed = 1;
    connection->subscription = id;
}


void
connection_event(worker_t *worker, uint64_t generation, const char *body,
    size_t length)
{
    uint8_t args[QSN_FRAME_ARG_SIZE + 8];

    (void) qsn_frame_put_u64(args, QSN_ARG_GENERATION, generation);

    for (connection_t *c = worker->connections; c; c = c->next) {
        qsn_frame_t frame = {
            .type = QSN_FRAME_EVENT,
            .op = QSN_OP_SUBSCRIBE,
            .id = c->subscription,
            .args_length = sizeof(args),
            .body_length = length
        };

        /* a subscriber that does not read misses events, not memory */
        if (c->subscribed && connection_backlog(c) < CONNECTION_OUTPUT_HIGH) {
            connection_send(c, &frame, args, body);
        }
    }
}


static void
on_connection(uv_stream_t *listener, int status)
{
    worker_t *worker = listener->data;
    connection_t *connection;

    if (status < 0) {
        qsn_log("cannot accept a connection: %s", uv_strerror(status));
        return;
    }

    if (handover_accepts(worker, listener, HANDOVER_FRAMES)
        || (connection = create(worker)) == NULL)
    {
        return;
    }

    if (unix_socket_accept(worker, listener, &connection->pipe) != 0) {
        close_connection(connection);
        return;
    }

    balance_reading(connection);
}


static connection_t *
create(worker_t *worker)
{
    connection_t *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        qsn_log("out of memory for a connection");
        return NULL;
    }

    connection->worker = worker;
    connection->next = worker->connections;

    if (worker->connections) {
        worker->connections->previous = connection;
    }

    worker->connections = connection;
    (void) uv_pipe_init(&worker->loop, &connection->pipe, 0);
    connection->pipe.data = connection;
    incoming_init(&connection->incoming, worker, connection);
    outgoing_init(&connection->outgoing, (uv_stream_t *) &connection->pipe,
                  on_written);

    return connection;
}


int
connection_all_quiet(const worker_t *worker)
{
    for (const connection_t *c = worker->connections; c; c = c->next) {
        if (!is_quiet(c)) {
            return 0;
        }
    }

    return 1;
}


void
connection_adopt(worker_t *worker, const handover_item_t *item,
    const char *data)
{
    connection_t *connection = create(worker);

    if (connection == NULL) {
        (void) close(item->fd);
        return;
    }

    connection->subscribed = item->subscribed;
    connection->subscription = item->subscription;

    if (uv_pipe_open(&connection->pipe, item->fd) != 0) {
        (void) close(item->fd);
        close_connection(connection);
        return;
    }

    take_input(connection, data, item->length);
}


/* At the border of two frames, or inside a head, with nothing to say. */
static int
is_quiet(const connection_t *connection)
{
    return connection->closing
           || (connection->exchange_count == 0
               && connection->incoming.parser.body_left == 0
               && connection_backlog(connection) == 0);
}


static void
hand_over(const connection_t *connection)
{
    handover_item_t item = {
        .kind = HANDOVER_FRAMES,
        .subscribed = connection->subscribed,
        .subscription = connection->subscription
    };
    const qsn_buf_t *head = &connection->incoming.parser.head;
    qsn_buf_t data = { 0 };

    if (connection->closing || !is_quiet(connection)) {
        return;
    }

    qsn_buf_append(&data, head->data, head->length);
    qsn_buf_append(&data, connection->pending.data,
                   connection->pending.length);
    item.length = (uint32_t) data.length;

    if (data.failed || handover_keep(&connection->pipe, &item, data.data)
                       != 0)
    {
        qsn_log("a connection is lost to the new program");
    }

    qsn_buf_free(&data);
}


/* Before another program comes, what this one holds has to be claimed. */
static int
is_claim(const connection_t *connection, const uint8_t *data, size_t length)
{
    qsn_frame_t frame;

    return connection->worker->draining && length >= QSN_FRAME_HEADER_SIZE
           && qsn_frame_decode(data, &frame) == NULL
           && frame.op == QSN_OP_CLAIM;
}


static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    connection_t *connection = stream->data;

    if (n < 0) {
        close_connection(connection);
        return;
    }

    take_input(connection, buf->base, (size_t) n);
}


/* Takes what there is room for and keeps the rest. */
static void
take_input(connection_t *connection, const char *data, size_t length)
{
    const uint8_t *at = (const uint8_t *) data;
    const char *wrong = NULL;

    while (length && !connection->closing && wrong == NULL
           && may_take(connection, at, length))
    {
        wrong = incoming_take(&connection->incoming, &at, &length);
    }

    qsn_buf_append(&connection->pending, at, connection->closing ? 0
                                                                 : length);

    if (wrong == NULL && connection->pending.failed) {
        wrong = "out of memory for its requests";
    }

    if (wrong) {
        qsn_log("a client of the worker's socket: %s: connection closed",
                wrong);
        close_connection(connection);
        return;
    }

    balance_reading(connection);
}


/* Whether there is room for the frame, or the piece of a body, at data. */
static int
may_take(const connection_t *connection, const uint8_t *data, size_t length)
{
    if (!incoming_is_between(&connection->incoming)) {
        return incoming_has_room(&connection->incoming);
    }

    return has_room(connection) || is_claim(connection, data, length);
}


/* Whether another frame may be taken: neither is too much being worked on,
   nor does too much wait to be taken by the client or the writer. */
static int
has_room(const connection_t *connection)
{
    /* a request that is half in should get the rest of its body */
    size_t receiving = connection->incoming.receiving_count;
    size_t slack = receiving ? 2 : 1;

    if (connection->worker->draining && receiving == 0) {
        return 0;
    }

    return connection->exchange_count < slack * QSN_FRAME_REQUESTS_MAX
           && connection_backlog(connection)
              < slack * 2 * CONNECTION_OUTPUT_HIGH
           && ingest_has_room(connection->worker);
}


/* Without room nothing is read: the client's own writes will stall, which
   is the point. */
static void
balance_reading(connection_t *connection)
{
    int room = !connection->closing && has_room(connection);
    int wanted = (room || connection->worker->draining)
                 && !connection->closing && connection->pending.length == 0;

    if (room && !wanted) {
        visit_before_poll(connection);  /* what was read before comes first */
    }

    if (wanted == connection->reading) {
        return;
    }

    connection->reading = wanted;

    if (wanted) {
        (void) uv_read_start((uv_stream_t *) &connection->pipe,
                             unix_socket_buffer, on_read);
    } else {
        (void) uv_read_stop((uv_stream_t *) &connection->pipe);
    }
}


static void
visit_before_poll(connection_t *connection)
{
    if (!connection->unflushed && !connection->closing) {
        connection->unflushed = 1;
        connection->next_unflushed = connection->worker->unflushed;
        connection->worker->unflushed = connection;
    }
}


static void
on_before_poll(uv_prepare_t *prepare)
{
    connection_flush_all(prepare->data);
}


void
connection_flush_all(worker_t *worker)
{
    while (worker->unflushed) {
        connection_t *connection = worker->unflushed;

        worker->unflushed = connection->next_unflushed;
        connection->unflushed = 0;
        flush(connection);

        if (connection->pending.length && has_room(connection)) {
            qsn_buf_t input = connection->pending;

            memset(&connection->pending, 0, sizeof(connection->pending));
            take_input(connection, input.data, input.length);
            qsn_buf_free(&input);
        }
    }
}


static void
flush(connection_t *connection)
{
    if (!connection->closing && outgoing_flush(&connection->outgoing) != 0) {
        qsn_log("out of memory for an answer: connection closed");
        close_connection(connection);
    }
}


static void
on_written(uv_stream_t *stream, int status)
{
    connection_t *connection = stream->data;

    if (status < 0) {
        close_connection(connection);
        return;
    }

    wake_exchanges(connection);
    balance_reading(connection);
}


/* The client has taken what it had: answers that waited for it go on. */
static void
wake_exchanges(connection_t *connection)
{
    exchange_t *e = connection->exchanges;

    while (e && connection_backlog(connection) < CONNECTION_OUTPUT_HIGH) {
        if (!e->paused) {
            e = e->next;
            continue;
        }

        e->paused = 0;
        pool_resume(&e->query);
        e = connection->exchanges;      /* the list may have changed */
    }
}


static void
close_connection(connection_t *connection)
{
    worker_t *worker = connection->worker;
    connection_t **at;

    if (connection->closing) {
        return;
    }

    connection->closing = 1;

    for (at = &worker->unflushed; *at; at = &(*at)->next_unflushed) {
        if (*at == connection) {
            *at = connection->next_unflushed;
            break;
        }
    }

    while (connection->exchanges) {
        exchange_t *exchange = connection->exchanges;

        connection_remove(connection, exchange);
        exchange_abandon(exchange);
    }

    held_leave(worker, connection);
    uv_close((uv_handle_t *) &connection->pipe, on_closed);
}


static void
on_closed(uv_handle_t *handle)
{
    connection_t *connection = handle->data;
    worker_t *worker = connection->worker;

    if (connection->previous) {
        connection->previous->next = connection->next;
    } else {
        worker->connections = connection->next;
    }

    if (connection->next) {
        connection->next->previous = connection->previous;
    }

    qsn_buf_free(&connection->pending);
    incoming_free(&connection->incoming);
    outgoing_free(&connection->outgoing);
    free(connection);
}
