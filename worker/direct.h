#ifndef DIRECT_H
#define DIRECT_H

/*
 * The query process that nginx asks without the worker: quick queries take
 * less of the machine there than their way through the worker would.
 *
 * The worker accepts connections on <run_dir>/query.sock and hands each to
 * this process, tells it each snapshot like all others, and starts it anew
 * when it dies.  What the process does not do in no time it leaves to the
 * worker's own: that is for whoever asks to see to.  While it is not there,
 * connections are closed at once.
 *
 * Threads: the worker's loop only.
 */

#include "worker.h"

/* program and argv: as pool_create().  NULL without memory. */
direct_t *direct_create(worker_t *worker, const char *program, char **argv);

/* Once the worker has a snapshot.  0 or a libuv error. */
int direct_listen(worker_t *worker);

/* Kills it; the loop closes its handles, then free. */
void direct_stop(worker_t *worker);
void direct_free(worker_t *worker);

/* It goes over to this snapshot. */
void direct_serve(worker_t *worker, snapshot_t *snapshot,
    uint64_t static_version);

/* Adds to stats what was answered there since the last time. */
void direct_count(worker_t *worker, stats_t *stats);

#endif
