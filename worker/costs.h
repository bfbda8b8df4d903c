#ifndef COSTS_H
#define COSTS_H

/*
 * What statements cost: the processor time that one of the same shape took
 * when the same client asked it.  A shape is a text without its literals and
 * spaces, so that "n = 7" and "n = 8" are one.  Each client has its own, for
 * else anybody could make another's statement look slow.
 *
 * It is a guess, and may be wrong or forgotten at any time.  Many shapes push
 * out others, but none that was asked lately.
 *
 * Threads: the worker's loop only.
 */

#include <stddef.h>
#include <stdint.h>

#define COSTS_UNKNOWN  UINT32_MAX

typedef struct costs_s costs_t;

/* NULL without memory. */
costs_t *costs_create(void);
void costs_destroy(costs_t *costs);

/* Of this client's statement; sql may be NULL. */
uint64_t costs_key(uint64_t client, const char *sql, size_t length);

/* In microseconds, or COSTS_UNKNOWN.  sure: whether it was measured often
   enough; the first time everything is slower. */
uint32_t costs_of(costs_t *costs, uint64_t key, int *sure);

/* It rises at once and falls by halves. */
void costs_add(costs_t *costs, uint64_t key, uint64_t us);

/* It is to be found out anew. */
void costs_forget(costs_t *costs, uint64_t key);

#endif
