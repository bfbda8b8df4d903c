/* The request: its memory, its error, and the checks on a published table. */

#include "request.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qsn_name.h"
#include "qsn_page.h"
#include "qsn_reply.h"

#define NAME_MAX_LENGTH  128

static int check_name(request_t *request, const char *what,
    const text_t *name);
static int check_identity(request_t *request);
static int check_column_types(request_t *request);
static int check_names(request_t *request);
static int compare_names(const void *a, const void *b);
static int check_keycols(request_t *request, const text_t *const *sorted);


void
request_init(request_t *request, const request_limits_t *limits)
{
    memset(request, 0, sizeof(*request));
    arena_init(&request->arena);
    request->limits = limits;
    request->parse_phrase = "Could not parse POST body";
    tape_init(&request->table.tape, &request->arena);
}


void
request_free(request_t *request)
{
    arena_free(&request->arena);
}


int
request_fail(request_t *request, unsigned status, const char *format, ...)
{
    if (request->status == 0) {
        va_list args;

        request->status = status;
        request->error_kind = format;
        va_start(args, format);
        (void) vsnprintf(request->error, sizeof(request->error), format,
                         args);
        va_end(args);
    }

    return -1;
}


int
request_count_row(request_t *request)
{
    uint64_t limit = request->limits->max_rows;

    if (limit && request->table.rows >= limit) {
        return request_fail(request, 413, "The table has more rows than "
                            "max_rows (%llu)", (unsigned long long) limit);
    }

    request->table.rows++;

    return 0;
}


int
request_set_text(request_t *request, text_t *text, const void *data,
    size_t length)
{
    text->data = arena_copy(&request->arena, data, length);
    text->length = length;

    if (text->data == NULL) {
        return request_fail(request, 503, "out of memory");
    }

    return 0;
}


int
request_add_text(request_t *request, text_list_t *list, const void *data,
    size_t length)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        text_t *items = arena_alloc(&request->arena,
                                    capacity * sizeof(*items));

        if (items == NULL) {
            return request_fail(request, 503, "out of memory");
        }

        if (list->count) {
            memcpy(items, list->items, list->count * sizeof(*items));
        }

        list->items = items;
        list->capacity = capacity;
    }

    if (request_set_text(request, &list->items[list->count], data,
                         length) != 0)
    {
        return -1;
    }

    list->count++;

    return 0;
}


int
request_flag(const char *data, size_t length)
{
    static const char *const off[] = { "", "0", "no", "false" };

    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        if (strlen(off[i]) == length
            && strncasecmp(off[i], data, length) == 0)
        {
            return 0;
        }
    }

    return 1;
}


int
request_set_keycols(request_t *request, const char *data, size_t length)
{
    const char *end = data + length;

    while (data < end) {
        const char *stop = memchr(data, ';', (size_t) (end - data));
        const char *next = stop ? stop + 1 : end;

        stop = stop ? stop : end;

        while (data < stop && *data == ' ') {
            data++;
        }

        while (data < stop && stop[-1] == ' ') {
            stop--;
        }

        if (request->table.keycols.count > request->limits->max_columns) {
            return request_fail(request, 400, "Invalid input format: "
                                "'keycols' has more names than max_columns "
                                "(%zu)", request->limits->max_columns);
        }

        if (data < stop
            && request_add_text(request, &request->table.keycols, data,
                                (size_t) (stop - data)) != 0)
        {
            return -1;
        }

        data = next;
    }

    return 0;
}


int
request_parse_type(const text_t *name, enum column_type *type)
{
    static const struct {
        const char *name;
        enum column_type type;
    } known[] = {
        { "integer", COLUMN_INTEGER }, { "int", COLUMN_INTEGER },
        { "ll", COLUMN_INTEGER }, { "time", COLUMN_INTEGER },
        { "real", COLUMN_REAL }, { "float", COLUMN_REAL },
        { "double", COLUMN_REAL }, { "text", COLUMN_TEXT },
        { "varchar", COLUMN_TEXT }, { "string", COLUMN_TEXT },
        { "str", COLUMN_TEXT }, { "ip", COLUMN_TEXT }
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].name[0] == tolower((unsigned char) name->data[0])
            && strlen(known[i].name) == name->length
            && strcasecmp(known[i].name, name->data) == 0)
        {
            *type = known[i].type;
            return 0;
        }
    }

    return -1;
}


