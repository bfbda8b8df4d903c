/*
 * The life of a generation file: names, opening, recovery, transactions.
 * What goes into it is report.c's, what it holds of its own at the end
 * internal_tables.c's.
 */

#include "generation.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qsn_log.h"
#include "sql.h"

#define PREFIX  "qasino_table_store_"
#define SUFFIX  ".db"

/* Names of users' tables begin with a letter: these cannot clash. */
static const char schema[] =
    "CREATE TABLE _qasino_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE _qasino_reports("
    "tablename TEXT COLLATE NOCASE, identity TEXT, nr_rows INTEGER,"
    "first_rowid INTEGER, last_rowid INTEGER, epoch REAL,"
    "persist INTEGER, carried INTEGER, updates INTEGER,"
    "PRIMARY KEY(tablename, identity)) WITHOUT ROWID;";

static sqlite3 *open_file(generation_t *generation, char *error);
static int make_schema(generation_t *generation);
static int prepare_statements(generation_t *generation);
static int load_catalog(generation_t *generation);
static int load_columns(sqlite3 *db, catalog_table_t *table);
static int load_counts(generation_t *generation);
static void unlink_journal(const char *path);


char *
generation_path(const char *dir, uint64_t number)
{
    char *path;

    if (asprintf(&path, "%s/" PREFIX "%llu" SUFFIX, dir,
                 (unsigned long long) number) == -1)
    {
        return NULL;
    }

    return path;
}


uint64_t
generation_number_of(const char *name)
{
    char *end;

    if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0
        || !isdigit((unsigned char) name[sizeof(PREFIX) - 1]))
    {
        return 0;
    }

    unsigned long long number = strtoull(name + sizeof(PREFIX) - 1, &end, 10);

    return strcmp(end, SUFFIX) == 0 ? number : 0;
}


generation_t *
generation_open(const qsn_settings_t *settings, uint64_t number, char *error)
{
    generation_t *generation = calloc(1, sizeof(*generation));

    if (generation == NULL) {
        goto no_memory;
    }

    catalog_init(&generation->catalog);
    generation->settings = settings;
    generation->number = number;
    generation->path = generation_path(settings->db_dir, number);

    if (generation->path == NULL) {
        goto no_memory;
    }

    generation->db = open_file(generation, error);

    if (generation->db == NULL) {
        goto failed;
    }

    if (make_schema(generation) != 0
        || prepare_statements(generation) != 0
        || load_catalog(generation) != 0)
    {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "generation file %s: %s", generation->path,
                        sqlite3_errmsg(generation->db));
        goto failed;
    }

    return generation;

no_memory:

    (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");

failed:

    generation_close(generation);

    return NULL;
}


int
generation_probe(const char *path)
{
    sqlite3 *db = NULL;
    int state = -1;

    /* read-write: a journal left by a killed process is rolled back here */
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE
                                   | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK
        && sql_int64(db, "SELECT count(*) FROM _qasino_meta", -1) > 0)
    {
        state = sql_int64(db, "SELECT value FROM _qasino_meta "
                              "WHERE key = 'sealed'", 0) != 0;
    }

    (void) sqlite3_close(db);

    return state;
}


int
generation_begin(generation_t *generation)
{
    return sql_run(generation->begin) == SQLITE_OK ? 0 : -1;
}


int
generation_commit(generation_t *generation)
{
    return sql_run(generation->commit) == SQLITE_OK ? 0 : -1;
}


int
generation_rollback(generation_t *generation)
{
    /* some errors have rolled back already: then there is nothing to do */
    if (!sqlite3_get_autocommit(generation->db)
        && sql_run(generation->rollback) != SQLITE_OK)
    {
        return -1;
    }

    catalog_clear(&generation->catalog);

    return load_catalog(generation);
}


int
generation_mark_sealed(generation_t *generation)
{
    return sql_exec(generation->db, "INSERT INTO _qasino_meta "
                    "VALUES('sealed', 1)") == SQLITE_OK ? 0 : -1;
}


void
generation_close(generation_t *generation)
{
    if (generation == NULL) {
        return;
    }

    catalog_clear(&generation->catalog);
    (void) sqlite3_finalize(generation->begin);
    (void) sqlite3_finalize(generation->commit);
    (void) sqlite3_finalize(generation->rollback);
    (void) sqlite3_finalize(generation->find_report);
    (void) sqlite3_finalize(generation->put_report);

    if (sqlite3_close(generation->db) != SQLITE_OK) {
        qsn_log("generation file %s does not close: %s", generation->path,
                sqlite3_errmsg(generation->db));

    } else if (generation->path) {
        unlink_journal(generation->path);       /* it has done its duty */
    }

    free(generation->path);
    free(generation);
}


