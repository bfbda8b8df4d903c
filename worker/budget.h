#ifndef BUDGET_H
#define BUDGET_H

/*
 * How much a generation and the static tables may hold, and what is kept
 * back so that a full file system never stops the server: a reserve file in
 * db_dir, whose room sealing a generation may use when there is no other.
 *
 * Threads: the writer's, as the generation; budget_has_room() and
 * budget_awaited() anyone's.
 */

#include "request.h"
#include "store.h"

typedef struct {
    const qsn_settings_t *settings;
    int64_t max_generation;     /* bytes, never 0 */
    int64_t reserve_size;
    int reserved;               /* the reserve is there */
} budget_t;

/* Finds max_generation's value and makes the reserve, if there is room. */
void budget_open(budget_t *budget, const qsn_settings_t *settings);

/* From now on the store may grow to that many bytes; or without bound: what
   the server itself writes is never refused. */
void budget_limit(store_t *store, int64_t bytes);
void budget_lift(store_t *store);

/* How many pages a generation's file may have before anybody publishes into
   it. */
int64_t budget_awaited(const budget_t *budget);

/* Gives the reserve's room away; makes it anew: 0, or -1 without room. */
void budget_spend_reserve(budget_t *budget);
int budget_make_reserve(budget_t *budget);

/* Whether db_dir has room for another generation beside what is there. */
int budget_has_room(const qsn_settings_t *settings);

/* Whether db_dir has room for what is left to copy of a generation and for
   what may still be published into it, both in pages.  0, or -1 with the
   reason in error. */
int budget_check_copy(const budget_t *budget, int64_t pages, int64_t left,
    char *error, size_t size);

/* Fails the request: a store is as large as it may be, or its file system
   is full. */
void budget_refuse(const store_t *store, request_t *request);

#endif
