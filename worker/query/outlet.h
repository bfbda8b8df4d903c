#ifndef OUTLET_H
#define OUTLET_H

/*
 * The worker's socket, as far as answers go.  While more requests are
 * waiting, small answers are gathered and go out together: but not for
 * longer than OUTLET_GATHER_MS, and not while a slow query runs, which is
 * for the watchdog to see to.
 *
 * Threads: the main thread, except outlet_nudge(), the watchdog's.
 */

#include <sys/uio.h>

#define OUTLET_GATHER_MS     1
#define OUTLET_GATHER_BYTES  (64 * 1024)

typedef struct outlet outlet_t;

/* NULL without memory.  fd is blocking and stays the caller's. */
outlet_t *outlet_create(int fd);

/* Takes what is in parts (which it changes): gathers it or, where more is
   set or it is much, waits until it is written. */
void outlet_put(outlet_t *outlet, struct iovec *parts, int count, int more);

/* Writes what was gathered a while ago; all: whenever that was. */
void outlet_flush(outlet_t *outlet, int all);

/* Writes what is gathered, as far as that goes without waiting.  1 if
   something is left. */
int outlet_nudge(outlet_t *outlet);

/* 1 once the worker has stopped reading for good. */
int outlet_broken(const outlet_t *outlet);

#endif
