#ifndef CLOSING_H
#define CLOSING_H

/*
 * Closes a sealed generation, of which the connection has 64 MB of pages, in
 * the background (background.h).
 */

#include <uv.h>

#include "generation.h"
#include "mailbox.h"

/* On the loop.  The generation is unlocked (generation_unlock()) and taken
   over. */
void closing_begin(uv_loop_t *loop, generation_t *generation);

/* The same on any thread, by way of the loop's inbox; while the worker stops it
   is closed before this returns. */
void closing_later(uv_loop_t *loop, mailbox_t *inbox,
    generation_t *generation);

#endif
