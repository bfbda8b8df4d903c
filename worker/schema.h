#ifndef SCHEMA_H
#define SCHEMA_H

/*
 * The union of what publishers report: a table is made by the first, later
 * ones add columns, and a column keeps the type it first got.
 */

#include "qsn_buf.h"
#include "request.h"
#include "store.h"

enum report_result {
    REPORT_TAKEN,
    REPORT_DUPLICATE,           /* reported before: the first one stands */
    REPORT_REFUSED,             /* request->error says why, nothing changed */
    REPORT_FAILED               /* likewise, but the transaction must be
                                   rolled back */
};

/*
 * Makes the table or adds the columns of source that it lacks; *table is
 * its entry in the catalog.  request is for the error alone.
 */
enum report_result schema_merge(store_t *store, request_t *request,
    const table_t *source, catalog_table_t **table);

/* Whether these are the columns, in order, of the insertion that is kept:
   then the table has them all. */
int schema_same_columns(const catalog_table_t *table,
    const text_list_t *names);

/* CREATE TABLE name with source's columns, no more.  0 or -1. */
int schema_create(sqlite3 *db, const char *name, const table_t *source);

/* Appends "a","b" for the columns. */
void schema_columns(qsn_buf_t *buf, const text_list_t *names);

/* SQLite's last error as request's; always REPORT_FAILED. */
enum report_result schema_failed(store_t *store, request_t *request);

/* The same; db has the reason. */
enum report_result schema_failed_in(sqlite3 *db, store_t *store,
    request_t *request);

#endif
