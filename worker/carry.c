/*
 * The sealed file is attached until all is carried, so no row passes through
 * this process's memory.  That a table is done is remembered in the
 * transaction that carries it.
 */

#include "carry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qsn_log.h"
#include "report.h"
#include "sql.h"

#define REPORTS  "_qasino_to_carry"

struct carry_s {
    store_t *store;
    catalog_t tables;           /* to carry; their ->updates: done */
    size_t next;                /* all before it are done */
};

typedef struct {
    store_t *store;
    request_t request;          /* arena for names, and its error */
    catalog_table_t *table;
    const char *source;         /* where a second report waits, or NULL */
    int refused;                /* by a limit that is lower than it was */
    sqlite3_int64 id;           /* in the list of what persists */
    qsn_buf_t columns;          /* "a","b", as copied */
    report_t report;
} copy_t;

static int list_reports(store_t *store);
static int find_tables(carry_t *carry);
static int load_done(carry_t *carry);
static int finish(carry_t **carry);
static int carry_reports(store_t *store, const char *table);
static int carry_report(store_t *store, sqlite3_stmt *row);
static int merge_table(copy_t *carry, const char *name,
    const char *columns, const char *updated);
static int add_names(copy_t *carry, report_t *all, const char *names);
static int add_column(copy_t *carry, sqlite3_stmt *info, const char *name,
    size_t length);
static int carry_plain(copy_t *carry);
static void quote_names(qsn_buf_t *out, const char *names);
static int carry_updates(copy_t *carry, const char *identity);
static int carry_row(copy_t *carry, sqlite3_stmt *insert,
    sqlite3_stmt *marked, const char *identity);


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
        rc = list_reports(store) == 0 && find_tables(carry) == 0
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

    if (table == NULL || table->updates) {
        return 0;
    }

    carry->store->promised--;

    if (carry_reports(carry->store, table->name) != 0
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
        (void) sql_exec(carry->store->db,
                        "DROP TABLE IF EXISTS temp." REPORTS ";"
                        "DETACH sealed");
        catalog_clear(&carry->tables);
        free(carry);
    }
}


/* What persists, by its table.  moved_to: the first rowid that a report has
   in its new place. */
static int
list_reports(store_t *store)
{
    return sql_exec(store->db, "CREATE TEMP TABLE " REPORTS "(id INTEGER "
                    "PRIMARY KEY, tablename TEXT COLLATE NOCASE, identity, "
                    "is_update, first_rowid, last_rowid, epoch, columns, "
                    "moved_to);"
                    "INSERT INTO temp." REPORTS " SELECT NULL, tablename, "
                    "identity, is_update, first_rowid, last_rowid, epoch, "
                    "columns, NULL FROM sealed._qasino_reports "
                    "WHERE persist;"
                    "CREATE INDEX temp." REPORTS "_of ON " REPORTS
                    "(tablename, is_update)") == SQLITE_OK ? 0 : -1;
}


