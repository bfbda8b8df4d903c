/*
 * Requests and bare tables.  Both have the same keys, one level apart, so
 * one machine reads both: it knows the key it is at and what it is inside.
 */

#include "json_table.h"

#include <string.h>

#include "json_input.h"

enum key {
    KEY_OTHER,
    KEY_OP,
    KEY_IDENTITY,
    KEY_PERSIST,
    KEY_STATIC,
    KEY_UPDATE,
    KEY_KEYCOLS,
    KEY_TABLE,
    KEY_TABLENAME,
    KEY_COLUMN_NAMES,
    KEY_COLUMN_TYPES,
    KEY_ROWS
};

enum inside {
    INSIDE_NOTHING,
    INSIDE_REQUEST,             /* the outermost object, or a bare table */
    INSIDE_TABLE,
    INSIDE_NAMES,
    INSIDE_TYPES,
    INSIDE_ROWS,
    INSIDE_ROW
};

enum kind {
    KIND_NULL,
    KIND_FLAG,
    KIND_NUMBER,
    KIND_STRING
};

typedef struct {
    json_input_t input;
    draft_t *draft;
    enum inside inside;
    enum inside object;         /* the object that arrays are in */
    enum key key;
    unsigned skipped;           /* open brackets of a value nobody reads */
    uint64_t row_line;
} table_t;

typedef struct {
    enum kind kind;
    const char *text;
    size_t length;
} scalar_t;

static int take(table_t *table, const scalar_t *scalar);
static int take_value(table_t *table, const scalar_t *scalar);
static int take_op(table_t *table, const scalar_t *scalar);
static int take_string(table_t *table, char **place, const scalar_t *scalar);
static int take_flag(int *flag, const scalar_t *scalar);
static int take_tablename(table_t *table, const scalar_t *scalar);
static int take_name(table_t *table, draft_names_t *names,
    const scalar_t *scalar);
static int take_cell(table_t *table, const scalar_t *scalar);
static int open_list(table_t *table, int *has, enum inside inside);
static int close_row(table_t *table);

static int on_null(void *ctx);
static int on_boolean(void *ctx, int value);
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

static const char *const keys[] = {
    [KEY_OP] = "op",
    [KEY_IDENTITY] = "identity",
    [KEY_PERSIST] = "persist",
    [KEY_STATIC] = "static",
    [KEY_UPDATE] = "update",
    [KEY_KEYCOLS] = "keycols",
    [KEY_TABLE] = "table",
    [KEY_TABLENAME] = "tablename",
    [KEY_COLUMN_NAMES] = "column_names",
    [KEY_COLUMN_TYPES] = "column_types",
    [KEY_ROWS] = "rows"
};


int
json_table_read(draft_t *draft, const char *text, size_t length)
{
    table_t table = { .draft = draft };
    size_t at = 0;

    while (at < length && strchr(" \t\r\n", text[at]) && text[at]) {
        at++;
    }

    if (at < length && text[at] == '[') {
        return json_rows_read(draft, text, length);
    }

    return json_input_run(&table.input, draft, text, length, &callbacks,
                          &table);
}


int
json_table_is_json(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '{' || text[i] == '[') {
            return 1;
        }

        if (strchr(" \t\r\n", text[i]) == NULL) {
            return 0;
        }
    }

    return 0;
}


static int
take(table_t *table, const scalar_t *scalar)
{
    json_input_advance(&table->input);

    if (table->skipped) {
        return 1;
    }

    switch (table->inside) {

    case INSIDE_REQUEST:
    case INSIDE_TABLE:
        return take_value(table, scalar);

    case INSIDE_NAMES:
        return take_name(table, &table->draft->column_names, scalar);

    case INSIDE_TYPES:
        return take_name(table, &table->draft->column_types, scalar);

    case INSIDE_ROW:
        return take_cell(table, scalar);

    case INSIDE_ROWS:
        return json_input_fail(&table->input, "row %zu is no array",
                               table->draft->row_count + 1);

    default:
        return json_input_fail(&table->input, "this is no table: neither an "
                               "object nor an array of objects");
    }
}


