#ifndef QSN_COUNTS_H
#define QSN_COUNTS_H

/*
 * What a query process that nginx asks directly has done: in memory that the
 * worker makes and reads, and the process and its successors add to.
 *
 * Threads: one adds at a time; any may read.
 */

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    _Atomic uint64_t completed;         /* status 200 */
    _Atomic uint64_t errors;            /* any other; not what was moved */
    _Atomic uint64_t ended;             /* connections */
} qsn_counts_t;

/* Makes such memory: its descriptor, which children do not inherit, and where
   it is; -1 with errno set. */
int qsn_counts_create(qsn_counts_t **counts);

/* NULL if fd is no such memory. */
qsn_counts_t *qsn_counts_map(int fd);

void qsn_counts_unmap(qsn_counts_t *counts);

#endif
