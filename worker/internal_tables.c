/*
 * The tables' columns are the original's.  A table counts itself and its
 * sisters, so qasino_server_tables comes last and its own row is computed.
 * What the original did not have (slow queries, reports) is not listed there:
 * old clients find in SHOW TABLES what they know.
 */

#include "internal_tables.h"

#include <string.h>

#include "awaited.h"
#include "sql.h"

/* In the order they are made; the last one lists them all. */
static const char *const names[] = {
    "qasino_server_info", "qasino_server_connections",
    "qasino_server_views", "qasino_server_sql_stats",
    "qasino_server_update_stats", "qasino_server_tables"
};

#define NAMES  (sizeof(names) / sizeof(names[0]))

#define TABLE  "CREATE TABLE IF NOT EXISTS "

const char internal_tables_schema[] =
    TABLE "qasino_server_info(generation_number INTEGER, "
    "generation_duration_s INTEGER, generation_start_epoch REAL);"
    TABLE "qasino_server_tables(tablename TEXT, nr_rows INTEGER, "
    "nr_updates INTEGER, last_update_epoch REAL, static INTEGER);"
    TABLE "qasino_server_connections(identity TEXT, nr_tables INTEGER, "
    "last_update_epoch REAL);"
    TABLE "qasino_server_views(viewname TEXT, loaded INTEGER, "
    "errormsg TEXT, view TEXT);"
    TABLE "qasino_server_sql_stats(sql_received INTEGER, "
    "sql_completed INTEGER, sql_errors INTEGER);"
    TABLE "qasino_server_update_stats(updates_received INTEGER, "
    "updates_completed INTEGER, update_errors INTEGER, "
    "inserts_received INTEGER, inserts_completed INTEGER);"
    TABLE "qasino_server_slow_queries(statement TEXT, seconds REAL, "
    "status INTEGER, finished_epoch REAL);"
    /* no copy, so that it costs nothing until somebody asks */
    "CREATE VIEW IF NOT EXISTS qasino_server_reports AS SELECT tablename, "
    "identity, nr_rows, updates AS nr_updates, epoch AS last_update_epoch, "
    "persist, carried FROM _qasino_reports;"

    AWAITED_SCHEMA;

static int make_slow_queries(sqlite3 *db, const slow_queries_t *slow);
static int make_connections(generation_t *generation,
    const internal_info_t *info);
static int begin(store_t *store);
static sqlite3_stmt *open_connections(store_t *store);
static int list(sqlite3_stmt *statement, catalog_t *catalog,
    const char *own, size_t at_most);
static int put_connection(sqlite3_stmt *statement, size_t place,
    const char *identity, uint64_t tables, double epoch);
static int make_tables(generation_t *generation,
    const internal_info_t *info);
static int put_tables(sqlite3_stmt *statement, const catalog_t *catalog,
    int is_static);
static int put_table(sqlite3_stmt *statement, const char *name,
    uint64_t rows, uint64_t updates, double epoch);


int
internal_tables_make(generation_t *generation, const internal_info_t *info,
    views_t *views)
{
    sqlite3 *db = generation->store.db;
    const stats_t *stats = &info->stats;

    if (begin(&generation->store) != 0
        || sql_execf(db, "INSERT INTO qasino_server_info "
                     "VALUES(%lld, %!.15g, %!.20g)",
                     (long long) generation->number, info->duration_s,
                     info->start_epoch) != SQLITE_OK
        || sql_execf(db, "INSERT INTO qasino_server_sql_stats "
                     "VALUES(%lld, %lld, %lld)",
                     (long long) stats->sql_received,
                     (long long) stats->sql_completed,
                     (long long) stats->sql_errors) != SQLITE_OK
        || sql_execf(db, "INSERT INTO qasino_server_update_stats "
                     "VALUES(%lld, %lld, %lld, %lld, %lld)",
                     (long long) stats->updates_received,
                     (long long) stats->updates_completed,
                     (long long) stats->update_errors,
                     (long long) stats->inserts_received,
                     (long long) stats->inserts_completed) != SQLITE_OK)
    {
        return -1;
    }

    return make_slow_queries(db, info->slow) == 0
           && views_make(views, &generation->store) == 0
           && make_connections(generation, info) == 0
           && make_tables(generation, info) == 0 ? 0 : -1;
}


