#include "heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include <sqlite3.h>

static void *take(int size);
static void give_back(void *memory);
static void *resize(void *memory, int size);
static int size_of(void *memory);
static int round_up(int size);
static int begin(void *data);
static void end(void *data);
static int is_too_much(int size);

static _Thread_local int64_t held;
static _Thread_local int64_t most = INT64_MAX;


int
heap_start(void)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = take,
        .xFree = give_back,
        .xRealloc = resize,
        .xSize = size_of,
        .xRoundup = round_up,
        .xInit = begin,
        .xShutdown = end
    };

    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK
           && sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK
           ? 0 : -1;
}


void
heap_limit(size_t bytes)
{
    most = bytes && bytes <= INT64_MAX / 2 ? held + (int64_t) bytes
                                           : INT64_MAX;
}


static void *
take(int size)
{
    void *memory = is_too_much(size) ? NULL : malloc((size_t) size);

    if (memory) {
        held += size_of(memory);
    }

    return memory;
}


static void
give_back(void *memory)
{
    held -= size_of(memory);
    free(memory);
}


static void *
resize(void *memory, int size)
{
    int before = size_of(memory);

    if (size > before && is_too_much(size - before)) {
        return NULL;
    }

    memory = realloc(memory, (size_t) size);

    if (memory) {
        held += size_of(memory) - before;
    }

    return memory;
}


static int
size_of(void *memory)
{
    return (int) malloc_usable_size(memory);
}


static int
round_up(int size)
{
    return (size + 7) & ~7;
}


static int
begin(void *data)
{
    (void) data;

    return SQLITE_OK;
}


static void
end(void *data)
{
    (void) data;
}


static int
is_too_much(int size)
{
    return held + size > most;
}
