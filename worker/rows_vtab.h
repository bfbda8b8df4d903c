#ifndef ROWS_VTAB_H
#define ROWS_VTAB_H

/*
 * The rows of the table being written, or what a statement of another
 * connection finds, offered to SQLite as the eponymous virtual table
 * _qasino_rows(c0, c1, ...), so that a whole table goes in with one "INSERT
 * INTO t SELECT c0, c1 FROM _qasino_rows": no step per row (2.5 times the
 * speed: docs/performance.md).
 *
 * Each connection declares it at its first use, which takes the square of
 * its columns: 2 ms for all that a table may have.  So most tables are read
 * through one that has fewer.
 *
 * Threads: as the connection it is registered on.
 */

#include <sqlite3.h>

#include "qsn_buf.h"
#include "request.h"

#define ROWS_VTAB_NAME     "_qasino_rows"
#define ROWS_VTAB_COLUMNS  100
#define ROWS_VTAB_WIDE     "_qasino_rows_wide"
#define ROWS_VTAB_WIDEST   2000

typedef struct {
    const table_t *table;       /* what the next statement reads, or */
    sqlite3_stmt *statement;    /* if this is not NULL, its rows */
} rows_source_t;

/* source must outlive the connection.  SQLITE_OK or an SQLite error. */
int rows_vtab_register(sqlite3 *db, rows_source_t *source);

/* Appends "SELECT c0, c1 FROM _qasino_rows", of so many columns. */
void rows_vtab_select(qsn_buf_t *sql, size_t columns);

#endif
