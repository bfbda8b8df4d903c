#ifndef CLOSING_H
#define CLOSING_H

/*
 * Closes a sealed generation, of which the connection has 64 MB of pages, in
 * the background (background.h).
 *
 * Threads: the loop's.
 */

#include <uv.h>

#include "generation.h"

/* The generation is unlocked (generation_unlock()) and taken over. */
void closing_begin(uv_loop_t *loop, generation_t *generation);

#endif
