#ifndef POLICY_H
#define POLICY_H

/*
 * What SQL from outside may do: read, with harmless functions, within
 * limits.  Enforced by SQLite itself on the handle, whatever the text looks
 * like: an authorizer that allows by list, lowered limits, defensive mode,
 * no modules but json_each and json_tree.
 *
 * The order matters.  policy_harden() may be called at once; the schema is
 * to be loaded, and databases attached, before policy_close(): limits hold
 * while a schema is parsed too.
 */

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "qsn_settings.h"

/* A row is more than its cell: SQLite's own limit is higher by so much. */
#define POLICY_CELL_MARGIN  (64 * 1024)

/* Of a statement, as SQLite compiles it; a number in IN (...) takes two to
   three.  More is SQLITE_NOMEM. */
#define POLICY_OPERATIONS_MAX  25000

typedef struct {
    size_t max_cell;            /* bytes of one value, option max_cell */
    size_t max_sql;             /* bytes of a statement */
    uint64_t max_work;          /* steps of a call, option query_max_work */
} policy_limits_t;

/* What a statement's result depends on beside rows. */
enum {
    POLICY_VOLATILE = 1,        /* chance, this process */
    POLICY_TIMED = 2            /* maybe what time it is */
};

/* Belongs to one handle, and lives as long. */
typedef struct {
    /* of the statement prepared last, see policy_begin() */
    int volatile_functions;     /* the above, or-ed */
    char refused[160];          /* what was not allowed, "" if all was */
} policy_t;

policy_limits_t policy_limits(const qsn_settings_t *settings);

/* Switches off what no query needs.  Returns an SQLite result code. */
int policy_harden(sqlite3 *db);

/* From here on only reading, within the limits. */
void policy_close(sqlite3 *db, policy_t *policy,
    const policy_limits_t *limits);

/* For a moment: to attach a database of our own. */
void policy_open(sqlite3 *db);

/* Before each statement is prepared. */
void policy_begin(policy_t *policy);

#endif
