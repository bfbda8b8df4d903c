/*
 * One set of yajl callbacks for both walks: where a value stands is known
 * from how deep it is and from the two last keys.
 *
 *   {"response_op": ..., "table": {"column_names": [...],          depth 1
 *    "rows": [[...], ...]}, "max_widths": {"0": 3, ...}}           2 to 4
 */

#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "qsn_buf.h"
#include "text.h"

enum top_key {
    TOP_OTHER,
    TOP_RESPONSE_OP,
    TOP_IDENTITY,
    TOP_ERROR_MESSAGE,
    TOP_WARNING,
    TOP_MESSAGE,
    TOP_GENERATION_NUMBER,
    TOP_ROWS,
    TOP_TABLE,
    TOP_TRUNCATED_BY,
    TOP_MAX_WIDTHS
};

enum table_key {
    TABLE_OTHER,
    TABLE_COLUMN_NAMES,
    TABLE_ROWS
};

#define DEPTH_IN_TABLE  2
#define DEPTH_IN_NAMES  3
#define DEPTH_IN_ROWS   3
#define DEPTH_IN_ROW    4

/* What is known of one cell while its row is gathered. */
typedef struct {
    enum reply_kind kind;
    size_t start;
    size_t length;
} mark_t;

typedef struct {
    reply_t *reply;             /* NULL in the second walk */
    reply_row_t row;            /* NULL in the first */
    void *ctx;
    unsigned depth;
    enum top_key top;
    enum table_key table;
    size_t width_index;         /* of "max_widths" */
    size_t widths_capacity;
    size_t names_capacity;
    qsn_buf_t text;             /* cells of a row, each with a NUL */
    qsn_buf_t marks;            /* mark_t, one a cell */
    qsn_buf_t cells;            /* reply_cell_t, made at the row's end */
    size_t count;
    int result;                 /* of row() */
    int out_of_memory;
} walk_t;

static int run(walk_t *walk, const char *text, size_t length, char *error);
static void explain(yajl_handle yajl, yajl_status status, char *error);
static int on_value(walk_t *walk, enum reply_kind kind, const char *text,
    size_t length);
static int take_top(walk_t *walk, enum reply_kind kind, const char *text,
    size_t length);
static int take_name(walk_t *walk, const char *text, size_t length);
static int take_width(walk_t *walk, const char *number);
static int take_cell(walk_t *walk, enum reply_kind kind, const char *text,
    size_t length);
static int end_row(walk_t *walk);
static int in_row(const walk_t *walk);
static void keep_widths(const walk_t *walk);
static int no_memory(walk_t *walk);

static int on_null(void *ctx);
static int on_boolean(void *ctx, int value);
static int on_number(void *ctx, const char *text, size_t length);
static int on_string(void *ctx, const unsigned char *text, size_t length);
static int on_open(void *ctx);
static int on_open_array(void *ctx);
static int on_close(void *ctx);
static int on_close_array(void *ctx);
static int on_key(void *ctx, const unsigned char *text, size_t length);

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_open,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_open_array,
    .yajl_end_array = on_close_array
};

static const char *const top_keys[] = {
    [TOP_RESPONSE_OP] = "response_op",
    [TOP_IDENTITY] = "identity",
    [TOP_ERROR_MESSAGE] = "error_message",
    [TOP_WARNING] = "warning",
    [TOP_MESSAGE] = "message",
    [TOP_GENERATION_NUMBER] = "generation_number",
    [TOP_ROWS] = "rows",
    [TOP_TABLE] = "table",
    [TOP_TRUNCATED_BY] = "truncated_by",
    [TOP_MAX_WIDTHS] = "max_widths"
};


int
reply_parse(reply_t *reply, const char *text, size_t length)
{
    walk_t walk = { .reply = reply };

    memset(reply, 0, sizeof(*reply));
    reply->generation_number = -1;
    reply->rows_taken = -1;

    if (run(&walk, text, length, reply->error) != 0) {
        return -1;
    }

    keep_widths(&walk);

    return 0;
}


void
reply_free(reply_t *reply)
{
    free(reply->response_op);
    free(reply->identity);
    free(reply->error_message);
    free(reply->warning);
    free(reply->message);
    free(reply->truncated_by);

    for (size_t i = 0; i < reply->column_count; i++) {
        free(reply->column_names[i]);
    }

    free(reply->column_names);
    free(reply->max_widths);
    memset(reply, 0, sizeof(*reply));
}


int
reply_is_ok(const reply_t *reply)
{
    return reply->response_op != NULL
           && strcmp(reply->response_op, "error") != 0;
}


int
reply_rows(const char *text, size_t length, reply_row_t row, void *ctx)
{
    walk_t walk = { .row = row, .ctx = ctx };
    char error[REPLY_ERROR_SIZE];
    int rc = run(&walk, text, length, error);

    return walk.result ? walk.result : rc;
}


