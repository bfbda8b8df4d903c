#ifndef SQL_RESULT_H
#define SQL_RESULT_H

/*
 * A result table in memory: the names, and every cell's text.  Built row by
 * row, from a reply or by a test; sql_result_free() frees it all.
 *
 * .watch compares two of them and leaves marks (sql_diff.h): then ->gone
 * rows of the result before stand behind the ->rows of this one.
 */

#include <stddef.h>

#include "reply.h"

#define SQL_RESULT_ERROR_SIZE  REPLY_ERROR_SIZE

enum sql_mark {
    SQL_MARK_SAME = ' ',
    SQL_MARK_NEW = '+',
    SQL_MARK_CHANGED = '*',
    SQL_MARK_GONE = '-'
};

typedef struct sql_result_chunk_s sql_result_chunk_t;

typedef struct {
    size_t columns;
    size_t rows;
    size_t gone;                /* behind them, with marks only */
    const char *truncated_by;   /* the server's option, NULL: it is whole */
    reply_cell_t *names;        /* ->columns of them */
    reply_cell_t *cells;        /* (->rows + ->gone) * ->columns */

    char *marks;                /* one a row, or NULL */
    unsigned char *changed;     /* one a cell, with marks */

    size_t room;                /* private: cells there is memory for */
    sql_result_chunk_t *chunks; /* private: the texts */
    size_t chunk_used;
    size_t chunk_size;
} sql_result_t;

/* 0, or -1 without memory; free in both cases. */
int sql_result_begin(sql_result_t *result, const char *const *names,
    size_t columns);

/* A row; the texts are copied.  Missing cells are NULL, surplus ones are
   left out.  0, or -1 without memory. */
int sql_result_add(sql_result_t *result, const reply_cell_t *cells,
    size_t count);

/* What a parsed reply has: text is what reply came from.  0, or -1 and the
   reason in error. */
int sql_result_read(sql_result_t *result, const reply_t *reply,
    const char *text, size_t length, char *error);

void sql_result_free(sql_result_t *result);     /* leaves it empty */

const reply_cell_t *sql_result_cell(const sql_result_t *result, size_t row,
    size_t column);

#endif
