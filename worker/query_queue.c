/* The row of queries that wait for a process. */

#include "query_queue.h"

#include <stddef.h>


void
query_queue_push(query_queue_t *queue, query_t *query)
{
    query->next = NULL;

    if (queue->last) {
        queue->last->next = query;
    } else {
        queue->first = query;
    }

    queue->last = query;
    queue->count++;
}


void
query_queue_push_first(query_queue_t *queue, query_t *query)
{
    query->next = queue->first;
    queue->first = query;

    if (queue->last == NULL) {
        queue->last = query;
    }

    queue->count++;
}


query_t *
query_queue_pop(query_queue_t *queue)
{
    return query_queue_remove(queue, queue->first);
}


query_t *
query_queue_remove(query_queue_t *queue, query_t *query)
{
    query_t **at = &queue->first;
    query_t *before = NULL;

    while (*at != query) {
        if (*at == NULL) {
            return query;
        }

        before = *at;
        at = &before->next;
    }

    *at = query->next;

    if (queue->last == query) {
        queue->last = before;
    }

    queue->count--;

    return query;
}


void
query_queue_replace(query_queue_t *queue, query_t *query, query_t *heir)
{
    query_t **at = &queue->first;

    while (*at != query) {
        at = &(*at)->next;
    }

    *at = heir;
    heir->next = query->next;
    heir->queued_ms = query->queued_ms;

    if (queue->last == query) {
        queue->last = heir;
    }
}
