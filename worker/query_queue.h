#ifndef QUERY_QUEUE_H
#define QUERY_QUEUE_H

/* Queries in a row, first come first served; linked by ->next.  All zero is
   empty. */

#include "pool.h"

typedef struct {
    query_t *first;
    query_t *last;
    size_t count;
} query_queue_t;

void query_queue_push(query_queue_t *queue, query_t *query);

/* Before all others. */
void query_queue_push_first(query_queue_t *queue, query_t *query);

/* The first, which there is. */
query_t *query_queue_pop(query_queue_t *queue);

/* Returns query, which need not be there. */
query_t *query_queue_remove(query_queue_t *queue, query_t *query);

/* heir gets the place of query, which is there, and its ->queued_ms. */
void query_queue_replace(query_queue_t *queue, query_t *query,
    query_t *heir);

#endif
