/*
 * An array of objects, as osqueryi --json, jq and many tools print it, into
 * a table.  Nothing says what the columns are, so the text is walked twice:
 * the first walk finds the keys and the narrowest type that holds all values
 * of each, the second writes the rows in that order.
 *
 * Many tools print every value as a string.  A string counts as a number
 * only if it is written exactly as the number would be, so that "007", "+1"
 * and the version "1.10" stay what they are.  An array or object inside a
 * row becomes its JSON text.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "json_input.h"
#include "json_table.h"
#include "text.h"

#define COLUMNS_MAX  10000

enum cell_kind {
    CELL_ABSENT,                /* or null */
    CELL_NUMBER,
    CELL_STRING
};

typedef struct {
    char *key;
    int known;                  /* some value had a type */
    enum draft_type type;
    /* of the row being read, second walk */
    enum cell_kind kind;
    size_t start;               /* in rows->cells */
    size_t length;
} column_t;

typedef struct {
    json_input_t input;
    draft_t *draft;
    int writing;                /* the second walk */
    int depth;                  /* 1: in the array, 2: in an object */
    column_t *columns;
    size_t count;
    size_t capacity;
    size_t current;             /* column of the key read last */
    uint64_t row_line;
    qsn_buf_t cells;
    yajl_gen nested;            /* collects what is inside a cell */
} rows_t;

static int name_columns(rows_t *rows);
static void column_name(const char *key, char *name, size_t size);
static int find_column(rows_t *rows, const char *key, size_t length);
static int value(rows_t *rows, enum cell_kind kind, enum draft_type type,
    const char *text, size_t length);
static enum draft_type type_of_string(const char *text, size_t length);
static int is_integer(const char *text, size_t length);
static int is_real(const char *text, size_t length);
static int write_row(rows_t *rows);
static int begin_nested(rows_t *rows);
static int end_nested(rows_t *rows);

static int on_null(void *ctx);
static int on_boolean(void *ctx, int on);
static int on_number(void *ctx, const char *text, size_t length);
static int on_string(void *ctx, const unsigned char *text, size_t length);
static int on_open_map(void *ctx);
static int on_key(void *ctx, const unsigned char *text, size_t length);
static int on_close_map(void *ctx);
static int on_open_array(void *ctx);
static int on_close_array(void *ctx);

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_open_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close_map,
    .yajl_start_array = on_open_array,
    .yajl_end_array = on_close_array
};


int
json_rows_read(draft_t *draft, const char *text, size_t length)
{
    rows_t rows = { .draft = draft };
    int rc = json_input_run(&rows.input, draft, text, length, &callbacks,
                            &rows);

    draft->has_column_names = 1;
    draft->has_column_types = 1;
    draft->has_rows = 1;

    if (rc == 0) {
        rc = name_columns(&rows);
    }

    if (rc == 0) {
        rows.writing = 1;
        rows.depth = 0;
        rc = json_input_run(&rows.input, draft, text, length, &callbacks,
                            &rows);
    }

    for (size_t i = 0; i < rows.count; i++) {
        free(rows.columns[i].key);
    }

    if (rows.nested) {
        yajl_gen_free(rows.nested);
    }

    free(rows.columns);
    qsn_buf_free(&rows.cells);

    return rc;
}


static int
name_columns(rows_t *rows)
{
    static const char *const types[] = {
        [DRAFT_INTEGER] = "integer", [DRAFT_REAL] = "real",
        [DRAFT_TEXT] = "text"
    };
    draft_t *draft = rows->draft;

    for (size_t i = 0; i < rows->count; i++) {
        const column_t *column = &rows->columns[i];
        const char *type = types[column->known ? column->type : DRAFT_TEXT];
        char name[256];

        column_name(column->key, name, sizeof(name));

        if (draft_add_name(draft, &draft->column_names, name, strlen(name), 0,
                           0) != 0
            || draft_add_name(draft, &draft->column_types, type,
                              strlen(type), 0, 0) != 0)
        {
            return -1;
        }
    }

    return 0;
}


/* What cannot stand in a name becomes _, and a name begins with a letter. */
static void
column_name(const char *key, char *name, size_t size)
{
    size_t used = 0;

    if (!isalpha((unsigned char) key[0]) || (key[0] & 0x80)) {
        name[used++] = 'c';

        if (isdigit((unsigned char) key[0])) {
            name[used++] = '_';
        }
    }

    for (const char *at = key; *at && used + 1 < size; at++) {
        unsigned char c = (unsigned char) *at;

        name[used++] = c < 0x80 && isalnum(c) ? (char) c : '_';
    }

    name[used] = '\0';
}


