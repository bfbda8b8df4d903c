/* Two walks (reply_walk.h): the first keeps what there is once, the second
   makes rows of cells. */

#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_buf.h"
#include "reply_walk.h"
#include "text.h"

typedef struct {
    reply_t *reply;
    size_t widths_capacity;
    size_t names_capacity;
    int out_of_memory;
} facts_t;

/* What is known of one cell while its row is gathered. */
typedef struct {
    enum reply_kind kind;
    size_t start;
    size_t length;
} mark_t;

typedef struct {
    reply_row_t row;
    void *ctx;
    qsn_buf_t text;             /* cells of a row, each with a NUL */
    qsn_buf_t marks;            /* mark_t, one a cell */
    qsn_buf_t cells;            /* reply_cell_t, made at the row's end */
    size_t count;
    int result;                 /* of row() */
} rows_t;

static int take_fact(void *ctx, const reply_value_t *value);
static int take_text(facts_t *facts, char **place,
    const reply_value_t *value);
static void take_number(int64_t *place, const reply_value_t *value);
static int take_name(facts_t *facts, const reply_value_t *value);
static int take_width(facts_t *facts, const reply_value_t *value);
static int no_memory(facts_t *facts);
static void keep_widths(const facts_t *facts);
static int take_row(void *ctx, const reply_value_t *value);
static int take_cell(rows_t *rows, const reply_value_t *value);
static int end_row(rows_t *rows);


int
reply_parse(reply_t *reply, const char *text, size_t length)
{
    facts_t facts = { .reply = reply };

    memset(reply, 0, sizeof(*reply));
    reply->generation_number = -1;
    reply->rows_taken = -1;

    if (reply_walk(text, length, take_fact, &facts, reply->error) != 0) {
        if (facts.out_of_memory) {
            (void) snprintf(reply->error, REPLY_ERROR_SIZE, "out of memory");
        }

        return -1;
    }

    keep_widths(&facts);

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
    rows_t rows = { .row = row, .ctx = ctx };
    char error[REPLY_ERROR_SIZE];
    int rc = reply_walk(text, length, take_row, &rows, error);

    qsn_buf_free(&rows.text);
    qsn_buf_free(&rows.marks);
    qsn_buf_free(&rows.cells);

    return rows.result ? rows.result : rc;
}


static int
take_fact(void *ctx, const reply_value_t *value)
{
    facts_t *facts = ctx;
    reply_t *reply = facts->reply;

    switch (value->place) {

    case REPLY_RESPONSE_OP:
        return take_text(facts, &reply->response_op, value);

    case REPLY_IDENTITY:
        return take_text(facts, &reply->identity, value);

    case REPLY_ERROR_MESSAGE:
        return take_text(facts, &reply->error_message, value);

    case REPLY_WARNING:
        return take_text(facts, &reply->warning, value);

    case REPLY_MESSAGE:
        return take_text(facts, &reply->message, value);

    case REPLY_TRUNCATED_BY:
        return take_text(facts, &reply->truncated_by, value);

    case REPLY_GENERATION_NUMBER:
        take_number(&reply->generation_number, value);
        return 1;

    case REPLY_ROWS_TAKEN:
        take_number(&reply->rows_taken, value);
        return 1;

    case REPLY_TABLE:
        reply->has_table = 1;
        return 1;

    case REPLY_COLUMN_NAME:
        return take_name(facts, value);

    case REPLY_WIDTH:
        return take_width(facts, value);

    case REPLY_ROW_END:
        reply->row_count++;
        return 1;

    default:
        return 1;
    }
}


/* The first of a name counts. */
static int
take_text(facts_t *facts, char **place, const reply_value_t *value)
{
    if (value->kind == REPLY_NULL || *place) {
        return 1;
    }

    *place = text_copy(value->text, value->length);

    return *place != NULL || no_memory(facts);
}


static void
take_number(int64_t *place, const reply_value_t *value)
{
    if (value->kind == REPLY_NUMBER) {
        *place = strtoll(value->text, NULL, 10);
    }
}


static int
take_name(facts_t *facts, const reply_value_t *value)
{
    reply_t *reply = facts->reply;

    if (reply->column_count == facts->names_capacity) {
        size_t capacity = facts->names_capacity ? facts->names_capacity * 2
                                                : 16;
        char **names = realloc(reply->column_names,
                               capacity * sizeof(*names));

        if (names == NULL) {
            return no_memory(facts);
        }

        reply->column_names = names;
        facts->names_capacity = capacity;
    }

    char *name = text_copy(value->text, value->length);

    if (name == NULL) {
        return no_memory(facts);
    }

    reply->column_names[reply->column_count++] = name;

    return 1;
}


/* Widths may come before the names: they are kept by their index. */
static int
take_width(facts_t *facts, const reply_value_t *value)
{
    reply_t *reply = facts->reply;
    size_t index = value->index;

    if (index >= 65536) {
        return 1;
    }

    if (index >= facts->widths_capacity) {
        size_t capacity = index < 16 ? 32 : index * 2;
        size_t *widths = realloc(reply->max_widths,
                                 capacity * sizeof(*widths));

        if (widths == NULL) {
            return no_memory(facts);
        }

        memset(widths + facts->widths_capacity, 0,
               (capacity - facts->widths_capacity) * sizeof(*widths));
        reply->max_widths = widths;
        facts->widths_capacity = capacity;
    }

    reply->max_widths[index] = strtoul(value->text, NULL, 10);

    return 1;
}


static int
no_memory(facts_t *facts)
{
    facts->out_of_memory = 1;

    return 0;
}


/* As many as there are columns, however many were named. */
static void
keep_widths(const facts_t *facts)
{
    reply_t *reply = facts->reply;

    if (reply->max_widths == NULL) {
        return;
    }

    size_t *widths = calloc(reply->column_count + 1, sizeof(*widths));

    for (size_t i = 0; widths && i < reply->column_count
                       && i < facts->widths_capacity; i++)
    {
        widths[i] = reply->max_widths[i];
    }

    free(reply->max_widths);
    reply->max_widths = widths;
}


static int
take_row(void *ctx, const reply_value_t *value)
{
    switch (value->place) {

    case REPLY_CELL:
        return take_cell(ctx, value);

    case REPLY_ROW_END:
        return end_row(ctx);

    default:
        return 1;
    }
}


static int
take_cell(rows_t *rows, const reply_value_t *value)
{
    mark_t mark = {
        .kind = value->kind, .start = rows->text.length,
        .length = value->length
    };

    qsn_buf_append(&rows->text, value->text, value->length);
    qsn_buf_byte(&rows->text, '\0');
    qsn_buf_append(&rows->marks, &mark, sizeof(mark));
    rows->count++;

    return !(rows->text.failed || rows->marks.failed);
}


static int
end_row(rows_t *rows)
{
    const mark_t *marks = (const mark_t *) (const void *) rows->marks.data;
    size_t size = rows->count * sizeof(reply_cell_t);
    reply_cell_t *cells;

    qsn_buf_clear(&rows->cells);
    cells = (reply_cell_t *) (void *) qsn_buf_reserve(&rows->cells, size + 1);

    if (cells == NULL) {
        return 0;
    }

    for (size_t i = 0; i < rows->count; i++) {
        cells[i].kind = marks[i].kind;
        cells[i].text = rows->text.data + marks[i].start;
        cells[i].length = marks[i].length;
    }

    rows->result = rows->row(rows->ctx, cells, rows->count);
    rows->count = 0;
    qsn_buf_clear(&rows->text);
    qsn_buf_clear(&rows->marks);

    return rows->result == 0;
}
