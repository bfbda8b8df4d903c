/* A stack: what was used last is still in the cache. */

#include "chunks.h"

#include <pthread.h>
#include <stdlib.h>

#define KEPT_MAX  64            /* 16 MB */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *kept[KEPT_MAX];
static size_t kept_count;


void *
chunk_get(void)
{
    void *chunk = NULL;

    (void) pthread_mutex_lock(&mutex);

    if (kept_count) {
        chunk = kept[--kept_count];
    }

    (void) pthread_mutex_unlock(&mutex);

    return chunk ? chunk : malloc(CHUNK_SIZE);
}


void
chunk_put(void *chunk)
{
    (void) pthread_mutex_lock(&mutex);

    if (kept_count < KEPT_MAX) {
        kept[kept_count++] = chunk;
        chunk = NULL;
    }

    (void) pthread_mutex_unlock(&mutex);
    free(chunk);
}
