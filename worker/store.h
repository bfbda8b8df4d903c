#ifndef STORE_H
#define STORE_H

/*
 * A database that the worker writes: the generation being collected, or the
 * static tables.  It knows its tables and publishers (the catalog, kept in
 * step with the file), keeps the statements that every publish needs, and
 * runs transactions.
 *
 * Bookkeeping stands in the same file, so it shares the rows' fate:
 * _qasino_reports (who published what, where its rows are),
 * _qasino_updated (which rows an update has set), _qasino_next (what to
 * carry into the next generation instead) and, in a generation's file,
 * _qasino_tables (what makes each table, awaited.h).  Names of users' tables
 * begin with a letter: these cannot clash.
 *
 * Threads: one at a time; its writer's while the worker runs.
 */

#include <sqlite3.h>

#include "catalog.h"
#include "qsn_settings.h"
#include "rows_vtab.h"

#define STORE_ERROR_SIZE  512

/* Index of the reports that persist, by table and kind; files of former
   workers do not have it. */
#define STORE_PERSISTING  "_qasino_persisting"

typedef struct {
    const qsn_settings_t *settings;
    char *path;
    int64_t max_bytes;          /* that publishes may fill; budget.h */
    sqlite3 *db;
    catalog_t catalog;
    size_t promised;            /* tables that are carried later: they count */
    rows_source_t rows;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *find_report;
    sqlite3_stmt *put_report;
    sqlite3_stmt *find_next;    /* a second report, in _qasino_next */
    sqlite3_stmt *mark_row;
    sqlite3_stmt *unmark_rows;
    sqlite3_int64 awaited;      /* tables that are, awaited.h */
    sqlite3_stmt *take_awaited; /* this and the next two: NULL if the file */
    sqlite3_stmt *note_table;   /* has no list of what is awaited */
    sqlite3_stmt *forget_table;
} store_t;

/*
 * Opens path (taken over, also on failure), makes it if it is not there,
 * which more is a part of, runs pragmas on it, loads the catalog.  0, or -1
 * with the reason in error
 * (STORE_ERROR_SIZE bytes); store_close() is due either way.
 */
int store_open(store_t *store, const qsn_settings_t *settings, char *path,
    const char *pragmas, const char *more, char *error);

/* 0, or -1: the file could not be closed, which has been logged. */
int store_close(store_t *store);

/* Each 0, or -1; the reason is sqlite3_errmsg(store->db). */
int store_begin(store_t *store);
int store_commit(store_t *store);

/* Undoes the transaction, and the catalog with it. */
int store_rollback(store_t *store);

/* The catalog anew. */
int store_reload(store_t *store);

/* _qasino_meta: small numbers by name. */
int store_set_meta(store_t *store, const char *key, sqlite3_int64 value);
sqlite3_int64 store_meta(store_t *store, const char *key,
    sqlite3_int64 fallback);

#endif
