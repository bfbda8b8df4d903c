#ifndef SQL_COMPLETE_H
#define SQL_COMPLETE_H

/*
 * What could stand where the cursor is: keywords, tables, columns of the
 * tables that the statement names, dot-commands.  Pure: the names come from
 * sql_names.h.
 */

#include <stddef.h>

#include "sql_completion.h"

typedef struct {
    const char *table;
    const char *column;         /* NULL: the table itself */
} sql_name_t;

/* Sorted by nobody; tables and columns in one list. */
typedef struct {
    sql_name_t *names;
    size_t count;
} sql_name_list_t;

/*
 * text is the statement up to the cursor, its lines before included.  0, or
 * -1 without memory; sql_completion_free() is due in both cases.
 */
int sql_complete(sql_completion_t *completion, const char *text,
    size_t length, const sql_name_list_t *names);

#endif
