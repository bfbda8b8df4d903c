#ifndef QSN_COSTS_H
#define QSN_COSTS_H

/*
 * What statements cost: the processor time that one of the same shape took
 * when the same client asked it.  A shape is a text without its literals and
 * spaces, so that "n = 7" and "n = 8" are one.  Each client has its own, for
 * else anybody could make another's statement look slow.
 *
 * It is a guess, and may be wrong or forgotten at any time.  Many shapes push
 * out others, but none that was asked lately.
 *
 * Threads: the worker's loop, or an nginx worker.
 */

#include <stddef.h>
#include <stdint.h>

#define QSN_COSTS_UNKNOWN  UINT32_MAX

typedef struct qsn_costs_s qsn_costs_t;

/* NULL without memory. */
qsn_costs_t *qsn_costs_create(void);
void qsn_costs_destroy(qsn_costs_t *costs);

/* Of this client's statement; sql may be NULL. */
uint64_t qsn_costs_key(uint64_t client, const char *sql, size_t length);

/* In microseconds, or QSN_COSTS_UNKNOWN.  sure: whether it was measured often
   enough; the first time everything is slower. */
uint32_t qsn_costs_of(qsn_costs_t *costs, uint64_t key, int *sure);

/* It rises at once and falls by halves. */
void qsn_costs_add(qsn_costs_t *costs, uint64_t key, uint64_t us);

/* It is to be found out anew. */
void qsn_costs_forget(qsn_costs_t *costs, uint64_t key);

#endif
