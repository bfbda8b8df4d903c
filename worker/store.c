/*
 * Opening and transactions of a database that the worker writes, and its
 * catalog.  What goes in is report.c's and update.c's.
 */

#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#include "awaited.h"
#include "qsn_log.h"
#include "sql.h"

#define LAYOUT        2
#define ROW_OVERHEAD  (64 * 1024)       /* of SQLite's, for a row */

#define USERS_TABLES                                                         \
    "SELECT name FROM sqlite_schema WHERE type = 'table' "                   \
    "AND substr(name, 1, 1) <> '_' AND name NOT LIKE 'sqlite\\_%' "          \
    "ESCAPE '\\' AND name NOT LIKE 'qasino\\_server\\_%' ESCAPE '\\' "
#define ORDER         "ORDER BY rowid"

/* One row a report, and no index, which would be changed all over by each
   group of publishes: the catalog knows the id of each.  columns: of a
   persisted report, "a,b"; carried: the rows are the generation's before, a
   default; updates: publishes taken. */
#define REPORTS                                                              \
    "CREATE TABLE _qasino_reports(id INTEGER PRIMARY KEY, "                  \
    "tablename TEXT COLLATE NOCASE, identity TEXT, is_update INTEGER,"       \
    "nr_rows INTEGER, first_rowid INTEGER, last_rowid INTEGER, epoch REAL,"  \
    "persist INTEGER, carried INTEGER, updates INTEGER, columns TEXT);"

static const char schema[] =
    "CREATE TABLE _qasino_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"

    REPORTS

    /* what is to be carried, in its order; the others are many */
    "CREATE INDEX " STORE_PERSISTING " ON _qasino_reports(tablename, "
    "is_update) WHERE persist;"

    /* rows that a persisted update has set, whose it was, and whether an
       update made the row or a plain report did */
    "CREATE TABLE _qasino_updated("
    "tablename TEXT COLLATE NOCASE, row_id INTEGER, identity TEXT,"
    "owned INTEGER, PRIMARY KEY(tablename, row_id)) WITHOUT ROWID;"

    /* a second report of what is persisted: carried instead of the first */
    "CREATE TABLE _qasino_next("
    "tablename TEXT COLLATE NOCASE, identity TEXT, source TEXT, "
    "columns TEXT, epoch REAL, "
    "PRIMARY KEY(tablename, identity)) WITHOUT ROWID;";

static int make_schema(store_t *store, const char *more);
static int renew_layout(store_t *store);
static int prepare_statements(store_t *store);
static int load_catalog(store_t *store);
static int load_indexes(store_t *store);
static int load_columns(sqlite3 *db, catalog_table_t *table);
static int load_counts(store_t *store);
static int load_next(store_t *store);
static int load_report(store_t *store, sqlite3_stmt *row);


int
store_open(store_t *store, const qsn_settings_t *settings, char *path,
    const char *pragmas, const char *more, char *error)
{
    catalog_init(&store->catalog);
    store->settings = settings;
    store->path = path;

    int rc = sqlite3_open_v2(path, &store->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                             | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        rc = sql_exec(store->db, pragmas);
    }

    if (rc == SQLITE_OK) {
        rc = rows_vtab_register(store->db, &store->rows);
    }

    if (rc == SQLITE_OK) {
        /* readers have the same bound: what goes in can be read */
        (void) sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH,
                             (int) settings->max_cell + ROW_OVERHEAD);
    }

    if (rc != SQLITE_OK || make_schema(store, more) != 0
        || prepare_statements(store) != 0 || load_catalog(store) != 0)
    {
        (void) snprintf(error, STORE_ERROR_SIZE,
                        "cannot open database %s: %s", path,
                        store->db == NULL ? sqlite3_errstr(rc)
                        : sqlite3_errcode(store->db) == SQLITE_OK
                        ? "its bookkeeping does not fit its tables"
                        : sqlite3_errmsg(store->db));
        return -1;
    }

    return 0;
}