static int
take_value(table_t *table, const scalar_t *scalar)
{
    draft_t *draft = table->draft;

    switch (table->key) {

    case KEY_OP:
        return take_op(table, scalar);

    case KEY_IDENTITY:
        return take_string(table, &draft->identity, scalar);

    case KEY_KEYCOLS:
        return take_string(table, &draft->keycols, scalar);

    case KEY_PERSIST:
        return take_flag(&draft->persist, scalar);

    case KEY_STATIC:
        return take_flag(&draft->is_static, scalar);

    case KEY_UPDATE:
        return take_flag(&draft->update, scalar);

    case KEY_TABLENAME:
        return take_tablename(table, scalar);

    case KEY_TABLE:
        return json_input_fail(&table->input, "'table' is no object");

    case KEY_COLUMN_NAMES:
    case KEY_COLUMN_TYPES:
    case KEY_ROWS:
        return json_input_fail(&table->input, "'%s' is no array",
                               keys[table->key]);

    case KEY_OTHER:
        break;
    }

    return 1;
}


static int
take_op(table_t *table, const scalar_t *scalar)
{
    static const char op[] = "add_table_data";

    if (scalar->kind != KIND_STRING || scalar->length != strlen(op)
        || memcmp(scalar->text, op, scalar->length) != 0)
    {
        return json_input_fail(&table->input, "'op' is not \"%s\": this "
                               "publishes tables only", op);
    }

    return 1;
}


static int
take_string(table_t *table, char **place, const scalar_t *scalar)
{
    if (scalar->kind == KIND_NULL) {
        return 1;
    }

    if (scalar->kind != KIND_STRING) {
        return json_input_fail(&table->input, "'%s' is no string",
                               keys[table->key]);
    }

    return draft_set_text(table->draft, place, scalar->text, scalar->length)
           == 0;
}


static int
take_flag(int *flag, const scalar_t *scalar)
{
    *flag = scalar->kind != KIND_NULL
            && draft_flag(scalar->text, scalar->length);

    return 1;
}


static int
take_tablename(table_t *table, const scalar_t *scalar)
{
    uint64_t line, column;

    if (scalar->kind != KIND_STRING) {
        return json_input_fail(&table->input, "'tablename' is no string");
    }

    json_input_position(&table->input, &line, &column);

    return draft_set_tablename(table->draft, scalar->text, scalar->length,
                               line, column) == 0;
}


static int
take_name(table_t *table, draft_names_t *names, const scalar_t *scalar)
{
    uint64_t line, column;

    if (scalar->kind != KIND_STRING) {
        return json_input_fail(&table->input, "'%s' has something in it that "
                               "is no string", keys[table->key]);
    }

    json_input_position(&table->input, &line, &column);

    return draft_add_name(table->draft, names, scalar->text, scalar->length,
                          line, column) == 0;
}


static int
take_cell(table_t *table, const scalar_t *scalar)
{
    draft_t *draft = table->draft;
    const char *wrong;

    switch (scalar->kind) {

    case KIND_NULL:
        draft_null(draft);
        break;

    case KIND_FLAG:
        draft_number(draft, scalar->text, 1);
        break;

    case KIND_NUMBER:
        wrong = json_input_check_number(scalar->text, scalar->length);

        if (wrong) {
            return json_input_fail(&table->input, "cell %zu of row %zu is %s",
                                   draft->row_cells + 1,
                                   draft->row_count + 1, wrong);
        }

        draft_number(draft, scalar->text, scalar->length);
        break;

    case KIND_STRING:
        draft_text(draft, scalar->text, scalar->length);
        break;
    }

    return 1;
}


static int
open_list(table_t *table, int *has, enum inside inside)
{
    if (*has) {
        return json_input_fail(&table->input, "'%s' is there twice",
                               keys[table->key]);
    }

    *has = 1;
    table->inside = inside;

    return 1;
}


/* Names that are known by now let the error say where the row stands. */
static int
close_row(table_t *table)
{
    draft_t *draft = table->draft;
    size_t columns = draft->column_names.count;

    table->inside = INSIDE_ROWS;

    if (draft->has_column_names && draft->row_cells != columns) {
        (void) draft_fail(draft, table->row_line, 0, "row %zu has %zu cells, "
                          "but there are %zu columns", draft->row_count + 1,
                          draft->row_cells, columns);
        return 0;
    }

    return draft_end_row(draft, table->row_line) == 0;
}


