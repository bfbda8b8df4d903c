/*
 * The new table has the columns that its persisted reports have and those
 * that persisted updates have set, in whoever's rows: no others.  Columns
 * are merged report by report, in the order of the reports, so that of many
 * that do not fit all together those come that do.
 */

#include "carry_copy.h"

#include <string.h>

#include "carry_list.h"
#include "qsn_log.h"
#include "sql.h"

static int add_updated(carry_copy_t *copy, const char *names);
static int take_columns(carry_copy_t *copy, request_t *request,
    const sealed_columns_t *own, const char *names);
static int prepare_rows(carry_copy_t *copy, const table_t *merged,
    const char *names);
static int prepare_copy(const carry_copy_t *copy, const char *from,
    const char *columns, sqlite3_stmt **read, sqlite3_stmt **write);
static int run_copy(store_t *store, sqlite3_stmt *read, sqlite3_stmt *write,
    sqlite3_int64 first, sqlite3_int64 last, sqlite3_int64 *rows);
static void finalize_both(sqlite3_stmt **read, sqlite3_stmt **write);
static void quote_names(qsn_buf_t *out, const char *names);


int
carry_copy_prepare(carry_copy_t *copy, store_t *store, sqlite3 *sealed)
{
    copy->store = store;
    copy->from = sealed;
    copy->updates = sql_prepare(sealed,
        "SELECT columns FROM temp." CARRY_LIST " WHERE tablename = ?1 "
        "AND is_update = 1 AND columns IS NOT NULL "
        "GROUP BY columns ORDER BY min(id)");
    copy->info = sql_prepare(sealed, SEALED_COLUMNS_SQL);

    return copy->updates && copy->info ? 0 : -1;
}


void
carry_copy_free(carry_copy_t *copy)
{
    carry_copy_end(copy);
    (void) sqlite3_finalize(copy->updates);
    (void) sqlite3_finalize(copy->info);
}


int
carry_copy_begin(carry_copy_t *copy, const char *name)
{
    int rc = SQLITE_ROW;

    copy->name = name;
    copy->merges++;

    if (sealed_columns_load(&copy->sealed, copy->info, name) != 0) {
        return -1;
    }

    (void) sqlite3_bind_text(copy->updates, 1, name, -1, SQLITE_STATIC);

    while (rc == SQLITE_ROW
           && (rc = sqlite3_step(copy->updates)) == SQLITE_ROW)
    {
        if (add_updated(copy, (const char *)
                        sqlite3_column_text(copy->updates, 0)) != 0)
        {
            rc = SQLITE_ERROR;
        }
    }

    (void) sqlite3_reset(copy->updates);

    return rc == SQLITE_DONE ? 0 : -1;
}


void
carry_copy_end(carry_copy_t *copy)
{
    finalize_both(&copy->read, &copy->write);
    copy->table = NULL;
    copy->name = NULL;
    qsn_buf_free(&copy->updated);
    qsn_buf_free(&copy->merged);
    sealed_columns_free(&copy->sealed);
}


/* Nobody else changes the table meanwhile: after a report of the same
   columns it has them, and ->read and ->write are right. */
enum report_result
carry_copy_merge(carry_copy_t *copy, const char *source, const char *names)
{
    static const request_limits_t no_limits;
    enum report_result result = REPORT_FAILED;
    sealed_columns_t own = { 0 };
    request_t request;

    if (source == NULL && copy->write
        && strcmp(names, qsn_buf_text(&copy->merged)) == 0)
    {
        return REPORT_TAKEN;
    }

    request_init(&request, &no_limits);
    copy->merges++;

    if ((source == NULL
         || sealed_columns_load(&own, copy->info, source) == 0)
        && request_set_text(&request, &request.table.name, copy->name,
                            strlen(copy->name)) == 0
        && take_columns(copy, &request, &own, names) == 0)
    {
        result = schema_merge(copy->store, &request, &request.table,
                              &copy->table);
    }

    if (result == REPORT_REFUSED) {
        qsn_log("persisted rows of '%s' are dropped: %s", copy->name,
                request.error);

    } else if (result == REPORT_TAKEN && source == NULL
               && prepare_rows(copy, &request.table, names) != 0)
    {
        result = REPORT_FAILED;
    }

    sealed_columns_free(&own);
    request_free(&request);

    return result;
}


int
carry_copy_rows(carry_copy_t *copy, sqlite3_int64 first, sqlite3_int64 last,
    sqlite3_int64 *rows)
{
    return run_copy(copy->store, copy->read, copy->write, first, last, rows);
}


int
carry_copy_source(carry_copy_t *copy, const char *source, const char *names,
    sqlite3_int64 first, sqlite3_int64 last, sqlite3_int64 *rows)
{
    qsn_buf_t columns = { 0 };
    sqlite3_stmt *read = NULL;
    sqlite3_stmt *write = NULL;

    quote_names(&columns, names);

    int rc = columns.failed ? SQLITE_NOMEM
             : prepare_copy(copy, source, qsn_buf_text(&columns), &read,
                            &write);

    if (rc == SQLITE_OK) {
        rc = run_copy(copy->store, read, write, first, last, rows);
    }

    finalize_both(&read, &write);
    qsn_buf_free(&columns);

    return rc;
}


