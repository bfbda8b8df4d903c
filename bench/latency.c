#include "latency.h"

#include <time.h>

static unsigned slot_of(uint64_t us);
static uint64_t top_of(unsigned slot);


void
latency_add(latency_t *latency, uint64_t us)
{
    latency->slots[slot_of(us)]++;
    latency->count++;

    if (us > latency->max) {
        latency->max = us;
    }
}


void
latency_merge(latency_t *into, const latency_t *from)
{
    for (unsigned i = 0; i < LATENCY_SLOTS; i++) {
        into->slots[i] += from->slots[i];
    }

    into->count += from->count;

    if (from->max > into->max) {
        into->max = from->max;
    }
}


uint64_t
latency_at(const latency_t *latency, double share)
{
    uint64_t wanted = (uint64_t) ((double) latency->count * share);
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_SLOTS; i++) {
        seen += latency->slots[i];

        if (seen > wanted) {
            return top_of(i) < latency->max ? top_of(i) : latency->max;
        }
    }

    return latency->max;
}


uint64_t
latency_now_us(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}


/* The five bits after the highest one choose among the 32 of its power. */
static unsigned
slot_of(uint64_t us)
{
    if (us < 64) {
        return (unsigned) us;
    }

    unsigned power = 63 - (unsigned) __builtin_clzll(us);
    unsigned slot = (power - 4) * 32 + (unsigned) ((us >> (power - 5)) & 31);

    return slot < LATENCY_SLOTS ? slot : LATENCY_SLOTS - 1;
}


static uint64_t
top_of(unsigned slot)
{
    if (slot < 64) {
        return slot;
    }

    unsigned power = slot / 32 + 4;

    return (((uint64_t) 32 + slot % 32 + 1) << (power - 5)) - 1;
}
