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
static int check_claim(request_t *request, const text_t *claim);
static int check_allowed(const exchange_t *exchange, request_t *request);
static void dispatch_publish(exchange_t *exchange);
static void dispatch_query(exchange_t *exchange);
static void on_write_snapshot(exchange_t *exchange, unsigned status,
    const char *error);
static void dispatch_subscribe(exchange_t *exchange);
static void answer_generation(exchange_t *exchange);


void
dispatch(exchange_t *exchange)
{
    if (find_op(exchange) != 0 || find_identity(exchange) != 0
        || check_allowed(exchange, &exchange->request) != 0)
    {
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
        if (exchange->connection == NULL) {
            exchange_drop(exchange);    /* it left while this was parsed */
            return;
        }

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
        if (check_claim(request, &request->identity) != 0
            || check_claim(request, &request->claimed_identity) != 0)
        {
            return -1;
        }

        request->identity = *asserted;

    } else if (request->identity.data == NULL) {
        request->identity = request->claimed_identity;
    }

    return 0;
}


static int
check_claim(request_t *request, const text_t *claim)
{
    const text_t *asserted = &request->asserted_identity;

    if (claim->data == NULL
        || (claim->length == asserted->length
            && memcmp(claim->data, asserted->data, claim->length) == 0))
    {
        return 0;
    }

    return request_fail(request, 403, "The request claims identity '%.100s' "
                        "but comes from '%.100s'", claim->data,
                        asserted->data);
}


/* What a publish is depends on its body: only here is it known. */
static int
check_allowed(const exchange_t *exchange, request_t *request)
{
    unsigned classes = qsn_op_classes((enum qsn_op) exchange->op);

    if (classes & QSN_CLASS_PUBLISH) {
        classes = (request->update ? QSN_CLASS_UPDATE : 0)
                  | (request->is_static ? QSN_CLASS_STATIC : 0);
        classes = classes ? classes : QSN_CLASS_PUBLISH;
    }

    if (classes & ~(unsigned) QSN_CLASS_QUERY) {
        if (request->asserted_identity.data
            && request->asserted_identity.length == 0)
        {
            return request_fail(request, 403, "Publishing takes an identity "
                                "that the server asserts (qasino_identity), "
                                "and it asserts none for this request");
        }
    }

    classes &= ~request->allowed;

    if (classes) {
        return request_fail(request, 403, "Operations of class '%s' are not "
                            "allowed here (qasino_allow, or a page of "
                            "another origin)",
                            qsn_class_name(classes));
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
on_write_snapshot(exchange_t *exchange, unsigned status, const char *error)
{
    if (status) {
        (void) request_fail(&exchange->request, status, "%s", error);
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
