#ifndef STATEMENT_H
#define STATEMENT_H

/*
 * From the text a user sends to the one statement that SQLite is to run.
 * Pure: looks at text alone.  What it lets through still meets the policy
 * (policy.h); its own checks are there to give a good sentence early, and
 * to translate the shortcuts.  Names and patterns of shortcuts are bound as
 * values, never pasted into SQL.
 */

#include <stddef.h>

#include "failure.h"
#include "qsn_buf.h"

enum statement_kind {
    STATEMENT_SQL,      /* the user's own SELECT, WITH, VALUES, EXPLAIN */
    STATEMENT_SHORTCUT, /* SHOW ..., DESC VIEW: our SQL */
    STATEMENT_DESC,     /* our SQL, to be tried with schema main, static */
    STATEMENT_QUIT      /* quit, exit, logout: nothing to run */
};

typedef struct {
    enum statement_kind kind;
    qsn_buf_t sql;      /* what to run */
    int has_value;
    qsn_buf_t value;    /* bound as ?1 */
    int has_schema;     /* DESC: NAME.TABLE was written */
    qsn_buf_t schema;   /* bound as ?2 */
} statement_t;

/*
 * Fills in *statement from length bytes of text, at most max of them.
 * Returns 0, or -1 and *failure.  In either case statement_free() is due.
 */
int statement_parse(statement_t *statement, const char *text, size_t length,
    size_t max, failure_t *failure);

void statement_free(statement_t *statement);

#endif
