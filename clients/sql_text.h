#ifndef SQL_TEXT_H
#define SQL_TEXT_H

/*
 * Text of a server on its way to a terminal: no byte of it may be a command
 * to the terminal, and its width must be known.  Control characters become
 * \n, \t, \r or \xNN, bytes that are no UTF-8 \xNN, and characters that are
 * invisible or turn the direction of writing \u202e.  Widths are terminal
 * columns as wcwidth() knows them, so the locale must be a UTF-8 one:
 * sql_text_init() sees to it.
 */

#include <stddef.h>

#include "qsn_buf.h"

/* Takes the user's locale, or C.UTF-8 where that is no UTF-8 one. */
void sql_text_init(void);

/* Columns that sql_text_put() would use without a limit. */
size_t sql_text_width(const char *text, size_t length);

/* Appends the text made safe, at most max columns of it: what is longer
   ends with "…".  Returns the columns used. */
size_t sql_text_put(qsn_buf_t *out, const char *text, size_t length,
    size_t max);

/* The same without a limit, and with newlines and tabs as they are: for
   whole documents and messages. */
void sql_text_put_lines(qsn_buf_t *out, const char *text, size_t length);

#define SQL_TEXT_NO_LIMIT  ((size_t) -1)

#endif
