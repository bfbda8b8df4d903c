/*
 * Rows are rendered as they come; names and types, which in JSON may follow
 * the rows, are put before them at the end by one memmove().
 */

#include "draft.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qsn_reply.h"
#include "text.h"

static const char *const type_names[] = {
    [DRAFT_INTEGER] = "integer",
    [DRAFT_REAL] = "real",
    [DRAFT_TEXT] = "text"
};

static void begin_cell(draft_t *draft);
static void append_text(qsn_buf_t *buf, const char *text, size_t length);
static void append_flag(qsn_buf_t *head, const char *name, int on);
static void append_head(const draft_t *draft, const char *identity,
    qsn_buf_t *head);
static void free_names(draft_names_t *names);


void
draft_init(draft_t *draft)
{
    memset(draft, 0, sizeof(*draft));
}


void
draft_free(draft_t *draft)
{
    free(draft->identity);
    free(draft->keycols);
    free(draft->tablename.name);
    free_names(&draft->column_names);
    free_names(&draft->column_types);
    qsn_buf_free(&draft->rows);
    memset(draft, 0, sizeof(*draft));
}


int
draft_fail(draft_t *draft, uint64_t line, uint64_t column,
    const char *format, ...)
{
    va_list args;
    int used = 0;

    if (draft->failed) {
        return -1;
    }

    draft->failed = 1;

    if (line && column) {
        used = snprintf(draft->error, DRAFT_ERROR_SIZE,
                        "line %llu column %llu: ", (unsigned long long) line,
                        (unsigned long long) column);
    } else if (line) {
        used = snprintf(draft->error, DRAFT_ERROR_SIZE, "line %llu: ",
                        (unsigned long long) line);
    }

    va_start(args, format);
    (void) vsnprintf(draft->error + used, DRAFT_ERROR_SIZE - (size_t) used,
                     format, args);
    va_end(args);

    return -1;
}


int
draft_set_text(draft_t *draft, char **place, const char *text, size_t length)
{
    free(*place);
    *place = text_copy(text, length);

    if (*place == NULL) {
        return draft_fail(draft, 0, 0, "out of memory");
    }

    return 0;
}


int
draft_set_tablename(draft_t *draft, const char *text, size_t length,
    uint64_t line, uint64_t column)
{
    draft->tablename.length = length;
    draft->tablename.line = line;
    draft->tablename.column = column;

    return draft_set_text(draft, &draft->tablename.name, text, length);
}


int
draft_add_name(draft_t *draft, draft_names_t *names, const char *text,
    size_t length, uint64_t line, uint64_t column)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 16;
        draft_name_t *items = realloc(names->items,
                                      capacity * sizeof(*items));

        if (items == NULL) {
            return draft_fail(draft, 0, 0, "out of memory");
        }

        names->items = items;
        names->capacity = capacity;
    }

    draft_name_t *name = &names->items[names->count];

    name->name = NULL;
    name->length = length;
    name->line = line;
    name->column = column;

    if (draft_set_text(draft, &name->name, text, length) != 0) {
        return -1;
    }

    names->count++;

    return 0;
}


void
draft_begin_row(draft_t *draft)
{
    qsn_buf_string(&draft->rows, draft->row_count ? ",\n[" : "[");
    draft->row_cells = 0;
}


void
draft_null(draft_t *draft)
{
    begin_cell(draft);
    qsn_buf_string(&draft->rows, "null");
}


void
draft_number(draft_t *draft, const char *text, size_t length)
{
    begin_cell(draft);
    qsn_buf_append(&draft->rows, text, length);
}


void
draft_text(draft_t *draft, const char *text, size_t length)
{
    begin_cell(draft);
    append_text(&draft->rows, text, length);
}


int
draft_end_row(draft_t *draft, uint64_t line)
{
    qsn_buf_byte(&draft->rows, ']');

    if (draft->rows.failed) {
        return draft_fail(draft, 0, 0, "out of memory");
    }

    if (draft->row_count && draft->row_cells != draft->row_width) {
        return draft_fail(draft, line, 0, "row %zu has %zu cells, the rows "
                          "before it have %zu", draft->row_count + 1,
                          draft->row_cells, draft->row_width);
    }

    draft->row_width = draft->row_cells;
    draft->row_count++;

    return 0;
}