/* Objects mostly have the same keys in the same order. */
static int
find_column(rows_t *rows, const char *key, size_t length)
{
    size_t guess = rows->current + 1;

    for (size_t n = 0; n < rows->count; n++) {
        size_t i = (guess + n) % rows->count;

        if (strlen(rows->columns[i].key) == length
            && memcmp(rows->columns[i].key, key, length) == 0)
        {
            rows->current = i;
            return 1;
        }
    }

    if (memchr(key, '\0', length)) {
        return json_input_fail(&rows->input, "a key has a NUL in it");
    }

    if (rows->count == COLUMNS_MAX) {
        return json_input_fail(&rows->input, "more than %d different keys",
                               COLUMNS_MAX);
    }

    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 32;
        column_t *columns = realloc(rows->columns,
                                    capacity * sizeof(*columns));

        if (columns == NULL) {
            return json_input_fail(&rows->input, "out of memory");
        }

        rows->columns = columns;
        rows->capacity = capacity;
    }

    column_t *column = &rows->columns[rows->count];

    memset(column, 0, sizeof(*column));
    column->key = text_copy(key, length);

    if (column->key == NULL) {
        return json_input_fail(&rows->input, "out of memory");
    }

    rows->current = rows->count++;

    return 1;
}


static int
value(rows_t *rows, enum cell_kind kind, enum draft_type type,
    const char *text, size_t length)
{
    if (rows->depth != 2) {
        return json_input_fail(&rows->input, "this is no object, but rows of "
                               "an array have to be");
    }

    column_t *column = &rows->columns[rows->current];

    if (!rows->writing) {
        int typed = kind != CELL_ABSENT && length > 0;

        if (typed && (!column->known || type > column->type)) {
            column->type = type;
        }

        column->known |= typed;
        return 1;
    }

    column->kind = kind;
    column->start = rows->cells.length;
    column->length = length;
    qsn_buf_append(&rows->cells, text, length);

    return !rows->cells.failed
           || json_input_fail(&rows->input, "out of memory");
}


static enum draft_type
type_of_string(const char *text, size_t length)
{
    return is_integer(text, length) ? DRAFT_INTEGER
           : is_real(text, length) ? DRAFT_REAL : DRAFT_TEXT;
}


/* -?(0|[1-9][0-9]*), within 64 bits, and not "-0". */
static int
is_integer(const char *text, size_t length)
{
    size_t sign = length && text[0] == '-';
    size_t at = sign;

    while (at < length && isdigit((unsigned char) text[at])) {
        at++;
    }

    if (at != length || at == sign || length > 20
        || (text[sign] == '0' && length > 1))
    {
        return 0;
    }

    return json_input_check_number(text, length) == NULL;
}


/* 15 digits at most, and an end other than 0 unless it is ".0" or the six
   digits of printf's %f: then no text is lost by taking it for a number. */
static int
is_real(const char *text, size_t length)
{
    const char *point = memchr(text, '.', length);
    size_t sign = length && text[0] == '-';

    if (point == NULL || length > 16 + sign) {
        return 0;
    }

    size_t whole = (size_t) (point - text) - sign;
    size_t fraction = length - whole - sign - 1;

    if (whole == 0 || fraction == 0 || (text[sign] == '0' && whole > 1)) {
        return 0;
    }

    for (size_t i = sign; i < length; i++) {
        if (text + i != point && !isdigit((unsigned char) text[i])) {
            return 0;
        }
    }

    return text[length - 1] != '0' || fraction == 1 || fraction == 6;
}


static int
write_row(rows_t *rows)
{
    draft_t *draft = rows->draft;

    draft_begin_row(draft);

    for (size_t i = 0; i < rows->count; i++) {
        column_t *column = &rows->columns[i];
        /* no text at all is no buffer */
        const char *text = column->length ? rows->cells.data + column->start
                                          : "";
        int numeric = column->known && column->type != DRAFT_TEXT;

        if (column->kind == CELL_ABSENT
            || (column->kind == CELL_STRING && numeric
                && column->length == 0))
        {
            draft_null(draft);

        } else if (column->kind == CELL_NUMBER || numeric) {
            draft_number(draft, text, column->length);

        } else {
            draft_text(draft, text, column->length);
        }

        column->kind = CELL_ABSENT;
    }

    qsn_buf_clear(&rows->cells);

    return draft_end_row(draft, rows->row_line) == 0;
}


static int
begin_nested(rows_t *rows)
{
    rows->nested = yajl_gen_alloc(NULL);

    return rows->nested != NULL
           || json_input_fail(&rows->input, "out of memory");
}


