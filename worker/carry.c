/*
 * That a table is done is remembered in the transaction that carries the last
 * of it.
 *
 * A table goes over in several transactions while nobody wants it, and of
 * those there is one at a time: a worker that is killed then begins it anew.
 * Nobody else can have written anything into it.
 */

#include "carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "awaited.h"
#include "carry_list.h"
#include "carry_reports.h"
#include "qsn_log.h"
#include "sql.h"

#define STEP_ROWS  500          /* a fifth of a millisecond */
#define HALF       "half_carried"       /* in _qasino_meta: a table's name */
#define DONE       "_qasino_carried"    /* names of those that are done */

struct carry_s {
    store_t *store;
    char *sealed_path;
    carry_source_t source;      /* all zeroes: there is none */
    sqlite3 *sealed;            /* its connection, or our own; NULL: none yet */
    carry_reports_t *reports;   /* NULL: the file is not looked into yet */
    catalog_t tables;           /* to carry; their ->updates: done */
    size_t next;                /* all before it are done */
    const char *half;           /* the one that is under way, or NULL */
    carry_position_t position;  /* of that, */
    carry_position_t committed; /* and at the last carry_next() */
};

static int create(store_t *store, const char *sealed_path, carry_t **out,
    char *error);
static int look_into(carry_t **out, char *error);
static int is_gone(const carry_t *carry);
static int open_sealed(carry_t *carry);
static int end(carry_t **out, char *error);
static void let_go(carry_t *carry);
static int load_done(carry_t *carry);
static void count_promised(carry_t *carry);
static void say_why(const carry_t *carry, char *error);
static int is_error(sqlite3 *db);
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
    *out = NULL;

    if (store_meta(&generation->store, "carried", 0)) {
        return 0;
    }

    if (create(&generation->store, sealed_path, out, error) != 0) {
        return -1;
    }

    if (look_into(out, error) != 0) {
        carry_stop(*out);
        *out = NULL;
        return -1;
    }

    return 0;
}


int
carry_expect(generation_t *generation, const char *sealed_path,
    const catalog_t *before, const carry_source_t *source, carry_t **out,
    char *error)
{
    if (create(&generation->store, sealed_path, out, error) != 0) {
        return -1;
    }

    carry_t *carry = *out;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < before->table_count; i++) {
        const catalog_table_t *table = before->tables[i];

        if (table->persists
            && catalog_add(&carry->tables, table->name) == NULL)
        {
            rc = -1;
        }
    }

    count_promised(carry);

    if (rc == 0 && carry->tables.table_count > 0) {
        carry->source = *source;
        return 0;
    }

    if (rc == 0) {
        rc = store_set_meta(&generation->store, "carried", 1);
    }

    if (rc != 0) {
        say_why(carry, error);
    }

    carry_stop(carry);
    *out = NULL;

    return rc;
}


int
carry_is_open(const carry_t *carry)
{
    return carry->reports != NULL;
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


sqlite3 *
carry_failed(const carry_t *carry)
{
    return carry->sealed && is_error(carry->sealed) ? carry->sealed
                                                    : carry->store->db;
}


int
carry_rolled_back(carry_t *carry)
{
    if (!carry_is_open(carry)) {
        count_promised(carry);
        return 0;
    }

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

    if (!carry_is_open(carry)) {
        return look_into(out, error);
    }

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

    say_why(carry, error);
    (void) sqlite3_db_release_memory(carry->sealed);    /* it may last */

    return -1;
}


void
carry_stop(carry_t *carry)
{
    if (carry) {
        let_go(carry);
        catalog_clear(&carry->tables);
        free(carry->sealed_path);
        free(carry);
    }
}


static int
create(store_t *store, const char *sealed_path, carry_t **out, char *error)
{
    carry_t *carry = calloc(1, sizeof(*carry));

    if (carry && (carry->sealed_path = strdup(sealed_path)) == NULL) {
        free(carry);
        carry = NULL;
    }

    *out = carry;

    if (carry == NULL) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
        return -1;
    }

    carry->store = store;
    catalog_init(&carry->tables);

    return 0;
}


/* What there is, exactly.  With nothing at all it is finished. */
static int
look_into(carry_t **out, char *error)
{
    carry_t *carry = *out;
    catalog_t found;

    if (is_gone(carry)) {
        qsn_log("%s is gone: what persisted in it and is not carried yet is "
                "lost", carry->sealed_path);
        catalog_clear(&carry->tables);
        count_promised(carry);
        return end(out, error);
    }

    int rc = open_sealed(carry);

    catalog_init(&found);

    if (rc == 0 && (rc = carry_list_make(carry->sealed, &found)) == 0) {
        catalog_clear(&carry->tables);
        carry->tables = found;

        rc = carry_reports_create(carry->store, carry->sealed,
                                  &carry->reports) == 0
             && load_done(carry) == 0 ? 0 : -1;
    } else {
        catalog_clear(&found);
    }

    if (rc != 0) {
        say_why(carry, error);
        let_go(carry);
        return -1;
    }

    return found.table_count ? 0 : end(out, error);
}