int
draft_parse_type(const char *text, size_t length, enum draft_type *type)
{
    static const struct {
        const char *name;
        enum draft_type type;
    } known[] = {
        { "integer", DRAFT_INTEGER }, { "int", DRAFT_INTEGER },
        { "ll", DRAFT_INTEGER }, { "time", DRAFT_INTEGER },
        { "real", DRAFT_REAL }, { "float", DRAFT_REAL },
        { "double", DRAFT_REAL }, { "text", DRAFT_TEXT },
        { "varchar", DRAFT_TEXT }, { "string", DRAFT_TEXT },
        { "str", DRAFT_TEXT }, { "ip", DRAFT_TEXT }
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) == length
            && strncasecmp(known[i].name, text, length) == 0)
        {
            *type = known[i].type;
            return 0;
        }
    }

    return -1;
}


int
draft_flag(const char *text, size_t length)
{
    static const char *const off[] = { "", "0", "no", "false" };

    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        if (strlen(off[i]) == length && strncasecmp(off[i], text, length) == 0)
        {
            return 0;
        }
    }

    return 1;
}


int
draft_request(draft_t *draft, const char *identity, qsn_buf_t *body)
{
    qsn_buf_t head = { 0 };
    size_t length = draft->rows.length;

    append_head(draft, identity, &head);
    qsn_buf_free(body);
    *body = draft->rows;
    memset(&draft->rows, 0, sizeof(draft->rows));

    char *room = qsn_buf_reserve(body, head.length + 3);

    if (room == NULL || head.failed) {
        qsn_buf_free(&head);
        qsn_buf_free(body);
        return draft_fail(draft, 0, 0, "out of memory");
    }

    if (length) {
        memmove(body->data + head.length, body->data, length);
    }

    memcpy(body->data, head.data, head.length);
    qsn_buf_commit(body, head.length);
    qsn_buf_string(body, "]}}");
    qsn_buf_free(&head);

    return 0;
}


static void
begin_cell(draft_t *draft)
{
    if (draft->row_cells++) {
        qsn_buf_string(&draft->rows, ", ");
    }
}


static void
append_text(qsn_buf_t *buf, const char *text, size_t length)
{
    size_t size = qsn_json_escaped_size(text, length);
    char *room = qsn_buf_reserve(buf, size + 2);

    if (room) {
        room[0] = '"';
        (void) qsn_json_escape(room + 1, text, length);
        room[size + 1] = '"';
        qsn_buf_commit(buf, size + 2);
    }
}


/* 1, as the original's clients send it. */
static void
append_flag(qsn_buf_t *head, const char *name, int on)
{
    if (on) {
        qsn_buf_printf(head, "\"%s\": 1, ", name);
    }
}


static void
append_head(const draft_t *draft, const char *identity, qsn_buf_t *head)
{
    qsn_buf_string(head, "{\"op\": \"add_table_data\", \"identity\": ");
    append_text(head, identity, strlen(identity));
    qsn_buf_string(head, ", ");
    append_flag(head, "persist", draft->persist);
    append_flag(head, "static", draft->is_static);
    append_flag(head, "update", draft->update);

    if (draft->keycols) {
        qsn_buf_string(head, "\"keycols\": ");
        append_text(head, draft->keycols, strlen(draft->keycols));
        qsn_buf_string(head, ", ");
    }

    qsn_buf_string(head, "\"table\": {\"tablename\": ");
    append_text(head, draft->tablename.name, draft->tablename.length);
    qsn_buf_string(head, ", \"column_names\": [");

    for (size_t i = 0; i < draft->column_names.count; i++) {
        const draft_name_t *name = &draft->column_names.items[i];

        qsn_buf_string(head, i ? ", " : "");
        append_text(head, name->name, name->length);
    }

    qsn_buf_string(head, "], \"column_types\": [");

    /* under the names that every server knows */
    for (size_t i = 0; i < draft->column_types.count; i++) {
        const draft_name_t *name = &draft->column_types.items[i];
        enum draft_type type = DRAFT_TEXT;

        (void) draft_parse_type(name->name, name->length, &type);
        qsn_buf_printf(head, "%s\"%s\"", i ? ", " : "", type_names[type]);
    }

    qsn_buf_string(head, "], \"rows\": [");
}


static void
free_names(draft_names_t *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i].name);
    }

    free(names->items);
}
