/*
 * A cursor decodes one row of the tape at a time into an array of cells;
 * xColumn hands out SQLITE_STATIC text that lives in the request's arena,
 * longer than any statement that reads it.
 */

#include "rows_vtab.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_buf.h"

typedef struct {
    sqlite3_vtab base;
    rows_source_t *source;
} rows_t;

typedef struct {
    sqlite3_vtab_cursor base;
    const table_t *table;
    tape_reader_t reader;
    uint64_t row;               /* 0-based, of the cells below */
    cell_t *cells;
    size_t width;
} cursor_t;

static int connect_rows(sqlite3 *db, void *aux, int argc,
    const char *const *argv, sqlite3_vtab **vtab, char **error);
static int disconnect_rows(sqlite3_vtab *vtab);
static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info);
static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor);
static int close_cursor(sqlite3_vtab_cursor *cursor);
static int filter(sqlite3_vtab_cursor *cursor, int index,
    const char *name, int argc, sqlite3_value **argv);
static int next_row(sqlite3_vtab_cursor *cursor);
static int at_end(sqlite3_vtab_cursor *cursor);
static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context,
    int i);
static int rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id);
static void read_row(cursor_t *cursor);

static const sqlite3_module rows_module = {
    .xConnect = connect_rows,   /* no xCreate: it is there by its name */
    .xBestIndex = best_index,
    .xDisconnect = disconnect_rows,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next_row,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid
};


int
rows_vtab_register(sqlite3 *db, rows_source_t *source)
{
    int rc = sqlite3_create_module(db, ROWS_VTAB_NAME, &rows_module, source);

    return rc == SQLITE_OK
           ? sqlite3_create_module(db, ROWS_VTAB_WIDE, &rows_module, source)
           : rc;
}


const char *
rows_vtab_name(size_t columns)
{
    return columns > ROWS_VTAB_COLUMNS ? ROWS_VTAB_WIDE : ROWS_VTAB_NAME;
}


static int
connect_rows(sqlite3 *db, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **vtab, char **error)
{
    int columns = strcmp(argv[0], ROWS_VTAB_WIDE) == 0 ? ROWS_VTAB_WIDEST
                                                       : ROWS_VTAB_COLUMNS;
    qsn_buf_t sql = { 0 };
    rows_t *rows;

    (void) argc;
    (void) error;

    qsn_buf_string(&sql, "CREATE TABLE x(c0");

    for (int i = 1; i < columns; i++) {
        qsn_buf_printf(&sql, ",c%d", i);
    }

    qsn_buf_string(&sql, ")");

    int rc = sqlite3_declare_vtab(db, qsn_buf_text(&sql));

    qsn_buf_free(&sql);

    if (rc != SQLITE_OK) {
        return rc;
    }

    rows = sqlite3_malloc(sizeof(*rows));

    if (rows == NULL) {
        return SQLITE_NOMEM;
    }

    rows->source = aux;
    *vtab = &rows->base;

    return SQLITE_OK;
}


static int
disconnect_rows(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);

    return SQLITE_OK;
}


static int
best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void) vtab;

    info->estimatedCost = 1000;

    return SQLITE_OK;
}


static int
open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    const table_t *table = ((rows_t *) vtab)->source->table;
    cursor_t *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }

    cursor->table = table;
    cursor->width = table->column_names.count;
    cursor->cells = calloc(cursor->width, sizeof(*cursor->cells));

    if (cursor->cells == NULL) {
        free(cursor);
        return SQLITE_NOMEM;
    }

    *out = &cursor->base;

    return SQLITE_OK;
}


static int
close_cursor(sqlite3_vtab_cursor *base)
{
    cursor_t *cursor = (cursor_t *) base;

    free(cursor->cells);
    free(cursor);

    return SQLITE_OK;
}


static int
filter(sqlite3_vtab_cursor *base, int index, const char *name, int argc,
    sqlite3_value **argv)
{
    cursor_t *cursor = (cursor_t *) base;

    (void) index;
    (void) name;
    (void) argc;
    (void) argv;

    tape_rewind(&cursor->table->tape, &cursor->reader);
    cursor->row = 0;
    read_row(cursor);

    return SQLITE_OK;
}


static int
next_row(sqlite3_vtab_cursor *base)
{
    cursor_t *cursor = (cursor_t *) base;

    cursor->row++;
    read_row(cursor);

    return SQLITE_OK;
}


static int
at_end(sqlite3_vtab_cursor *base)
{
    cursor_t *cursor = (cursor_t *) base;

    return cursor->row >= cursor->table->rows;
}


static int
column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    cursor_t *cursor = (cursor_t *) base;

    if ((size_t) i >= cursor->width) {
        return SQLITE_OK;       /* NULL */
    }

    const cell_t *cell = &cursor->cells[i];

    switch (cell->kind) {

    case CELL_NULL:
        break;

    case CELL_INTEGER:
        sqlite3_result_int64(context, cell->as.integer);
        break;

    case CELL_REAL:
        sqlite3_result_double(context, cell->as.real);
        break;

    case CELL_TEXT:
        sqlite3_result_text64(context, cell->as.text.data,
                              cell->as.text.length, SQLITE_STATIC,
                              SQLITE_UTF8);
        break;
    }

    return SQLITE_OK;
}


static int
rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    *id = (sqlite3_int64) ((cursor_t *) base)->row + 1;

    return SQLITE_OK;
}


static void
read_row(cursor_t *cursor)
{
    if (cursor->row >= cursor->table->rows) {
        return;
    }

    for (size_t i = 0; i < cursor->width; i++) {
        tape_read(&cursor->reader, &cursor->cells[i]);
    }
}
