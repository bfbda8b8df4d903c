#ifndef SQL_SCAN_H
#define SQL_SCAN_H

/*
 * As much of SQLite's lexical rules as a client needs: where a statement
 * ends, and whether a place in it is inside a string, a quoted name or a
 * comment.  The text may grow by whole lines; each byte is looked at once.
 */

#include <stddef.h>

typedef struct {
    size_t at;                  /* everything before it was looked at */
    char inside;                /* 0: plain text; ' " ` ] until that byte,
                                   - in a comment to the line's end,
                                   * in a block comment */
    int has_content;            /* besides space, comments, semicolons */
} sql_scan_t;

/* A zeroed scan is at the start of a text. */

/*
 * Goes on in text, of which length bytes are there now.  Returns 1 at the
 * end of a statement (->at is behind its semicolon), else 0.  Whoever takes
 * a statement out sets ->has_content to 0, and ->at to where to go on.
 */
int sql_scan_next(sql_scan_t *scan, const char *text, size_t length);

/* Makes spaces of all strings and comments. */
void sql_scan_blank(char *text, size_t length);

#endif
