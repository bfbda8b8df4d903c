#ifndef SPARE_H
#define SPARE_H

/*
 * The file of the generation that comes next, made and opened in the
 * background (background.h) before its turn.  Then it only gets its name.
 * If there is none by then, the file is made there and then.
 *
 * It is a copy of a template (template.h), which has the tables of the last
 * sealed generation and is kept beside it.
 *
 * Threads: the loop's; the generation is whosever has taken it.
 */

#include <uv.h>

#include "generation.h"
#include "snapshot.h"

/* Names of such files; left-overs are removed at start-up. */
#define SPARE_PREFIX  "qasino_next_"

/* All zeroes: there is none. */
typedef struct {
    generation_t *generation;   /* NULL: there is none */
    char *template;             /* its path; NULL: none was made yet */
    int making;
    int stopping;
} spare_t;

/* There will be one soon, if there is room.  Nothing to do where there is.
   It awaits the tables of the sealed one, those for which so many pages and
   so many ms are enough. */
void spare_make(spare_t *spare, snapshot_t *sealed, int64_t pages,
    uint64_t ms);

/* NULL: there is none.  What was taken and not named is put back. */
generation_t *spare_take(spare_t *spare);
void spare_put(spare_t *spare, generation_t *generation);

/* It is not for now: its room is wanted. */
void spare_drop(spare_t *spare);

/* The loop still has to run until none is being made. */
void spare_stop(spare_t *spare);

#endif
