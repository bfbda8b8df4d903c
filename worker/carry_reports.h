#ifndef CARRY_REPORTS_H
#define CARRY_REPORTS_H

/*
 * A table's persisted reports, from the sealed generation into the one that
 * begins: first the plain ones, then second reports, then what updates have
 * set.  The two have a connection each.
 *
 * Threads: the writer's.
 */

#include "carry_copy.h"

typedef struct carry_reports_s carry_reports_t;

enum carry_kind {
    CARRY_PLAIN,
    CARRY_SECOND,
    CARRY_MARKS,                /* which rows updates have set: listed */
    CARRY_UPDATES,
    CARRY_KINDS
};

/* How far a table is.  All zeroes: it has not begun. */
typedef struct {
    enum carry_kind kind;       /* that comes next */
    sqlite3_int64 after;        /* the last report, or mark, that is done */
    sqlite3_int64 copied;       /* sealed rows of the report behind that; of
                                   an update, the last one's rowid */
    sqlite3_int64 rows;         /* how many they are here */
    sqlite3_int64 last;         /* rowid of the last one of a report that is
                                   done; what is behind it is of this one */
} carry_position_t;

/* Needs carry_list.h's.  0, or -1: the reason is with one of the connections,
   and carry_reports_destroy() is due either way. */
int carry_reports_create(store_t *store, sqlite3 *sealed,
    carry_reports_t **reports);

/* NULL is fine. */
void carry_reports_destroy(carry_reports_t *reports);

/*
 * Inside a transaction: goes on with the table from *position, for about as
 * many rows as limit says.  table stays valid until carry_reports_destroy().
 * 1: all is there, 0: not yet, -1: it must be rolled back, and
 * carry_reports_rolled_back() told of that.
 */
int carry_reports_copy(carry_reports_t *reports, const char *table,
    carry_position_t *position, int64_t limit);

void carry_reports_rolled_back(carry_reports_t *reports);

#endif
