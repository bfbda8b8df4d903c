#ifndef SCAN_H
#define SCAN_H

/*
 * The words of an SQL text, as far as we need to know them: enough to see
 * where a statement ends, what word it begins with, and what the shortcuts
 * (SHOW, DESC) say.  White space and comments are skipped.  Tokens point
 * into the text; nothing is allocated.
 */

#include <stddef.h>

#include "qsn_buf.h"

enum scan_kind {
    SCAN_END,           /* nothing is left */
    SCAN_WORD,          /* letters, digits, _, $, anything not ASCII */
    SCAN_QUOTED,        /* 'x' "x" `x` [x], with its quotes */
    SCAN_MARK,          /* any other byte, alone */
    SCAN_OPEN           /* a quote or block comment that is never closed */
};

typedef struct {
    const char *p;      /* where the next token is looked for */
    const char *end;
} scan_t;

typedef struct {
    enum scan_kind kind;
    const char *start;
    size_t length;
} scan_token_t;

void scan_next(scan_t *scan, scan_token_t *token);

/* Whether token is that word (lower case here, any case there). */
int scan_is_word(const scan_token_t *token, const char *word);
int scan_is_mark(const scan_token_t *token, char mark);

/* Appends what a quoted token stands for; a word as it is. */
void scan_unquote(const scan_token_t *token, qsn_buf_t *out);

#endif