static int
find_tables(carry_t *carry)
{
    sqlite3_stmt *statement = sql_prepare(carry->store->db,
        "SELECT tablename FROM temp." REPORTS " "
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


static int
carry_reports(store_t *store, const char *table)
{
    sqlite3_stmt *statement = sql_prepare(store->db,
        "WITH carried AS (SELECT tablename, identity, is_update, "
        "first_rowid, last_rowid, epoch, columns, NULL AS source, id "
        "FROM temp." REPORTS " r WHERE tablename = ?1 AND (is_update OR "
        "NOT EXISTS (SELECT 1 FROM sealed._qasino_next n WHERE "
        "n.tablename = r.tablename AND n.identity = r.identity)) "
        "UNION ALL SELECT tablename, identity, 0, 0, 0, epoch, columns, "
        "source, NULL FROM sealed._qasino_next WHERE tablename = ?1 "
        "AND source IS NOT NULL) "
        "SELECT tablename, identity, is_update, first_rowid, last_rowid, "
        "epoch, columns, (SELECT group_concat(columns) "
        "FROM temp." REPORTS " u WHERE u.is_update "
        "AND u.tablename = ?1), source, id "
        "FROM carried ORDER BY is_update");
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    if (statement) {
        (void) sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    }

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);

        if (rc == SQLITE_ROW && carry_report(store, statement) != 0) {
            rc = SQLITE_ERROR;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


static int
carry_report(store_t *store, sqlite3_stmt *row)
{
    static const request_limits_t no_limits;
    const char *name = (const char *) sqlite3_column_text(row, 0);
    const char *identity = (const char *) sqlite3_column_text(row, 1);
    const char *columns = (const char *) sqlite3_column_text(row, 6);
    const char *updated = (const char *) sqlite3_column_text(row, 7);
    const char *source = (const char *) sqlite3_column_text(row, 8);
    enum report_kind kind = sqlite3_column_int(row, 2) ? REPORT_UPDATE
                                                       : REPORT_PLAIN;
    copy_t carry = { .store = store, .source = source };
    report_t before[2] = { { 0 } };
    int rc = -1;

    carry.id = sqlite3_column_int64(row, 9);
    carry.report.persist = 1;
    carry.report.carried = 1;
    carry.report.updates = 1;
    carry.report.first = sqlite3_column_int64(row, 3);
    carry.report.last = sqlite3_column_int64(row, 4);
    qsn_buf_string(&carry.report.columns, columns ? columns : "");
    request_init(&carry.request, &no_limits);

    if (merge_table(&carry, name, columns ? columns : "",
                    updated ? updated : "") != 0)
    {
        if (carry.refused) {
            /* that is no reason to stop */
            qsn_log("persisted rows of '%s' are dropped: %s", name,
                    carry.request.error);
            rc = 0;
        }

    } else if ((kind == REPORT_UPDATE ? carry_updates(&carry, identity)
                                  : carry_plain(&carry)) == 0
        && report_find(store, name, identity, before) == 0)
    {
        rc = report_put(store, carry.table, identity, kind, &carry.report,
                        sqlite3_column_double(row, 5), before);
    }

    report_free(before);
    qsn_buf_free(&carry.columns);
    qsn_buf_free(&carry.report.columns);
    request_free(&carry.request);

    return rc;
}


/*
 * The table with the columns that the persisted report had and those that
 * persisted updates have set, in whoever's rows: no others.
 */
static int
merge_table(copy_t *carry, const char *name, const char *columns,
    const char *updated)
{
    table_t *source = &carry->request.table;
    sqlite3_stmt *info = sql_prepare(carry->store->db,
        "SELECT name, type FROM pragma_table_info(?1, 'sealed') UNION ALL "
        "SELECT name, type FROM pragma_table_info(?2, 'sealed')");
    report_t all = { 0 };       /* its list of columns is all that is used */
    int rc = info ? 0 : -1;

    rc = rc == 0 && add_names(carry, &all, columns) == 0
         && add_names(carry, &all, updated) == 0 ? 0 : -1;

    const char *at = qsn_buf_text(&all.columns);

    source->types = arena_alloc(&carry->request.arena, (all.columns.length + 1)
                                * sizeof(*source->types));

    if (source->types == NULL || all.columns.failed
        || request_set_text(&carry->request, &source->name, name,
                            strlen(name)) != 0)
    {
        rc = -1;
    }

    while (rc == 0 && *at) {
        size_t length = strcspn(at, ",");

        (void) sqlite3_bind_text(info, 1, carry->source ? carry->source
                                                        : name, -1,
                                 SQLITE_STATIC);
        (void) sqlite3_bind_text(info, 2, name, -1, SQLITE_STATIC);
        rc = add_column(carry, info, at, length);
        (void) sqlite3_reset(info);
        at += length + (at[length] == ',');
    }

    (void) sqlite3_finalize(info);
    qsn_buf_free(&all.columns);

    if (rc == 0) {
        schema_columns(&carry->columns, &source->column_names);
        enum report_result result = schema_merge(carry->store,
                                                 &carry->request, source,
                                                 &carry->table);

        carry->refused = result == REPORT_REFUSED;
        rc = result == REPORT_TAKEN ? 0 : -1;
    }

    return rc;
}


/* Each of "a,b" that is not in the list yet. */
static int
add_names(copy_t *carry, report_t *all, const char *names)
{
    text_list_t list = { 0 };

    while (*names) {
        size_t length = strcspn(names, ",");

        if (length
            && request_add_text(&carry->request, &list, names, length) != 0)
        {
            return -1;
        }

        names += length + (names[length] == ',');
    }

    report_add_columns(all, &list);

    return 0;
}


static int
add_column(copy_t *carry, sqlite3_stmt *info, const char *name,
    size_t length)
{
    table_t *source = &carry->request.table;

    while (sqlite3_step(info) == SQLITE_ROW) {
        const char *own = (const char *) sqlite3_column_text(info, 0);
        const char *type = (const char *) sqlite3_column_text(info, 1);

        if (strlen(own) == length && strncasecmp(own, name, length) == 0) {
            source->types[source->column_names.count] =
                strcmp(type, "INTEGER") == 0 ? COLUMN_INTEGER
                : strcmp(type, "REAL") == 0 ? COLUMN_REAL : COLUMN_TEXT;

            return request_add_text(&carry->request, &source->column_names,
                                    own, length);
        }
    }

    return -1;
}


static int
carry_plain(copy_t *carry)
{
    sqlite3 *db = carry->store->db;
    const char *columns = qsn_buf_text(&carry->columns);
    const char *table = carry->table->name;
    report_t *report = &carry->report;
    qsn_buf_t own = { 0 };
    int rc = SQLITE_OK;

    report->rows = 0;

    if (carry->source) {
        quote_names(&own, qsn_buf_text(&report->columns));
        rc = sql_execf(db, "INSERT INTO main.\"%w\"(%s) SELECT %s FROM "
                       "sealed.\"%w\" ORDER BY _rowid_", table,
                       qsn_buf_text(&own), qsn_buf_text(&own),
                       carry->source);

    } else if (report->last) {
        rc = sql_execf(db, "INSERT INTO main.\"%w\"(%s) SELECT %s FROM "
                       "sealed.\"%w\" WHERE _rowid_ BETWEEN %lld AND %lld "
                       "ORDER BY _rowid_", table, columns, columns,
                       carry->request.table.name.data,
                       (long long) report->first, (long long) report->last);
    }

    qsn_buf_free(&own);

    if (rc == SQLITE_OK && (carry->source || report->last)) {
        report->rows = sqlite3_changes64(db);
    }

    if (report->rows) {
        report->last = sqlite3_last_insert_rowid(db);
        report->first = report->last - report->rows + 1;
    }

    if (rc == SQLITE_OK && report->rows && carry->source == NULL) {
        rc = sql_execf(db, "UPDATE temp." REPORTS " SET moved_to = %lld "
                       "WHERE id = %lld", (long long) report->first,
                       (long long) carry->id);
    }

    return rc == SQLITE_OK ? 0 : -1;
}


/* "a,b" to "\"a\",\"b\"". */
static void
quote_names(qsn_buf_t *out, const char *names)
{
    qsn_buf_byte(out, '"');

    for (/* void */; *names; names++) {
        if (*names == ',') {
            qsn_buf_string(out, "\",\"");
        } else {
            qsn_buf_byte(out, *names);
        }
    }

    qsn_buf_byte(out, '"');
}


/*
 * One at a time: each row's mark needs the rowid it gets here.  A row inside
 * a persisted plain report is here already, and only marked again.
 */
static int
carry_updates(copy_t *carry, const char *identity)
{
    store_t *store = carry->store;
    const char *columns = qsn_buf_text(&carry->columns);
    char *sql = sqlite3_mprintf("INSERT INTO main.\"%w\"(%s) SELECT %s FROM "
                                "sealed.\"%w\" WHERE _rowid_ = ?1",
                                carry->table->name, columns, columns,
                                carry->request.table.name.data);
    sqlite3_stmt *insert = sql ? sql_prepare(store->db, sql) : NULL;
    sqlite3_stmt *marks = sql_prepare(store->db,
        "SELECT row_id, (SELECT moved_to + row_id - first_rowid "
        "FROM temp." REPORTS " WHERE tablename = ?1 AND moved_to IS NOT NULL "
        "AND row_id BETWEEN first_rowid AND last_rowid) "
        "FROM sealed._qasino_updated WHERE tablename = ?1 "
        "AND identity = ?2 ORDER BY row_id");
    int rc = insert && marks ? SQLITE_OK : SQLITE_ERROR;

    if (rc == SQLITE_OK) {
        (void) sqlite3_bind_text(marks, 1, carry->table->name, -1,
                                 SQLITE_STATIC);
        (void) sqlite3_bind_text(marks, 2, identity, -1, SQLITE_STATIC);
    }

    while (rc == SQLITE_OK && (rc = sqlite3_step(marks)) == SQLITE_ROW) {
        rc = carry_row(carry, insert, marks, identity);
    }

    (void) sqlite3_finalize(insert);
    (void) sqlite3_finalize(marks);
    sqlite3_free(sql);

    return rc == SQLITE_DONE ? 0 : -1;
}


static int
carry_row(copy_t *carry, sqlite3_stmt *insert, sqlite3_stmt *marked,
    const char *identity)
{
    sqlite3_stmt *mark = carry->store->mark_row;
    int owned = sqlite3_column_type(marked, 1) == SQLITE_NULL;
    sqlite3_int64 row_id = sqlite3_column_int64(marked, 1);

    if (owned) {
        (void) sqlite3_bind_int64(insert, 1, sqlite3_column_int64(marked, 0));

        int rc = sql_run(insert);

        if (rc != SQLITE_OK) {
            return rc;
        }

        row_id = sqlite3_last_insert_rowid(carry->store->db);
        carry->report.rows++;
    }

    (void) sqlite3_bind_text(mark, 1, carry->table->name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(mark, 2, row_id);
    (void) sqlite3_bind_text(mark, 3, identity, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int(mark, 4, owned);

    return sql_run(mark);
}
