/*
 * (table, identity) reports once in a generation; the first stands.  What
 * was carried over from the generation before is a default only: a fresh
 * report replaces it.  A report of no rows makes the table, and does not
 * count as the first.
 */

#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_clock.h"
#include "sql.h"

typedef struct {
    int found;
    int carried;
    int64_t rows;
    int64_t updates;
    int64_t first;
    int64_t last;
} previous_t;

static int find_previous(generation_t *generation, const request_t *request,
    previous_t *previous);
static enum report_result merge_schema(generation_t *generation,
    request_t *request, catalog_table_t **table);
static int create_table(generation_t *generation, const request_t *request,
    catalog_table_t **table);
static int add_columns(generation_t *generation, const request_t *request,
    catalog_table_t *table);
static int drop_carried(generation_t *generation, catalog_table_t *table,
    const previous_t *previous);
static int insert_rows(generation_t *generation, const request_t *request,
    catalog_table_t *table, previous_t *inserted);
static sqlite3_stmt *insert_statement(sqlite3 *db, const request_t *request,
    catalog_table_t *table);
static int put_report(generation_t *generation, const request_t *request,
    catalog_table_t *table, const previous_t *previous,
    const previous_t *inserted);
static enum report_result failed(generation_t *generation,
    request_t *request);

static const char *const type_names[] = {
    [COLUMN_INTEGER] = "INTEGER",
    [COLUMN_REAL] = "REAL",
    [COLUMN_TEXT] = "TEXT"
};


enum report_result
report_apply(generation_t *generation, request_t *request)
{
    catalog_table_t *table = NULL;
    previous_t previous = { 0 };
    previous_t inserted = { 0 };

    if (find_previous(generation, request, &previous) != 0) {
        return failed(generation, request);
    }

    if (previous.found && !previous.carried && previous.rows > 0) {
        return REPORT_DUPLICATE;
    }

    enum report_result result = merge_schema(generation, request, &table);

    if (result != REPORT_TAKEN) {
        return result;
    }

    if (drop_carried(generation, table, &previous) != 0
        || insert_rows(generation, request, table, &inserted) != 0
        || put_report(generation, request, table, &previous, &inserted) != 0)
    {
        return failed(generation, request);
    }

    return REPORT_TAKEN;
}