static int
on_null(void *ctx)
{
    return take(ctx, &(scalar_t) { KIND_NULL, "", 0 });
}


static int
on_boolean(void *ctx, int value)
{
    return take(ctx, &(scalar_t) { KIND_FLAG, value ? "1" : "0", 1 });
}


static int
on_number(void *ctx, const char *text, size_t length)
{
    return take(ctx, &(scalar_t) { KIND_NUMBER, text, length });
}


static int
on_string(void *ctx, const unsigned char *text, size_t length)
{
    return take(ctx, &(scalar_t) { KIND_STRING, (const char *) text,
                                   length });
}


static int
on_open_map(void *ctx)
{
    table_t *table = ctx;

    json_input_advance(&table->input);

    if (table->inside == INSIDE_NOTHING) {
        table->inside = INSIDE_REQUEST;
        table->object = INSIDE_REQUEST;

    } else if (table->inside == INSIDE_REQUEST && !table->skipped
               && table->key == KEY_TABLE)
    {
        table->inside = INSIDE_TABLE;
        table->object = INSIDE_TABLE;

    } else if (table->skipped || ((table->inside == INSIDE_REQUEST
                                   || table->inside == INSIDE_TABLE)
                                  && table->key == KEY_OTHER))
    {
        table->skipped++;

    } else if (table->inside == INSIDE_ROW) {
        return json_input_fail(&table->input, "cell %zu of row %zu is an "
                               "object", table->draft->row_cells + 1,
                               table->draft->row_count + 1);
    } else {
        return json_input_fail(&table->input, "an object does not belong "
                               "here");
    }

    return 1;
}


static int
on_key(void *ctx, const unsigned char *text, size_t length)
{
    table_t *table = ctx;

    json_input_advance(&table->input);

    if (table->skipped) {
        return 1;
    }

    table->key = KEY_OTHER;

    /* inside "table" only the table's own keys count */
    size_t first = table->inside == INSIDE_TABLE ? KEY_TABLENAME : KEY_OP;

    for (size_t i = first; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i]) == length && memcmp(keys[i], text, length) == 0) {
            table->key = (enum key) i;
        }
    }

    return 1;
}


static int
on_close_map(void *ctx)
{
    table_t *table = ctx;

    json_input_advance(&table->input);

    if (table->skipped) {
        table->skipped--;

    } else if (table->inside == INSIDE_TABLE) {
        table->inside = INSIDE_REQUEST;
        table->object = INSIDE_REQUEST;

    } else {
        table->inside = INSIDE_NOTHING;
    }

    return 1;
}


static int
on_open_array(void *ctx)
{
    table_t *table = ctx;
    draft_t *draft = table->draft;
    uint64_t column;

    json_input_advance(&table->input);

    if (table->skipped) {
        table->skipped++;
        return 1;
    }

    if (table->inside == INSIDE_ROWS) {
        table->inside = INSIDE_ROW;
        json_input_position(&table->input, &table->row_line, &column);
        draft_begin_row(draft);
        return 1;
    }

    if (table->inside == INSIDE_ROW) {
        return json_input_fail(&table->input, "cell %zu of row %zu is an "
                               "array", draft->row_cells + 1,
                               draft->row_count + 1);
    }

    if (table->inside != INSIDE_REQUEST && table->inside != INSIDE_TABLE) {
        return json_input_fail(&table->input, "an array does not belong "
                               "here");
    }

    switch (table->key) {

    case KEY_COLUMN_NAMES:
        return open_list(table, &draft->has_column_names, INSIDE_NAMES);

    case KEY_COLUMN_TYPES:
        return open_list(table, &draft->has_column_types, INSIDE_TYPES);

    case KEY_ROWS:
        return open_list(table, &draft->has_rows, INSIDE_ROWS);

    case KEY_OTHER:
        table->skipped++;
        return 1;

    default:
        return json_input_fail(&table->input, "'%s' is an array",
                               keys[table->key]);
    }
}


static int
on_close_array(void *ctx)
{
    table_t *table = ctx;

    json_input_advance(&table->input);

    if (table->skipped) {
        table->skipped--;

    } else if (table->inside == INSIDE_ROW) {
        return close_row(table);

    } else {
        table->inside = table->object;
    }

    return 1;
}
