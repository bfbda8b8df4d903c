#ifndef GENERATION_H
#define GENERATION_H

/*
 * The generation being collected: one SQLite file that only this process
 * writes, until it is sealed and never changes again.
 *
 *   create -> (begin, publishes, commit)* -> seal -> close
 *
 * The journal is a file (journal_mode=PERSIST), so that a kill at any
 * instant leaves either all of a transaction or none of it; synchronous is
 * OFF because the directory is a tmpfs and outlives processes, not power.
 *
 * Threads: the worker's loop only.
 */

#include <sqlite3.h>
#include <stdint.h>

#include "catalog.h"
#include "rows_vtab.h"
#include "qsn_settings.h"

#define GENERATION_ERROR_SIZE  512

typedef struct {
    const qsn_settings_t *settings;
    uint64_t number;            /* epoch second collecting began */
    char *path;
    sqlite3 *db;
    catalog_t catalog;
    rows_source_t rows;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *find_report;
    sqlite3_stmt *put_report;
} generation_t;

/* <db_dir>/qasino_table_store_<number>.db, to be freed.  NULL: no memory. */
char *generation_path(const char *dir, uint64_t number);

/* The number in such a file's name; 0 if the name is not of that form. */
uint64_t generation_number_of(const char *name);

/*
 * Opens the file of a generation, making it if it is not there, and loads
 * the catalog.  NULL with the reason in error (GENERATION_ERROR_SIZE).
 */
generation_t *generation_open(const qsn_settings_t *settings,
    uint64_t number, char *error);

/* 1 sealed, 0 still open, -1 not a generation: made by a process that died
   before its first commit, or damaged. */
int generation_probe(const char *path);

/* Each 0, or -1; the reason is sqlite3_errmsg(generation->db). */
int generation_begin(generation_t *generation);
int generation_commit(generation_t *generation);

/* Undoes the transaction, and the catalog with it. */
int generation_rollback(generation_t *generation);

/* Marks it sealed, in the transaction that is open.  0 or -1. */
int generation_mark_sealed(generation_t *generation);

/* Closes the file and frees all; the file stays. */
void generation_close(generation_t *generation);

/* Deletes a generation's file and what SQLite left beside it. */
void generation_unlink(const char *path);

#endif
