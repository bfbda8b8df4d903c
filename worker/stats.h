#ifndef STATS_H
#define STATS_H

/*
 * What the worker counts.  Publishing is counted per generation being
 * collected, queries per generation being served.
 *
 * Threads: each has one; the loop counts what it refuses and what static
 * publishes and queries do, the writer its own publishes.
 */

#include <stdint.h>

typedef struct {
    uint64_t sql_received;
    uint64_t sql_completed;
    uint64_t sql_errors;
    uint64_t inserts_received;
    uint64_t inserts_completed;
    uint64_t updates_received;
    uint64_t updates_completed;
    uint64_t update_errors;     /* updates refused; inserts refused are
                                   those received and not completed */
} stats_t;

#endif
