/*
 * A cursor decodes one row of the tape at a time, or takes one of a statement,
 * into an array of cells.  xColumn hands out SQLITE_STATIC text: it lives in
 * the request's arena, or in the statement until its next row is read, by when
 * this one is written.
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
    sqlite3_stmt *statement;    /* NULL: the table */
    uint64_t rows;              /* that there are, as far as is known */
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
static int read_row(cursor_t *cursor);
static int step_row(cursor_t *cursor);
static void take_value(sqlite3_value *value, cell_t *cell);

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


void
rows_vtab_select(qsn_buf_t *sql, size_t columns)
{
    qsn_buf_string(sql, "SELECT ");

    for (size_t i = 0; i < columns; i++) {
        qsn_buf_printf(sql, i ? ",c%zu" : "c%zu", i);
    }

    qsn_buf_string(sql, " FROM ");
    qsn_buf_string(sql, columns > ROWS_VTAB_COLUMNS ? ROWS_VTAB_WIDE
                                                    : ROWS_VTAB_NAME);
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
    const rows_source_t *source = ((rows_t *) vtab)->source;
    cursor_t *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL) {
        return SQLITE_NOMEM;
    }

    cursor->table = source->table;
    cursor->statement = source->statement;
    cursor->width = cursor->statement
                    ? (size_t) sqlite3_column_count(cursor->statement)
                    : cursor->table->column_names.count;
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

    cursor->row = 0;

    if (cursor->statement) {
        (void) sqlite3_reset(cursor->statement);
        cursor->rows = UINT64_MAX;
    } else {
        tape_rewind(&cursor->table->tape, &cursor->reader);
        cursor->rows = cursor->table->rows;
    }

    return read_row(cursor);
}


static int
next_row(sqlite3_vtab_cursor *base)
{
    cursor_t *cursor = (cursor_t *) base;

    cursor->row++;

    return read_row(cursor);
}


static int
at_end(sqlite3_vtab_cursor *base)
{
    cursor_t *cursor = (cursor_t *) base;

    return cursor->row >= cursor->rows;
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


static int
read_row(cursor_t *cursor)
{
    if (cursor->statement) {
        return step_row(cursor);
    }

    if (cursor->row < cursor->rows) {
        for (size_t i = 0; i < cursor->width; i++) {
            tape_read(&cursor->reader, &cursor->cells[i]);
        }
    }

    return SQLITE_OK;
}


static int
step_row(cursor_t *cursor)
{
    int rc = sqlite3_step(cursor->statement);

    if (rc != SQLITE_ROW) {
        cursor->rows = cursor->row;
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }

    for (size_t i = 0; i < cursor->width; i++) {
        take_value(sqlite3_column_value(cursor->statement, (int) i),
                   &cursor->cells[i]);
    }

    return SQLITE_OK;
}


/* The values are ours alone, as the connection is (SQLITE_CONFIG_MULTITHREAD),
   and to ask the statement itself takes longer.  A text that SQLite need not
   end with a NUL is not copied for it.  No publish makes a blob: one from
   elsewhere becomes a text of the same bytes. */
static void
take_value(sqlite3_value *value, cell_t *cell)
{
    switch (sqlite3_value_type(value)) {

    case SQLITE_INTEGER:
        cell->kind = CELL_INTEGER;
        cell->as.integer = sqlite3_value_int64(value);
        break;

    case SQLITE_FLOAT:
        cell->kind = CELL_REAL;
        cell->as.real = sqlite3_value_double(value);
        break;

    case SQLITE_TEXT:
    case SQLITE_BLOB:
        cell->kind = CELL_TEXT;
        cell->as.text.data = sqlite3_value_blob(value);
        cell->as.text.length = (size_t) sqlite3_value_bytes(value);

        if (cell->as.text.data == NULL) {       /* of no bytes */
            cell->as.text.data = "";
            cell->as.text.length = 0;
        }

        break;

    default:
        cell->kind = CELL_NULL;
        break;
    }
}
