/*
 * Where the parser is in the document is one small number (enum place) that
 * the callbacks move; whatever is not asked for is skipped by depth.  Keys
 * may come in any order: rows before column names is what Python sends.
 */

#include "request_json_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_row.h"
#include "qsn_reply.h"

#define DEPTH_MAX  64           /* of what is skipped, too */
#define ROWS_MIN   64           /* bytes for which to stop yajl */

static const struct {
    const char *key;
    enum place place;
} request_keys[] = {
    { "op", AT_OP }, { "identity", AT_IDENTITY }, { "persist", AT_PERSIST },
    { "static", AT_STATIC }, { "update", AT_UPDATE },
    { "keycols", AT_KEYCOLS }, { "sql", AT_SQL },
    { "use_write_db", AT_USE_WRITE_DB }, { "values", AT_VALUES },
    { "now", AT_NOW }, { "name", AT_NAME }, { "value", AT_VALUE },
    { "table", AT_TABLE }, { NULL, AT_SKIPPED }
}, table_keys[] = {
    { "tablename", AT_TABLENAME }, { "column_names", AT_COLUMN_NAMES },
    { "column_types", AT_COLUMN_TYPES }, { "rows", AT_ROWS },
    { NULL, AT_TABLE_SKIPPED }
};

static int on_null(void *ctx);
static int on_boolean(void *ctx, int value);
static int on_number(void *ctx, const char *text, size_t length);
static int on_string(void *ctx, const unsigned char *text, size_t length);
static int on_map_open(void *ctx);
static int on_key(void *ctx, const unsigned char *key, size_t length);
static int on_map_close(void *ctx);
static int on_array_open(void *ctx);
static int on_array_close(void *ctx);

static int value_done(request_json_t *json);
static int scalar(request_json_t *json, const char *text, size_t length,
    const cell_t *cell);
static int wants_string(enum place place);
static int add_column(request_json_t *json, const char *text, size_t length);
static int skip_deeper(request_json_t *json);
static int open_list(request_json_t *json, int *seen, enum place inside);
static int go_on_with_rows(request_json_t *json);
static int parse_number(request_json_t *json, const char *text,
    size_t length, cell_t *cell);
static int misplaced(request_json_t *json, const char *what);
static const char *place_name(enum place place);

const yajl_callbacks request_json_callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_open,
    .yajl_map_key = on_key,
    .yajl_end_map = on_map_close,
    .yajl_start_array = on_array_open,
    .yajl_end_array = on_array_close
};


static int
on_null(void *ctx)
{
    request_json_t *json = ctx;
    cell_t cell = { .kind = CELL_NULL };

    return json->replaying || scalar(json, NULL, 0, &cell);
}


static int
on_boolean(void *ctx, int value)
{
    cell_t cell = { .kind = CELL_INTEGER, .as.integer = value != 0 };

    return scalar(ctx, value ? "true" : "false", value ? 4 : 5, &cell);
}


static int
on_number(void *ctx, const char *text, size_t length)
{
    request_json_t *json = ctx;
    cell_t cell = { .kind = CELL_NULL };

    if (json->place == AT_CELL
        && parse_number(json, text, length, &cell) != 0)
    {
        return 0;
    }

    return scalar(json, text, length, &cell);
}


static int
on_string(void *ctx, const unsigned char *text, size_t length)
{
    request_json_t *json = ctx;
    cell_t cell = { .kind = CELL_TEXT };

    /* yajl lets encoded surrogates through */
    if (!qsn_utf8_valid((const char *) text, length)) {
        if (json->place == AT_CELL) {
            return misplaced(json, "not UTF-8");
        }

        (void) request_fail(json->request, 400, "%s: a string is not UTF-8",
                            json->request->parse_phrase);
        return 0;
    }

    cell.as.text.data = (const char *) text;
    cell.as.text.length = length;

    return scalar(json, (const char *) text, length, &cell);
}


/*
 * A value that is not an object or array: text is how it was written (NULL
 * for null), for the places that want a word; cell is what it is.
 */
