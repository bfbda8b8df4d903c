/*
 * Where the parser is in the document is one small number (enum place) that
 * the callbacks move; whatever is not asked for is skipped by depth.  Keys
 * may come in any order: rows before column names is what Python sends.
 *
 * So is NaN, Infinity and -Infinity for a cell, which JSON has no word for
 * and yajl stops at.  Then a new yajl takes over: it is fed brackets and a
 * value that bring it to the same place, and goes on behind the word.  What
 * JSON has costs nothing for it.
 *
 * By the same means plain rows, most of a body, are read without yajl
 * (json_row.c): it is stopped at the beginning of the rows, and behind a row
 * that was not plain, and a new one goes on behind those that are.
 */

#include "request_json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "json_row.h"
#include "qsn_buf.h"
#include "qsn_reply.h"

#define DEPTH_MAX  64           /* of what is skipped, too */
#define WORD_MAX   9            /* bytes of "-Infinity" */
#define ROWS_MIN   64           /* bytes for which to stop yajl */

enum place {
    AT_START,                   /* before the outermost { */
    AT_KEY,                     /* inside it, between members */
    AT_SKIPPED,                 /* value of a key nobody asks for */
    AT_OP,
    AT_IDENTITY,
    AT_PERSIST,
    AT_STATIC,
    AT_UPDATE,
    AT_KEYCOLS,
    AT_SQL,
    AT_USE_WRITE_DB,
    AT_VALUES,
    AT_NOW,
    AT_NAME,
    AT_VALUE,
    AT_TABLE,                   /* before the table's { */
    AT_TABLE_KEY,
    AT_TABLE_SKIPPED,
    AT_TABLENAME,
    AT_COLUMN_NAMES,            /* before its [ */
    AT_COLUMN_NAME,             /* inside */
    AT_COLUMN_TYPES,
    AT_COLUMN_TYPE,
    AT_ROWS,                    /* before its [ */
    AT_ROW,                     /* inside, between rows */
    AT_CELL,                    /* inside a row */
    AT_END
};

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

static const struct {
    const char *word;           /* of Python's, in a cell */
    cell_t cell;
} words[] = {
    { "NaN", { .kind = CELL_NULL } },
    { "Infinity", { .kind = CELL_REAL, .as.real = INFINITY } },
    { "-Infinity", { .kind = CELL_REAL, .as.real = -INFINITY } },
    { NULL, { .kind = CELL_NULL } }
};

struct request_json_s {
    request_t *request;
    yajl_handle yajl;
    enum place place;
    int replaying;              /* what yajl sees is not the body */
    int stopped;                /* yajl was: before rows, or behind one */
    int not_plain;              /* are the rows of what yajl is fed */
    size_t fed;                 /* bytes, to yajl in this call of it */
    qsn_buf_t held;             /* the last bytes: maybe half a word */
    char last;                  /* byte but space before what comes */
    unsigned skip_depth;        /* open brackets of a skipped value */
    size_t row_cells;           /* so far in this row */
    size_t row_bytes;
    uint64_t bytes;             /* of the chunks before this one */
    uint64_t lines;             /* newlines in them */
    uint64_t line_start;        /* byte at which the current line began */
};

static size_t half_word(const char *data, size_t length);
static int parse(request_json_t *json, const char *data, size_t length);
static void remember_last(request_json_t *json, const char *data,
    size_t length);
static size_t take_word(request_json_t *json, const char *data,
    size_t length);
static size_t take_rows(request_json_t *json, const char *data,
    size_t length);
static int take_row(request_json_t *json, const json_row_t *row);
static int go_on(request_json_t *json, const char *bridge);

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
static int add_column(request_json_t *json, const char *text, size_t length);
static int add_cell(request_json_t *json, const cell_t *cell);
static int open_list(request_json_t *json, int *seen, enum place inside);
static int end_row(request_json_t *json);
static int go_on_with_rows(request_json_t *json);
static int parse_number(request_json_t *json, const char *text,
    size_t length, cell_t *cell);
static int misplaced(request_json_t *json, const char *what);
static const char *place_name(enum place place);
static void count_lines(request_json_t *json, const char *data,
    size_t length);
static int parse_error(request_json_t *json, const void *data,
    size_t length);

