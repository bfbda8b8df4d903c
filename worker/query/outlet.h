#ifndef OUTLET_H
#define OUTLET_H

/*
 * A socket, as far as answers go.  While more requests are waiting, small
 * answers are gathered and go out together: but not for longer than
 * OUTLET_GATHER_US, and not while a slow query runs, which is for the
 * watchdog to see to.
 *
 * The worker's outlet waits until it takes what is long.  A peer's (peers.h)
 * never waits, and holds what was not taken.
 *
 * Threads: the main thread, except outlet_nudge(), the watchdog's.
 */

#include <sys/uio.h>

#define OUTLET_GATHER_US     1000
#define OUTLET_PEER_US       200      /* a peer's: nginx has more to do */
#define OUTLET_GATHER_BYTES  (64 * 1024)
#define OUTLET_HOLD_BYTES    (16 * 1024 * 1024)  /* a peer's, then it breaks */

typedef struct outlet outlet_t;

/* NULL without memory.  fd stays the caller's; waits: it is blocking, and
   writing to it slows down whoever writes. */
outlet_t *outlet_create(int fd, int waits);
void outlet_destroy(outlet_t *outlet);

/* Takes what is in parts (which it changes): gathers it or, where more is
   set or it is much, waits until it is written. */
void outlet_put(outlet_t *outlet, struct iovec *parts, int count, int more);

/* Writes what was gathered a while ago; all: whenever that was. */
void outlet_flush(outlet_t *outlet, int all);

/* Writes what is gathered, as far as that goes without waiting.  1 if
   something is left. */
int outlet_nudge(outlet_t *outlet);

/* 1 if something is gathered. */
int outlet_holds(const outlet_t *outlet);

/* 1 once the other side has stopped reading for good. */
int outlet_broken(const outlet_t *outlet);

#endif
