/*
 * To drop a table SQLite searches the whole schema for it: a few are
 * dropped, many at once are renamed by one statement.  Their pages then
 * belong to tables that nobody can publish or query, until the file is
 * deleted.
 */

#include "awaited.h"

#include <string.h>

#include "sql.h"

#define FEW     16
#define UNUSED  "_qasino_unused_"

static int drop_few(store_t *store);
static int rename_all(store_t *store);


int
awaited_prepare(store_t *store)
{
    sqlite3 *db = store->db;

    if (sql_int64(db, "SELECT count(*) FROM sqlite_schema WHERE name = '"
                  AWAITED_LIST "'", 0) == 0)
    {
        return 0;
    }

    /* not compared there: RETURNING has another column's collation for it */
    store->take_awaited = sql_prepare(db,
        "UPDATE main." AWAITED_LIST " SET awaited = 0 WHERE tablename = ?1 "
        "AND awaited RETURNING sql");
    store->note_table = sql_prepare(db,
        "INSERT OR REPLACE INTO main." AWAITED_LIST " VALUES(?1, ?2, 0)");
    store->forget_table = sql_prepare(db,
        "DELETE FROM main." AWAITED_LIST " WHERE tablename = ?1");

    return store->take_awaited && store->note_table && store->forget_table
           ? 0 : -1;
}


int
awaited_load(store_t *store)
{
    store->awaited = store->take_awaited == NULL ? 0
        : sql_int64(store->db, "SELECT count(*) FROM main." AWAITED_LIST
                    " WHERE awaited", -1);

    return store->awaited >= 0 ? 0 : -1;
}


int
awaited_take(store_t *store, const char *table, const char *sql,
    enum awaited *how)
{
    sqlite3_stmt *take = store->take_awaited;

    *how = AWAITED_NOT;

    if (store->awaited == 0) {
        return 0;
    }

    (void) sqlite3_bind_text(take, 1, table, -1, SQLITE_STATIC);

    if (sqlite3_step(take) == SQLITE_ROW) {
        const char *made_by = (const char *) sqlite3_column_text(take, 0);

        *how = sql && made_by && strcmp(made_by, sql) == 0
               ? AWAITED_SO : AWAITED_OTHERWISE;
        store->awaited--;
    }

    if (sqlite3_reset(take) != SQLITE_OK) {
        return -1;
    }

    return *how != AWAITED_OTHERWISE
           || (sql_execf(store->db, "DROP TABLE main.\"%w\"", table)
               == SQLITE_OK
               && awaited_changed(store, table) == 0) ? 0 : -1;
}


int
awaited_drop(store_t *store, const char *table)
{
    enum awaited how;

    return awaited_take(store, table, NULL, &how);
}


int
awaited_made(store_t *store, const char *table, const char *sql)
{
    sqlite3_stmt *note = store->note_table;

    if (note == NULL) {
        return 0;
    }

    (void) sqlite3_bind_text(note, 1, table, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(note, 2, sql, -1, SQLITE_STATIC);

    return sql_run(note) == SQLITE_OK ? 0 : -1;
}


int
awaited_changed(store_t *store, const char *table)
{
    sqlite3_stmt *forget = store->forget_table;

    if (forget == NULL) {
        return 0;
    }

    (void) sqlite3_bind_text(forget, 1, table, -1, SQLITE_STATIC);

    return sql_run(forget) == SQLITE_OK ? 0 : -1;
}


int
awaited_remove(store_t *store)
{
    return store->awaited <= FEW ? drop_few(store) : rename_all(store);
}


/* One after the other: SQLite drops none while it looks at the list. */
static int
drop_few(store_t *store)
{
    while (store->awaited > 0) {
        sqlite3_stmt *first = sql_prepare(store->db, "SELECT tablename FROM "
                                          "main." AWAITED_LIST
                                          " WHERE awaited LIMIT 1");
        char *table = first && sqlite3_step(first) == SQLITE_ROW
                      ? sqlite3_mprintf("%s", sqlite3_column_text(first, 0))
                      : NULL;
        int rc = sqlite3_finalize(first);

        if (rc != SQLITE_OK || table == NULL
            || awaited_drop(store, table) != 0)
        {
            sqlite3_free(table);
            return -1;
        }

        sqlite3_free(table);
    }

    return 0;
}


/* So that nobody goes by the old schema, whether this is committed or not,
   its version goes on; this connection reads it again. */
static int
rename_all(store_t *store)
{
    sqlite3 *db = store->db;

    (void) sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);

    int rc = sql_exec(db, "UPDATE main.sqlite_schema SET "
        "name = '" UNUSED "' || rootpage, tbl_name = '" UNUSED "' || "
        "rootpage, sql = 'CREATE TABLE \"" UNUSED "' || rootpage || '\"(x)' "
        "WHERE type = 'table' AND name IN " AWAITED_NAMES ";"
        "DELETE FROM main." AWAITED_LIST " WHERE awaited");

    if (rc == SQLITE_OK) {
        rc = sql_execf(db, "PRAGMA main.schema_version = %lld",
                       sql_int64(db, "PRAGMA main.schema_version", 0) + 1);
    }

    if (rc == SQLITE_OK) {
        rc = sql_exec(db, "PRAGMA writable_schema = RESET");
    }

    /* which leaves the reason of an error as it is */
    (void) sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0, NULL);

    if (rc != SQLITE_OK) {
        return -1;
    }

    store->awaited = 0;

    return 0;
}
