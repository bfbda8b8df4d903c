/* The row of queries that wait for a process, in the order of ->round. */

#include "query_queue.h"

#include <stddef.h>

static void insert(query_queue_t *queue, query_t *query, query_t *before);


void
query_queue_push(query_queue_t *queue, query_t *query)
{
    query_t *before = queue->last;

    /* not in the round that is being taken: who comes back at once would go
       before those who have waited for their second one */
    query->round = queue->round + 1;

    for (query_t *q = queue->last; q; q = q->previous) {
        if (q->client == query->client) {
            query->round = q->round + 1;
            break;
        }
    }

    while (before && before->round > query->round) {
        before = before->previous;
    }

    insert(queue, query, before);
}


void
query_queue_push_first(query_queue_t *queue, query_t *query)
{
    query->round = queue->round;
    insert(queue, query, NULL);
}


query_t *
query_queue_pop(query_queue_t *queue)
{
    query_t *query = queue->first;

    queue->round = query->round;
    query_queue_remove(query);

    return query;
}


void
query_queue_remove(query_t *query)
{
    query_queue_t *queue = query->queue;

    if (queue == NULL) {
        return;
    }

    if (query->previous) {
        query->previous->next = query->next;
    } else {
        queue->first = query->next;
    }

    if (query->next) {
        query->next->previous = query->previous;
    } else {
        queue->last = query->previous;
    }

    query->queue = NULL;
    queue->count--;
}


void
query_queue_replace(query_t *query, query_t *heir)
{
    query_queue_t *queue = query->queue;
    query_t *before = query->previous;

    query_queue_remove(query);
    heir->round = query->round;
    heir->queued_ms = query->queued_ms;
    insert(queue, heir, before);
}


/* before: NULL, it is to be the first. */
static void
insert(query_queue_t *queue, query_t *query, query_t *before)
{
    query->queue = queue;
    query->previous = before;
    query->next = before ? before->next : queue->first;

    if (before) {
        before->next = query;
    } else {
        queue->first = query;
    }

    if (query->next) {
        query->next->previous = query;
    } else {
        queue->last = query;
    }

    queue->count++;
}
