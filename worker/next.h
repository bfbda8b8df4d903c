#ifndef NEXT_H
#define NEXT_H

/*
 * The beginning of a generation: its file, its number, what is carried into
 * it.  Where there is no room for it publishes are refused, and it is looked
 * for until there is.
 *
 * Threads: the writer's, but where the loop is named.
 */

#include "worker.h"

/* The number of a generation that follows. */
uint64_t next_number(uint64_t after);

/* Opens the writer's generation, writer->number, unless there is one to go
   on with, and what is to be carried into it from writer->sealed.  *sealed,
   which is that one, and *spare, which becomes the generation, are NULL
   afterwards if they are needed; NULL: there is none.  Without room publishes
   are refused. */
void next_begin(worker_t *worker, generation_t **sealed,
    generation_t **spare);

/* Finds what is to be carried.  0, or -1 with the reason in error
   (GENERATION_ERROR_SIZE). */
int next_carry(worker_t *worker, generation_t **sealed, char *error);

/* Publishes are refused until there is room; why is said to whoever asks. */
void next_refuse(writer_t *writer, const char *why);

/* On the loop: while publishes are refused, looks for room. */
void next_start(worker_t *worker);
void next_stop(worker_t *worker);
void next_look_for_room(worker_t *worker);

#endif
