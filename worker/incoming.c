/* A frame begins or ends a request, and its body goes to the exchange piece by
   piece as it comes. */

#include "incoming.h"

#include "connection.h"
#include "held.h"

static const char *take_frame(incoming_t *incoming);
static const char *take_request(incoming_t *incoming);
static const char *take_data(incoming_t *incoming);
static void take_cancel(incoming_t *incoming);
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
    return incoming->parser.head.length == 0;
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
    qsn_frame_parser_t *parser = &incoming->parser;
    const char *wrong = NULL;

    qsn_frame_parser_feed(parser, *data, *length);

    do {
        switch (qsn_frame_parser_next(parser)) {

        case QSN_FRAME_PARSER_HUNGRY:
            break;

        case QSN_FRAME_PARSER_HEAD:
            wrong = take_frame(incoming);
            break;

        case QSN_FRAME_PARSER_BODY:
            if (incoming->receiving) {
                exchange_body(incoming->receiving, parser->piece,
                              parser->piece_length);
            }

            break;

        case QSN_FRAME_PARSER_END:
            body_ended(incoming);
            break;

        case QSN_FRAME_PARSER_BROKEN:
            return parser->error;
        }
    } while (wrong == NULL && qsn_frame_parser_is_over(parser));

    *data = parser->window;
    *length = parser->window_length;

    return wrong;
}


void
incoming_free(incoming_t *incoming)
{
    qsn_frame_parser_free(&incoming->parser);
}


static const char *
take_frame(incoming_t *incoming)
{
    incoming->receiving = NULL;

    switch (incoming->parser.frame.type) {

    case QSN_FRAME_REQUEST:
        return take_request(incoming);

    case QSN_FRAME_DATA:
        return take_data(incoming);

    case QSN_FRAME_CANCEL:
        take_cancel(incoming);
        return NULL;

    case QSN_FRAME_ASKER:
        pool_hear_of(incoming->worker->pool,
                     exchange_client(incoming->connection,
                                     incoming->parser.args));
        return NULL;

    default:
        return "frame of a type only the worker sends";
    }
}


static const char *
take_request(incoming_t *incoming)
{
    const qsn_frame_parser_t *parser = &incoming->parser;

    if (connection_find(incoming->connection, parser->frame.id)) {
        return "request id used twice";
    }

    incoming->receiving = exchange_create(incoming->worker,
                                          incoming->connection,
                                          &parser->frame, parser->args);

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
                                           incoming->parser.frame.id);

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
                                           incoming->parser.frame.id);

    if (exchange == NULL) {
        held_cancel(incoming->worker, incoming->connection,
                    incoming->parser.frame.id);

    } else if (exchange->queried) {
        pool_cancel(incoming->worker->pool, &exchange->query);
    }
}


/* A frame's body is in; without MORE that was the request's. */
static void
body_ended(incoming_t *incoming)
{
    exchange_t *exchange = incoming->receiving;

    incoming->receiving = NULL;

    if (exchange && !(incoming->parser.frame.flags & QSN_FLAG_MORE)) {
        incoming->receiving_count--;
        exchange_body_end(exchange);
    }
}
