/*
 * The request's own life: made from a frame, fed its body, answered, freed.
 * The answer never comes before the body is in, so that a client's
 * connection is always at a frame's border when it reads one.
 */

#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "held.h"
#include "ingest.h"
#include "parse.h"
#include "qsn_buf.h"
#include "qsn_hash.h"
#include "qsn_reply.h"
#include "receiving.h"

static void take_args(exchange_t *exchange, const qsn_frame_arg_t *args);
static void take_text(exchange_t *exchange, text_t *text,
    const qsn_frame_arg_t *arg);
static void skip_body(exchange_t *exchange);
static void fail_skipped(exchange_t *exchange);
static int start_parser(exchange_t *exchange);
static void stop_parser(exchange_t *exchange);
static void on_query_frame(query_t *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static int is_too_long(const exchange_t *exchange, const qsn_frame_t *frame);


exchange_t *
exchange_create(worker_t *worker, connection_t *connection,
    const qsn_frame_t *frame, const qsn_frame_arg_t *args)
{
    exchange_t *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL) {
        return NULL;
    }

    exchange->worker = worker;
    exchange->connection = connection;
    exchange->id = frame->id;
    exchange->op = frame->op;
    exchange->format = frame->format;
    exchange->flags = frame->flags;
    exchange->query.on_frame = on_query_frame;
    exchange->query.asker = exchange;
    request_init(&exchange->request, &worker->limits);
    exchange->by_parser = frame->body_length > PARSE_HERE_MAX
                          || (frame->flags & QSN_FLAG_MORE);

    if (frame->flags & QSN_FLAG_PARTS) {
        exchange->request.parse_phrase = "Failed to parse JSON message";
    }

    take_args(exchange, args);
    connection_add(connection, exchange);

    return exchange;
}


void
exchange_body(exchange_t *exchange, const void *data, size_t length)
{
    exchange->body_bytes += length;

    if (exchange->op == QSN_OP_GET_TABLE_LIST
        || exchange->op == QSN_OP_GENERATION_SIGNAL || exchange->too_long
        || exchange->crowded)
    {
        return;                 /* nothing is asked of the body (any more) */
    }

    if (exchange->body_bytes > (uint64_t) exchange->worker->settings.max_body)
    {
        exchange->too_long = 1;
        skip_body(exchange);
        return;
    }

    if (!exchange->by_parser) {
        exchange_parse(exchange, data, length);
        return;
    }

    if (receiving_add(exchange, length) != 0) {
        exchange_crowd_out(exchange);

    } else if (parse_piece(exchange, data, length) != 0) {
        exchange->no_memory = 1;
    }
}


void
exchange_crowd_out(exchange_t *exchange)
{
    exchange->crowded = 1;
    skip_body(exchange);
}


int
exchange_has_room(exchange_t *exchange)
{
    return !exchange->by_parser || exchange->too_long
           || exchange->crowded || ingest_has_room(exchange->worker);
}


void
exchange_body_end(exchange_t *exchange)
{
    exchange->body_done = 1;
    receiving_end(exchange);

    if (exchange->parser) {
        parse_end(exchange, 1);
        return;
    }

    exchange_parse_end(exchange);
    exchange_parsed(exchange);
}


void
exchange_parse(exchange_t *exchange, const void *data, size_t length)
{
    if (exchange->request.status) {
        return;                 /* the rest of a bad body is only skipped */
    }

    if (start_parser(exchange) != 0) {
        (void) request_fail(&exchange->request, 503, "out of memory");

    } else if (exchange->csv) {
        (void) request_csv_feed(exchange->csv, data, length);

    } else {
        (void) request_json_feed(exchange->json, data, length);
    }
}


void
exchange_parse_end(exchange_t *exchange)
{
    fail_skipped(exchange);

    if (exchange->json) {
        (void) request_json_finish(exchange->json);

    } else if (exchange->csv) {
        (void) request_csv_finish(exchange->csv);
    }

    stop_parser(exchange);
}


