/*
 * Row by row, because a later row of the same publish may have the key of
 * an earlier one.  An index over the key columns, which constrains nothing,
 * keeps each look-up short; it is named after its columns, in the order of
 * their names, so that every set of key columns has one.  As every later
 * write pays for each, a table has KEY_SETS_MAX of them at most.
 *
 * With persist, the rows set are marked with whose update it was, and with
 * whether an update made them (owned) or a plain report did: carry.c takes
 * the marked ones into the next generation.
 */

#include "update.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "qsn_clock.h"
#include "sql.h"

#define KEY_SETS_MAX  16

typedef struct {
    store_t *store;
    request_t *request;
    catalog_table_t *table;
    qsn_buf_t index;            /* name of the key columns' */
    qsn_buf_t index_columns;
    int indexed;                /* it is there */
    sqlite3_stmt *update;       /* returns the rowids it has set */
    sqlite3_stmt *insert;
    int64_t inserted;
} update_t;

static int merge(update_t *update, const report_t *before);
static int prepare(update_t *update);
static int name_index(update_t *update);
static int by_name(const void *one, const void *other);
static int check_key_sets(update_t *update);
static int make_index(update_t *update);
static int set_rows(update_t *update);
static int set_row(update_t *update);
static int mark(update_t *update, sqlite3_int64 row_id, int owned);
static void bind_cell(sqlite3_stmt *statement, int number,
    const cell_t *cell);


enum report_result
update_apply(store_t *store, request_t *request, const report_t *before)
{
    update_t update = { .store = store, .request = request };
    enum report_result result = REPORT_FAILED;

    /* before anything is changed: a refusal hurts nobody of the group */
    if (name_index(&update) != 0) {
        (void) request_fail(request, 507, "out of memory");

    } else if (check_key_sets(&update) != 0) {
        result = REPORT_REFUSED;

    } else {
        result = schema_merge(store, request, &request->table,
                              &update.table);
    }

    if (result == REPORT_TAKEN && merge(&update, before) != 0) {
        result = schema_failed(store, request);
    }

    (void) sqlite3_finalize(update.update);
    (void) sqlite3_finalize(update.insert);
    qsn_buf_free(&update.index);
    qsn_buf_free(&update.index_columns);

    return result;
}


