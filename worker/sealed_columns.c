/* Sorted once they are all there. */

#include "sealed_columns.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int add(sealed_columns_t *columns, sqlite3_stmt *info);
static int compare(const void *a, const void *b);


int
sealed_columns_load(sealed_columns_t *columns, sqlite3_stmt *info,
    const char *table)
{
    int rc;

    memset(columns, 0, sizeof(*columns));
    arena_init(&columns->arena);
    (void) sqlite3_bind_text(info, 1, table, -1, SQLITE_STATIC);

    while ((rc = sqlite3_step(info)) == SQLITE_ROW) {
        if (add(columns, info) != 0) {
            rc = SQLITE_NOMEM;
            break;
        }
    }

    (void) sqlite3_reset(info);

    if (columns->count) {
        qsort(columns->items, columns->count, sizeof(*columns->items),
              compare);
    }

    return rc == SQLITE_DONE ? 0 : -1;
}


void
sealed_columns_free(sealed_columns_t *columns)
{
    arena_free(&columns->arena);
    columns->count = 0;
}


sealed_column_t *
sealed_columns_find(const sealed_columns_t *columns, const char *name,
    size_t length)
{
    sealed_column_t wanted = { .name = { .data = name, .length = length } };

    return columns->count == 0 ? NULL
           : bsearch(&wanted, columns->items, columns->count,
                     sizeof(wanted), compare);
}


static int
add(sealed_columns_t *columns, sqlite3_stmt *info)
{
    const char *type = (const char *) sqlite3_column_text(info, 1);

    if (columns->count == columns->capacity) {
        size_t capacity = columns->capacity ? columns->capacity * 2 : 16;
        sealed_column_t *items = arena_alloc(&columns->arena,
                                             capacity * sizeof(*items));

        if (items == NULL) {
            return -1;
        }

        if (columns->count) {
            memcpy(items, columns->items, columns->count * sizeof(*items));
        }

        columns->items = items;
        columns->capacity = capacity;
    }

    sealed_column_t *column = &columns->items[columns->count];
    const unsigned char *name = sqlite3_column_text(info, 0);

    column->seen = 0;
    column->type = strcmp(type, "INTEGER") == 0 ? COLUMN_INTEGER
                   : strcmp(type, "REAL") == 0 ? COLUMN_REAL : COLUMN_TEXT;
    column->name.length = (size_t) sqlite3_column_bytes(info, 0);
    column->name.data = arena_copy(&columns->arena, name,
                                   column->name.length);

    if (column->name.data == NULL) {
        return -1;
    }

    columns->count++;

    return 0;
}


static int
compare(const void *a, const void *b)
{
    const text_t *left = &((const sealed_column_t *) a)->name;
    const text_t *right = &((const sealed_column_t *) b)->name;
    size_t length = left->length < right->length ? left->length
                                                 : right->length;
    int order = strncasecmp(left->data, right->data, length);

    return order ? order : (left->length > right->length)
                           - (left->length < right->length);
}