/* Each of "a,b" that is not in the list yet. */
static int
add_updated(carry_copy_t *copy, const char *names)
{
    while (*names) {
        size_t length = strcspn(names, ",");
        sealed_column_t *column = sealed_columns_find(&copy->sealed, names,
                                                      length);

        if (column == NULL) {
            return -1;
        }

        if (column->seen != copy->merges) {
            column->seen = copy->merges;
            qsn_buf_string(&copy->updated, copy->updated.length ? "," : "");
            qsn_buf_append(&copy->updated, names, length);
        }

        names += length + (names[length] == ',');
    }

    return copy->updated.failed ? -1 : 0;
}


/* The report's columns and those that updates have set, each once: as its
   own table has them, if it has one, or else as the sealed one has. */
static int
take_columns(carry_copy_t *copy, request_t *request,
    const sealed_columns_t *own, const char *names)
{
    const char *lists[] = { names, qsn_buf_text(&copy->updated) };
    table_t *table = &request->table;

    table->types = arena_alloc(&request->arena,
                               (own->count + copy->sealed.count)
                               * sizeof(*table->types));

    if (table->types == NULL) {
        return -1;
    }

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (const char *at = lists[i]; *at; /* void */) {
            size_t length = strcspn(at, ",");
            sealed_column_t *column = sealed_columns_find(own, at, length);

            if (column == NULL) {
                column = sealed_columns_find(&copy->sealed, at, length);
            }

            if (column == NULL) {
                return -1;
            }

            if (column->seen != copy->merges) {
                column->seen = copy->merges;
                table->types[table->column_names.count] = column->type;

                if (request_add_text(request, &table->column_names,
                                     column->name.data, length) != 0)
                {
                    return -1;
                }
            }

            at += length + (at[length] == ',');
        }
    }

    return 0;
}


/* Both kinds of reports copy by it: most of a table's have the same
   columns. */
static int
prepare_rows(carry_copy_t *copy, const table_t *merged, const char *names)
{
    qsn_buf_t columns = { 0 };
    int rc = SQLITE_NOMEM;

    schema_columns(&columns, &merged->column_names);
    qsn_buf_clear(&copy->merged);
    qsn_buf_string(&copy->merged, names);
    finalize_both(&copy->read, &copy->write);

    if (!columns.failed && !copy->merged.failed) {
        rc = prepare_copy(copy, merged->name.data, qsn_buf_text(&columns),
                          &copy->read, &copy->write);
    }

    qsn_buf_free(&columns);

    return rc == SQLITE_OK ? 0 : -1;
}


/* columns: of both tables, quoted.  SQLITE_OK, or an error and nothing. */
static int
prepare_copy(const carry_copy_t *copy, const char *from, const char *columns,
    sqlite3_stmt **read, sqlite3_stmt **write)
{
    qsn_buf_t sql = { 0 };

    qsn_buf_printf(&sql, "SELECT %s FROM main.", columns);
    sql_quote(&sql, from);
    qsn_buf_string(&sql, " WHERE _rowid_ BETWEEN ?1 AND ?2 "
                   "ORDER BY _rowid_");
    *read = sql.failed ? NULL : sql_prepare(copy->from,
                                            qsn_buf_text(&sql));
    *write = NULL;

    if (*read) {
        qsn_buf_clear(&sql);
        qsn_buf_string(&sql, "INSERT INTO main.");
        sql_quote(&sql, copy->table->name);
        qsn_buf_printf(&sql, "(%s) ", columns);
        rows_vtab_select(&sql, (size_t) sqlite3_column_count(*read));
        *write = sql.failed ? NULL : sql_prepare(copy->store->db,
                                                 qsn_buf_text(&sql));
    }

    qsn_buf_free(&sql);

    if (*write == NULL) {
        finalize_both(read, write);
        return SQLITE_ERROR;
    }

    return SQLITE_OK;
}


static int
run_copy(store_t *store, sqlite3_stmt *read, sqlite3_stmt *write,
    sqlite3_int64 first, sqlite3_int64 last, sqlite3_int64 *rows)
{
    (void) sqlite3_bind_int64(read, 1, first);
    (void) sqlite3_bind_int64(read, 2, last);
    store->rows.statement = read;

    int rc = sql_run(write);

    store->rows.statement = NULL;
    (void) sqlite3_reset(read);

    if (rc == SQLITE_OK) {
        *rows += sqlite3_changes64(store->db);
    }

    return rc;
}


static void
finalize_both(sqlite3_stmt **read, sqlite3_stmt **write)
{
    (void) sqlite3_finalize(*read);
    (void) sqlite3_finalize(*write);
    *read = NULL;
    *write = NULL;
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
