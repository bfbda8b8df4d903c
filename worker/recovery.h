#ifndef RECOVERY_H
#define RECOVERY_H

/*
 * The start: what a former worker has left is served and gone on with, from
 * the file and the moment where it was.
 *
 * Threads: the loop's, before there are others.
 */

#include "leftovers.h"

/*
 * Finds what is in db_dir: found->served is to be served, an empty generation
 * if there was none, and the writer has one to collect into, the open one if
 * there is one.  *left_ms: of the generation that is served.  0, or -1 with
 * the reason in error (GENERATION_ERROR_SIZE).
 */
int recovery_run(worker_t *worker, leftovers_t *found, uint64_t *left_ms,
    char *error);

#endif
