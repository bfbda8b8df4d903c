/*
 * The sealed file's list (awaited.h) is copied into a table in temp, and SQLite
 * compares the two.  A table with reports that persist is none of them: it is
 * carried, and made for its rows.
 *
 * The sealed file is read without a lock, as the query processes do.
 */

#include "template.h"

#include <uv.h>

#include "awaited.h"
#include "background.h"
#include "generation.h"
#include "qsn_log.h"
#include "sql.h"

#define MS_NS   1000000

#define OWN     "SELECT tablename, sql FROM main." AWAITED_LIST " "
#define SEALED  "SELECT tablename, sql FROM temp.sealed "

typedef struct {
    store_t *store;
    int64_t pages;              /* that the file may have, about */
    uint64_t until_ns;          /* uv_hrtime() */
} update_t;

typedef int change_t(const update_t *update, const char *table,
    const char *sql);

static int update(const update_t *update, const char *sealed);
static int read_sealed(sqlite3 *db, const char *sealed);
static int copy_list(sqlite3 *db, sqlite3 *sealed);
static int follow(const update_t *update);
static int change_each(const update_t *update, const char *list,
    change_t *change);
static int change_one(const update_t *update, sqlite3_stmt *row,
    change_t *change);
static int is_over(const update_t *update);
static int drop(const update_t *update, const char *table, const char *sql);
static int make(const update_t *update, const char *table, const char *sql);


int
template_update(const qsn_settings_t *settings, const char *path,
    const char *sealed, int64_t pages, uint64_t ms)
{
    uint64_t until_ns = uv_hrtime() + ms * MS_NS;
    char error[GENERATION_ERROR_SIZE];
    generation_t *template = generation_open_path(settings, path, 0, error);
    int rc = -1;

    if (template) {
        store_t *store = &template->store;
        update_t all = { store, pages, until_ns };

        rc = update(&all, sealed);

        if (rc != 0) {
            (void) snprintf(error, sizeof(error), "%s",
                            sqlite3_errmsg(store->db));
        }

        generation_close(template);
    }

    if (rc != 0) {
        qsn_log("no tables are made before they are published: %s", error);
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
        qsn_log("cannot copy %s to %s: %s", path, to, uv_strerror(rc));
        generation_unlink(to);
    }

    return rc == 0 ? 0 : -1;
}


static int
update(const update_t *update, const char *sealed)
{
    sqlite3 *db = update->store->db;

    return store_begin(update->store) == 0
           && sql_exec(db, "CREATE TEMP TABLE sealed(tablename, sql)")
              == SQLITE_OK
           && read_sealed(db, sealed) == 0
           && follow(update) == 0
           && store_commit(update->store) == 0 ? 0 : -1;
}


/* One that cannot be read, or is a former worker's, has no tables. */
static int
read_sealed(sqlite3 *db, const char *sealed)
{
    sqlite3 *file;
    int rc = generation_open_sealed(sealed, &file) == SQLITE_OK
             ? copy_list(db, file) : 0;

    (void) sqlite3_close(file);

    return rc;
}


static int
copy_list(sqlite3 *db, sqlite3 *sealed)
{
    sqlite3_stmt *list = sql_prepare(sealed, "SELECT tablename, sql FROM "
        AWAITED_LIST " WHERE NOT awaited AND tablename NOT IN "
        "(SELECT tablename FROM _qasino_reports WHERE persist)");
    sqlite3_stmt *put = sql_prepare(db, "INSERT INTO temp.sealed "
                                    "VALUES(?1, ?2)");
    int rc = put ? SQLITE_OK : SQLITE_ERROR;

    while (rc == SQLITE_OK && list && sqlite3_step(list) == SQLITE_ROW) {
        (void) sqlite3_bind_value(put, 1, sqlite3_column_value(list, 0));
        (void) sqlite3_bind_value(put, 2, sqlite3_column_value(list, 1));
        rc = sql_run(put);
    }

    (void) sqlite3_finalize(list);
    (void) sqlite3_finalize(put);

    return rc == SQLITE_OK ? 0 : -1;
}


/* What has changed goes, and comes again. */
static int
follow(const update_t *update)
{
    sqlite3 *db = update->store->db;
    int rc = -1;

    if (sql_exec(db, "CREATE TEMP TABLE gone AS " OWN "EXCEPT " SEALED)
        == SQLITE_OK)
    {
        rc = change_each(update, "gone", drop);
    }

    if (rc == 0 && sql_exec(db, "CREATE TEMP TABLE come AS " SEALED "EXCEPT "
                            OWN) == SQLITE_OK)
    {
        return change_each(update, "come", make) < 0 ? -1 : 0;
    }

    return rc == 1 ? 0 : -1;
}


/* 0: all that are listed in temp; 1: there was no time for the last of them;
   -1. */
static int
change_each(const update_t *update, const char *list, change_t *change)
{
    char *sql = sqlite3_mprintf("SELECT tablename, sql FROM temp.%s "
                                "WHERE rowid = ?1", list);
    sqlite3_stmt *row = sql ? sql_prepare(update->store->db, sql) : NULL;
    int rc = row ? 0 : -1;

    for (sqlite3_int64 i = 1; rc == 0; i++) {
        (void) sqlite3_bind_int64(row, 1, i);

        if (sqlite3_step(row) != SQLITE_ROW) {
            rc = sqlite3_reset(row) == SQLITE_OK ? 0 : -1;
            break;
        }

        rc = is_over(update) ? 1 : change_one(update, row, change);
    }

    (void) sqlite3_finalize(row);
    sqlite3_free(sql);

    return rc;
}


/* SQLite drops nothing while a row is being looked at. */
static int
change_one(const update_t *update, sqlite3_stmt *row, change_t *change)
{
    char *table = sqlite3_mprintf("%s", sqlite3_column_text(row, 0));
    char *sql = sqlite3_mprintf("%s", sqlite3_column_text(row, 1));
    int rc = -1;

    if (sqlite3_reset(row) == SQLITE_OK && table && sql) {
        rc = change(update, table, sql);
    }

    sqlite3_free(table);
    sqlite3_free(sql);

    return rc;
}


static int
is_over(const update_t *update)
{
    return background_hurries() || uv_hrtime() > update->until_ns;
}


static int
drop(const update_t *update, const char *table, const char *sql)
{
    (void) sql;

    return awaited_drop(update->store, table);
}


/* Where there is no room for it: not. */
static int
make(const update_t *update, const char *table, const char *sql)
{
    sqlite3 *db = update->store->db;
    int64_t used = sql_int64(db, "PRAGMA main.page_count", INT64_MAX)
                   - sql_int64(db, "PRAGMA main.freelist_count", 0);

    return used >= update->pages
           || (sql_exec(db, sql) == SQLITE_OK
               && sql_execf(db, "INSERT INTO main." AWAITED_LIST
                            " VALUES(%Q, %Q, 1)", table, sql) == SQLITE_OK)
           ? 0 : -1;
}
