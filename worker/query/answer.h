#ifndef ANSWER_H
#define ANSWER_H

/*
 * The answer to one request: RESPONSE and DATA frames.  Those of a long
 * result wait until they are written, so that a slow reader at the far end
 * slows the query and nothing piles up.
 *
 * A body is gathered in ->sink.  Nothing is sent before ANSWER_FIRST bytes
 * are there: until then a failure becomes a clean error status, afterwards
 * the last frame says ABORT.
 */

#include "control.h"
#include "failure.h"
#include "outlet.h"
#include "qsn_page.h"
#include "sink.h"

#define ANSWER_FIRST  (256 * 1024)
#define ANSWER_CHUNK  (128 * 1024)

typedef struct {
    sink_t sink;                /* first: answers are found by their sink */
    outlet_t *outlet;
    control_t *control;         /* tells when to stop; NULL: never */
    const qsn_page_t *page;     /* NULL: nothing is ever cacheable */
    const char *identity;

    uint64_t id;                /* of the request, echoed */
    uint8_t op;
    uint8_t format;
    uint64_t generation;        /* 0: not said */
    uint64_t static_version;
    int has_static_version;
    int is_current;             /* both are the page's */
    int cacheable;              /* the same for the whole generation */

    int direct;                 /* to a peer: whole, or it is moved */
    int repeated;               /* what another has had: it cost nothing */
    unsigned status;            /* of what was sent */
    int head_sent;
} answer_t;

/* For the next request.  The sink's memory is kept from the one before;
   answer_free() frees it. */
void answer_begin(answer_t *answer, const qsn_frame_t *request);
void answer_free(answer_t *answer);

/* Sends what is in the sink as the (end of the) body, status 200. */
void answer_finish(answer_t *answer);

/* Sends the sink's content as a first body, more is to come. */
void answer_part(answer_t *answer);

/* Sends the failure instead, or after, what there was. */
void answer_fail(answer_t *answer, const failure_t *failure);

#endif
