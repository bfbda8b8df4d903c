/*
 * The sealed file is attached until all is carried, so no row passes through
 * this process's memory.  That a table is done is remembered in the
 * transaction that carries the last of it.
 *
 * A table goes over in several transactions while nobody wants it, and of
 * those there is one at a time: a worker that is killed then begins it anew.
 * Nobody else can have written anything into it.
 */

#include "carry.h"

#include <stdio.h>
#include <stdlib.h>

#include "carry_list.h"
#include "carry_reports.h"
#include "sql.h"

#define STEP_ROWS  1000         /* a quarter of a millisecond or more */
#define HALF       "half_carried"       /* in _qasino_meta: a table's name */

struct carry_s {
    store_t *store;
    carry_reports_t *reports;
    catalog_t tables;           /* to carry; their ->updates: done */
    size_t next;                /* all before it are done */
    const char *half;           /* the one that is under way, or NULL */
    carry_position_t position;  /* of that, */
    carry_position_t committed; /* and at the last carry_next() */
};

static int load_done(carry_t *carry);
static int go_on(carry_t *carry, catalog_table_t *table);
static int copy(carry_t *carry, const catalog_table_t *table,
    carry_position_t *position, int64_t limit);
static int begin_table(carry_t *carry, const char *name);
static int has_begun(const carry_position_t *position);
static int is_done(carry_t *carry, catalog_table_t *table);
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
        rc = carry_list_make(store, &carry->tables) == 0
             && carry_reports_create(store, &carry->reports) == 0
             && load_done(carry) == 0
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
    carry_position_t begin = { 0 };

    if (table == NULL || table->updates) {
        return 0;
    }

    return copy(carry, table, carry->half == table->name ? &carry->position
                                                         : &begin, INT64_MAX)
           == 1 ? is_done(carry, table) : -1;
}


int
carry_rolled_back(carry_t *carry)
{
    carry_reports_rolled_back(carry->reports);
    carry->position = carry->committed;
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
          && go_on(carry, tables->tables[carry->next]) == 0
          && store_commit(store) == 0)
    {
        if (!last) {
            carry->committed = carry->position;
        }

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
        carry_list_drop(carry->store);
        (void) sql_exec(carry->store->db, "DETACH sealed");
        catalog_clear(&carry->tables);
        free(carry);
    }
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
        }
    }

    (void) sqlite3_finalize(statement);
    carry->store->promised = 0;

    for (size_t i = 0; i < carry->tables.table_count; i++) {
        const catalog_table_t *table = carry->tables.tables[i];

        carry->store->promised += !table->updates
                                  && catalog_find(&carry->store->catalog,
                                                  table->name) == NULL;
    }

    return rc == SQLITE_DONE ? 0 : -1;
}


/* Some more of the table, which is half done until all of it is there. */
static int
go_on(carry_t *carry, catalog_table_t *table)
{
    if (carry->half != table->name) {
        carry->half = table->name;
        carry->position = (carry_position_t) { 0 };
        carry->committed = carry->position;
    }

    int begins = !has_begun(&carry->position);
    int rc = copy(carry, table, &carry->position, STEP_ROWS);

    if (rc == 1) {
        return is_done(carry, table);
    }

    return rc == 0
           && (!begins
               || sql_execf(carry->store->db, "INSERT OR REPLACE INTO "
                            "main._qasino_meta VALUES('" HALF "', %Q)",
                            table->name) == SQLITE_OK) ? 0 : -1;
}


static int
copy(carry_t *carry, const catalog_table_t *table,
    carry_position_t *position, int64_t limit)
{
    return has_begun(position) || begin_table(carry, table->name) == 0
           ? carry_reports_copy(carry->reports, table->name, position, limit)
           : -1;
}


/* The first of it makes the table, as was promised.  If it is there already,
   that is what a worker has left that was killed: none but carried rows. */
static int
begin_table(carry_t *carry, const char *name)
{
    store_t *store = carry->store;
    sqlite3_int64 half = sql_int64f(store->db, -1, "SELECT EXISTS (SELECT 1 "
                                    "FROM main._qasino_meta WHERE key = '"
                                    HALF "' AND value = %Q)", name);

    if (half == 0) {
        store->promised--;
        return 0;
    }

    return half == 1
           && sql_execf(store->db, "DROP TABLE IF EXISTS main.\"%w\"", name)
              == SQLITE_OK
           && sql_execf(store->db, "DELETE FROM main._qasino_reports "
                        "WHERE tablename = %Q", name) == SQLITE_OK
           && sql_execf(store->db, "DELETE FROM main._qasino_updated "
                        "WHERE tablename = %Q", name) == SQLITE_OK
           ? store_reload(store) : -1;
}


static int
has_begun(const carry_position_t *position)
{
    return position->kind > 0 || position->after > 0 || position->copied > 0;
}


static int
is_done(carry_t *carry, catalog_table_t *table)
{
    sqlite3 *db = carry->store->db;

    if (sql_execf(db, "INSERT INTO _qasino_carried VALUES(%Q)", table->name)
        != SQLITE_OK
        || sql_execf(db, "DELETE FROM main._qasino_meta WHERE key = '" HALF
                     "' AND value = %Q", table->name) != SQLITE_OK)
    {
        return -1;
    }

    table->updates = 1;

    return 0;
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

    store->promised = 0;
    carry_stop(*carry);
    *carry = NULL;

    return 0;
}
