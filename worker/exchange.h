#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * One request on its way through the worker, from its first bytes to its
 * last answer frame.
 *
 *   connection -> (body bytes) -> request -> dispatch -> ingest  -> answer
 *                                                     -> pool    -> answer
 */

#include "qsn_frame.h"
#include "request_csv.h"
#include "request_json.h"
#include "worker.h"

struct exchange_s {
    worker_t *worker;
    connection_t *connection;   /* NULL once its client is gone */
    exchange_t *previous;       /* among the connection's */
    exchange_t *next;
    exchange_t *next_publish;   /* in the writer's queue */
    uint64_t id;                /* the client's */
    uint8_t op;                 /* as asked for, then as found in the body */
    uint8_t format;
    uint16_t flags;
    int body_done;
    uint64_t body_bytes;        /* received */
    request_t request;
    request_json_t *json;       /* at most one of these parses the body */
    request_csv_t *csv;
    query_t query;
    int queried;                /* the pool has ->query, until its end */
    int duplicate;              /* a publish that was not the first */
    int paused;                 /* its client is slow to take the answer */
    uint64_t claim;             /* of op claim: which answer */
    held_t *held;               /* its answer waits to be claimed */
};

/*
 * A request's header and arguments.  What is wrong with them is remembered
 * in ->request and answered when the body is in.  NULL without memory.
 */
exchange_t *exchange_create(worker_t *worker, connection_t *connection,
    const qsn_frame_t *frame, const qsn_frame_arg_t *args);

/* More of the body; the last piece has been given: the request is done. */
void exchange_body(exchange_t *exchange, const void *data, size_t length);
void exchange_body_end(exchange_t *exchange);

/* The answer: one RESPONSE with this body, after which exchange is gone, or
   abandoned if it still has a query. */
void exchange_answer(exchange_t *exchange, unsigned status,
    const char *body, size_t length);

/* The answer is exchange->request's error. */
void exchange_answer_error(exchange_t *exchange);

/* What the exchange asks for is known and well-formed, so far as its body
   goes: dispatch.c does it. */
void dispatch(exchange_t *exchange);

/* Its client has gone: the work is dropped where that is still possible. */
void exchange_abandon(exchange_t *exchange);

/* Its connection hears no more of it, though it goes on. */
void exchange_leave(exchange_t *exchange);

/* Without a connection, exchange becomes what answers claim's request on
   claim's connection; claim is gone. */
void exchange_replace(exchange_t *claim, exchange_t *exchange);

void exchange_free(exchange_t *exchange);

#endif
