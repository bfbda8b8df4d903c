#ifndef SEALED_COLUMNS_H
#define SEALED_COLUMNS_H

/*
 * The columns of a table of the sealed generation, read once and found by
 * name without regard to case.
 */

#include <sqlite3.h>

#include "request.h"

/* Statement for sealed_columns_load(), of the sealed file's connection; the
   table is ?1. */
#define SEALED_COLUMNS_SQL                                                   \
    "SELECT name, type FROM temp.pragma_table_info(?1, 'main')"

typedef struct {
    text_t name;                /* as the table spells it */
    enum column_type type;
    uint64_t seen;              /* the user's; 0 at first */
} sealed_column_t;

/* All zeroes: there are none. */
typedef struct {
    arena_t arena;
    sealed_column_t *items;     /* by name */
    size_t count;
    size_t capacity;
} sealed_columns_t;

/* 0, or -1; sealed_columns_free() is due either way. */
int sealed_columns_load(sealed_columns_t *columns, sqlite3_stmt *info,
    const char *table);
void sealed_columns_free(sealed_columns_t *columns);

/* name has length bytes, and anything may follow.  NULL: there is none. */
sealed_column_t *sealed_columns_find(const sealed_columns_t *columns,
    const char *name, size_t length);

#endif