int
request_make_name_value(request_t *request)
{
    table_t *table = &request->table;
    const char *name = request->name.data;
    const char *dot = name ? strchr(name, '.') : NULL;
    cell_t cells[2] = { { .kind = CELL_TEXT }, { .kind = CELL_TEXT } };

    if (dot == NULL || dot == name || dot[1] == '\0' || strchr(dot + 1, '.')
        || strlen(name) != request->name.length)
    {
        return request_fail(request, 400, "Invalid name in name value "
                            "update: must be 'name=TABLE.COLUMN'");
    }

    if (request->value.data == NULL) {
        return request_fail(request, 400, "Must specify 'value' param");
    }

    if (request->value.length > request->limits->max_cell) {
        return request_fail(request, 413, "The value is larger than "
                            "max_cell (%zu bytes)",
                            request->limits->max_cell);
    }

    if (!qsn_utf8_valid(request->value.data, request->value.length)) {
        return request_fail(request, 400, "Invalid input format: 'value' is "
                            "not UTF-8");
    }

    if (request->identity.data == NULL
        && request_set_text(request, &request->identity, "unknown", 7) != 0)
    {
        return -1;
    }

    cells[0].as.text.data = request->identity.data;
    cells[0].as.text.length = request->identity.length;
    cells[1].as.text.data = request->value.data;
    cells[1].as.text.length = request->value.length;
    request->update = 1;
    request->persist = 1;
    request->has_table = 1;
    table->has_column_names = 1;
    table->has_column_types = 1;
    table->has_rows = 1;
    table->rows = 1;
    table->row_width = 2;

    if (request_set_text(request, &table->name, name,
                         (size_t) (dot - name)) != 0
        || request_add_text(request, &table->column_names, "identity", 8)
           != 0
        || request_add_text(request, &table->column_names, dot + 1,
                            strlen(dot + 1)) != 0
        || request_add_text(request, &table->column_types, "text", 4) != 0
        || request_add_text(request, &table->column_types, "text", 4) != 0
        || request_set_keycols(request, "identity", 8) != 0)
    {
        return -1;
    }

    if (tape_write(&table->tape, &cells[0]) != 0
        || tape_write(&table->tape, &cells[1]) != 0)
    {
        return request_fail(request, 503, "out of memory");
    }

    return 0;
}


int
request_check_table(request_t *request)
{
    table_t *table = &request->table;

    if (!request->has_table) {
        return request_fail(request, 400,
                            "Invalid input format: no 'table'");
    }

    if (table->name.data == NULL) {
        return request_fail(request, 400,
                            "Invalid input format: no 'tablename'");
    }

    if (check_name(request, "table", &table->name) != 0) {
        return -1;
    }

    if (!table->has_column_names || !table->has_column_types
        || !table->has_rows)
    {
        return request_fail(request, 400, "Invalid input format: no '%s' in "
                            "table '%s'",
                            !table->has_column_names ? "column_names"
                            : !table->has_column_types ? "column_types"
                            : "rows", table->name.data);
    }

    if (check_identity(request) != 0) {
        return -1;
    }

    if (table->column_names.count == 0) {
        return request_fail(request, 400, "Invalid input format: table '%s' "
                            "has no columns", table->name.data);
    }

    if (table->column_names.count > request->limits->max_columns) {
        return request_fail(request, 413, "Invalid input format: table '%s' "
                            "has %zu columns, more than max_columns (%zu)",
                            table->name.data, table->column_names.count,
                            request->limits->max_columns);
    }

    for (size_t i = 0; i < table->column_names.count; i++) {
        if (check_name(request, "column", &table->column_names.items[i])
            != 0)
        {
            return -1;
        }
    }

    if (check_column_types(request) != 0
        || check_names(request) != 0)
    {
        return -1;
    }

    if (table->rows && table->row_width != table->column_names.count) {
        return request_fail(request, 400, "Invalid input format: rows of "
                            "table '%s' have %zu cells, but there are %zu "
                            "columns", table->name.data, table->row_width,
                            table->column_names.count);
    }

    return 0;
}


static int
check_name(request_t *request, const char *what, const text_t *name)
{
    int valid = name->length > 0 && isalpha((unsigned char) name->data[0]);

    for (size_t i = 1; valid && i < name->length; i++) {
        unsigned char c = (unsigned char) name->data[i];

        valid = c < 0x80 && (isalnum(c) || c == '_');
    }

    if (!valid) {
        return request_fail(request, 400, "Invalid input format: Invalid %s "
                            "name '%.150s': a letter, then letters, digits "
                            "and _", what, name->data);
    }

    if (name->length > NAME_MAX_LENGTH) {
        return request_fail(request, 400, "Invalid input format: Invalid %s "
                            "name '%.20s...': longer than %d bytes", what,
                            name->data, NAME_MAX_LENGTH);
    }

    const char *reserved = strcmp(what, "table") == 0
                           ? qsn_name_reserved(name->data) : NULL;

    return reserved == NULL ? 0
           : request_fail(request, 400, "Invalid input format: Invalid table "
                          "name '%s': %s", name->data, reserved);
}


