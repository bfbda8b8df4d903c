#ifndef REMOVAL_H
#define REMOVAL_H

/*
 * Deletes a generation file whose last reader has let go of it, in the
 * background (background.h).
 *
 * Threads: the loop's.
 */

#include <uv.h>

/* path is copied.  Without memory for later it is deleted here and now. */
void removal_begin(uv_loop_t *loop, const char *path);

#endif
