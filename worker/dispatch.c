/*
 * What a whole request asks for, and who does it: the writer, the query
 * processes, or an answer at once.
 */

#include <string.h>

#include "connection.h"
#include "exchange.h"
#include "held.h"
#include "ingest.h"
#include "qsn_buf.h"
#include "rotate.h"
#include "write_snapshot.h"

static int find_op(exchange_t *exchange);
static int find_identity(exchange_t *exchange);
static void dispatch_publish(exchange_t *exchange);
static void dispatch_query(exchange_t *exchange);
static void on_write_snapshot(exchange_t *exchange, const char *error);
static void dispatch_subscribe(exchange_t *exchange);
static void answer_generation(exchange_t *exchange);


void
dispatch(exchange_t *exchange)
{
    if (find_op(exchange) != 0 || find_identity(exchange) != 0) {
        exchange_answer_error(exchange);
        return;
    }

    switch (exchange->op) {

    case QSN_OP_ADD_TABLE_DATA:
    case QSN_OP_ADD_CSV_TABLE_DATA:
    case QSN_OP_NAME_VALUE_UPDATE:
        dispatch_publish(exchange);
        return;

    case QSN_OP_QUERY:
    case QSN_OP_GET_TABLE_LIST:
        dispatch_query(exchange);
        return;

    case QSN_OP_GENERATION_SIGNAL:
        answer_generation(exchange);
        return;

    case QSN_OP_SUBSCRIBE:
        dispatch_subscribe(exchange);
        return;

    case QSN_OP_CLAIM:
        held_claim(exchange, exchange->claim);
        return;

    default:
        (void) request_fail(&exchange->request, 400,
                            "Unrecognized operation");
        exchange_answer_error(exchange);
    }
}


/* The front's word counts, then the body's. */
static int
find_op(exchange_t *exchange)
{
    if (exchange->op == QSN_OP_NONE) {
        exchange->op = (uint8_t) exchange->request.op;
    }

    if (exchange->op == QSN_OP_NONE) {
        return request_fail(&exchange->request, 400, "No op specified");
    }

    return 0;
}


/* An identity that the front asserts cannot be overruled by a body. */
static int
find_identity(exchange_t *exchange)
{
    request_t *request = &exchange->request;
    const text_t *asserted = &request->asserted_identity;

    if (asserted->data) {
        if (request->identity.data
            && (request->identity.length != asserted->length
                || memcmp(request->identity.data, asserted->data,
                          asserted->length) != 0))
        {
            return request_fail(request, 403, "The request claims identity "
                                "'%.100s' but comes from '%.100s'",
                                request->identity.data, asserted->data);
        }

        request->identity = *asserted;

    } else if (request->identity.data == NULL) {
        request->identity = request->claimed_identity;
    }

    return 0;
}


static void
dispatch_publish(exchange_t *exchange)
{
    worker_t *worker = exchange->worker;
    request_t *request = &exchange->request;
    int rc = 0;

    if (exchange->op == QSN_OP_NAME_VALUE_UPDATE) {
        rc = request_make_name_value(request);
    }

    if (rc != 0 || request_check_table(request) != 0) {
        if (request->update) {
            worker->stats.updates_received++;
            worker->stats.update_errors++;
        } else {
            worker->stats.inserts_received++;
        }

        exchange_answer_error(exchange);
        return;
    }

    ingest_add(worker, exchange);
}


static void
dispatch_query(exchange_t *exchange)
{
    const request_t *request = &exchange->request;
    query_t *query = &exchange->query;

    if (exchange->connection == NULL) {
        exchange_drop(exchange);        /* it left while this was parsed */
        return;
    }

    if (request->sql.length > request->limits->max_sql) {
        (void) request_fail(&exchange->request, 413, "The statement has %zu "
                            "bytes, more than query_max_sql (%zu)",
                            request->sql.length, request->limits->max_sql);
        exchange_answer_error(exchange);
        return;
    }

    query->op = exchange->op;
    query->format = exchange->format;
    query->flags = exchange->flags & QSN_FLAG_PARTS;
    query->flags |= request->native ? QSN_FLAG_NATIVE : 0;
    query->flags |= request->frozen ? QSN_FLAG_FROZEN : 0;
    query->sql = request->sql.data;
    query->sql_length = request->sql.length;

    if (request->use_write_db && exchange->op == QSN_OP_QUERY) {
        write_snapshot_ask(exchange, on_write_snapshot);
        return;
    }

    exchange->queried = 1;
    pool_submit(exchange->worker->pool, query);
}


static void
on_write_snapshot(exchange_t *exchange, const char *error)
{
    if (error) {
        (void) request_fail(&exchange->request, 507, "%s", error);
        exchange_answer_error(exchange);
        return;
    }

    if (exchange->connection == NULL) {
        exchange_drop(exchange);
        return;
    }

    exchange->queried = 1;
    pool_submit(exchange->worker->pool, &exchange->query);
}


static void
dispatch_subscribe(exchange_t *exchange)
{
    if (exchange->connection) {
        connection_subscribe(exchange->connection, exchange->id);
    }

    exchange_answer(exchange, 200, NULL, 0);
}


static void
answer_generation(exchange_t *exchange)
{
    qsn_buf_t body = { 0 };

    rotate_signal(exchange->worker, "response_op\": \"ok", &body);
    exchange_answer(exchange, 200, body.data, body.length);
    qsn_buf_free(&body);
}