static const yajl_callbacks callbacks = {
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


request_json_t *
request_json_create(request_t *request)
{
    request_json_t *json = calloc(1, sizeof(*json));

    if (json == NULL) {
        return NULL;
    }

    json->request = request;
    json->place = AT_START;
    json->yajl = yajl_alloc(&callbacks, NULL, json);

    if (json->yajl == NULL) {
        free(json);
        return NULL;
    }

    return json;
}


void
request_json_destroy(request_json_t *json)
{
    if (json) {
        yajl_free(json->yajl);
        qsn_buf_free(&json->held);
        free(json);
    }
}


int
request_json_feed(request_json_t *json, const void *data, size_t length)
{
    qsn_buf_t joined = json->held;
    size_t hold;
    int rc;

    if (json->request->status) {
        return -1;
    }

    if (joined.length) {
        qsn_buf_append(&joined, data, length);
        memset(&json->held, 0, sizeof(json->held));
        data = joined.data;
        length = joined.length;
    }

    /* a word that begins here is looked at when all of it is */
    hold = half_word(data, length);
    qsn_buf_append(&json->held, (const char *) data + length - hold, hold);
    rc = json->held.failed || joined.failed
         ? request_fail(json->request, 503, "out of memory")
         : parse(json, data, length - hold);

    if (data == joined.data) {
        qsn_buf_free(&joined);
    }

    return rc;
}


int
request_json_finish(request_json_t *json)
{
    if (json->request->status
        || parse(json, json->held.data, json->held.length) != 0)
    {
        return -1;
    }

    if (yajl_complete_parse(json->yajl) != yajl_status_ok) {
        return parse_error(json, "", 0);
    }

    if (json->place != AT_END) {
        return request_fail(json->request, 400,
                            "%s: it is empty",
                            json->request->parse_phrase);
    }

    return 0;
}


/* Trailing bytes that are the beginning of one of Python's words, where a
   cell may begin. */
static size_t
half_word(const char *data, size_t length)
{
    size_t hold = length < WORD_MAX ? length : WORD_MAX - 1;

    for (/* void */; hold; hold--) {
        const char *begin = data + length - hold;

        if (hold < length && !strchr("[, \t\n\v\f\r", begin[-1])) {
            continue;
        }

        for (size_t i = 0; words[i].word; i++) {
            if (strncmp(words[i].word, begin, hold) == 0) {
                return hold;
            }
        }
    }

    return 0;
}


static int
parse(request_json_t *json, const char *data, size_t length)
{
    json->not_plain = 0;
    json->fed = length;

    while (length
           && yajl_parse(json->yajl, (const unsigned char *) data, length)
              != yajl_status_ok)
    {
        size_t taken = json->stopped ? take_rows(json, data, length)
                                     : take_word(json, data, length);

        if (taken == 0) {
            return parse_error(json, data, length);
        }

        remember_last(json, data, taken);
        count_lines(json, data, taken);
        data += taken;
        length -= taken;
        json->fed = length;
    }

    if (length) {
        remember_last(json, data, length);
        count_lines(json, data, length);
    }

    return 0;
}


static void
remember_last(request_json_t *json, const char *data, size_t length)
{
    while (length && isspace((unsigned char) data[length - 1])) {
        length--;
    }

    if (length) {
        json->last = data[length - 1];
    }
}


/* yajl stopped: if at one of Python's words in a cell, takes it and returns
   the bytes up to its end, else 0. */
static size_t
take_word(request_json_t *json, const char *data, size_t length)
{
    size_t stop = yajl_get_bytes_consumed(json->yajl);

    if (json->request->status || json->place != AT_CELL || stop == 0
        || stop > length)
    {
        return 0;
    }

    remember_last(json, data, stop - 1);

    if (json->last != '[' && json->last != ',') {
        return 0;               /* no cell may begin here */
    }

    for (size_t i = 0; words[i].word; i++) {
        size_t size = strlen(words[i].word);

        if (length - (stop - 1) >= size
            && memcmp(data + stop - 1, words[i].word, size) == 0)
        {
            return go_on(json, "{\"\":{\"\":[[null") == 0
                   && add_cell(json, &words[i].cell) == 0 ? stop - 1 + size
                                                          : 0;
        }
    }

    return 0;
}


/* yajl was stopped: takes plain rows and returns the bytes up to the end of
   the last, or 0. */
static size_t
take_rows(request_json_t *json, const char *data, size_t length)
{
    size_t at = yajl_get_bytes_consumed(json->yajl);
    int is_first = data[at - 1] == '[';
    int taken = 0;
    size_t size;
    json_row_t row;

    json->stopped = 0;

    do {
        const char *begin = data + at;
        const char *end = data + length;

        if (!is_first) {
            begin = json_row_skip_space(begin, end);

            if (begin == end || *begin != ',') {
                break;
            }

            begin++;
        }

        size = json_row_read(begin, (size_t) (end - begin), &row);

        if (size) {
            if (take_row(json, &row) != 0) {
                return 0;
            }

            at = (size_t) (begin - data) + size;
            is_first = 0;
            taken = 1;
        }
    } while (size);

    json->not_plain = !taken;

    return go_on(json, is_first ? "{\"\":{\"\":["
                                : "{\"\":{\"\":[null") == 0 ? at : 0;
}


static int
take_row(request_json_t *json, const json_row_t *row)
{
    json->row_cells = 0;
    json->row_bytes = 0;

    for (size_t i = 0; i < row->count; i++) {
        if (add_cell(json, &row->cells[i]) != 0) {
            return -1;
        }
    }

    return end_row(json);
}


/* A new yajl, as if it had read what there was so far. */
static int
go_on(request_json_t *json, const char *bridge)
{
    yajl_handle next = yajl_alloc(&callbacks, NULL, json);

    if (next == NULL) {
        return request_fail(json->request, 503, "out of memory");
    }

    yajl_free(json->yajl);
    json->yajl = next;
    json->replaying = 1;
    (void) yajl_parse(next, (const unsigned char *) bridge, strlen(bridge));
    json->replaying = 0;

    return 0;
}


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
    int is_string = cell->kind == CELL_TEXT;
    int rc = 0;

    switch (json->place) {

    case AT_CELL:
        return add_cell(json, cell) == 0;

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
        if (!is_string) {
            return misplaced(json, "not a string");
        }

        request->op = qsn_op_parse(text, length);
        break;

    case AT_IDENTITY:
        if (!is_string) {
            return misplaced(json, "not a string");
        }

        rc = request_set_text(request, &request->identity, text, length);
        break;

    case AT_SQL:
        if (!is_string) {
            return misplaced(json, "not a string");
        }

        if (length > request->limits->max_sql) {
            (void) request_fail(request, 413, "The statement has %zu bytes, "
                                "more than query_max_sql (%zu)", length,
                                request->limits->max_sql);
            return 0;
        }

        rc = request_set_text(request, &request->sql, text, length);
        break;

    case AT_NAME:
        if (!is_string) {
            return misplaced(json, "not a string");
        }

        rc = request_set_text(request, &request->name, text, length);
        break;

    case AT_TABLENAME:
        if (!is_string) {
            return misplaced(json, "not a string");
        }

        rc = request_set_text(request, &table->name, text, length);
        break;

    case AT_COLUMN_NAME:
    case AT_COLUMN_TYPE:
        return is_string ? add_column(json, text, length)
                         : misplaced(json, "not a string");

    default:
        return misplaced(json, "not of the right kind");
    }

    return rc == 0 ? value_done(json) : 0;
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
        (void) request_fail(request, 400, "Invalid input format: '%s' has "
                            "more entries than max_columns (%zu)",
                            place_name(json->place),
                            request->limits->max_columns);
        return 0;
    }

    return request_add_text(request, list, text, length) == 0;
}


