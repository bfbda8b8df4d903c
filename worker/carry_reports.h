#ifndef CARRY_REPORTS_H
#define CARRY_REPORTS_H

/*
 * A table's persisted reports, from the sealed generation into the one that
 * begins.  The sealed file is attached to the store's connection as sealed.
 *
 * The writer waits for a whole table, so what its reports share is asked for
 * once a table and not once a report: the names and types of the sealed
 * columns, the statements, and the merging of columns for as long as the
 * reports have the same ones.
 *
 * Threads: the writer's.
 */

#include "store.h"

typedef struct carry_reports_s carry_reports_t;

/* What persists, by its table; in temp. */
#define CARRY_REPORTS_LIST  "_qasino_to_carry"

/* Makes the list.  0, or -1: the reason is sqlite3_errmsg(store->db), and
   carry_reports_destroy() is due either way. */
int carry_reports_create(store_t *store, carry_reports_t **reports);

/* Drops the list; NULL is fine. */
void carry_reports_destroy(carry_reports_t *reports);

/* Inside a transaction, once a table.  0, or -1 and it must be rolled
   back. */
int carry_reports_copy(carry_reports_t *reports, const char *table);

#endif
