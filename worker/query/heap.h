#ifndef HEAP_H
#define HEAP_H

/*
 * SQLite's memory, counted by thread: what the main thread takes for a query
 * is bounded, what another thread takes at the same time for the schema of
 * the next snapshot (loader.h) is not part of that.  SQLite's own counter is
 * one for all threads, behind a mutex.
 *
 * Memory that one thread has taken and another gives back counts with each
 * of them: so a bound is one from what the thread holds when it is set, and
 * higher by what it gives back of another's.
 */

#include <stddef.h>

/* Before anything else of SQLite: 0, or -1 if it is too late. */
int heap_start(void);

/* The calling thread may take so many bytes more than it holds now; 0: as many
   as there are. */
void heap_limit(size_t bytes);

#endif
