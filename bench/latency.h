#ifndef LATENCY_H
#define LATENCY_H

/*
 * A histogram of microseconds: exact below 64, then 32 steps for each power
 * of two, which is 3 % at worst.  Plain memory, so that processes may share
 * one: a single writer each, readers at any time.
 */

#include <stdint.h>

#define LATENCY_SLOTS  1024

typedef struct {
    uint64_t count;
    uint64_t max;
    uint32_t slots[LATENCY_SLOTS];
} latency_t;

void latency_add(latency_t *latency, uint64_t us);
void latency_merge(latency_t *into, const latency_t *from);

/* Microseconds below which that share (0 to 1) of the values is. */
uint64_t latency_at(const latency_t *latency, double share);

/* The monotonic clock. */
uint64_t latency_now_us(void);

#endif
