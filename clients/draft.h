#ifndef DRAFT_H
#define DRAFT_H

/*
 * A table on its way to the server: readers (csv_table.h, json_table.h) put
 * it together piece by piece, draft_check() applies the server's rules, and
 * draft_request() turns it into the request's JSON.  Rows are kept as the
 * JSON text they will be sent as, nothing else is.
 *
 * The first error counts; it says the line and column of the input where
 * that is known.  Pure: nothing but memory.
 */

#include <stddef.h>
#include <stdint.h>

#include "qsn_buf.h"

#define DRAFT_ERROR_SIZE  512

enum draft_type {
    DRAFT_INTEGER,
    DRAFT_REAL,
    DRAFT_TEXT
};

typedef struct {
    char *name;
    size_t length;              /* a name may have a NUL in it, wrongly */
    uint64_t line;              /* 0: not known */
    uint64_t column;
} draft_name_t;

typedef struct {
    draft_name_t *items;
    size_t count;
    size_t capacity;
} draft_names_t;

typedef struct {
    char *identity;             /* NULL: not said */
    draft_name_t tablename;     /* name NULL: not said */
    draft_names_t column_names;
    draft_names_t column_types; /* as written */
    char *keycols;              /* "a;b"; NULL: not said */
    int persist;
    int is_static;
    int update;
    int has_column_names;
    int has_column_types;
    int has_rows;

    size_t row_count;
    size_t row_width;           /* of the rows so far */
    size_t row_cells;           /* of the row being put together */
    qsn_buf_t rows;             /* "[1, \"a\"], [2, \"b\"]" */

    int failed;
    char error[DRAFT_ERROR_SIZE];
} draft_t;

void draft_init(draft_t *draft);
void draft_free(draft_t *draft);

/* Remembers the first error; always -1.  line 0: no position. */
int draft_fail(draft_t *draft, uint64_t line, uint64_t column,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Each returns 0, or -1 and the error is remembered. */
int draft_set_text(draft_t *draft, char **place, const char *text,
    size_t length);
int draft_set_tablename(draft_t *draft, const char *text, size_t length,
    uint64_t line, uint64_t column);
int draft_add_name(draft_t *draft, draft_names_t *names, const char *text,
    size_t length, uint64_t line, uint64_t column);

/* A row: begin, cells, end; line is where it stands in the input. */
void draft_begin_row(draft_t *draft);
void draft_null(draft_t *draft);
void draft_number(draft_t *draft, const char *text, size_t length);
void draft_text(draft_t *draft, const char *text, size_t length);
int draft_end_row(draft_t *draft, uint64_t line);

/* 0 and *type, or -1: no type of the server's.  Any case. */
int draft_parse_type(const char *text, size_t length, enum draft_type *type);

/* "", 0, no, false in any case are off. */
int draft_flag(const char *text, size_t length);

/* All that the server would refuse the table for and that can be known
   here: 0, or -1. */
int draft_check(draft_t *draft);

/* The request into body, which it empties first.  The rows move there: the
   draft has none afterwards.  0, or -1 without memory. */
int draft_request(draft_t *draft, const char *identity, qsn_buf_t *body);

#endif