static int
end_nested(rows_t *rows)
{
    const unsigned char *text;
    size_t length;

    if (yajl_gen_get_buf(rows->nested, &text, &length)
        != yajl_gen_status_ok)
    {
        return json_input_fail(&rows->input, "out of memory");
    }

    int rc = value(rows, CELL_STRING, DRAFT_TEXT, (const char *) text,
                   length);

    yajl_gen_free(rows->nested);
    rows->nested = NULL;

    return rc;
}


static int
on_null(void *ctx)
{
    rows_t *rows = ctx;

    json_input_advance(&rows->input);

    if (rows->nested) {
        return yajl_gen_null(rows->nested) == yajl_gen_status_ok;
    }

    return value(rows, CELL_ABSENT, DRAFT_TEXT, "", 0);
}


static int
on_boolean(void *ctx, int on)
{
    rows_t *rows = ctx;

    json_input_advance(&rows->input);

    if (rows->nested) {
        return yajl_gen_bool(rows->nested, on) == yajl_gen_status_ok;
    }

    return value(rows, CELL_NUMBER, DRAFT_INTEGER, on ? "1" : "0", 1);
}


static int
on_number(void *ctx, const char *text, size_t length)
{
    rows_t *rows = ctx;
    enum draft_type type = DRAFT_INTEGER;

    json_input_advance(&rows->input);

    if (rows->nested) {
        return yajl_gen_number(rows->nested, text, length)
               == yajl_gen_status_ok;
    }

    const char *wrong = json_input_check_number(text, length);

    if (wrong) {
        return json_input_fail(&rows->input, "'%s' is %s",
                               rows->depth == 2
                               ? rows->columns[rows->current].key : "row",
                               wrong);
    }

    for (size_t i = 0; i < length; i++) {
        if (strchr(".eE", text[i])) {
            type = DRAFT_REAL;
        }
    }

    return value(rows, CELL_NUMBER, type, text, length);
}


static int
on_string(void *ctx, const unsigned char *text, size_t length)
{
    rows_t *rows = ctx;
    const char *string = (const char *) text;

    json_input_advance(&rows->input);

    if (rows->nested) {
        return yajl_gen_string(rows->nested, text, length)
               == yajl_gen_status_ok;
    }

    return value(rows, CELL_STRING, type_of_string(string, length), string,
                 length);
}


static int
on_open_map(void *ctx)
{
    rows_t *rows = ctx;
    uint64_t column;

    json_input_advance(&rows->input);

    if (rows->depth == 1) {
        rows->depth = 2;
        rows->current = rows->count ? rows->count - 1 : 0;
        json_input_position(&rows->input, &rows->row_line, &column);
        return 1;
    }

    if (rows->nested == NULL && !begin_nested(rows)) {
        return 0;
    }

    rows->depth++;

    return yajl_gen_map_open(rows->nested) == yajl_gen_status_ok;
}


static int
on_key(void *ctx, const unsigned char *text, size_t length)
{
    rows_t *rows = ctx;

    json_input_advance(&rows->input);

    if (rows->nested) {
        return yajl_gen_string(rows->nested, text, length)
               == yajl_gen_status_ok;
    }

    return find_column(rows, (const char *) text, length);
}


static int
on_close_map(void *ctx)
{
    rows_t *rows = ctx;

    json_input_advance(&rows->input);
    rows->depth--;

    if (rows->depth == 1) {
        return rows->writing ? write_row(rows) : 1;
    }

    return yajl_gen_map_close(rows->nested) == yajl_gen_status_ok
           && (rows->depth != 2 || end_nested(rows));
}


static int
on_open_array(void *ctx)
{
    rows_t *rows = ctx;

    json_input_advance(&rows->input);

    if (rows->depth == 0) {
        rows->depth = 1;
        return 1;
    }

    if (rows->depth == 1) {
        return json_input_fail(&rows->input, "this is an array, but rows of "
                               "an array have to be objects");
    }

    if (rows->nested == NULL && !begin_nested(rows)) {
        return 0;
    }

    rows->depth++;

    return yajl_gen_array_open(rows->nested) == yajl_gen_status_ok;
}


static int
on_close_array(void *ctx)
{
    rows_t *rows = ctx;

    json_input_advance(&rows->input);
    rows->depth--;

    if (rows->depth == 0) {
        return 1;
    }

    return yajl_gen_array_close(rows->nested) == yajl_gen_status_ok
           && (rows->depth != 2 || end_nested(rows));
}
