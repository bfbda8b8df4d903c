#ifndef BACKGROUND_H
#define BACKGROUND_H

/*
 * What takes long and nobody waits for: giving back the memory of a file or
 * of a connection.  It is done on libuv's threads, which from then on are
 * the last that the scheduler thinks of.
 *
 * Threads: called on the loop's; run is called on another.
 */

#include <uv.h>

/* Calls run(data) once; here and now if there is no memory for later.  Then
   done(data) on the loop, unless it is NULL. */
void background_run(uv_loop_t *loop, void (*run)(void *data),
    void (*done)(void *data), void *data);

/* On the other thread: between two parts of what takes long. */
void background_leave_core(unsigned us);

/* From here on nothing is left but to stop, which waits for all of it: nobody
   leaves the core any more. */
void background_hurry(void);
int background_hurries(void);

#endif
