/*
 * To drop a table SQLite searches the whole schema for it: a few are
 * dropped, many at once are renamed by one statement.  Their pages then
 * belong to tables that nobody can publish or query by a name of theirs,
 * until the file is deleted.
 */

#include "awaited.h"

#include <string.h>

#include "sql.h"

#define FEW     16
#define UNUSED  "_qasino_unused_"

static int drop(store_t *store, const char *table);
static int drop_all(store_t *store);
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
awaited_take(store_t *store, const char *table, const char *sql, int *there)
{
    sqlite3_stmt *take = store->take_awaited;
    int differs = 0;

    *there = 0;

    if (store->awaited == 0) {
        return 0;
    }

    (void) sqlite3_bind_text(take, 1, table, -1, SQLITE_STATIC);

    if (sqlite3_step(take) == SQLITE_ROW) {
        const char *made_by = (const char *) sqlite3_column_text(take, 0);

        *there = made_by && strcmp(made_by, sql) == 0;
        differs = !*there;
        store->awaited--;
    }

    return sqlite3_reset(take) == SQLITE_OK
           && (!differs || drop(store, table) == 0) ? 0 : -1;
}


int
awaited_drop(store_t *store, const char *table)
{
    int there;

    return awaited_take(store, table, "", &there);      /* by no statement */
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
    if (store->awaited == 0) {
        return 0;
    }

    if ((store->awaited <= FEW ? drop_all(store) : rename_all(store)) != 0
        || sql_exec(store->db, "DELETE FROM main." AWAITED_LIST
                    " WHERE awaited") != SQLITE_OK)
    {
        return -1;
    }

    store->awaited = 0;

    return 0;
}


static int
drop(store_t *store, const char *table)
{
    return sql_execf(store->db, "DROP TABLE main.\"%w\"", table) == SQLITE_OK
           ? 0 : -1;
}


/* One after the other: SQLite drops none while a statement is under way. */
static int
drop_all(store_t *store)
{
    char *names[FEW];
    int count = 0;
    int rc = 0;
    sqlite3_stmt *list = sql_prepare(store->db, "SELECT tablename FROM main."
                                     AWAITED_LIST " WHERE awaited");

    while (count < FEW && list && sqlite3_step(list) == SQLITE_ROW) {
        names[count++] = sqlite3_mprintf("%s", sqlite3_column_text(list, 0));
    }

    if (sqlite3_finalize(list) != SQLITE_OK || count == 0) {
        rc = -1;
    }

    for (int i = 0; i < count; i++) {
        rc = rc == 0 && names[i] && drop(store, names[i]) == 0 ? 0 : -1;
        sqlite3_free(names[i]);
    }

    return rc;
}


/* So that nobody goes by the old schema, whether this is committed or not,
   its version goes on; this connection reads it again. */
static int
rename_all(store_t *store)
{
    sqlite3 *db = store->db;
    int rc = sql_exec(db, "PRAGMA writable_schema = ON;"
        "UPDATE main.sqlite_schema SET name = '" UNUSED "' || rootpage, "
        "tbl_name = '" UNUSED "' || rootpage, "
        "sql = 'CREATE TABLE \"" UNUSED "' || rootpage || '\"(x)' "
        "WHERE type = 'table' AND name IN "
        "(SELECT tablename FROM main." AWAITED_LIST " WHERE awaited)");

    if (rc == SQLITE_OK) {
        rc = sql_execf(db, "PRAGMA main.schema_version = %lld",
                       sql_int64(db, "PRAGMA main.schema_version", 0) + 1);
    }

    int reset = sql_exec(db, "PRAGMA writable_schema = RESET");

    return rc == SQLITE_OK && reset == SQLITE_OK ? 0 : -1;
}
