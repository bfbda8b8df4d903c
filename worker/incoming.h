#ifndef INCOMING_H
#define INCOMING_H

/*
 * What a client says: its bytes, in pieces of any size, become frames, and
 * these requests.
 *
 * Threads: the worker's loop only.
 */

#include "exchange.h"
#include "qsn_frame_parser.h"

typedef struct {
    qsn_frame_parser_t parser;  /* of the frame that is being read */
    size_t receiving_count;     /* requests with more body to come */

    /* below: its own */
    worker_t *worker;
    connection_t *connection;
    exchange_t *receiving;      /* NULL: the body is skipped */
} incoming_t;

/* Fills in a zeroed one.  connection is what its requests belong to. */
void incoming_init(incoming_t *incoming, worker_t *worker,
    connection_t *connection);

/* Whether what comes next begins a frame. */
int incoming_is_between(const incoming_t *incoming);

/* Whether more of a body can be taken now. */
int incoming_has_room(const incoming_t *incoming);

/*
 * Takes the next piece of *data, which has *length bytes, at most to the end
 * of a header, its arguments or a body; *data and *length become what is
 * left.  NULL, or what is wrong with it: then nothing after it can be told
 * apart.
 */
const char *incoming_take(incoming_t *incoming, const uint8_t **data,
    size_t *length);

void incoming_free(incoming_t *incoming);

#endif
