#ifndef QSN_COUNTS_H
#define QSN_COUNTS_H

/*
 * What the query process that nginx asks directly has answered: in memory
 * that the worker makes and reads, and its query processes add to.
 *
 * Threads: one adds at a time; any may read.
 */

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    _Atomic uint64_t completed;         /* status 200 */
    _Atomic uint64_t errors;            /* any other; not what was moved */
} qsn_counts_t;

/* Makes such memory: its descriptor, which children do not inherit, and where
   it is; -1 with errno set. */
int qsn_counts_create(qsn_counts_t **counts);

/* NULL if fd is no such memory. */
qsn_counts_t *qsn_counts_map(int fd);

void qsn_counts_unmap(qsn_counts_t *counts);

#endif
