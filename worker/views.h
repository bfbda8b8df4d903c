#ifndef VIEWS_H
#define VIEWS_H

/*
 * The operator's views: a YAML file, a list of {viewname, view}, where view
 * is a CREATE VIEW statement (or several).  They are made in file order in
 * every generation when it is sealed, so a view may stand on those before it; the
 * file is watched and read again when it changes.
 *
 * Threads: the loop's, but for views_make(), which the writer calls.
 */

#include <uv.h>

#include "store.h"

typedef struct views_s views_t;

/* Reads path and watches it; NULL path: no views.  What is wrong with the
   file is logged and kept for the table.  NULL without memory. */
views_t *views_create(uv_loop_t *loop, const char *path);

/* Ends the watch; views_destroy() after the loop's next turn. */
void views_stop(views_t *views);
void views_destroy(views_t *views);

/*
 * Makes the views and fills qasino_server_views, in the transaction that is
 * open: a view that cannot be made has its error there.  0 or -1.
 */
int views_make(views_t *views, store_t *store);

#endif
