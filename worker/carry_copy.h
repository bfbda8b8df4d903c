#ifndef CARRY_COPY_H
#define CARRY_COPY_H

/*
 * One table at a time, from the sealed generation into the one that begins:
 * the columns it gets from each report, and the copying of rows.
 *
 * What reports share is asked for once a table and not once a report: the
 * names and types of the sealed columns, and the merging of columns for as
 * long as the reports have the same ones.
 *
 * Threads: the writer's.
 */

#include "report.h"
#include "sealed_columns.h"

/* All zeroes: nothing is prepared. */
typedef struct {
    store_t *store;
    sqlite3 *from;              /* connection of the sealed one */
    sqlite3_stmt *updates;      /* columns that they have set in table ?1 */
    sqlite3_stmt *info;         /* SEALED_COLUMNS_SQL */
    uint64_t merges;            /* so far; a column has seen this one once
                                   it is taken */

    /* between carry_copy_begin() and carry_copy_end() */
    const char *name;           /* the caller's */
    sealed_columns_t sealed;
    qsn_buf_t updated;          /* what updates have set, "a,b" */

    /* once a report was merged */
    catalog_table_t *table;
    qsn_buf_t merged;           /* the last one had these, "a,b" */
    sqlite3_stmt *read;         /* its columns of sealed rows ?1 to ?2 */
    sqlite3_stmt *write;        /* those into the table */
} carry_copy_t;

/* Needs carry_list.h's.  0, or -1; carry_copy_free() is due either way. */
int carry_copy_prepare(carry_copy_t *copy, store_t *store, sqlite3 *sealed);
void carry_copy_free(carry_copy_t *copy);

/* name stays valid until carry_copy_end().  0 or -1. */
int carry_copy_begin(carry_copy_t *copy, const char *name);
void carry_copy_end(carry_copy_t *copy);

/*
 * The table gets the columns names, "a,b", and those that updates have set.
 * source: the table where a second report waits, or NULL.  A report with
 * other columns than the last one's waits for nothing more than that.
 */
enum report_result carry_copy_merge(carry_copy_t *copy, const char *source,
    const char *names);

/* Sealed rows, with the columns of the report merged last; or those of a
   second report.  They get consecutive rowids, and *rows is that much more.
   SQLITE_OK, or the error, and then some of them may be there. */
int carry_copy_rows(carry_copy_t *copy, sqlite3_int64 first,
    sqlite3_int64 last, sqlite3_int64 *rows);
int carry_copy_source(carry_copy_t *copy, const char *source,
    const char *names, sqlite3_int64 first, sqlite3_int64 last,
    sqlite3_int64 *rows);

#endif
