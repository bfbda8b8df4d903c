/*
 * The sealed file is attached until all is carried, so no row passes through
 * this process's memory.  That a table is done is remembered in the
 * transaction that carries it.
 */

#include "carry.h"

#include <stdio.h>
#include <stdlib.h>

#include "carry_reports.h"
#include "sql.h"

struct carry_s {
    store_t *store;
    carry_reports_t *reports;
    catalog_t tables;           /* to carry; their ->updates: done */
    size_t next;                /* all before it are done */
};

static int find_tables(carry_t *carry);
static int load_done(carry_t *carry);
static int finish(carry_t **carry);


int
carry_begin(generation_t *generation, const char *sealed_path,
    carry_t **out, char *error)
{
    store_t *store = &generation->store;
    carry_t *carry = NULL;
    int rc;

    *out = NULL;

    if (store_meta(store, "carried", 0)) {
        return 0;
    }

    /* the file's name is our own: digits in db_dir */
    rc = sql_execf(store->db, "ATTACH %Q AS sealed", sealed_path);

    if (rc == SQLITE_OK) {
        carry = calloc(1, sizeof(*carry));
        rc = carry ? SQLITE_OK : SQLITE_NOMEM;
    }

    if (rc == SQLITE_OK) {
        carry->store = store;
        catalog_init(&carry->tables);
        rc = carry_reports_create(store, &carry->reports) == 0
             && find_tables(carry) == 0 && load_done(carry) == 0
             && (carry->tables.table_count > 0 || finish(&carry) == 0)
             ? SQLITE_OK : SQLITE_ERROR;
    }

    if (rc != SQLITE_OK) {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "cannot carry persisted rows from %s: %s",
                        sealed_path, sqlite3_errmsg(store->db));
        carry_stop(carry);
        return -1;
    }

    *out = carry;

    return 0;
}


int
carry_nothing(generation_t *generation)
{
    return store_set_meta(&generation->store, "carried", 1);
}


int
carry_has(const carry_t *carry, const char *name)
{
    const catalog_table_t *table = catalog_find(&carry->tables, name);

    return table && !table->updates;
}


int
carry_table(carry_t *carry, const char *name)
{
    catalog_table_t *table = catalog_find(&carry->tables, name);

    if (table == NULL || table->updates) {
        return 0;
    }

    carry->store->promised--;

    if (carry_reports_copy(carry->reports, table->name) != 0
        || sql_execf(carry->store->db, "INSERT INTO _qasino_carried "
                     "VALUES(%Q)", table->name) != SQLITE_OK)
    {
        return -1;
    }

    table->updates = 1;

    return 0;
}


int
carry_rolled_back(carry_t *carry)
{
    carry->next = 0;

    return load_done(carry);
}


int
carry_next(carry_t **out, char *error)
{
    carry_t *carry = *out;
    store_t *store = carry->store;
    catalog_t *tables = &carry->tables;

    while (carry->next < tables->table_count
           && tables->tables[carry->next]->updates)
    {
        carry->next++;
    }

    int last = carry->next == tables->table_count;

    if (last ? finish(out) == 0
        : store_begin(store) == 0
          && carry_table(carry, tables->tables[carry->next]->name) == 0
          && store_commit(store) == 0)
    {
        return 0;
    }

    (void) snprintf(error, GENERATION_ERROR_SIZE,
                    "cannot carry persisted rows: %s",
                    sqlite3_errmsg(store->db));

    return -1;
}


void
carry_stop(carry_t *carry)
{
    if (carry) {
        carry_reports_destroy(carry->reports);
        (void) sql_exec(carry->store->db, "DETACH sealed");
        catalog_clear(&carry->tables);
        free(carry);
    }
}


static int
find_tables(carry_t *carry)
{
    sqlite3_stmt *statement = sql_prepare(carry->store->db,
        "SELECT tablename FROM temp." CARRY_REPORTS_LIST " "
        "UNION SELECT tablename FROM sealed._qasino_next "
        "WHERE source IS NOT NULL");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *) sqlite3_column_text(statement, 0);

        if (name == NULL || catalog_add(&carry->tables, name) == NULL) {
            rc = SQLITE_NOMEM;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


/* Which of them are in the file already. */
static int
load_done(carry_t *carry)
{
    sqlite3 *db = carry->store->db;
    sqlite3_stmt *statement;
    int rc;

    if (sql_exec(db, "CREATE TABLE IF NOT EXISTS main._qasino_carried("
                 "tablename TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID")
        != SQLITE_OK)
    {
        return -1;
    }

    carry->store->promised = carry->tables.table_count;

    for (size_t i = 0; i < carry->tables.table_count; i++) {
        carry->tables.tables[i]->updates = 0;
    }

    statement = sql_prepare(db, "SELECT tablename FROM _qasino_carried");
    rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        catalog_table_t *table = catalog_find(&carry->tables,
            (const char *) sqlite3_column_text(statement, 0));

        if (table) {
            table->updates = 1;
            carry->store->promised--;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


/* All are done. */
static int
finish(carry_t **carry)
{
    store_t *store = (*carry)->store;

    if (store_begin(store) != 0
        || sql_exec(store->db, "DROP TABLE main._qasino_carried")
           != SQLITE_OK
        || store_set_meta(store, "carried", 1) != 0
        || store_commit(store) != 0)
    {
        return -1;
    }

    carry_stop(*carry);
    *carry = NULL;

    return 0;
}