void
generation_unlink(const char *path)
{
    unlink_journal(path);
    (void) unlink(path);
}


static void
unlink_journal(const char *path)
{
    char *journal;

    if (asprintf(&journal, "%s-journal", path) != -1) {
        (void) unlink(journal);
        free(journal);
    }
}


static sqlite3 *
open_file(generation_t *generation, char *error)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(generation->path, &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                             | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        rc = sql_exec(db, "PRAGMA page_size = 4096;"
                          "PRAGMA locking_mode = EXCLUSIVE;"
                          "PRAGMA journal_mode = PERSIST;"
                          "PRAGMA journal_size_limit = 16777216;"
                          "PRAGMA synchronous = OFF;"
                          "PRAGMA temp_store = MEMORY;"
                          "PRAGMA cache_size = -65536;");
    }

    if (rc == SQLITE_OK) {
        rc = rows_vtab_register(db, &generation->rows);
    }

    if (rc != SQLITE_OK) {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "cannot open generation file %s: %s",
                        generation->path,
                        db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
        (void) sqlite3_close(db);
        return NULL;
    }

    /* readers have the same bound: what goes in can be read */
    (void) sqlite3_limit(db, SQLITE_LIMIT_LENGTH,
                         (int) generation->settings->max_cell);

    return db;
}


static int
make_schema(generation_t *generation)
{
    sqlite3 *db = generation->db;

    if (sql_int64(db, "SELECT count(*) FROM sqlite_schema", 0) > 0) {
        return 0;
    }

    return sql_exec(db, "BEGIN IMMEDIATE") == SQLITE_OK
           && sql_exec(db, schema) == SQLITE_OK
           && sql_execf(db, "INSERT INTO _qasino_meta VALUES('number', %lld)",
                        (long long) generation->number) == SQLITE_OK
           && sql_exec(db, "COMMIT") == SQLITE_OK ? 0 : -1;
}


static int
prepare_statements(generation_t *generation)
{
    sqlite3 *db = generation->db;

    generation->begin = sql_prepare(db, "BEGIN IMMEDIATE");
    generation->commit = sql_prepare(db, "COMMIT");
    generation->rollback = sql_prepare(db, "ROLLBACK");
    generation->find_report = sql_prepare(db,
        "SELECT nr_rows, carried, persist, updates, first_rowid, last_rowid "
        "FROM _qasino_reports WHERE tablename = ?1 AND identity = ?2");
    generation->put_report = sql_prepare(db,
        "INSERT OR REPLACE INTO _qasino_reports(tablename, identity, "
        "nr_rows, first_rowid, last_rowid, epoch, persist, carried, updates)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");

    return generation->begin && generation->commit && generation->rollback
           && generation->find_report && generation->put_report ? 0 : -1;
}


static int
load_catalog(generation_t *generation)
{
    sqlite3_stmt *statement = sql_prepare(generation->db,
        "SELECT name FROM sqlite_schema WHERE type = 'table' "
        "AND substr(name, 1, 1) <> '_' AND name NOT LIKE 'sqlite\\_%' "
        "ESCAPE '\\' ORDER BY rowid");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);

        if (rc == SQLITE_ROW) {
            const char *name = (const char *) sqlite3_column_text(statement,
                                                                  0);
            catalog_table_t *table = catalog_add(&generation->catalog, name);

            if (table == NULL || load_columns(generation->db, table) != 0) {
                rc = SQLITE_NOMEM;
            }
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? load_counts(generation) : -1;
}


static int
load_columns(sqlite3 *db, catalog_table_t *table)
{
    sqlite3_stmt *statement = sql_prepare(db,
        "SELECT name FROM pragma_table_info(?1) ORDER BY cid");
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
load_counts(generation_t *generation)
{
    sqlite3_stmt *statement = sql_prepare(generation->db,
        "SELECT tablename, identity, nr_rows, updates, epoch "
        "FROM _qasino_reports");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);

        if (rc != SQLITE_ROW) {
            break;
        }

        catalog_table_t *table = catalog_find(&generation->catalog,
            (const char *) sqlite3_column_text(statement, 0));
        catalog_identity_t *identity = catalog_identity(
            &generation->catalog,
            (const char *) sqlite3_column_text(statement, 1));
        double epoch = sqlite3_column_double(statement, 4);

        if (table == NULL || identity == NULL) {
            rc = SQLITE_NOMEM;
            break;
        }

        table->rows += (uint64_t) sqlite3_column_int64(statement, 2);
        table->updates += (uint64_t) sqlite3_column_int64(statement, 3);
        identity->tables++;

        if (epoch > table->last_update) {
            table->last_update = epoch;
        }

        if (epoch > identity->last_update) {
            identity->last_update = epoch;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}
