#ifndef CARRY_H
#define CARRY_H

/*
 * Persisted rows go over from a sealed generation into the one that begins:
 * whole reports by their range of rowids, updates row by row.
 *
 * That takes a while, so it is done table by table: a table that somebody
 * publishes is carried just before, in the same transaction, the others
 * when the writer has nothing else to do, a part of one at a time, all of
 * them before the generation is sealed or copied.  So everything is as if it
 * had been carried at once.  Which tables are done stands in the
 * generation's file: a worker killed half-way goes on, and carries nothing
 * twice.
 *
 * The sealed file is read through a connection of its own: at the turn it is
 * the one that has written it, as reading a schema takes some microseconds a
 * table, in which nobody could publish.
 *
 * Threads: the writer's.
 */

#include "generation.h"

typedef struct carry_s carry_t;

/* A sealed generation that is open still, and unlocked; done takes it back when
   it is of no use any more. */
typedef struct {
    generation_t *generation;
    void (*done)(void *data, generation_t *generation);
    void *data;
} carry_source_t;

/*
 * What is to be carried from sealed_path into the generation; *carry is NULL
 * if nothing is.  0, or -1 with the reason in error (GENERATION_ERROR_SIZE).
 */
int carry_begin(generation_t *generation, const char *sealed_path,
    carry_t **carry, char *error);

/*
 * The same for one that has just begun, from the catalog of the sealed one.
 * The file is looked into later, by the first carry_next(): until then the
 * carry is not open, and carry_has() says of some tables that they are to be
 * carried of which it turns out that they are not.  source has no generation
 * if that is closed; it is not taken where there is no carry, and given back
 * if it cannot be read: then its file is tried.
 */
int carry_expect(generation_t *generation, const char *sealed_path,
    const catalog_t *before, const carry_source_t *source, carry_t **carry,
    char *error);
int carry_is_open(const carry_t *carry);

/* Whether the table is still to be carried. */
int carry_has(const carry_t *carry, const char *name);

/* Open, inside a transaction, before a publish of the table: 0, or -1 and it
   must be rolled back, and carry_rolled_back() told of that; the reason has
   carry_failed(). */
int carry_table(carry_t *carry, const char *name);
sqlite3 *carry_failed(const carry_t *carry);
int carry_rolled_back(carry_t *carry);

/* Outside of one: carries a table, or so much of it that nobody waits for
   long.  When none is left carry is freed and *carry NULL.  0, or -1 with the
   reason in error, and as above.  Of a sealed file that somebody has deleted
   there is nothing to carry, which is logged. */
int carry_next(carry_t **carry, char *error);

/* Stops half-way; the next start goes on. */
void carry_stop(carry_t *carry);

#endif