void
exchange_parse_discard(exchange_t *exchange)
{
    fail_skipped(exchange);
    stop_parser(exchange);
    request_free(&exchange->request);
}


void
exchange_parsed(exchange_t *exchange)
{
    if (exchange->request.status) {
        exchange_answer_error(exchange);
        return;
    }

    dispatch(exchange);
}


void
exchange_answer(exchange_t *exchange, unsigned status, const char *body,
    size_t length)
{
    worker_t *worker = exchange->worker;
    uint8_t args[2 * (QSN_FRAME_ARG_SIZE + 8)];
    uint8_t *end = args;
    qsn_frame_t frame = {
        .type = QSN_FRAME_RESPONSE,
        .op = exchange->op,
        .format = exchange->format,
        .status = (uint16_t) status,
        .id = exchange->id,
        .body_length = length
    };

    end = qsn_frame_put_u64(end, QSN_ARG_GENERATION,
                            exchange->generation ? exchange->generation
                                                 : worker->collecting);

    if (status == 503) {
        end = qsn_frame_put_u64(end, QSN_ARG_RETRY_AFTER, 1);
    }

    frame.args_length = (uint32_t) (end - args);

    if (exchange->connection) {
        connection_send(exchange->connection, &frame, args, body);
    }

    if (exchange->queried) {
        exchange_leave(exchange);
        exchange_abandon(exchange);
    } else {
        exchange_drop(exchange);
    }
}


void
exchange_answer_error(exchange_t *exchange)
{
    const char *identity = exchange->worker->settings.identity;
    const char *message = exchange->request.error;
    enum qsn_format format = (enum qsn_format) exchange->format;
    size_t size = qsn_reply_error_size(format, identity, message,
                                       strlen(message));
    char *body = malloc(size);

    if (body) {
        (void) qsn_reply_error(body, format, identity, message,
                               strlen(message));
    }

    exchange_answer(exchange, exchange->request.status, body,
                    body ? size : 0);
    free(body);
}


void
exchange_abandon(exchange_t *exchange)
{
    exchange->connection = NULL;
    receiving_end(exchange);

    if (exchange->queried) {
        pool_cancel(exchange->worker->pool, &exchange->query);

    } else if (!exchange->body_done && exchange->parser
               && exchange->worker->parser_count)
    {
        parse_end(exchange, 0);

    } else if (!exchange->body_done) {
        exchange_drop(exchange);
    }

    /* else the writer has it: a publish that is whole is taken */
}


void
exchange_leave(exchange_t *exchange)
{
    if (exchange->connection) {
        connection_remove(exchange->connection, exchange);
        exchange->connection = NULL;
    }
}


void
exchange_replace(exchange_t *claim, exchange_t *exchange)
{
    exchange->connection = claim->connection;
    exchange->id = claim->id;
    exchange->flags &= (uint16_t) ~QSN_FLAG_WHOLE;
    exchange_drop(claim);
    connection_add(exchange->connection, exchange);
}


void
exchange_drop(exchange_t *exchange)
{
    exchange_leave(exchange);
    receiving_forget(exchange);
    stop_parser(exchange);
    snapshot_put(exchange->query.snapshot);
    request_free(&exchange->request);
    free(exchange);
}