static int
run(walk_t *walk, const char *text, size_t length, char *error)
{
    const unsigned char *bytes = (const unsigned char *) text;
    yajl_handle yajl = yajl_alloc(&callbacks, NULL, walk);
    int rc = -1;

    if (yajl == NULL) {
        (void) snprintf(error, REPLY_ERROR_SIZE, "out of memory");
        return -1;
    }

    /* the original's second document, and cells that are no UTF-8 */
    (void) yajl_config(yajl, yajl_allow_trailing_garbage, 1);
    (void) yajl_config(yajl, yajl_dont_validate_strings, 1);

    yajl_status status = yajl_parse(yajl, bytes, length);

    if (status == yajl_status_ok) {
        status = yajl_complete_parse(yajl);
    }

    if (status == yajl_status_ok) {
        rc = 0;

    } else if (walk->out_of_memory) {
        (void) snprintf(error, REPLY_ERROR_SIZE, "out of memory");

    } else {
        explain(yajl, status, error);
    }

    yajl_free(yajl);
    qsn_buf_free(&walk->text);
    qsn_buf_free(&walk->marks);
    qsn_buf_free(&walk->cells);

    return rc;
}


static void
explain(yajl_handle yajl, yajl_status status, char *error)
{
    unsigned char *why = NULL;
    const char *text = "unexpected structure";

    if (status == yajl_status_error) {
        why = yajl_get_error(yajl, 0, NULL, 0);
        text = why ? (const char *) why : "parse error";
    }

    (void) snprintf(error, REPLY_ERROR_SIZE, "the reply is not the JSON of a "
                    "Qasino server: %.*s at byte %zu",
                    (int) strcspn(text, "\n"), text,
                    yajl_get_bytes_consumed(yajl));
    yajl_free_error(yajl, why);
}


static int
on_value(walk_t *walk, enum reply_kind kind, const char *text, size_t length)
{
    if (walk->depth == 0) {
        return 0;               /* a reply is an object */
    }

    if (walk->depth == 1) {
        return take_top(walk, kind, text, length);
    }

    if (walk->top == TOP_MAX_WIDTHS && walk->depth == 2) {
        return kind == REPLY_NUMBER ? take_width(walk, text) : 1;
    }

    if (walk->top == TOP_TABLE && walk->table == TABLE_COLUMN_NAMES
        && walk->depth == DEPTH_IN_NAMES)
    {
        return take_name(walk, text, length);
    }

    return in_row(walk) ? take_cell(walk, kind, text, length) : 1;
}


static int
take_top(walk_t *walk, enum reply_kind kind, const char *text, size_t length)
{
    reply_t *reply = walk->reply;
    char **place = NULL;

    if (reply == NULL || kind == REPLY_NULL) {
        return 1;
    }

    switch (walk->top) {

    case TOP_RESPONSE_OP:
        place = &reply->response_op;
        break;

    case TOP_IDENTITY:
        place = &reply->identity;
        break;

    case TOP_ERROR_MESSAGE:
        place = &reply->error_message;
        break;

    case TOP_WARNING:
        place = &reply->warning;
        break;

    case TOP_MESSAGE:
        place = &reply->message;
        break;

    case TOP_TRUNCATED_BY:
        place = &reply->truncated_by;
        break;

    case TOP_GENERATION_NUMBER:
        if (kind == REPLY_NUMBER) {
            reply->generation_number = strtoll(text, NULL, 10);
        }

        break;

    case TOP_ROWS:
        if (kind == REPLY_NUMBER) {
            reply->rows_taken = strtoll(text, NULL, 10);
        }

        break;

    default:
        break;
    }

    if (place && *place == NULL) {
        *place = text_copy(text, length);
        return *place != NULL || no_memory(walk);
    }

    return 1;
}


static int
take_name(walk_t *walk, const char *text, size_t length)
{
    reply_t *reply = walk->reply;

    if (reply == NULL) {
        return 1;
    }

    if (reply->column_count == walk->names_capacity) {
        size_t capacity = walk->names_capacity ? walk->names_capacity * 2 : 16;
        char **names = realloc(reply->column_names,
                               capacity * sizeof(*names));

        if (names == NULL) {
            return no_memory(walk);
        }

        reply->column_names = names;
        walk->names_capacity = capacity;
    }

    char *name = text_copy(text, length);

    if (name == NULL) {
        return no_memory(walk);
    }

    reply->column_names[reply->column_count++] = name;

    return 1;
}


/* Widths may come before the names: they are kept by their index. */
static int
take_width(walk_t *walk, const char *number)
{
    reply_t *reply = walk->reply;
    size_t index = walk->width_index;

    if (reply == NULL || index >= 65536) {
        return 1;
    }

    if (index >= walk->widths_capacity) {
        size_t capacity = index < 16 ? 32 : index * 2;
        size_t *widths = realloc(reply->max_widths,
                                 capacity * sizeof(*widths));

        if (widths == NULL) {
            return no_memory(walk);
        }

        memset(widths + walk->widths_capacity, 0,
               (capacity - walk->widths_capacity) * sizeof(*widths));
        reply->max_widths = widths;
        walk->widths_capacity = capacity;
    }

    reply->max_widths[index] = strtoul(number, NULL, 10);

    return 1;
}


