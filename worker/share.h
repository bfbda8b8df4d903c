#ifndef SHARE_H
#define SHARE_H

/*
 * Queries that ask the same at the same time: the first leads and runs, the
 * others follow and wait for its first frame.  What they share is op,
 * format, flags, statement, and the world: what pool.c counts up whenever
 * data changes that a query may see.
 *
 * Statements with the name of a function in them whose result may differ
 * every time, and those with a snapshot of their own, are not shared.
 *
 * Threads: the worker's loop only.
 */

#include "pool.h"

typedef struct share_s share_t;

/* NULL without memory. */
share_t *share_create(void);
void share_destroy(share_t *share);

/* 1 if query follows another from here on; 0 if it has to run, and may
   lead.  In ->world is what it belongs to. */
int share_enter(share_t *share, query_t *query);

/* A leader's first frame is here: it leads no more.  Returns those that
   followed it, oldest first, linked by ->next_follower. */
query_t *share_resolve(share_t *share, query_t *leader);

/* A follower follows no more. */
void share_leave(query_t *follower);

/* A leader leaves: its oldest follower leads the others, and is returned;
   NULL: it had none. */
query_t *share_succeed(share_t *share, query_t *leader);

#endif
