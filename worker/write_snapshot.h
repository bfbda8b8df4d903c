#ifndef WRITE_SNAPSHOT_H
#define WRITE_SNAPSHOT_H

/*
 * "use_write_db": a look into the generation being collected.  The query
 * process gets a sealed copy of the file as it is after the last commit,
 * internal tables and all, so that no reader ever holds the writer up.
 *
 * The copy costs time in proportion to the generation's size (memory speed
 * on a tmpfs) and is shared by all who ask before the next publish.
 */

#include "worker.h"

/* A reference to the copy, made if the last one is out of date.  NULL with
   the reason in error (GENERATION_ERROR_SIZE). */
snapshot_t *write_snapshot_get(worker_t *worker, char *error);

/* Forgets the copy: its generation is over. */
void write_snapshot_drop(worker_t *worker);

#endif