static int
find_previous(generation_t *generation, const request_t *request,
    previous_t *previous)
{
    sqlite3_stmt *find = generation->find_report;

    (void) sqlite3_bind_text(find, 1, request->table.name.data, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_text(find, 2, request->identity.data, -1,
                             SQLITE_STATIC);

    int rc = sqlite3_step(find);

    if (rc == SQLITE_ROW) {
        previous->found = 1;
        previous->rows = sqlite3_column_int64(find, 0);
        previous->carried = sqlite3_column_int(find, 1);
        previous->updates = sqlite3_column_int64(find, 3);
        previous->first = sqlite3_column_int64(find, 4);
        previous->last = sqlite3_column_int64(find, 5);
    }

    (void) sqlite3_reset(find);

    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}


/* The union of columns: those that are there keep their type and place. */
static enum report_result
merge_schema(generation_t *generation, request_t *request,
    catalog_table_t **table)
{
    const text_list_t *names = &request->table.column_names;
    size_t limit = (size_t) generation->settings->max_columns;
    size_t added = 0;

    *table = catalog_find(&generation->catalog, request->table.name.data);

    if (*table == NULL) {
        if (generation->catalog.table_count
            >= (size_t) generation->settings->max_tables)
        {
            (void) request_fail(request, 507, "Table '%s' would be one more "
                                "than max_tables (%lld) in this generation",
                                request->table.name.data,
                                (long long) generation->settings->max_tables);
            return REPORT_REFUSED;
        }

        return create_table(generation, request, table) == 0
               ? REPORT_TAKEN : failed(generation, request);
    }

    for (size_t i = 0; i < names->count; i++) {
        added += catalog_find_column(*table, names->items[i].data) == NULL;
    }

    if ((*table)->column_count + added > limit) {
        (void) request_fail(request, 507, "Table '%s' would have %zu "
                            "columns, more than max_columns (%zu)",
                            (*table)->name, (*table)->column_count + added,
                            limit);
        return REPORT_REFUSED;
    }

    if (added && add_columns(generation, request, *table) != 0) {
        return failed(generation, request);
    }

    return REPORT_TAKEN;
}


static int
create_table(generation_t *generation, const request_t *request,
    catalog_table_t **table)
{
    const table_t *source = &request->table;
    qsn_buf_t sql = { 0 };

    *table = catalog_add(&generation->catalog, source->name.data);

    if (*table == NULL) {
        return -1;
    }

    qsn_buf_string(&sql, "CREATE TABLE ");
    sql_quote(&sql, source->name.data);

    for (size_t i = 0; i < source->column_names.count; i++) {
        const char *name = source->column_names.items[i].data;

        if (catalog_add_column(*table, name) != 0) {
            sql.failed = 1;
        }

        qsn_buf_string(&sql, i ? ", " : "(");
        sql_quote(&sql, name);
        qsn_buf_byte(&sql, ' ');
        qsn_buf_string(&sql, type_names[source->types[i]]);
    }

    qsn_buf_byte(&sql, ')');

    int rc = sql_exec(generation->db, qsn_buf_text(&sql));

    rc = rc == SQLITE_OK && !sql.failed ? 0 : -1;
    qsn_buf_free(&sql);

    return rc;
}


static int
add_columns(generation_t *generation, const request_t *request,
    catalog_table_t *table)
{
    const table_t *source = &request->table;

    for (size_t i = 0; i < source->column_names.count; i++) {
        const char *name = source->column_names.items[i].data;

        if (catalog_find_column(table, name)) {
            continue;
        }

        if (sql_execf(generation->db,
                      "ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s",
                      table->name, name, type_names[source->types[i]])
                != SQLITE_OK
            || catalog_add_column(table, name) != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
drop_carried(generation_t *generation, catalog_table_t *table,
    const previous_t *previous)
{
    if (!previous->carried || previous->rows == 0) {
        return 0;
    }

    table->rows -= (uint64_t) previous->rows;

    return sql_execf(generation->db,
                     "DELETE FROM \"%w\" WHERE _rowid_ BETWEEN %lld AND %lld",
                     table->name, (long long) previous->first,
                     (long long) previous->last) == SQLITE_OK ? 0 : -1;
}


/* All rows in one statement; they get consecutive rowids. */
static int
insert_rows(generation_t *generation, const request_t *request,
    catalog_table_t *table, previous_t *inserted)
{
    if (request->table.rows == 0) {
        return 0;
    }

    sqlite3_stmt *insert = insert_statement(generation->db, request, table);

    if (insert == NULL) {
        return -1;
    }

    generation->rows.table = &request->table;
    int rc = sql_run(insert);
    generation->rows.table = NULL;

    if (rc != SQLITE_OK) {
        return -1;
    }

    inserted->rows = sqlite3_changes64(generation->db);
    inserted->last = sqlite3_last_insert_rowid(generation->db);
    inserted->first = inserted->last - inserted->rows + 1;

    return 0;
}


/* A table's publishers mostly send the same columns: its last statement is
   kept. */
static sqlite3_stmt *
insert_statement(sqlite3 *db, const request_t *request,
    catalog_table_t *table)
{
    const text_list_t *names = &request->table.column_names;
    qsn_buf_t sql = { 0 };

    qsn_buf_string(&sql, "INSERT INTO ");
    sql_quote(&sql, table->name);

    for (size_t i = 0; i < names->count; i++) {
        qsn_buf_byte(&sql, i ? ',' : '(');
        sql_quote(&sql, names->items[i].data);
    }

    qsn_buf_string(&sql, ") SELECT ");

    for (size_t i = 0; i < names->count; i++) {
        qsn_buf_printf(&sql, i ? ",c%zu" : "c%zu", i);
    }

    qsn_buf_string(&sql, " FROM " ROWS_VTAB_NAME);

    if (sql.failed) {
        qsn_buf_free(&sql);
        return NULL;
    }

    const char *text = qsn_buf_text(&sql);

    if (table->insert == NULL || strcmp(table->insert_sql, text) != 0) {
        (void) sqlite3_finalize(table->insert);
        free(table->insert_sql);
        table->insert_sql = strdup(text);
        table->insert = table->insert_sql ? sql_prepare(db, text) : NULL;
    }

    qsn_buf_free(&sql);

    return table->insert;
}


static int
put_report(generation_t *generation, const request_t *request,
    catalog_table_t *table, const previous_t *previous,
    const previous_t *inserted)
{
    sqlite3_stmt *put = generation->put_report;
    catalog_identity_t *identity = catalog_identity(&generation->catalog,
                                                    request->identity.data);
    double epoch = qsn_clock_epoch();

    if (identity == NULL) {
        return -1;
    }

    (void) sqlite3_bind_text(put, 1, table->name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(put, 2, request->identity.data, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_int64(put, 3, inserted->rows);
    (void) sqlite3_bind_int64(put, 4, inserted->first);
    (void) sqlite3_bind_int64(put, 5, inserted->last);
    (void) sqlite3_bind_double(put, 6, epoch);
    (void) sqlite3_bind_int(put, 7, request->persist);
    (void) sqlite3_bind_int(put, 8, 0);
    (void) sqlite3_bind_int64(put, 9, 1);

    if (sql_run(put) != SQLITE_OK) {
        return -1;
    }

    table->rows += (uint64_t) inserted->rows;
    table->updates += (uint64_t) (1 - previous->updates);
    table->last_update = epoch;
    identity->tables += !previous->found;
    identity->last_update = epoch;

    return 0;
}


static enum report_result
failed(generation_t *generation, request_t *request)
{
    int code = sqlite3_errcode(generation->db);
    const char *why = sqlite3_errmsg(generation->db);

    if (code == SQLITE_TOOBIG) {
        (void) request_fail(request, 413, "A row of table '%s' is larger "
                            "than max_cell (%lld bytes)",
                            request->table.name.data,
                            (long long) generation->settings->max_cell);

    } else if (code == SQLITE_FULL || code == SQLITE_IOERR
               || code == SQLITE_NOMEM)
    {
        (void) request_fail(request, 507, "The generation has no room for "
                            "table '%s': %s", request->table.name.data, why);

    } else {
        (void) request_fail(request, 500, "Table '%s' could not be stored: "
                            "%s", request->table.name.data, why);
    }

    return REPORT_FAILED;
}
