#ifndef REPORT_H
#define REPORT_H

/*
 * One publish into a store: schema, rows and bookkeeping in the transaction
 * that the caller has open.
 */

#include "qsn_buf.h"
#include "schema.h"

/* What _qasino_reports has of one (table, identity, kind). */
typedef struct {
    int found;
    int persist;
    int carried;                /* from the generation before: a default */
    int64_t rows;
    int64_t updates;            /* publishes taken */
    int64_t first;              /* rowids of a plain report's rows */
    int64_t last;
    qsn_buf_t columns;          /* of a persisted report, "a,b" */
} report_t;

enum report_kind {
    REPORT_PLAIN = 0,
    REPORT_UPDATE = 1
};

/*
 * request has passed request_check_table().  A plain report is taken once
 * from an identity in a generation, updates merge any number of times.
 */
enum report_result report_apply(store_t *store, request_t *request);

/* The reports of both kinds, to be freed by report_free().  0 or -1. */
int report_find(store_t *store, const char *table, const char *identity,
    report_t *reports);
void report_free(report_t *reports);

/*
 * Writes a report and counts it in the catalog; before is what
 * report_find() said.  0 or -1.
 */
int report_put(store_t *store, catalog_table_t *table, const char *identity,
    enum report_kind kind, const report_t *report, double epoch,
    const report_t *before);

/* Appends the statement that writes the rows on offer into a table. */
void report_insert_sql(qsn_buf_t *sql, const char *table,
    const text_list_t *names);

/* Adds names to report->columns that are not in it. */
void report_add_columns(report_t *report, const text_list_t *names);

#endif