static int
scalar(request_json_t *json, const char *text, size_t length,
    const cell_t *cell)
{
    request_t *request = json->request;
    table_t *table = &request->table;
    int rc = 0;

    if (json->place == AT_CELL) {
        return request_json_add_cell(json, cell) == 0;
    }

    if (cell->kind != CELL_TEXT && wants_string(json->place)) {
        return misplaced(json, "not a string");
    }

    switch (json->place) {

    case AT_SKIPPED:
    case AT_TABLE_SKIPPED:
        return json->skip_depth ? 1 : value_done(json);

    case AT_PERSIST:
        request->persist = text && request_flag(text, length);
        break;

    case AT_STATIC:
        request->is_static = text && request_flag(text, length);
        break;

    case AT_UPDATE:
        request->update = text && request_flag(text, length);
        break;

    case AT_USE_WRITE_DB:
        request->use_write_db = text && request_flag(text, length);
        break;

    case AT_KEYCOLS:
        rc = text ? request_set_keycols(request, text, length) : 0;
        break;

    case AT_VALUE:
        rc = text ? request_set_text(request, &request->value, text, length)
                  : 0;
        break;

    case AT_VALUES:
        if (text && length == 6 && memcmp(text, "native", 6) == 0) {
            request->native = 1;
        } else if (text && !(length == 7 && !memcmp(text, "classic", 7))) {
            return misplaced(json, "an unknown value");
        }

        break;

    case AT_NOW:
        if (text && length == 10 && memcmp(text, "generation", 10) == 0) {
            request->frozen = 1;
        } else if (text && !(length == 4 && !memcmp(text, "real", 4))) {
            return misplaced(json, "an unknown time");
        }

        break;

    case AT_OP:
        request->op = qsn_op_parse(text, length);
        break;

    case AT_IDENTITY:
        rc = request_set_text(request, &request->identity, text, length);
        break;

    case AT_SQL:
        if (length > request->limits->max_sql) {
            (void) request_fail(request, 413, "The statement has %zu bytes, "
                                "more than query_max_sql (%zu)", length,
                                request->limits->max_sql);
            return 0;
        }

        rc = request_set_text(request, &request->sql, text, length);
        break;

    case AT_NAME:
        rc = request_set_text(request, &request->name, text, length);
        break;

    case AT_TABLENAME:
        rc = request_set_text(request, &table->name, text, length);
        break;

    case AT_COLUMN_NAME:
    case AT_COLUMN_TYPE:
        return add_column(json, text, length);

    default:
        return misplaced(json, "not of the right kind");
    }

    return rc == 0 ? value_done(json) : 0;
}


/* Of the words, a string alone may stand there. */
static int
wants_string(enum place place)
{
    return place == AT_OP || place == AT_IDENTITY || place == AT_SQL
           || place == AT_NAME || place == AT_TABLENAME
           || place == AT_COLUMN_NAME || place == AT_COLUMN_TYPE;
}


/* Names or types, whichever list it is in. */
static int
add_column(request_json_t *json, const char *text, size_t length)
{
    request_t *request = json->request;
    table_t *table = &request->table;
    text_list_t *list = json->place == AT_COLUMN_NAME ? &table->column_names
                                                      : &table->column_types;

    if (list->count == request->limits->max_columns) {
        (void) request_fail(request, 413, "Invalid input format: '%s' has "
                            "more entries than max_columns (%zu)",
                            place_name(json->place),
                            request->limits->max_columns);
        return 0;
    }

    return request_add_text(request, list, text, length) == 0;
}


int
request_json_add_cell(request_json_t *json, const cell_t *cell)
{
    request_t *request = json->request;

    size_t size = cell->kind == CELL_TEXT ? cell->as.text.length
                                          : sizeof(double);

    json->row_cells++;
    json->row_bytes += size;

    if (size > request->limits->max_cell) {
        return request_fail(request, 413, "Invalid input format: cell %zu of "
                            "row %llu has %zu bytes, more than max_cell "
                            "(%zu)", json->row_cells,
                            (unsigned long long) request->table.rows + 1,
                            size, request->limits->max_cell);
    }

    if (json->row_bytes > request->limits->max_cell) {
        return request_fail(request, 413, "Invalid input format: row %llu "
                            "has %zu bytes up to cell %zu, more than "
                            "max_cell (%zu)",
                            (unsigned long long) request->table.rows + 1,
                            json->row_bytes, json->row_cells,
                            request->limits->max_cell);
    }

    if (tape_write(&request->table.tape, cell) != 0) {
        return request_fail(request, 503, "out of memory");
    }

    return 0;
}


static int
parse_number(request_json_t *json, const char *text, size_t length,
    cell_t *cell)
{
    char copy[64];
    char *number = copy;
    char *end;

    if (json_row_short_integer(text, length, cell)) {
        return 0;
    }

    if (length >= sizeof(copy)) {
        number = arena_alloc(&json->request->arena, length + 1);

        if (number == NULL) {
            return request_fail(json->request, 503, "out of memory");
        }
    }

    memcpy(number, text, length);
    number[length] = '\0';
    errno = 0;

    if (strpbrk(number, ".eE") == NULL) {
        cell->kind = CELL_INTEGER;
        cell->as.integer = strtoll(number, &end, 10);
    } else {
        cell->kind = CELL_REAL;
        cell->as.real = strtod(number, &end);

        /* what is too small reads as the nearest, maybe 0 */
        errno = isfinite(cell->as.real) ? 0 : ERANGE;
    }

    if (errno == ERANGE) {
        return request_fail(json->request, 400, "Invalid input format: "
                            "number %.40s in cell %zu of row %llu does not "
                            "fit 64 bits", number, json->row_cells + 1,
                            (unsigned long long) json->request->table.rows
                            + 1);
    }

    return 0;
}


static int
on_map_open(void *ctx)
{
    request_json_t *json = ctx;

    if (json->replaying) {
        return 1;
    }

    switch (json->place) {

    case AT_START:
        json->place = AT_KEY;
        return 1;

    case AT_TABLE:
        json->place = AT_TABLE_KEY;
        json->request->has_table = 1;
        return 1;

    case AT_SKIPPED:
    case AT_TABLE_SKIPPED:
        return skip_deeper(json);

    default:
        return misplaced(json, "an object");
    }
}


