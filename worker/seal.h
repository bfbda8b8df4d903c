#ifndef SEAL_H
#define SEAL_H

/*
 * The end of a generation: what it says of itself and of the server goes in,
 * and from then on it does not change.
 */

#include "worker.h"

#define SEAL_ERROR_SIZE  GENERATION_ERROR_SIZE

/* What a generation says of the server: gathered on the loop, used by who
   seals it. */
typedef struct {
    stats_t stats;              /* without the writer's own */
    slow_queries_t slow;
    catalog_t statics;
} seal_info_t;

/* What the page says of a generation that was sealed. */
typedef struct {
    double start_epoch;         /* of its being served */
    uint64_t tables;
    uint64_t rows;
    uint64_t publishers;
} seal_facts_t;

/* On the loop: 0, or -1 without memory. */
int seal_info_gather(worker_t *worker, seal_info_t *info);
void seal_info_free(seal_info_t *info);

/* The counts go on as if they had not been gathered. */
void seal_info_give_back(worker_t *worker, const seal_info_t *info);

/* Each 0, or -1 with the reason in error (SEAL_ERROR_SIZE). */

/* On the writer: seals the generation being collected, with the reserve's room where there
   is no other.  If it cannot be it stays open, and publishes are refused. */
int seal_current(worker_t *worker, const seal_info_t *info,
    seal_facts_t *facts, char *error);

/* On any thread: seals a copy of it, as that would have been sealed when its
   number was this and the writer's publishes those. */
int seal_copy(worker_t *worker, const char *path, uint64_t number,
    const seal_info_t *info, const stats_t *published, char *error);

/* At the start: an empty one, for readers to have something. */
int seal_empty(worker_t *worker, uint64_t number, seal_facts_t *facts,
    char *error);

/* On the loop: to be published with the page. */
void seal_show(worker_t *worker, const seal_facts_t *facts);

#endif