/* Deleted by hand: of what is open already that is no matter. */
static int
is_gone(const carry_t *carry)
{
    struct stat st;

    return carry->source.generation == NULL
           && (stat(carry->sealed_path, &st) == -1 ? errno == ENOENT
                                                   : st.st_size == 0);
}


/* Exclusive: reading alone, it keeps the lock that others have to read, too,
   and need not take it for each statement. */
static int
open_sealed(carry_t *carry)
{
    if (carry->source.generation) {
        carry->sealed = carry->source.generation->store.db;
        return sql_exec(carry->sealed, "PRAGMA main.locking_mode = EXCLUSIVE")
               == SQLITE_OK ? 0 : -1;
    }

    return generation_open_sealed(carry->sealed_path, &carry->sealed)
           == SQLITE_OK
           && sql_exec(carry->sealed, "PRAGMA temp_store = MEMORY")
              == SQLITE_OK ? 0 : -1;
}


/* The mark that nothing is left only saves another look. */
static int
end(carry_t **out, char *error)
{
    carry_t *carry = *out;
    int rc = 0;

    if (finish(out) != 0) {
        if ((rc = store_rollback(carry->store)) != 0) {
            say_why(carry, error);
        }

        carry_stop(carry);
        *out = NULL;
    }

    return rc;
}


/* Whether all of it is there or not. */
static void
let_go(carry_t *carry)
{
    carry_source_t *source = &carry->source;

    carry_reports_destroy(carry->reports);
    carry->reports = NULL;

    if (source->generation) {
        source->done(source->data, source->generation);
        source->generation = NULL;
    } else {
        (void) sqlite3_close(carry->sealed);
    }

    carry->sealed = NULL;
}


/* Which of them are in the file already. */
static int
load_done(carry_t *carry)
{
    sqlite3 *db = carry->store->db;
    sqlite3_stmt *statement;
    int rc;

    for (size_t i = 0; i < carry->tables.table_count; i++) {
        carry->tables.tables[i]->updates = 0;
    }

    /* the first that is done makes the list: nothing is written before */
    int listed = (int) sql_int64(db, "SELECT count(*) FROM "
                                 "main.sqlite_schema WHERE name = '" DONE "'",
                                 -1);

    statement = listed == 1 ? sql_prepare(db, "SELECT tablename FROM main."
                                          DONE) : NULL;
    rc = statement ? SQLITE_ROW : listed == 0 ? SQLITE_DONE : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        catalog_table_t *table = catalog_find(&carry->tables,
            (const char *) sqlite3_column_text(statement, 0));

        if (table) {
            table->updates = 1;
        }
    }

    (void) sqlite3_finalize(statement);
    count_promised(carry);

    return rc == SQLITE_DONE ? 0 : -1;
}


static void
count_promised(carry_t *carry)
{
    carry->store->promised = 0;

    for (size_t i = 0; i < carry->tables.table_count; i++) {
        const catalog_table_t *table = carry->tables.tables[i];

        carry->store->promised += !table->updates
                                  && catalog_find(&carry->store->catalog,
                                                  table->name) == NULL;
    }
}


static void
say_why(const carry_t *carry, char *error)
{
    sqlite3 *db = carry_failed(carry);

    (void) snprintf(error, GENERATION_ERROR_SIZE, "cannot carry persisted "
                    "rows from %s: %s", carry->sealed_path,
                    is_error(db) ? sqlite3_errmsg(db) : "out of memory");
}


static int
is_error(sqlite3 *db)
{
    int code = sqlite3_errcode(db);

    return code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE;
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
   that is what a worker has left that was killed: none but carried rows; or
   it is awaited, perhaps with other columns, and later it is too late to drop
   it: SQLite does not while it has a report in hand. */
static int
begin_table(carry_t *carry, const char *name)
{
    store_t *store = carry->store;
    sqlite3_int64 half = sql_int64f(store->db, -1, "SELECT EXISTS (SELECT 1 "
                                    "FROM main._qasino_meta WHERE key = '"
                                    HALF "' AND value = %Q)", name);

    if (half == 0) {
        store->promised--;
        return awaited_drop(store, name);
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

    if (sql_exec(db, "CREATE TABLE IF NOT EXISTS main." DONE "(tablename "
                 "TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID")
        != SQLITE_OK
        || sql_execf(db, "INSERT INTO main." DONE " VALUES(%Q)", table->name)
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
        || sql_exec(store->db, "DROP TABLE IF EXISTS main." DONE)
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
