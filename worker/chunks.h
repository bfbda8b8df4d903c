#ifndef CHUNKS_H
#define CHUNKS_H

/*
 * Large pieces of memory, kept when they are free: a fresh page costs as
 * much as parsing a row, and a body takes hundreds of them.
 *
 * Threads: any.
 */

#include <stddef.h>

#define CHUNK_SIZE  (256 * 1024)

/* NULL without memory. */
void *chunk_get(void);
void chunk_put(void *chunk);

#endif
