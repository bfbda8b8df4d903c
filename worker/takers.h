#ifndef TAKERS_H
#define TAKERS_H

/*
 * What each client takes of the lanes in which quick queries run, with more
 * than one at a time.  One that takes too much of them while somebody else asks
 * has its queries beside the lanes, as slow ones are: many small ones hold up
 * others like a large one.
 *
 * It is a guess, and forgotten with every collision of two clients' slots.
 *
 * Threads: the worker's loop only.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct takers_s takers_t;

/* For that many lanes; NULL without memory. */
takers_t *takers_create(size_t lanes);
void takers_destroy(takers_t *takers);

/* The client asks, or has taken that much processor time. */
void takers_ask(takers_t *takers, uint64_t client, uint64_t now_ms);
void takers_add(takers_t *takers, uint64_t client, uint64_t us,
    uint64_t now_ms);

/* Whether that is too much. */
int takers_is_greedy(takers_t *takers, uint64_t client, uint64_t now_ms);

#endif
