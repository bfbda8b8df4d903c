/* Small conveniences over SQLite's C interface. */

#include "sql.h"


int
sql_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}


int
sql_execf(sqlite3 *db, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);

    if (sql == NULL) {
        return SQLITE_NOMEM;
    }

    int rc = sql_exec(db, sql);

    sqlite3_free(sql);

    return rc;
}


sqlite3_stmt *
sql_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &statement, NULL) != SQLITE_OK)
    {
        return NULL;
    }

    return statement;
}


int
sql_run(sqlite3_stmt *statement)
{
    int rc;

    do {
        rc = sqlite3_step(statement);
    } while (rc == SQLITE_ROW);

    int reset = sqlite3_reset(statement);

    return rc == SQLITE_DONE ? SQLITE_OK : reset ? reset : rc;
}


sqlite3_int64
sql_int64(sqlite3 *db, const char *sql, sqlite3_int64 fallback)
{
    sqlite3_stmt *statement = sql_prepare(db, sql);

    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
        fallback = sqlite3_column_int64(statement, 0);
    }

    (void) sqlite3_finalize(statement);

    return fallback;
}


sqlite3_int64
sql_int64f(sqlite3 *db, sqlite3_int64 fallback, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);

    if (sql) {
        fallback = sql_int64(db, sql, fallback);
    }

    sqlite3_free(sql);

    return fallback;
}


void
sql_quote(qsn_buf_t *buf, const char *name)
{
    qsn_buf_byte(buf, '"');

    for (/* void */; *name; name++) {
        if (*name == '"') {
            qsn_buf_byte(buf, '"');
        }

        qsn_buf_byte(buf, *name);
    }

    qsn_buf_byte(buf, '"');
}
