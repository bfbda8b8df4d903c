#ifndef SLOW_QUERIES_H
#define SLOW_QUERIES_H

/*
 * The slowest queries of a generation, for qasino_server_slow_queries.
 * However many and however long they are, it takes the same room.
 *
 * Threads: none of its own; the worker's loop fills one in, a copy goes with
 * the rotation to the writer.
 */

#include <stddef.h>
#include <stdint.h>

#define SLOW_QUERIES_MAX   20
#define SLOW_QUERIES_TEXT  1000         /* bytes kept of a statement */
#define SLOW_QUERIES_MS    100          /* those that took less are quick */

typedef struct {
    uint64_t ms;
    unsigned status;            /* of the answer; 0: it broke off */
    double finished_epoch;
    size_t length;
    char statement[SLOW_QUERIES_TEXT];
} slow_query_t;

/* Zeroed is empty. */
typedef struct {
    size_t count;
    slow_query_t queries[SLOW_QUERIES_MAX];     /* the slowest first */
} slow_queries_t;

/* Notes a query if it is one of the slowest.  Its statement is cut after a
   whole character, and before what is no text; NULL is none. */
void slow_queries_add(slow_queries_t *list, const char *statement,
    size_t length, uint64_t ms, unsigned status, double finished_epoch);

/* Notes all of more, too. */
void slow_queries_merge(slow_queries_t *list, const slow_queries_t *more);

#endif
