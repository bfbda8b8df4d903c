/* CREATE TABLE and ALTER TABLE, kept in step with the catalog. */

#include "schema.h"

#include <string.h>
#include <strings.h>

#include "awaited.h"
#include "budget.h"
#include "qsn_buf.h"
#include "sql.h"

static void create_sql(qsn_buf_t *sql, const char *name,
    const table_t *source);
static int create_table(store_t *store, const table_t *source,
    catalog_table_t **table);
static int make_table(store_t *store, const char *name, const char *sql);
static int add_columns(store_t *store, const table_t *source,
    catalog_table_t *table);

static const char *const type_names[] = {
    [COLUMN_INTEGER] = "INTEGER",
    [COLUMN_REAL] = "REAL",
    [COLUMN_TEXT] = "TEXT"
};


enum report_result
schema_merge(store_t *store, request_t *request, const table_t *source,
    catalog_table_t **table)
{
    const text_list_t *names = &source->column_names;
    size_t limit = (size_t) store->settings->max_columns;
    size_t added = 0;

    *table = catalog_find(&store->catalog, source->name.data);

    if (*table == NULL) {
        if (store->catalog.table_count + store->promised
            >= (size_t) store->settings->max_tables)
        {
            (void) request_fail(request, 507, "Table '%s' would be one more "
                                "than max_tables (%lld) in this generation",
                                source->name.data,
                                (long long) store->settings->max_tables);
            return REPORT_REFUSED;
        }

        return create_table(store, source, table) == 0
               ? REPORT_TAKEN : schema_failed(store, request);
    }

    if (schema_same_columns(*table, names)) {
        return REPORT_TAKEN;
    }

    for (size_t i = 0; i < names->count; i++) {
        added += catalog_find_column(*table, names->items[i].data) == NULL;
    }

    /* one that has more of them already was carried: the limit is new */
    if (added && (*table)->column_count + added > limit) {
        (void) request_fail(request, 507, "Table '%s' would have %zu "
                            "columns, more than max_columns (%zu)",
                            (*table)->name, (*table)->column_count + added,
                            limit);
        return REPORT_REFUSED;
    }

    if (added && add_columns(store, source, *table) != 0) {
        return schema_failed(store, request);
    }

    return REPORT_TAKEN;
}


int
schema_same_columns(const catalog_table_t *table, const text_list_t *names)
{
    if (table->insert_count != names->count) {
        return 0;
    }

    for (size_t i = 0; i < names->count; i++) {
        const char *column = table->insert_columns[i];
        const char *name = names->items[i].data;

        /* mostly they are spelled alike, which is faster to see */
        if (strcmp(column, name) != 0 && strcasecmp(column, name) != 0) {
            return 0;
        }
    }

    return 1;
}


int
schema_create(sqlite3 *db, const char *name, const table_t *source)
{
    qsn_buf_t sql = { 0 };

    create_sql(&sql, name, source);

    int rc = !sql.failed && sql_exec(db, qsn_buf_text(&sql)) == SQLITE_OK
             ? 0 : -1;

    qsn_buf_free(&sql);

    return rc;
}


void
schema_columns(qsn_buf_t *buf, const text_list_t *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (i) {
            qsn_buf_byte(buf, ',');
        }

        sql_quote(buf, names->items[i].data);
    }
}


enum report_result
schema_failed(store_t *store, request_t *request)
{
    return schema_failed_in(store->db, store, request);
}


enum report_result
schema_failed_in(sqlite3 *db, store_t *store, request_t *request)
{
    int code = sqlite3_errcode(db);
    const char *why = sqlite3_errmsg(db);

    if (code == SQLITE_TOOBIG) {
        (void) request_fail(request, 413, "A row of table '%s' is larger "
                            "than max_cell (%lld bytes)",
                            request->table.name.data,
                            (long long) store->settings->max_cell);

    } else if (code == SQLITE_FULL) {
        budget_refuse(store, request);

    } else if (code == SQLITE_IOERR || code == SQLITE_NOMEM) {
        (void) request_fail(request, 507, "There is no room for "
                            "table '%s': %s", request->table.name.data, why);

    } else {
        (void) request_fail(request, 500, "Table '%s' could not be stored: "
                            "%s", request->table.name.data, why);
    }

    return REPORT_FAILED;
}


static void
create_sql(qsn_buf_t *sql, const char *name, const table_t *source)
{
    qsn_buf_string(sql, "CREATE TABLE ");
    sql_quote(sql, name);

    for (size_t i = 0; i < source->column_names.count; i++) {
        qsn_buf_string(sql, i ? ", " : "(");
        sql_quote(sql, source->column_names.items[i].data);
        qsn_buf_byte(sql, ' ');
        qsn_buf_string(sql, type_names[source->types[i]]);
    }

    qsn_buf_byte(sql, ')');
}


static int
create_table(store_t *store, const table_t *source,
    catalog_table_t **table)
{
    *table = catalog_add(&store->catalog, source->name.data);

    if (*table == NULL) {
        return -1;
    }

    for (size_t i = 0; i < source->column_names.count; i++) {
        if (catalog_add_column(*table, source->column_names.items[i].data)
            != 0)
        {
            return -1;
        }
    }

    qsn_buf_t sql = { 0 };

    create_sql(&sql, source->name.data, source);

    int rc = sql.failed ? -1 : make_table(store, source->name.data,
                                          qsn_buf_text(&sql));

    qsn_buf_free(&sql);

    return rc;
}


/* Unless it is there, as it was in the generation before. */
static int
make_table(store_t *store, const char *name, const char *sql)
{
    enum awaited how;

    if (awaited_take(store, name, sql, &how) != 0) {
        return -1;
    }

    return how == AWAITED_SO
           || (sql_exec(store->db, sql) == SQLITE_OK
               && (how == AWAITED_OTHERWISE
                   || awaited_made(store, name, sql) == 0)) ? 0 : -1;
}


static int
add_columns(store_t *store, const table_t *source,
    catalog_table_t *table)
{
    if (awaited_changed(store, table->name) != 0) {
        return -1;
    }

    for (size_t i = 0; i < source->column_names.count; i++) {
        const char *name = source->column_names.items[i].data;

        if (catalog_find_column(table, name)) {
            continue;
        }

        if (sql_execf(store->db,
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
