#ifndef ARENA_H
#define ARENA_H

/*
 * Memory of one request: many small pieces, freed together.  Chunks start
 * small, because most publishes are, and double up to ARENA_CHUNK_MAX.
 *
 * Threads: an arena has one user at a time and is handed over whole.
 */

#include <stddef.h>

#define ARENA_CHUNK_MIN  (4 * 1024)
#define ARENA_CHUNK_MAX  (256 * 1024)

typedef struct arena_chunk_s arena_chunk_t;

typedef struct {
    arena_chunk_t *chunks;
    char *next;
    size_t left;
    size_t chunk_size;
    size_t total;               /* bytes taken from the system */
} arena_t;

void arena_init(arena_t *arena);
void arena_free(arena_t *arena);

/* Aligned for any type, not cleared; NULL without memory. */
void *arena_alloc(arena_t *arena, size_t size);

/* A copy of length bytes with a NUL behind. */
char *arena_copy(arena_t *arena, const void *data, size_t length);

#endif
