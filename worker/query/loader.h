#ifndef LOADER_H
#define LOADER_H

/*
 * Reading the schema of a snapshot takes some microseconds a table, in which
 * the main thread would answer nobody.  So a thread of its own opens the next
 * snapshot while the last one is served, and closes the last one afterwards.
 *
 * Threads: loader_begin() is for whoever has the ear (control.h), the others
 * are the main thread's.  A reader belongs to one thread at a time.
 */

#include "control.h"
#include "qsn_settings.h"
#include "reader.h"

/* The snapshot that the request names, opened here and now; NULL and
   *failure. */
reader_t *loader_open(const control_job_t *job,
    const qsn_settings_t *settings, const policy_limits_t *limits,
    failure_t *failure);

/* Starts the thread.  NULL with errno set. */
loader_t *loader_create(const qsn_settings_t *settings, outlet_t *outlet);

/* Opens the snapshot that the request names; the answer follows when that is
   done.  One at a time: 0, or -1 if the last one is not answered yet.  The job
   is the loader's then. */
int loader_begin(loader_t *loader, control_job_t *job);

/* The reader of the snapshot that the request names, which is the caller's
   then; waits for it if it is being opened.  NULL: there is none, nor will any
   be made. */
reader_t *loader_take(loader_t *loader, const control_job_t *job);

/* Closes it, some time. */
void loader_close(loader_t *loader, reader_t *reader);

#endif