static int
add_cell(request_json_t *json, const cell_t *cell)
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
        return ++json->skip_depth < DEPTH_MAX
               || misplaced(json, "nested too deeply");

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
        return ++json->skip_depth < DEPTH_MAX
               || misplaced(json, "nested too deeply");

    default:
        return misplaced(json, "an array");
    }
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

    return end_row(json) == 0 && go_on_with_rows(json);
}


static int
end_row(request_json_t *json)
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


static void
count_lines(request_json_t *json, const char *data, size_t length)
{
    const char *at = data;
    const char *end = data + length;

    while ((at = memchr(at, '\n', (size_t) (end - at))) != NULL) {
        at++;
        json->lines++;
        json->line_start = json->bytes + (uint64_t) (at - data);
    }

    json->bytes += length;
}


/* yajl stopped: at our word, or over the syntax; then say what and where. */
static int
parse_error(request_json_t *json, const void *data, size_t length)
{
    if (json->request->status) {
        return -1;
    }

    size_t consumed = yajl_get_bytes_consumed(json->yajl);
    unsigned char *text = yajl_get_error(json->yajl, 0, data, length);
    char what[160];

    (void) snprintf(what, sizeof(what), "%s",
                    text ? (const char *) text : "parse error");
    what[strcspn(what, "\n")] = '\0';
    yajl_free_error(json->yajl, text);

    count_lines(json, data, consumed < length ? consumed : length);

    return request_fail(json->request, 400, "%s: %s at line %llu column "
                        "%llu (byte %llu)", json->request->parse_phrase, what,
                        (unsigned long long) json->lines + 1,
                        (unsigned long long) (json->bytes - json->line_start)
                        + 1, (unsigned long long) json->bytes);
}