static int
on_key(void *ctx, const unsigned char *key, size_t length)
{
    request_json_t *json = ctx;
    int in_table = json->place == AT_TABLE_KEY;
    size_t i;

    if (json->replaying || (json->place != AT_KEY && !in_table)) {
        return 1;               /* or inside a skipped value */
    }

    for (i = 0; (in_table ? table_keys[i].key : request_keys[i].key); i++) {
        const char *known = in_table ? table_keys[i].key
                                     : request_keys[i].key;

        if (strlen(known) == length && memcmp(known, key, length) == 0) {
            break;
        }
    }

    json->place = in_table ? table_keys[i].place : request_keys[i].place;

    return 1;
}


static int
on_map_close(void *ctx)
{
    request_json_t *json = ctx;

    if (json->skip_depth) {
        return --json->skip_depth ? 1 : value_done(json);
    }

    if (json->place == AT_TABLE_KEY) {
        json->place = AT_KEY;
    } else {
        json->place = AT_END;
    }

    return 1;
}


static int
on_array_open(void *ctx)
{
    request_json_t *json = ctx;
    table_t *table = &json->request->table;

    if (json->replaying) {
        return 1;
    }

    switch (json->place) {

    case AT_COLUMN_NAMES:
        return open_list(json, &table->has_column_names, AT_COLUMN_NAME);

    case AT_COLUMN_TYPES:
        return open_list(json, &table->has_column_types, AT_COLUMN_TYPE);

    case AT_ROWS:
        return open_list(json, &table->has_rows, AT_ROW)
               && go_on_with_rows(json);

    case AT_ROW:
        json->place = AT_CELL;
        json->row_cells = 0;
        json->row_bytes = 0;
        return 1;

    case AT_SKIPPED:
    case AT_TABLE_SKIPPED:
        return skip_deeper(json);

    default:
        return misplaced(json, "an array");
    }
}


static int
skip_deeper(request_json_t *json)
{
    return ++json->skip_depth < DEPTH_MAX
           || misplaced(json, "nested too deeply");
}


static int
open_list(request_json_t *json, int *seen, enum place inside)
{
    if (*seen) {
        return misplaced(json, "there twice");
    }

    *seen = 1;
    json->place = inside;

    return 1;
}


static int
on_array_close(void *ctx)
{
    request_json_t *json = ctx;

    if (json->skip_depth) {
        return --json->skip_depth ? 1 : value_done(json);
    }

    if (json->place != AT_CELL) {
        json->place = AT_TABLE_KEY;     /* column names, types or rows */
        return 1;
    }

    json->place = AT_ROW;

    return request_json_end_row(json) == 0 && go_on_with_rows(json);
}


int
request_json_end_row(request_json_t *json)
{
    table_t *table = &json->request->table;

    if (table->rows == 0) {
        table->row_width = json->row_cells;

    } else if (json->row_cells != table->row_width) {
        return request_fail(json->request, 400, "Invalid input format: row "
                            "%llu has %zu cells, the rows before it have "
                            "%zu", (unsigned long long) table->rows + 1,
                            json->row_cells, table->row_width);
    }

    return request_count_row(json->request);
}


/* 0: yajl stops, for rows that are read without it. */
static int
go_on_with_rows(request_json_t *json)
{
    json->stopped = !json->not_plain
                    && json->fed - yajl_get_bytes_consumed(json->yajl)
                       >= ROWS_MIN;

    return !json->stopped;
}


static int
value_done(request_json_t *json)
{
    json->place = json->place >= AT_TABLE_KEY ? AT_TABLE_KEY : AT_KEY;

    return 1;
}


/* Always 0, which stops yajl. */
static int
misplaced(request_json_t *json, const char *what)
{
    if (json->place == AT_START) {
        (void) request_fail(json->request, 400,
                            "Invalid input format: the body is no object");

    } else if (json->place == AT_CELL) {
        (void) request_fail(json->request, 400, "Invalid input format: cell "
                            "%zu of row %llu is %s", json->row_cells + 1,
                            (unsigned long long) json->request->table.rows
                            + 1, what);

    } else if (json->place == AT_ROW) {
        (void) request_fail(json->request, 400, "Invalid input format: row "
                            "%llu is no array",
                            (unsigned long long) json->request->table.rows
                            + 1);

    } else {
        (void) request_fail(json->request, 400,
                            "Invalid input format: '%s' is %s",
                            place_name(json->place), what);
    }

    return 0;
}


static const char *
place_name(enum place place)
{
    for (size_t i = 0; request_keys[i].key; i++) {
        if (request_keys[i].place == place) {
            return request_keys[i].key;
        }
    }

    for (size_t i = 0; table_keys[i].key; i++) {
        if (table_keys[i].place == place) {
            return table_keys[i].key;
        }
    }

    return place == AT_COLUMN_NAME ? "column_names"
           : place == AT_COLUMN_TYPE ? "column_types" : "body";
}
