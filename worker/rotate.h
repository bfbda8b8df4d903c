#ifndef ROTATE_H
#define ROTATE_H

/* The generations' turn: recovery at start-up, then seal, serve, open. */

#include "qsn_buf.h"
#include "worker.h"

#define ROTATE_ERROR_SIZE  GENERATION_ERROR_SIZE

/*
 * Finds what is in db_dir, serves the newest sealed generation (making an
 * empty one if there is none), goes on with the open one, starts the clock.
 * 0, or -1 with the reason in error.
 */
int rotate_start(worker_t *worker, char *error);

/* Stops the clock and closes the open generation; its file stays. */
void rotate_stop(worker_t *worker);

/* The static tables have this version: the page says so at once. */
void rotate_static_changed(worker_t *worker, uint64_t version);

/* What a generation says of the server when it is sealed: gathered on the
   loop, used by the writer. */
typedef struct {
    stats_t stats;              /* without the writer's own */
    slow_queries_t slow;
    catalog_t statics;
} seal_info_t;

/* 0, or -1 without memory. */
int rotate_seal_info(worker_t *worker, seal_info_t *info);
void rotate_seal_info_free(seal_info_t *info);

/* On the writer: seals a copy of the generation being collected, as that
   would be sealed now.  0, or -1 with the reason in error. */
int rotate_seal_copy(worker_t *worker, const char *path,
    const seal_info_t *info, char *error);

/* The generation signal; first is its first member's inside, up to the
   closing quote: op": "generation_signal */
void rotate_signal(worker_t *worker, const char *first, qsn_buf_t *body);

#endif