int
store_close(store_t *store)
{
    int rc;

    catalog_clear(&store->catalog);
    (void) sqlite3_finalize(store->begin);
    (void) sqlite3_finalize(store->commit);
    (void) sqlite3_finalize(store->rollback);
    (void) sqlite3_finalize(store->find_report);
    (void) sqlite3_finalize(store->put_report);
    (void) sqlite3_finalize(store->find_next);
    (void) sqlite3_finalize(store->mark_row);
    (void) sqlite3_finalize(store->unmark_rows);
    (void) sqlite3_finalize(store->take_awaited);
    (void) sqlite3_finalize(store->note_table);
    (void) sqlite3_finalize(store->forget_table);
    rc = sqlite3_close(store->db);

    if (rc != SQLITE_OK) {
        qsn_log("database %s does not close: %s", store->path,
                sqlite3_errmsg(store->db));
    }

    free(store->path);

    return rc == SQLITE_OK ? 0 : -1;
}


int
store_begin(store_t *store)
{
    return sql_run(store->begin) == SQLITE_OK ? 0 : -1;
}


int
store_commit(store_t *store)
{
    return sql_run(store->commit) == SQLITE_OK ? 0 : -1;
}


int
store_rollback(store_t *store)
{
    /* some errors have rolled back already: then there is nothing to do */
    if (!sqlite3_get_autocommit(store->db)
        && sql_run(store->rollback) != SQLITE_OK)
    {
        return -1;
    }

    return store_reload(store);
}


int
store_reload(store_t *store)
{
    catalog_clear(&store->catalog);

    return load_catalog(store);
}


int
store_set_meta(store_t *store, const char *key, sqlite3_int64 value)
{
    return sql_execf(store->db, "INSERT OR REPLACE INTO _qasino_meta "
                     "VALUES(%Q, %lld)", key, (long long) value)
           == SQLITE_OK ? 0 : -1;
}


sqlite3_int64
store_meta(store_t *store, const char *key, sqlite3_int64 fallback)
{
    return sql_int64f(store->db, fallback, "SELECT value FROM _qasino_meta "
                      "WHERE key = %Q", key);
}


static int
make_schema(store_t *store, const char *more)
{
    sqlite3 *db = store->db;

    if (sql_int64(db, "SELECT count(*) FROM sqlite_schema", 0) > 0) {
        return store_meta(store, "layout", LAYOUT) == LAYOUT
               || renew_layout(store) == 0 ? 0 : -1;
    }

    return sql_exec(db, "BEGIN IMMEDIATE") == SQLITE_OK
           && sql_exec(db, schema) == SQLITE_OK
           && sql_exec(db, more) == SQLITE_OK
           && store_set_meta(store, "layout", LAYOUT) == 0
           && sql_exec(db, "COMMIT") == SQLITE_OK ? 0 : -1;
}


/* Of a former worker: its reports had a key, and no id. */
static int
renew_layout(store_t *store)
{
    sqlite3 *db = store->db;

    return sql_exec(db, "BEGIN IMMEDIATE") == SQLITE_OK
           && sql_exec(db, "ALTER TABLE _qasino_reports RENAME TO "
                       "_qasino_reports_1;" REPORTS
                       "INSERT INTO _qasino_reports SELECT NULL, tablename, "
                       "identity, is_update, nr_rows, first_rowid, "
                       "last_rowid, epoch, persist, carried, updates, "
                       "columns FROM _qasino_reports_1;"
                       "DROP TABLE _qasino_reports_1;") == SQLITE_OK
           && store_set_meta(store, "layout", LAYOUT) == 0
           && sql_exec(db, "COMMIT") == SQLITE_OK ? 0 : -1;
}


static int
prepare_statements(store_t *store)
{
    sqlite3 *db = store->db;

    store->begin = sql_prepare(db, "BEGIN IMMEDIATE");
    store->commit = sql_prepare(db, "COMMIT");
    store->rollback = sql_prepare(db, "ROLLBACK");
    store->find_report = sql_prepare(db,
        "SELECT is_update, nr_rows, carried, updates, first_rowid, "
        "last_rowid, persist, columns FROM _qasino_reports "
        "WHERE id IN (?1, ?2)");
    store->put_report = sql_prepare(db,
        "INSERT OR REPLACE INTO _qasino_reports(tablename, identity, "
        "is_update, nr_rows, first_rowid, last_rowid, epoch, persist, "
        "carried, updates, columns, id) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    store->find_next = sql_prepare(db,
        "SELECT source FROM _qasino_next "
        "WHERE tablename = ?1 AND identity = ?2");
    store->mark_row = sql_prepare(db,
        "INSERT INTO _qasino_updated(tablename, row_id, identity, owned) "
        "VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE "
        "SET identity = excluded.identity");
    store->unmark_rows = sql_prepare(db,
        "DELETE FROM _qasino_updated WHERE tablename = ?1 "
        "AND identity = ?2");

    /* the first publish would wait until it is declared */
    (void) sqlite3_finalize(sql_prepare(db, "SELECT 1 FROM "
                                        ROWS_VTAB_NAME));

    return store->begin && store->commit && store->rollback
           && store->find_report && store->put_report && store->find_next
           && store->mark_row && store->unmark_rows ? awaited_prepare(store)
                                                    : -1;
}


