#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * One request on its way through the worker, from its first bytes to its
 * last answer frame.
 *
 *   connection -> (body bytes) -> request -> dispatch -> ingest  -> answer
 *                                                     -> pool    -> answer
 *
 * Threads: the loop's, but for ->request, ->json and ->csv, which go to a
 * parser with the first piece of a large body and come back with its end,
 * and for ->request, ->duplicate, ->generation and ->static_version, which
 * go to a writer and come back written.
 */

#include "qsn_frame.h"
#include "request_csv.h"
#include "request_json.h"
#include "worker.h"

typedef void write_snapshot_ready_t(exchange_t *exchange, unsigned status,
    const char *error);

struct exchange_s {
    job_t job;                  /* first: of a parser, of a writer */
    worker_t *worker;
    connection_t *connection;   /* NULL once its client is gone */
    exchange_t *previous;       /* among the connection's */
    exchange_t *next;
    exchange_t *next_waiting;   /* for a copy of the generation */
    write_snapshot_ready_t *on_write_snapshot;
    uint64_t id;                /* the client's */
    uint8_t op;                 /* as asked for, then as found in the body */
    uint8_t format;
    uint16_t flags;
    int body_done;
    uint64_t body_bytes;        /* received */
    uint64_t generation;        /* a publish went into; 0: not yet */
    uint64_t static_version;    /* after a static one */
    size_t receiving;           /* bytes of the body, until it is whole */
    size_t came_on;             /* of these, since ->came_on_ms, */
    uint64_t came_on_ms;        /* loop time; 0: not among those that do */
    exchange_t *before;         /* among those */
    exchange_t *behind;
    size_t unwritten;           /* bytes, until it is written */
    int by_parser;              /* the body goes to a thread */
    int too_long;               /* seen by the loop, said by the parser */
    int crowded;                /* likewise: there are too many bodies */
    int no_memory;              /* likewise */
    parser_t *parser;           /* which one, after the first piece */
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

/* Who asks, as a query has it (pool.h). */
uint64_t exchange_client(connection_t *connection,
    const qsn_frame_arg_t *args);

static inline exchange_t *
exchange_of(job_t *job)
{
    return (exchange_t *) job;
}


/* More of the body; the last piece has been given: the request is done. */
void exchange_body(exchange_t *exchange, const void *data, size_t length);
void exchange_body_end(exchange_t *exchange);

/* Whether more of its body can be taken now. */
int exchange_has_room(exchange_t *exchange);

/* Others need the room: the body is not taken, as is said at its end. */
void exchange_crowd_out(exchange_t *exchange);

/* A piece of the body, and its end, on whichever thread has the request. */
void exchange_parse(exchange_t *exchange, const void *data, size_t length);
void exchange_parse_end(exchange_t *exchange);

/* Likewise: what was parsed is not wanted, as will be said at the end. */
void exchange_parse_discard(exchange_t *exchange);

/* Back on the loop: answers what is wrong or dispatches it. */
void exchange_parsed(exchange_t *exchange);

/* Ends it: it is answered, or nobody is there to take an answer. */
void exchange_drop(exchange_t *exchange);

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

#endif
