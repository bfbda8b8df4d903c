#ifndef QUERY_QUEUE_H
#define QUERY_QUEUE_H

/*
 * Queries in a row, linked by ->next.  Clients take turns: in each round
 * each has one query, however many it sends, so that a newcomer waits for the
 * rest of a round and one of each of the others.  A client's own come in
 * their order.
 *
 * All zero is empty.
 */

#include "pool.h"

typedef struct query_queue_s {
    query_t *first;
    query_t *last;
    size_t count;
    uint64_t round;             /* of the query taken last */
} query_queue_t;

void query_queue_push(query_queue_t *queue, query_t *query);

/* Before all others. */
void query_queue_push_first(query_queue_t *queue, query_t *query);

/* The first, which there is. */
query_t *query_queue_pop(query_queue_t *queue);

/* Does nothing if the query is in no queue. */
void query_queue_remove(query_t *query);

/* heir gets the place of query, which is there, and its ->queued_ms. */
void query_queue_replace(query_t *query, query_t *heir);

#endif
