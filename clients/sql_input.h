#ifndef SQL_INPUT_H
#define SQL_INPUT_H

/*
 * Lines in, statements and dot-commands out.  A line that begins with a dot
 * where a statement could begin is a command; everything else is SQL, which
 * collects until a semicolon that ends a statement.  Pure.
 */

#include <stddef.h>

#include "qsn_buf.h"
#include "sql_scan.h"

enum sql_input_kind {
    SQL_INPUT_NONE,             /* more lines, please */
    SQL_INPUT_STATEMENT,        /* with its semicolon */
    SQL_INPUT_COMMAND,          /* the whole line, from its dot */
    SQL_INPUT_QUIT              /* a line with nothing but quit or exit */
};

typedef struct {
    qsn_buf_t text;
    sql_scan_t scan;
    size_t start;               /* of what was not handed out yet */
    qsn_buf_t item;             /* what was handed out last */
} sql_input_t;

/* A zeroed input is empty. */
void sql_input_free(sql_input_t *input);

/* Forgets what was not handed out. */
void sql_input_clear(sql_input_t *input);

/* A line, without its line end.  Only after sql_input_next() said NONE. */
void sql_input_line(sql_input_t *input, const char *line, size_t length);

/* The next item; its text is valid until the next call of any of these, and
   has a NUL behind it. */
enum sql_input_kind sql_input_next(sql_input_t *input, const char **text,
    size_t *length);

/* At the end of all input: the last statement without a semicolon, if
   there is one. */
enum sql_input_kind sql_input_rest(sql_input_t *input, const char **text,
    size_t *length);

/* 1 in the middle of a statement: the next line goes on with it. */
int sql_input_pending(const sql_input_t *input);

#endif