static int
take_cell(walk_t *walk, enum reply_kind kind, const char *text, size_t length)
{
    mark_t mark = {
        .kind = kind, .start = walk->text.length, .length = length
    };

    if (walk->row == NULL) {
        return 1;
    }

    qsn_buf_append(&walk->text, text, length);
    qsn_buf_byte(&walk->text, '\0');
    qsn_buf_append(&walk->marks, &mark, sizeof(mark));
    walk->count++;

    return !(walk->text.failed || walk->marks.failed) || no_memory(walk);
}


static int
end_row(walk_t *walk)
{
    if (walk->row == NULL) {
        walk->reply->row_count++;
        return 1;
    }

    const mark_t *marks = (const mark_t *) (const void *) walk->marks.data;
    size_t size = walk->count * sizeof(reply_cell_t);
    reply_cell_t *cells;

    qsn_buf_clear(&walk->cells);
    cells = (reply_cell_t *) (void *) qsn_buf_reserve(&walk->cells, size + 1);

    if (cells == NULL) {
        return no_memory(walk);
    }

    for (size_t i = 0; i < walk->count; i++) {
        cells[i].kind = marks[i].kind;
        cells[i].text = walk->text.data + marks[i].start;
        cells[i].length = marks[i].length;
    }

    walk->result = walk->row(walk->ctx, cells, walk->count);
    walk->count = 0;
    qsn_buf_clear(&walk->text);
    qsn_buf_clear(&walk->marks);

    return walk->result == 0;
}


static int
in_row(const walk_t *walk)
{
    return walk->top == TOP_TABLE && walk->table == TABLE_ROWS
           && walk->depth == DEPTH_IN_ROW;
}


/* As many as there are columns, however many were named. */
static void
keep_widths(const walk_t *walk)
{
    reply_t *reply = walk->reply;

    if (reply->max_widths == NULL) {
        return;
    }

    size_t *widths = calloc(reply->column_count + 1, sizeof(*widths));

    for (size_t i = 0; widths && i < reply->column_count
                       && i < walk->widths_capacity; i++)
    {
        widths[i] = reply->max_widths[i];
    }

    free(reply->max_widths);
    reply->max_widths = widths;
}


static int
no_memory(walk_t *walk)
{
    walk->out_of_memory = 1;

    return 0;
}


static int
on_null(void *ctx)
{
    return on_value(ctx, REPLY_NULL, "", 0);
}


static int
on_boolean(void *ctx, int value)
{
    return value ? on_value(ctx, REPLY_BOOLEAN, "true", 4)
                 : on_value(ctx, REPLY_BOOLEAN, "false", 5);
}


/* yajl's text ends where the length says: numbers are read from a copy. */
static int
on_number(void *ctx, const char *text, size_t length)
{
    char number[400];

    if (length >= sizeof(number)) {
        return 0;
    }

    memcpy(number, text, length);
    number[length] = '\0';

    return on_value(ctx, REPLY_NUMBER, number, length);
}


static int
on_string(void *ctx, const unsigned char *text, size_t length)
{
    return on_value(ctx, REPLY_STRING, (const char *) text, length);
}


static int
on_open(void *ctx)
{
    walk_t *walk = ctx;

    if (in_row(walk)) {
        return 0;               /* a cell is no array and no object */
    }

    walk->depth++;

    if (walk->depth == DEPTH_IN_TABLE && walk->top == TOP_TABLE
        && walk->reply)
    {
        walk->reply->has_table = 1;
    }

    return 1;
}


static int
on_open_array(void *ctx)
{
    const walk_t *walk = ctx;

    return walk->depth ? on_open(ctx) : 0;      /* a reply is an object */
}


static int
on_close(void *ctx)
{
    walk_t *walk = ctx;

    walk->depth--;

    return 1;
}


static int
on_close_array(void *ctx)
{
    walk_t *walk = ctx;

    if (in_row(walk) && !end_row(walk)) {
        return 0;
    }

    return on_close(ctx);
}


static int
on_key(void *ctx, const unsigned char *text, size_t length)
{
    walk_t *walk = ctx;
    const char *key = (const char *) text;

    if (walk->depth == 1) {
        walk->top = TOP_OTHER;

        for (size_t i = 1; i < sizeof(top_keys) / sizeof(top_keys[0]); i++) {
            if (strlen(top_keys[i]) == length
                && memcmp(top_keys[i], key, length) == 0)
            {
                walk->top = (enum top_key) i;
            }
        }

    } else if (walk->depth == 2 && walk->top == TOP_TABLE) {
        walk->table = length == 4 && memcmp(key, "rows", 4) == 0
                      ? TABLE_ROWS
                      : length == 12 && memcmp(key, "column_names", 12) == 0
                      ? TABLE_COLUMN_NAMES : TABLE_OTHER;

    } else if (walk->depth == 2 && walk->top == TOP_MAX_WIDTHS) {
        char number[24] = "";

        memcpy(number, key, length < 23 ? length : 23);
        walk->width_index = strtoul(number, NULL, 10);
    }

    return 1;
}