int
update_end_persistence(store_t *store, const catalog_table_t *table,
    const char *identity)
{
    sqlite3_stmt *unmark = store->unmark_rows;

    (void) sqlite3_bind_text(unmark, 1, table->name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(unmark, 2, identity, -1, SQLITE_STATIC);

    return sql_run(unmark) == SQLITE_OK ? 0 : -1;
}


/* Into the table, which has all columns. */
static int
merge(update_t *update, const report_t *before)
{
    const report_t *earlier = &before[REPORT_UPDATE];
    request_t *request = update->request;
    report_t report = {
        .persist = request->persist,
        .updates = (earlier->carried ? 0 : earlier->updates) + 1
    };
    int rc = -1;

    if (request->persist) {
        qsn_buf_append(&report.columns, earlier->columns.data,
                       earlier->columns.length);
        report_add_columns(&report, &request->table.column_names);
    }

    if ((request->persist
         || update_end_persistence(update->store, update->table,
                                   request->identity.data) == 0)
        && make_index(update) == 0 && prepare(update) == 0
        && set_rows(update) == 0)
    {
        report.rows = earlier->rows + update->inserted;
        rc = report_put(update->store, update->table, request->identity.data,
                        REPORT_UPDATE, &report, qsn_clock_epoch(), before);
    }

    qsn_buf_free(&report.columns);

    return rc;
}


static int
name_index(update_t *update)
{
    const table_t *table = &update->request->table;
    const text_list_t *names = &table->column_names;
    const char **keys = calloc(names->count, sizeof(*keys));
    qsn_buf_t *name = &update->index;
    qsn_buf_t *columns = &update->index_columns;
    size_t count = 0;

    if (keys == NULL) {
        return -1;
    }

    for (size_t i = 0; i < names->count; i++) {
        if (table->is_key[i]) {
            keys[count++] = names->items[i].data;
        }
    }

    qsort(keys, count, sizeof(*keys), by_name);
    qsn_buf_printf(name, "_qasino_key_%s", table->name.data);

    for (size_t i = 0; i < count; i++) {
        qsn_buf_printf(name, "$%s", keys[i]);
        qsn_buf_string(columns, columns->length ? "," : "");
        sql_quote(columns, keys[i]);
    }

    free(keys);

    for (size_t i = 0; i < name->length; i++) {
        name->data[i] = (char) tolower((unsigned char) name->data[i]);
    }

    return name->failed || columns->failed ? -1 : 0;
}


static int
by_name(const void *one, const void *other)
{
    return strcasecmp(*(const char *const *) one,
                      *(const char *const *) other);
}


/* Whether there is one for these columns, or may be. */
static int
check_key_sets(update_t *update)
{
    const char *table = update->request->table.name.data;
    char *sql = sqlite3_mprintf("SELECT iif(total(name = %Q), -1, count(*)) "
                                "FROM temp.pragma_index_list(%Q, 'main')",
                                qsn_buf_text(&update->index), table);
    sqlite3_int64 sets = sql ? sql_int64(update->store->db, sql, 0) : 0;

    sqlite3_free(sql);
    update->indexed = sets == -1;

    return sets < KEY_SETS_MAX ? 0
           : request_fail(update->request, 507, "Table '%s' is updated by "
                          "%d sets of key columns (keycols), and may be by "
                          "no other: so many at most", table, KEY_SETS_MAX);
}


static int
make_index(update_t *update)
{
    update->table->has_index = 1;

    return update->indexed
           || sql_execf(update->store->db, "CREATE INDEX \"%w\" ON \"%w\""
                        "(%s)", qsn_buf_text(&update->index),
                        update->table->name,
                        qsn_buf_text(&update->index_columns))
              == SQLITE_OK ? 0 : -1;
}


static int
prepare(update_t *update)
{
    const table_t *table = &update->request->table;
    const text_list_t *names = &table->column_names;
    qsn_buf_t set = { 0 };
    qsn_buf_t key = { 0 };
    qsn_buf_t values = { 0 };
    qsn_buf_t sql = { 0 };

    /* keys are compared as one row value: a chain of ANDs over a wide table
       would be deeper than SQLite lets expressions be */
    for (size_t i = 0; i < names->count; i++) {
        qsn_buf_t *list = table->is_key[i] ? &key : &set;

        qsn_buf_string(list, list->length ? ", " : "");
        sql_quote(list, names->items[i].data);

        if (list == &set) {
            qsn_buf_printf(&set, " = ?%zu", i + 1);
        } else {
            qsn_buf_printf(&values, values.length ? ", ?%zu" : "?%zu", i + 1);
        }
    }

    if (set.length == 0) {
        /* nothing but the key: whether it is there is all that counts */
        sql_quote(&set, names->items[0].data);
        qsn_buf_string(&set, " = ");
        sql_quote(&set, names->items[0].data);
    }

    qsn_buf_string(&sql, "UPDATE ");
    sql_quote(&sql, update->table->name);
    qsn_buf_printf(&sql, " SET %s WHERE (%s) IS (%s) RETURNING _rowid_",
                   qsn_buf_text(&set), qsn_buf_text(&key),
                   qsn_buf_text(&values));
    update->update = sql_prepare(update->store->db, qsn_buf_text(&sql));

    qsn_buf_clear(&sql);
    qsn_buf_string(&sql, "INSERT INTO ");
    sql_quote(&sql, update->table->name);
    qsn_buf_byte(&sql, '(');
    schema_columns(&sql, names);
    qsn_buf_string(&sql, ") VALUES(?1");

    for (size_t i = 1; i < names->count; i++) {
        qsn_buf_printf(&sql, ",?%zu", i + 1);
    }

    qsn_buf_byte(&sql, ')');
    update->insert = sql_prepare(update->store->db, qsn_buf_text(&sql));

    int failed = set.failed || key.failed || values.failed || sql.failed;

    qsn_buf_free(&set);
    qsn_buf_free(&key);
    qsn_buf_free(&values);
    qsn_buf_free(&sql);

    return !failed && update->update && update->insert ? 0 : -1;
}


static int
set_rows(update_t *update)
{
    const table_t *table = &update->request->table;
    tape_reader_t reader;

    tape_rewind(&table->tape, &reader);

    for (uint64_t row = 0; row < table->rows; row++) {
        for (size_t i = 0; i < table->column_names.count; i++) {
            cell_t cell;

            tape_read(&reader, &cell);
            bind_cell(update->update, (int) i + 1, &cell);
            bind_cell(update->insert, (int) i + 1, &cell);
        }

        if (set_row(update) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
set_row(update_t *update)
{
    sqlite3 *db = update->store->db;
    int found = 0;
    int rc;

    while ((rc = sqlite3_step(update->update)) == SQLITE_ROW) {
        found = 1;

        if (mark(update, sqlite3_column_int64(update->update, 0), 0) != 0) {
            rc = SQLITE_ERROR;
            break;
        }
    }

    (void) sqlite3_reset(update->update);

    if (rc != SQLITE_DONE) {
        return -1;
    }

    if (found) {
        return 0;
    }

    if (sql_run(update->insert) != SQLITE_OK) {
        return -1;
    }

    update->inserted++;

    return mark(update, sqlite3_last_insert_rowid(db), 1);
}


static int
mark(update_t *update, sqlite3_int64 row_id, int owned)
{
    sqlite3_stmt *statement = update->store->mark_row;

    if (!update->request->persist) {
        return 0;
    }

    (void) sqlite3_bind_text(statement, 1, update->table->name, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_int64(statement, 2, row_id);
    (void) sqlite3_bind_text(statement, 3, update->request->identity.data,
                             -1, SQLITE_STATIC);
    (void) sqlite3_bind_int(statement, 4, owned);

    return sql_run(statement) == SQLITE_OK ? 0 : -1;
}


static void
bind_cell(sqlite3_stmt *statement, int number, const cell_t *cell)
{
    switch (cell->kind) {

    case CELL_NULL:
        (void) sqlite3_bind_null(statement, number);
        break;

    case CELL_INTEGER:
        (void) sqlite3_bind_int64(statement, number, cell->as.integer);
        break;

    case CELL_REAL:
        (void) sqlite3_bind_double(statement, number, cell->as.real);
        break;

    case CELL_TEXT:
        (void) sqlite3_bind_text64(statement, number, cell->as.text.data,
                                   cell->as.text.length, SQLITE_STATIC,
                                   SQLITE_UTF8);
        break;
    }
}
