#ifndef LIST_AHEAD_H
#define LIST_AHEAD_H

/*
 * From a second before the turn of a generation on its publishers are listed
 * in qasino_server_connections, some at a time, between the publishes: so
 * sealing, for which publishes wait, has only those to list that published in
 * the last moments.
 *
 * Threads: the loop's; the listing is the writer's.
 */

#include "worker.h"

void list_ahead_start(worker_t *worker);
void list_ahead_stop(worker_t *worker);

/* The generation being collected is sealed in left_ms. */
void list_ahead_expect(worker_t *worker, uint64_t left_ms);

#endif