static void
take_args(exchange_t *exchange, const qsn_frame_arg_t *args)
{
    request_t *request = &exchange->request;

    take_text(exchange, &request->sql, &args[QSN_ARG_SQL]);
    take_text(exchange, &request->name, &args[QSN_ARG_NAME]);
    take_text(exchange, &request->value, &args[QSN_ARG_VALUE]);
    take_text(exchange, &request->asserted_identity,
              &args[QSN_ARG_IDENTITY]);
    take_text(exchange, &request->claimed_identity,
              &args[QSN_ARG_CLAIMED_IDENTITY]);
    request->allowed = args[QSN_ARG_ALLOW].data
                       ? (unsigned) qsn_frame_arg_u64(&args[QSN_ARG_ALLOW], 0)
                       : QSN_CLASS_ALL;
    request->use_write_db = (exchange->flags & QSN_FLAG_WRITE_DB) != 0;
    request->native = (exchange->flags & QSN_FLAG_NATIVE) != 0;
    request->frozen = (exchange->flags & QSN_FLAG_FROZEN) != 0;
    exchange->claim = qsn_frame_arg_u64(&args[QSN_ARG_CLAIM], 0);
    exchange->query.client = exchange_client(exchange->connection, args);
}


uint64_t
exchange_client(connection_t *connection, const qsn_frame_arg_t *args)
{
    const qsn_frame_arg_t *name = &args[QSN_ARG_CLIENT];

    return name->data ? qsn_hash(name->data, name->length)
                      : qsn_hash(&connection, sizeof(connection));
}


static void
take_text(exchange_t *exchange, text_t *text, const qsn_frame_arg_t *arg)
{
    if (arg->data) {
        (void) request_set_text(&exchange->request, text, arg->data,
                                arg->length);
    }
}


/* What there is of it goes now: its client may take any time to its end. */
static void
skip_body(exchange_t *exchange)
{
    if (exchange->parser == NULL || parse_discard(exchange) == 0) {
        receiving_forget(exchange);
    }
}


static void
fail_skipped(exchange_t *exchange)
{
    request_t *request = &exchange->request;
    worker_t *worker = exchange->worker;

    if (exchange->too_long) {
        (void) request_fail(request, 413, "The request is larger than "
                            "max_body (%lld bytes)",
                            (long long) worker->settings.max_body);

    } else if (exchange->crowded) {
        (void) request_fail(request, 503, "Too many large requests are being "
                            "received: those of one client may have %zu "
                            "bytes (publish_memory, at least max_body), all "
                            "together publish_memory more",
                            receiving_max(worker));

    } else if (exchange->no_memory) {
        (void) request_fail(request, 503, "out of memory");
    }
}


/* The op in the frame says what the body is; without one it is JSON. */
static int
start_parser(exchange_t *exchange)
{
    if (exchange->json || exchange->csv) {
        return 0;
    }

    if (exchange->op == QSN_OP_ADD_CSV_TABLE_DATA) {
        exchange->csv = request_csv_create(&exchange->request);
    } else {
        exchange->json = request_json_create(&exchange->request);
    }

    return exchange->json || exchange->csv ? 0 : -1;
}


static void
stop_parser(exchange_t *exchange)
{
    request_json_destroy(exchange->json);
    request_csv_destroy(exchange->csv);
    exchange->json = NULL;
    exchange->csv = NULL;
}


/* An answer frame of a query process: the client's but for the id. */
static void
on_query_frame(query_t *query, const qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    exchange_t *exchange = query->asker;
    connection_t *connection = exchange->connection;
    qsn_frame_t own = *frame;

    own.id = exchange->id;
    exchange->queried = (frame->flags & QSN_FLAG_MORE) != 0;

    if (exchange->held) {
        held_add(exchange, frame, args, body);
        return;
    }

    if (connection && is_too_long(exchange, frame)) {
        held_keep(exchange, frame, args, body);
        return;
    }

    if (connection) {
        connection_send(connection, &own, args, body);
    }

    if (!exchange->queried) {
        exchange_drop(exchange);
        return;
    }

    if (connection
        && connection_backlog(connection) >= CONNECTION_OUTPUT_HIGH)
    {
        exchange->paused = 1;
        pool_pause(query);
    }
}


static int
is_too_long(const exchange_t *exchange, const qsn_frame_t *frame)
{
    return exchange->flags & QSN_FLAG_WHOLE
           && (frame->flags & QSN_FLAG_MORE
               || frame->body_length > QSN_FRAME_WHOLE_MAX);
}