static int
make_slow_queries(sqlite3 *db, const slow_queries_t *slow)
{
    sqlite3_stmt *statement = sql_prepare(db,
        "INSERT INTO qasino_server_slow_queries VALUES(?1, ?2, ?3, ?4)");
    int rc = statement ? SQLITE_OK : SQLITE_ERROR;

    for (size_t i = 0; rc == SQLITE_OK && slow && i < slow->count; i++) {
        const slow_query_t *query = &slow->queries[i];

        (void) sqlite3_bind_text(statement, 1, query->statement,
                                 (int) query->length, SQLITE_STATIC);
        (void) sqlite3_bind_double(statement, 2, (double) query->ms / 1000);
        (void) sqlite3_bind_int64(statement, 3, query->status);
        (void) sqlite3_bind_double(statement, 4, query->finished_epoch);
        rc = sql_run(statement);
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_OK ? 0 : -1;
}


int
internal_tables_list(store_t *store, const char *identity, size_t at_most,
    int *more)
{
    sqlite3_stmt *statement = begin(store) == 0 ? open_connections(store)
                                                : NULL;
    int rc = statement ? list(statement, &store->catalog, identity, at_most)
                       : SQLITE_ERROR;

    (void) sqlite3_finalize(statement);
    *more = store->catalog.unlisted != NULL;

    return rc == SQLITE_OK ? 0 : -1;
}


/* What is not there yet, or not as it is now; then ourselves. */
static int
make_connections(generation_t *generation, const internal_info_t *info)
{
    catalog_t *catalog = &generation->store.catalog;
    sqlite3_stmt *statement = open_connections(&generation->store);
    int rc = statement ? list(statement, catalog, info->identity, SIZE_MAX)
                       : SQLITE_ERROR;

    if (rc == SQLITE_OK) {
        const catalog_identity_t *own = catalog_find_identity(catalog,
                                                              info->identity);

        rc = put_connection(statement, catalog->identity_count,
                            info->identity,
                            NAMES + (own ? own->tables : 0),
                            info->start_epoch);
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_OK ? 0 : -1;
}


/*
 * Not when the file is opened: there may be no room for tables in one that an
 * earlier version began, and then only sealing finds some (budget.h).
 *
 * What is listed there, but not by this catalog, is of a former worker or of
 * the original that this file is a copy of.  While rows are carried the
 * sealed file has such a table, too.
 */
static int
begin(store_t *store)
{
    if (!store->catalog.lists
        && (sql_exec(store->db, internal_tables_schema) != SQLITE_OK
            || sql_exec(store->db, "DELETE FROM "
                        "main.qasino_server_connections") != SQLITE_OK))
    {
        return -1;
    }

    store->catalog.lists = 1;

    return 0;
}


static sqlite3_stmt *
open_connections(store_t *store)
{
    return sql_prepare(store->db,
        "INSERT OR REPLACE INTO main.qasino_server_connections(rowid, "
        "identity, nr_tables, last_update_epoch) VALUES(?1, ?2, ?3, ?4)");
}


/* The server itself is listed last, whether it publishes or not. */
static int
list(sqlite3_stmt *statement, catalog_t *catalog, const char *own,
    size_t at_most)
{
    catalog_identity_t *identity;
    int rc = SQLITE_OK;

    while (rc == SQLITE_OK && at_most-- > 0
           && (identity = catalog_take_unlisted(catalog)) != NULL)
    {
        if (strcmp(identity->name, own) != 0) {
            rc = put_connection(statement, identity->place, identity->name,
                                identity->tables, identity->last_update);
        }
    }

    return rc;
}


static int
put_connection(sqlite3_stmt *statement, size_t place, const char *identity,
    uint64_t tables, double epoch)
{
    (void) sqlite3_bind_int64(statement, 1, (sqlite3_int64) place + 1);
    (void) sqlite3_bind_text(statement, 2, identity, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(statement, 3, (sqlite3_int64) tables);
    (void) sqlite3_bind_double(statement, 4, epoch);

    return sql_run(statement);
}


static int
make_tables(generation_t *generation, const internal_info_t *info)
{
    sqlite3_stmt *statement = sql_prepare(generation->store.db,
        "INSERT INTO qasino_server_tables VALUES(?1, ?2, ?3, ?4, ?5)");
    int rc = statement ? SQLITE_OK : SQLITE_ERROR;

    if (rc == SQLITE_OK) {
        rc = put_tables(statement, &generation->store.catalog, 0);
    }

    if (rc == SQLITE_OK && info->statics) {
        rc = put_tables(statement, info->statics, 1);
    }

    (void) sqlite3_bind_int(statement, 5, 0);

    for (size_t i = 0; rc == SQLITE_OK && i < NAMES; i++) {
        char *count = sqlite3_mprintf("SELECT count(*) FROM %s", names[i]);
        sqlite3_int64 rows = sql_int64(generation->store.db, count ? count : "",
                                       0);

        sqlite3_free(count);

        /* its own row is not there yet when it is counted */
        rc = put_table(statement, names[i],
                       (uint64_t) rows + (i == NAMES - 1), 1,
                       info->start_epoch);
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_OK ? 0 : -1;
}


static int
put_tables(sqlite3_stmt *statement, const catalog_t *catalog, int is_static)
{
    int rc = SQLITE_OK;

    (void) sqlite3_bind_int(statement, 5, is_static);

    for (size_t i = 0; rc == SQLITE_OK && i < catalog->table_count; i++) {
        const catalog_table_t *table = catalog->tables[i];

        rc = put_table(statement, table->name, table->rows, table->updates,
                       table->last_update);
    }

    return rc;
}


static int
put_table(sqlite3_stmt *statement, const char *name, uint64_t rows,
    uint64_t updates, double epoch)
{
    (void) sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(statement, 2, (sqlite3_int64) rows);
    (void) sqlite3_bind_int64(statement, 3, (sqlite3_int64) updates);
    (void) sqlite3_bind_double(statement, 4, epoch);

    return sql_run(statement);
}
