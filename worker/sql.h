#ifndef SQL_H
#define SQL_H

/*
 * The worker's own SQL: statements it builds itself, with every identifier
 * quoted.  Each call runs a statement to its end and says how it went;
 * SQLite's own text is in sqlite3_errmsg(db).
 */

#include <sqlite3.h>

#include "qsn_buf.h"

/* All return SQLITE_OK or an SQLite error code. */
int sql_exec(sqlite3 *db, const char *sql);
int sql_execf(sqlite3 *db, const char *format, ...);    /* %w %Q as SQLite */

/* Prepares, or returns NULL (and the error is the connection's). */
sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql);

/* Steps a statement that returns no rows and resets it. */
int sql_run(sqlite3_stmt *statement);

/* First column of the first row; fallback where there is none. */
sqlite3_int64 sql_int64(sqlite3 *db, const char *sql,
    sqlite3_int64 fallback);
sqlite3_int64 sql_int64f(sqlite3 *db, sqlite3_int64 fallback,
    const char *format, ...);                           /* the same */

/* Appends name in double quotes. */
void sql_quote(qsn_buf_t *buf, const char *name);

#endif
