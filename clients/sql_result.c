/* Cells in one growing array, their texts in chunks that never move. */

#include "sql_result.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE  (64 * 1024)

struct sql_result_chunk_s {
    sql_result_chunk_t *next;
    char data[];
};

static int copy_cell(sql_result_t *result, reply_cell_t *to,
    const reply_cell_t *from);
static char *chunk_alloc(sql_result_t *result, size_t length);
static int make_room(sql_result_t *result, size_t cells);
static int add_row(void *ctx, const reply_cell_t *cells, size_t count);


int
sql_result_begin(sql_result_t *result, const char *const *names,
    size_t columns)
{
    memset(result, 0, sizeof(*result));

    result->names = calloc(columns ? columns : 1, sizeof(reply_cell_t));
    if (result->names == NULL) {
        return -1;
    }

    for (size_t i = 0; i < columns; i++) {
        reply_cell_t name = { REPLY_STRING, names[i], strlen(names[i]) };

        if (copy_cell(result, &result->names[i], &name) != 0) {
            return -1;
        }
    }

    result->columns = columns;

    return 0;
}


int
sql_result_add(sql_result_t *result, const reply_cell_t *cells, size_t count)
{
    static const reply_cell_t null = { REPLY_NULL, "", 0 };
    size_t used = (result->rows + result->gone) * result->columns;

    if (make_room(result, used + result->columns) != 0) {
        return -1;
    }

    for (size_t i = 0; i < result->columns; i++) {
        if (copy_cell(result, &result->cells[used + i],
                      i < count ? &cells[i] : &null)
            != 0)
        {
            return -1;
        }
    }

    result->rows++;

    return 0;
}


int
sql_result_read(sql_result_t *result, const reply_t *reply,
    const char *text, size_t length, char *error)
{
    int rc = sql_result_begin(result,
                              (const char *const *) reply->column_names,
                              reply->column_count);

    if (rc == 0) {
        rc = make_room(result, reply->row_count * reply->column_count);
    }

    if (rc == 0 && reply->truncated_by) {
        const char *by = reply->truncated_by;
        reply_cell_t option = { REPLY_STRING, by, strlen(by) };

        rc = copy_cell(result, &option, &option);
        result->truncated_by = option.text;
    }

    if (rc != 0) {
        snprintf(error, SQL_RESULT_ERROR_SIZE, "out of memory");
        return -1;
    }

    rc = reply_rows(text, length, add_row, result);

    if (rc != 0) {
        snprintf(error, SQL_RESULT_ERROR_SIZE, "%s",
                 rc > 0 ? "out of memory" : "the rows cannot be read");
        return -1;
    }

    return 0;
}


void
sql_result_free(sql_result_t *result)
{
    while (result->chunks) {
        sql_result_chunk_t *next = result->chunks->next;

        free(result->chunks);
        result->chunks = next;
    }

    free(result->names);
    free(result->cells);
    free(result->marks);
    free(result->changed);
    memset(result, 0, sizeof(*result));
}


const reply_cell_t *
sql_result_cell(const sql_result_t *result, size_t row, size_t column)
{
    return &result->cells[row * result->columns + column];
}


static int
add_row(void *ctx, const reply_cell_t *cells, size_t count)
{
    return sql_result_add(ctx, cells, count) == 0 ? 0 : 1;
}


static int
make_room(sql_result_t *result, size_t cells)
{
    size_t room = result->room ? result->room : 64;
    reply_cell_t *grown;

    if (cells <= result->room) {
        return 0;
    }

    while (room < cells) {
        room *= 2;
    }

    if (room > SIZE_MAX / sizeof(reply_cell_t)) {
        return -1;
    }

    grown = realloc(result->cells, room * sizeof(reply_cell_t));
    if (grown == NULL) {
        return -1;
    }

    result->cells = grown;
    result->room = room;

    return 0;
}


static int
copy_cell(sql_result_t *result, reply_cell_t *to, const reply_cell_t *from)
{
    char *text = chunk_alloc(result, from->length + 1);

    if (text == NULL) {
        return -1;
    }

    memcpy(text, from->text, from->length);
    text[from->length] = '\0';

    to->kind = from->kind;
    to->text = text;
    to->length = from->length;

    return 0;
}


static char *
chunk_alloc(sql_result_t *result, size_t length)
{
    if (length > result->chunk_size - result->chunk_used) {
        size_t size = length > CHUNK_SIZE ? length : CHUNK_SIZE;
        sql_result_chunk_t *chunk = malloc(sizeof(*chunk) + size);

        if (chunk == NULL) {
            return NULL;
        }

        chunk->next = result->chunks;
        result->chunks = chunk;
        result->chunk_size = size;
        result->chunk_used = 0;
    }

    result->chunk_used += length;

    return result->chunks->data + result->chunk_used - length;
}
