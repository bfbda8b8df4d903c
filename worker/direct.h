#ifndef DIRECT_H
#define DIRECT_H

/*
 * The query processes that nginx asks without the worker: quick queries take
 * less of the machine there than their way through the worker would.  There
 * is one for each of nginx's workers, but no more than query_processes: if
 * one had to answer them all it would have to wait for its core, at times
 * while others are idle.
 *
 * The worker accepts connections on <run_dir>/query.sock and hands each to
 * the process that has the fewest, tells them each snapshot like all others,
 * and starts those anew that die.  What a process does not do in no time it
 * leaves to the worker's own: that is for whoever asks to see to.  While it is
 * not there, connections to it are closed at once.
 *
 * Threads: the worker's loop only.
 */

#include "query_process.h"
#include "worker.h"

/* program and argv: as pool_create().  NULL without memory. */
direct_t *direct_create(worker_t *worker, const char *program, char **argv);

/* Once the worker has a snapshot.  0 or a libuv error. */
int direct_listen(worker_t *worker);

/* Kills it; the loop closes its handles, then free. */
void direct_stop(worker_t *worker);
void direct_free(worker_t *worker);

/* They go over to this snapshot. */
void direct_serve(worker_t *worker, snapshot_t *snapshot,
    uint64_t static_version);

/* For preparation.h. */
size_t direct_processes(const worker_t *worker);
query_process_t *direct_process(const worker_t *worker, size_t i);

/* Adds to stats what was answered there since the last time. */
void direct_count(worker_t *worker, stats_t *stats);

#endif
