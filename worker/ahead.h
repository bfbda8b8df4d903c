#ifndef AHEAD_H
#define AHEAD_H

/*
 * What is done before the turn of a generation, so that publishes wait for
 * less at it.  At half of its time the next generation's file is made
 * (spare.h).  From a second before its end on publishers are listed in
 * qasino_server_connections, some at a time, between the publishes: sealing
 * has only those to list that published in the last moments.
 *
 * Threads: the loop's; the listing is the writer's.
 */

#include "worker.h"

void ahead_start(worker_t *worker);
void ahead_stop(worker_t *worker);

/* The generation being collected is sealed in left_ms. */
void ahead_expect(worker_t *worker, uint64_t left_ms);

#endif
