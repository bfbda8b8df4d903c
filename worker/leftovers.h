#ifndef LEFTOVERS_H
#define LEFTOVERS_H

/* What a former worker left in db_dir, looked at when this one starts. */

#include "worker.h"

typedef struct {
    uint64_t served;            /* newest sealed, 0: none */
    uint64_t collecting;        /* newest open one, 0: none */
    uint64_t highest;           /* of all */
} leftovers_t;

/* 0, or -1 with the reason in error (GENERATION_ERROR_SIZE). */
int leftovers_find(worker_t *worker, leftovers_t *found, char *error);

/* Lets go of all generations but the one that is served and the one that is
   collected into, of copies, and of
   what was to be the next one. */
void leftovers_clean_up(worker_t *worker, const leftovers_t *found);

#endif