static int
check_identity(request_t *request)
{
    const text_t *identity = &request->identity;

    if (identity->data == NULL || identity->length == 0) {
        return request_fail(request, 400, "Must specify 'identity': who "
                            "publishes table '%s'",
                            request->table.name.data);
    }

    if (identity->length > QSN_IDENTITY_MAX) {
        return request_fail(request, 400, "Invalid input format: 'identity' "
                            "is longer than %d bytes", QSN_IDENTITY_MAX);
    }

    for (size_t i = 0; i < identity->length; i++) {
        if ((unsigned char) identity->data[i] < 0x20) {
            return request_fail(request, 400, "Invalid input format: "
                                "'identity' has a control character at byte "
                                "%zu", i + 1);
        }
    }

    /* two that are not could not be told apart where they are shown */
    return qsn_utf8_valid(identity->data, identity->length) ? 0
           : request_fail(request, 400, "Invalid input format: 'identity' is "
                          "not UTF-8");
}


static int
check_column_types(request_t *request)
{
    table_t *table = &request->table;
    size_t count = table->column_names.count;

    /* the original ignores types past the last name, and so do we */
    if (table->column_types.count < count) {
        return request_fail(request, 400, "Invalid input format: table '%s' "
                            "has %zu column names but %zu column types",
                            table->name.data, count,
                            table->column_types.count);
    }

    table->types = arena_alloc(&request->arena,
                               count * sizeof(*table->types));

    if (table->types == NULL) {
        return request_fail(request, 503, "out of memory");
    }

    for (size_t i = 0; i < count; i++) {
        if (request_parse_type(&table->column_types.items[i], &table->types[i])
            != 0)
        {
            return request_fail(request, 400, "Invalid input format: Invalid "
                                "column type '%.100s' of column '%s'",
                                table->column_types.items[i].data,
                                table->column_names.items[i].data);
        }
    }

    return 0;
}


/* No column twice, and every key column is one; by a sorted list, since
   both may be many. */
static int
check_names(request_t *request)
{
    const text_list_t *names = &request->table.column_names;
    const text_t **sorted = arena_alloc(&request->arena,
                                        names->count * sizeof(*sorted));

    if (sorted == NULL) {
        return request_fail(request, 503, "out of memory");
    }

    for (size_t i = 0; i < names->count; i++) {
        sorted[i] = &names->items[i];
    }

    qsort(sorted, names->count, sizeof(*sorted), compare_names);

    for (size_t i = 1; i < names->count; i++) {
        if (compare_names(&sorted[i - 1], &sorted[i]) == 0) {
            return request_fail(request, 400, "Invalid input format: Invalid "
                                "column name '%s': there twice (case does "
                                "not count)", sorted[i]->data);
        }
    }

    return check_keycols(request, sorted);
}


/* In any order that brings the same ones together. */
static int
compare_names(const void *a, const void *b)
{
    const text_t *x = *(const text_t *const *) a;
    const text_t *y = *(const text_t *const *) b;

    return x->length < y->length ? -1
           : x->length > y->length ? 1 : strcasecmp(x->data, y->data);
}


/* No key columns named means that all are. */
static int
check_keycols(request_t *request, const text_t *const *sorted)
{
    table_t *table = &request->table;
    size_t count = table->column_names.count;

    table->is_key = arena_alloc(&request->arena, count);

    if (table->is_key == NULL) {
        return request_fail(request, 503, "out of memory");
    }

    memset(table->is_key, table->keycols.count == 0, count);

    for (size_t k = 0; k < table->keycols.count; k++) {
        const text_t *name = &table->keycols.items[k];
        const text_t *const *found = bsearch(&name, sorted, count,
                                             sizeof(*sorted), compare_names);

        if (found == NULL) {
            return request_fail(request, 400, "Invalid input format: key "
                                "column '%.150s' is no column of table '%s'",
                                name->data, table->name.data);
        }

        table->is_key[*found - table->column_names.items] = 1;
    }

    return 0;
}
