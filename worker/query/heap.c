/* SQLite's own allocator, three functions replaced. */

#include "heap.h"

#include <stdint.h>

#include <sqlite3.h>

static void *take(int size);
static void give_back(void *memory);
static void *resize(void *memory, int size);
static int is_too_much(int size);

static sqlite3_mem_methods base;
static _Thread_local int64_t held;
static _Thread_local int64_t most = INT64_MAX;


int
heap_start(void)
{
    sqlite3_mem_methods methods;

    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &base) != SQLITE_OK) {
        return -1;
    }

    methods = base;
    methods.xMalloc = take;
    methods.xFree = give_back;
    methods.xRealloc = resize;

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
    void *memory = is_too_much(size) ? NULL : base.xMalloc(size);

    if (memory) {
        held += base.xSize(memory);
    }

    return memory;
}


static void
give_back(void *memory)
{
    held -= base.xSize(memory);
    base.xFree(memory);
}


static void *
resize(void *memory, int size)
{
    int before = base.xSize(memory);

    if (size > before && is_too_much(size - before)) {
        return NULL;
    }

    memory = base.xRealloc(memory, size);

    if (memory) {
        held += base.xSize(memory) - before;
    }

    return memory;
}


static int
is_too_much(int size)
{
    return held + size > most;
}
