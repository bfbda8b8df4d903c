#ifndef RECEIVING_H
#define RECEIVING_H

/*
 * Large bodies that have begun and not ended.  They are parsed as they come,
 * what there is of them is kept, and only their clients can end them: so
 * there is a bound, and what is past it is refused.
 *
 * One client may have as much as publish_memory, or as one body of max_body;
 * all together that and publish_memory more, so that it takes more than one
 * to leave no room.  And where room is needed, it is that of bodies which
 * hardly come any more: a client that keeps its own has to go on sending.
 *
 * Threads: the worker's loop only, if nothing else is said.
 */

#include <stddef.h>

#include "exchange.h"

/* Counts a piece of a body that goes to a parser.  0, or -1: not counted, it
   is one of a large body, and there is no room for it. */
int receiving_add(exchange_t *exchange, size_t length);

/* No more of the body comes, or is wanted: it is not in anybody's way. */
void receiving_end(exchange_t *exchange);

/* Likewise, and what is in it is counted otherwise, or is gone. */
void receiving_forget(exchange_t *exchange);

/* Bytes that one client may have here.  Any thread. */
size_t receiving_max(const worker_t *worker);

#endif
