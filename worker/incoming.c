/*
 * Header and arguments are gathered until whole, a body goes to its exchange
 * piece by piece as it comes.
 */

#include "incoming.h"

#include "connection.h"
#include "held.h"

static const char *take_head(incoming_t *incoming, const uint8_t **data,
    size_t *length);
static const char *take_frame(incoming_t *incoming,
    const qsn_frame_arg_t *args);
static const char *take_request(incoming_t *incoming,
    const qsn_frame_arg_t *args);
static const char *take_data(incoming_t *incoming);
static void take_cancel(incoming_t *incoming);
static void take_body(incoming_t *incoming, const uint8_t **data,
    size_t *length);
static void body_ended(incoming_t *incoming);


void
incoming_init(incoming_t *incoming, worker_t *worker,
    connection_t *connection)
{
    incoming->worker = worker;
    incoming->connection = connection;
}


int
incoming_is_between(const incoming_t *incoming)
{
    return incoming->body_left == 0 && incoming->head.length == 0;
}


int
incoming_has_room(const incoming_t *incoming)
{
    return incoming->receiving == NULL
           || exchange_has_room(incoming->receiving);
}


const char *
incoming_take(incoming_t *incoming, const uint8_t **data, size_t *length)
{
    if (incoming->body_left == 0) {
        return take_head(incoming, data, length);
    }

    take_body(incoming, data, length);

    return NULL;
}


void
incoming_free(incoming_t *incoming)
{
    qsn_buf_free(&incoming->head);
}


/* Gathers a header and its arguments; once whole, acts on them. */
static const char *
take_head(incoming_t *incoming, const uint8_t **data, size_t *length)
{
    qsn_buf_t *head = &incoming->head;
    qsn_frame_arg_t args[QSN_FRAME_TAGS];
    size_t wanted = QSN_FRAME_HEADER_SIZE;
    const char *wrong = NULL;

    if (head->length >= QSN_FRAME_HEADER_SIZE) {
        wanted += incoming->frame.args_length;
    }

    size_t piece = wanted - head->length;

    if (piece > *length) {
        piece = *length;
    }

    qsn_buf_append(head, *data, piece);
    *data += piece;
    *length -= piece;

    if (head->failed) {
        return "out of memory for a frame";
    }

    if (head->length < wanted) {
        return NULL;
    }

    if (wanted == QSN_FRAME_HEADER_SIZE) {
        wrong = qsn_frame_decode((uint8_t *) head->data, &incoming->frame);

        if (wrong || incoming->frame.args_length) {
            return wrong;       /* the arguments come next */
        }
    }

    wrong = qsn_frame_parse_args((uint8_t *) head->data
                                 + QSN_FRAME_HEADER_SIZE,
                                 incoming->frame.args_length, args);

    if (wrong == NULL) {
        wrong = take_frame(incoming, args);
    }

    qsn_buf_clear(head);

    return wrong;
}


static const char *
take_frame(incoming_t *incoming, const qsn_frame_arg_t *args)
{
    const char *wrong = NULL;

    incoming->body_left = incoming->frame.body_length;
    incoming->receiving = NULL;

    switch (incoming->frame.type) {

    case QSN_FRAME_REQUEST:
        wrong = take_request(incoming, args);
        break;

    case QSN_FRAME_DATA:
        wrong = take_data(incoming);
        break;

    case QSN_FRAME_CANCEL:
        take_cancel(incoming);
        break;

    default:
        wrong = "frame of a type only the worker sends";
        break;
    }

    if (wrong == NULL && incoming->body_left == 0) {
        body_ended(incoming);
    }

    return wrong;
}


static const char *
take_request(incoming_t *incoming, const qsn_frame_arg_t *args)
{
    if (connection_find(incoming->connection, incoming->frame.id)) {
        return "request id used twice";
    }

    incoming->receiving = exchange_create(incoming->worker,
                                          incoming->connection,
                                          &incoming->frame, args);

    if (incoming->receiving == NULL) {
        return "out of memory for a request";
    }

    incoming->receiving_count++;

    return NULL;
}


static const char *
take_data(incoming_t *incoming)
{
    exchange_t *exchange = connection_find(incoming->connection,
                                           incoming->frame.id);

    if (exchange == NULL || exchange->body_done) {
        return "DATA for a request that expects none";
    }

    incoming->receiving = exchange;

    return NULL;
}


static void
take_cancel(incoming_t *incoming)
{
    exchange_t *exchange = connection_find(incoming->connection,
                                           incoming->frame.id);

    if (exchange == NULL) {
        held_cancel(incoming->worker, incoming->connection,
                    incoming->frame.id);

    } else if (exchange->queried) {
        pool_cancel(incoming->worker->pool, &exchange->query);
    }
}


static void
take_body(incoming_t *incoming, const uint8_t **data, size_t *length)
{
    size_t piece = *length;

    if (piece > incoming->body_left) {
        piece = (size_t) incoming->body_left;
    }

    if (incoming->receiving) {
        exchange_body(incoming->receiving, *data, piece);
    }

    *data += piece;
    *length -= piece;
    incoming->body_left -= piece;

    if (incoming->body_left == 0) {
        body_ended(incoming);
    }
}


/* A frame's body is in; without MORE that was the request's. */
static void
body_ended(incoming_t *incoming)
{
    exchange_t *exchange = incoming->receiving;

    incoming->receiving = NULL;

    if (exchange && !(incoming->frame.flags & QSN_FLAG_MORE)) {
        incoming->receiving_count--;
        exchange_body_end(exchange);
    }
}
