/*
 * The two lists, awaited.h's, are compared by SQLite.  A table that persists
 * is none of them: it is carried, and made for its rows.
 */

#include "template.h"

#include <unistd.h>
#include <uv.h>

#include "awaited.h"
#include "generation.h"
#include "qsn_log.h"
#include "sql.h"

#define MS_NS       1000000

#define OWN         "SELECT tablename, sql FROM main." AWAITED_LIST " "
#define SEALED      "SELECT tablename, sql FROM sealed." AWAITED_LIST        \
                    " WHERE NOT awaited AND tablename NOT IN (SELECT "       \
                    "tablename FROM sealed._qasino_reports WHERE persist) "

typedef int change_t(sqlite3 *db, const char *table, const char *sql);

static int update(sqlite3 *db, const char *sealed, size_t at_most,
    uint64_t until);
static int follow(sqlite3 *db, size_t at_most, uint64_t until);
static int change_each(sqlite3 *db, const char *list, uint64_t until,
    change_t *change);
static int change_one(sqlite3 *db, sqlite3_stmt *row, change_t *change);
static int drop(sqlite3 *db, const char *table, const char *sql);
static int make(sqlite3 *db, const char *table, const char *sql);


int
template_update(const qsn_settings_t *settings, const char *path,
    const char *sealed, size_t at_most, uint64_t ms)
{
    uint64_t until = uv_hrtime() + ms * MS_NS;
    char error[GENERATION_ERROR_SIZE];
    generation_t *template = NULL;
    int rc = -1;

    /* SQLite would make the sealed one anew where it was deleted by hand */
    if (access(sealed, F_OK) == 0) {
        template = generation_open_path(settings, path, 0, error);
    }

    if (template) {
        rc = update(template->store.db, sealed, at_most, until);
        generation_close(template);
    }

    if (rc != 0) {
        generation_unlink(path);
    }

    return rc;
}


int
template_copy(const char *path, const char *to)
{
    uv_fs_t copy;
    int rc = uv_fs_copyfile(NULL, &copy, path, to, 0, NULL);

    uv_fs_req_cleanup(&copy);

    if (rc != 0) {
        (void) unlink(to);
    }

    return rc == 0 ? 0 : -1;
}


static int
update(sqlite3 *db, const char *sealed, size_t at_most, uint64_t until)
{
    /* the file's name is our own: digits in db_dir */
    if (sql_execf(db, "ATTACH %Q AS sealed", sealed) != SQLITE_OK) {
        return -1;
    }

    return sql_exec(db, "BEGIN IMMEDIATE") == SQLITE_OK
           && follow(db, at_most, until) == 0
           && sql_exec(db, "COMMIT") == SQLITE_OK
           && sql_exec(db, "DROP TABLE IF EXISTS temp.gone;"
                       "DROP TABLE IF EXISTS temp.come;"
                       "DETACH sealed") == SQLITE_OK ? 0 : -1;
}


/* What has changed goes, and comes again. */
static int
follow(sqlite3 *db, size_t at_most, uint64_t until)
{
    if (sql_exec(db, "CREATE TEMP TABLE gone AS " OWN "EXCEPT " SEALED)
        != SQLITE_OK)
    {
        return -1;
    }

    int rc = change_each(db, "gone", until, drop);

    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }

    sqlite3_int64 count = sql_int64(db, "SELECT count(*) FROM main."
                                    AWAITED_LIST, 0);

    if (count >= (sqlite3_int64) at_most) {
        return 0;
    }

    return sql_execf(db, "CREATE TEMP TABLE come AS " SEALED "EXCEPT " OWN
                     "LIMIT %lld", (sqlite3_int64) at_most - count)
           == SQLITE_OK
           && change_each(db, "come", until, make) >= 0 ? 0 : -1;
}


/* 0: all that are listed in temp; 1: there was no time for the last of them;
   -1. */
static int
change_each(sqlite3 *db, const char *list, uint64_t until, change_t *change)
{
    char *sql = sqlite3_mprintf("SELECT tablename, sql FROM temp.%s "
                                "WHERE rowid = ?1", list);
    sqlite3_stmt *row = sql ? sql_prepare(db, sql) : NULL;
    int rc = row ? 0 : -1;

    for (sqlite3_int64 i = 1; rc == 0; i++) {
        (void) sqlite3_bind_int64(row, 1, i);

        if (sqlite3_step(row) != SQLITE_ROW) {
            rc = sqlite3_reset(row) == SQLITE_OK ? 0 : -1;
            break;
        }

        rc = uv_hrtime() > until ? 1 : change_one(db, row, change);
    }

    (void) sqlite3_finalize(row);
    sqlite3_free(sql);

    return rc;
}


/* SQLite drops nothing while a row is being looked at. */
static int
change_one(sqlite3 *db, sqlite3_stmt *row, change_t *change)
{
    char *table = sqlite3_mprintf("%s", sqlite3_column_text(row, 0));
    char *sql = sqlite3_mprintf("%s", sqlite3_column_text(row, 1));
    int rc = -1;

    if (sqlite3_reset(row) == SQLITE_OK && table && sql) {
        rc = change(db, table, sql);
    }

    sqlite3_free(table);
    sqlite3_free(sql);

    return rc;
}


static int
drop(sqlite3 *db, const char *table, const char *sql)
{
    (void) sql;

    return sql_execf(db, "DROP TABLE main.\"%w\"", table) == SQLITE_OK
           && sql_execf(db, "DELETE FROM main." AWAITED_LIST
                        " WHERE tablename = %Q", table) == SQLITE_OK ? 0 : -1;
}


static int
make(sqlite3 *db, const char *table, const char *sql)
{
    return sql_exec(db, sql) == SQLITE_OK
           && sql_execf(db, "INSERT INTO main." AWAITED_LIST
                        " VALUES(%Q, %Q, 1)", table, sql) == SQLITE_OK
           ? 0 : -1;
}
