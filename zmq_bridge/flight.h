#ifndef FLIGHT_H
#define FLIGHT_H

/*
 * The requests in flight: each has an id on the worker's connection, the
 * envelope its answer goes back in, and what has come of that answer so far.
 * Pure: it knows frames, not sockets.
 *
 * An id is a slot's number and, above it, a serial, so that a frame for a
 * request that is over is recognised as such.
 *
 * An answer that cannot be kept whole (longer than max_reply, no memory) is
 * given up: the client gets its error at once, the slot stays taken until
 * the worker's last frame of that id, as the protocol asks, and what still
 * comes is dropped as it arrives.
 */

#include "envelope.h"
#include "qsn_buf.h"
#include "qsn_frame.h"

typedef struct flight flight_t;

typedef struct {
    uint64_t id;
    envelope_t envelope;        /* who asks */
    qsn_buf_t reply;            /* the answer so far */
    size_t split;               /* reply's second part begins there, or 0 */
    int failed;                 /* there is no whole answer, ... */
    qsn_buf_t failure;          /* ... why, where a reason is known */
    int begun;                  /* the RESPONSE was seen */
    int answered;               /* the client has its answer already */
} flight_request_t;

/* What a frame's end or beginning means for its request. */
enum flight_result {
    FLIGHT_ON,                  /* more to come */
    FLIGHT_DONE,                /* answer ->request, then flight_remove() */
    FLIGHT_GIVEN_UP,            /* answer ->failure, cancel, let it drain */
    FLIGHT_BROKEN               /* ->error: the worker broke the protocol */
};

/* NULL without memory. */
flight_t *flight_create(size_t max_in_flight, size_t max_reply);
void flight_destroy(flight_t *flight);  /* NULL is fine */

int flight_is_full(const flight_t *flight);
int flight_is_empty(const flight_t *flight);

/* Of the answers so far. */
size_t flight_bytes(const flight_t *flight);

/* A new request; it takes over *envelope and leaves it empty.  NULL when
   full or without memory: the envelope then stays the caller's. */
flight_request_t *flight_add(flight_t *flight, envelope_t *envelope);
void flight_remove(flight_t *flight, flight_request_t *request);

/* Whether its client has as many requests in flight as one may have, so that
   it leaves some to the others: half of all. */
int flight_has_enough(const flight_t *flight, const envelope_t *envelope);

/* Any request, answered or not; NULL when there is none. */
flight_request_t *flight_any(flight_t *flight);

/*
 * A frame from the worker, in the parser's events.  *request is set where
 * the result is DONE or GIVEN_UP.  After DONE, and for a request that was
 * ->answered before, nothing but flight_remove() is left to do.
 */
enum flight_result flight_head(flight_t *flight, const qsn_frame_t *frame,
    flight_request_t **request);
void flight_body(flight_t *flight, const void *data, size_t length);
enum flight_result flight_end(flight_t *flight, flight_request_t **request);

/* Why the last result was FLIGHT_BROKEN; static. */
const char *flight_error(const flight_t *flight);

#endif
