#ifndef ROTATE_H
#define ROTATE_H

/* The generations' turn: recovery at start-up, then seal, serve, open. */

#include "qsn_buf.h"
#include "worker.h"

#define ROTATE_ERROR_SIZE  GENERATION_ERROR_SIZE

/*
 * Finds what is in db_dir, serves the newest sealed generation (making an
 * empty one if there is none), goes on with the open one, starts the clock.
 * 0, or -1 with the reason in error.
 */
int rotate_start(worker_t *worker, char *error);

/* Stops the clock and closes the open generation; its file stays. */
void rotate_stop(worker_t *worker);

/* The static tables have this version: the page says so at once. */
void rotate_static_changed(worker_t *worker, uint64_t version);

/* The generation signal; first is its first member's inside, up to the
   closing quote: op": "generation_signal */
void rotate_signal(worker_t *worker, const char *first, qsn_buf_t *body);

#endif
