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

/* Calls run(data) once; here and now if there is no memory for later. */
void background_run(uv_loop_t *loop, void (*run)(void *data), void *data);

#endif
