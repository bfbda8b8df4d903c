/* Bump allocation out of chunks; those of full size are recycled. */

#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"

struct arena_chunk_s {
    arena_chunk_t *previous;
    size_t size;
};

#define ALIGNMENT  alignof(max_align_t)

_Static_assert(sizeof(arena_chunk_t) <= ALIGNMENT, "header is one step");
/* NOLINTNEXTLINE(misc-redundant-expression): two names for one number */
_Static_assert(ARENA_CHUNK_MAX == CHUNK_SIZE, "full chunks are recycled");


void
arena_init(arena_t *arena)
{
    memset(arena, 0, sizeof(*arena));
    arena->chunk_size = ARENA_CHUNK_MIN;
}


void
arena_free(arena_t *arena)
{
    while (arena->chunks) {
        arena_chunk_t *previous = arena->chunks->previous;

        if (arena->chunks->size == CHUNK_SIZE) {
            chunk_put(arena->chunks);
        } else {
            free(arena->chunks);
        }

        arena->chunks = previous;
    }

    arena_init(arena);
}


void *
arena_alloc(arena_t *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

    if (size > arena->left) {
        size_t chunk_size = arena->chunk_size;

        if (size > chunk_size - ALIGNMENT) {
            chunk_size = size + ALIGNMENT;
        }

        arena_chunk_t *chunk = chunk_size == CHUNK_SIZE ? chunk_get()
                               : malloc(chunk_size);

        if (chunk == NULL) {
            return NULL;
        }

        chunk->previous = arena->chunks;
        chunk->size = chunk_size;
        arena->chunks = chunk;
        arena->next = (char *) chunk + ALIGNMENT;
        arena->left = chunk_size - ALIGNMENT;
        arena->total += chunk_size;

        if (arena->chunk_size < ARENA_CHUNK_MAX) {
            arena->chunk_size *= 2;
        }
    }

    void *piece = arena->next;

    arena->next += size;
    arena->left -= size;

    return piece;
}


char *
arena_copy(arena_t *arena, const void *data, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);

    if (copy) {
        if (length) {
            memcpy(copy, data, length);
        }

        copy[length] = '\0';
    }

    return copy;
}