static int
load_catalog(store_t *store)
{
    sqlite3_stmt *statement = sql_prepare(store->db, store->take_awaited
        ? USERS_TABLES "AND name NOT IN " AWAITED_NAMES ORDER
        : USERS_TABLES ORDER);
    int rc = statement && awaited_load(store) == 0 ? SQLITE_ROW
                                                   : SQLITE_ERROR;

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);

        if (rc == SQLITE_ROW) {
            const char *name = (const char *) sqlite3_column_text(statement,
                                                                  0);
            catalog_table_t *table = catalog_add(&store->catalog, name);

            if (table == NULL || load_columns(store->db, table) != 0) {
                rc = SQLITE_NOMEM;
            }
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE && load_indexes(store) == 0
           ? load_counts(store) : -1;
}


static int
load_indexes(store_t *store)
{
    sqlite3_stmt *statement = sql_prepare(store->db,
        "SELECT tbl_name FROM sqlite_schema WHERE type = 'index'");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        catalog_table_t *table = catalog_find(&store->catalog,
            (const char *) sqlite3_column_text(statement, 0));

        if (table) {
            table->has_index = 1;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


static int
load_columns(sqlite3 *db, catalog_table_t *table)
{
    sqlite3_stmt *statement = sql_prepare(db,
        "SELECT name FROM temp.pragma_table_info(?1, 'main') ORDER BY cid");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    if (statement) {
        (void) sqlite3_bind_text(statement, 1, table->name, -1,
                                 SQLITE_STATIC);
    }

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);

        if (rc == SQLITE_ROW
            && catalog_add_column(table, (const char *)
                                  sqlite3_column_text(statement, 0)) != 0)
        {
            rc = SQLITE_NOMEM;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


/* Rows, updates and times of tables and identities, from the reports. */
static int
load_counts(store_t *store)
{
    sqlite3_stmt *statement = sql_prepare(store->db,
        "SELECT id, tablename, identity, is_update, nr_rows, updates, epoch, "
        "persist FROM _qasino_reports");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (load_report(store, statement) != 0) {
            rc = SQLITE_NOMEM;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? load_next(store) : -1;
}


/* Of second reports there is only to know whose tables they are of. */
static int
load_next(store_t *store)
{
    sqlite3_stmt *statement = sql_prepare(store->db,
        "SELECT tablename FROM _qasino_next");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        catalog_table_t *table = catalog_find(&store->catalog,
            (const char *) sqlite3_column_text(statement, 0));

        if (table) {
            table->persists = 1;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


static int
load_report(store_t *store, sqlite3_stmt *row)
{
    catalog_t *catalog = &store->catalog;
    const char *name = (const char *) sqlite3_column_text(row, 1);
    const char *publisher = (const char *) sqlite3_column_text(row, 2);
    catalog_table_t *table = catalog_find(catalog, name);
    catalog_identity_t *identity = catalog_identity(catalog, publisher);
    double epoch = sqlite3_column_double(row, 6);

    if (table == NULL || identity == NULL) {
        return -1;
    }

    identity->tables += catalog_find_report(catalog, table, publisher)
                        == NULL;

    catalog_pair_t *pair = catalog_add_report(catalog, table, identity);

    if (pair == NULL) {
        return -1;
    }

    pair->ids[sqlite3_column_int(row, 3) != 0] = sqlite3_column_int64(row,
                                                                      0);
    table->rows += (uint64_t) sqlite3_column_int64(row, 4);
    table->updates += (uint64_t) sqlite3_column_int64(row, 5);
    table->persists |= sqlite3_column_int(row, 7);

    if (epoch > table->last_update) {
        table->last_update = epoch;
    }

    if (epoch > identity->last_update) {
        identity->last_update = epoch;
    }

    return 0;
}
