/*
 * Where a value stands is known from how deep it is and from the two last
 * keys.
 *
 *   {"response_op": ..., "table": {"column_names": [...],          depth 1
 *    "rows": [[...], ...]}, "max_widths": {"0": 3, ...}}           2 to 4
 */

#include "reply_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum top_key {
    TOP_OTHER,
    TOP_VALUE,                  /* ->place says which */
    TOP_TABLE,
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

typedef struct {
    reply_take_t take;
    void *ctx;
    unsigned depth;
    enum top_key top;
    enum reply_place place;
    enum table_key table;
    size_t width_index;         /* of "max_widths" */
} walk_t;

static void explain(yajl_handle yajl, yajl_status status, char *error);
static int give(const walk_t *walk, enum reply_place place,
    enum reply_kind kind, const char *text, size_t length);
static int on_value(const walk_t *walk, enum reply_kind kind,
    const char *text, size_t length);
static int in_row(const walk_t *walk);
static void look_up(walk_t *walk, const char *key, size_t length);

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

static const struct {
    const char *key;
    enum top_key top;
    enum reply_place place;
} top_keys[] = {
    { "response_op", TOP_VALUE, REPLY_RESPONSE_OP },
    { "identity", TOP_VALUE, REPLY_IDENTITY },
    { "error_message", TOP_VALUE, REPLY_ERROR_MESSAGE },
    { "warning", TOP_VALUE, REPLY_WARNING },
    { "message", TOP_VALUE, REPLY_MESSAGE },
    { "generation_number", TOP_VALUE, REPLY_GENERATION_NUMBER },
    { "rows", TOP_VALUE, REPLY_ROWS_TAKEN },
    { "truncated_by", TOP_VALUE, REPLY_TRUNCATED_BY },
    { "table", TOP_TABLE, REPLY_ELSEWHERE },
    { "max_widths", TOP_MAX_WIDTHS, REPLY_ELSEWHERE }
};


int
reply_walk(const char *text, size_t length, reply_take_t take, void *ctx,
    char *error)
{
    const unsigned char *bytes = (const unsigned char *) text;
    walk_t walk = { .take = take, .ctx = ctx };
    yajl_handle yajl = yajl_alloc(&callbacks, NULL, &walk);

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

    if (status != yajl_status_ok) {
        explain(yajl, status, error);
    }

    yajl_free(yajl);

    return status == yajl_status_ok ? 0 : -1;
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
give(const walk_t *walk, enum reply_place place, enum reply_kind kind,
    const char *text, size_t length)
{
    const reply_value_t value = {
        .place = place, .index = walk->width_index, .kind = kind,
        .text = text, .length = length
    };

    return walk->take(walk->ctx, &value);
}


static int
on_value(const walk_t *walk, enum reply_kind kind, const char *text,
    size_t length)
{
    enum reply_place place = REPLY_ELSEWHERE;

    if (walk->depth == 0) {
        return 0;               /* a reply is an object */
    }

    if (walk->depth == 1) {
        place = walk->top == TOP_VALUE ? walk->place : REPLY_ELSEWHERE;

    } else if (walk->top == TOP_MAX_WIDTHS && walk->depth == 2) {
        place = kind == REPLY_NUMBER ? REPLY_WIDTH : REPLY_ELSEWHERE;

    } else if (walk->top == TOP_TABLE && walk->table == TABLE_COLUMN_NAMES
               && walk->depth == DEPTH_IN_NAMES)
    {
        place = REPLY_COLUMN_NAME;

    } else if (in_row(walk)) {
        place = REPLY_CELL;
    }

    return place == REPLY_ELSEWHERE || give(walk, place, kind, text, length);
}


static int
in_row(const walk_t *walk)
{
    return walk->top == TOP_TABLE && walk->table == TABLE_ROWS
           && walk->depth == DEPTH_IN_ROW;
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

    return walk->depth != DEPTH_IN_TABLE || walk->top != TOP_TABLE
           || give(walk, REPLY_TABLE, REPLY_NULL, "", 0);
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
    const walk_t *walk = ctx;

    if (in_row(walk) && !give(walk, REPLY_ROW_END, REPLY_NULL, "", 0)) {
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
        look_up(walk, key, length);

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


static void
look_up(walk_t *walk, const char *key, size_t length)
{
    walk->top = TOP_OTHER;

    for (size_t i = 0; i < sizeof(top_keys) / sizeof(top_keys[0]); i++) {
        if (strlen(top_keys[i].key) == length
            && memcmp(top_keys[i].key, key, length) == 0)
        {
            walk->top = top_keys[i].top;
            walk->place = top_keys[i].place;
        }
    }
}
