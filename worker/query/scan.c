/* SQL's lexical surface, in agreement with SQLite's tokenizer. */

#include "scan.h"

#include <string.h>
#include <strings.h>

static int skip_blank(scan_t *scan);
static int is_word_byte(unsigned char byte);
static void take_quoted(scan_t *scan, scan_token_t *token, char close);


void
scan_next(scan_t *scan, scan_token_t *token)
{
    token->length = 0;
    token->start = scan->p;

    if (skip_blank(scan) == -1) {
        token->kind = SCAN_OPEN;
        return;
    }

    token->start = scan->p;

    if (scan->p == scan->end) {
        token->kind = SCAN_END;
        return;
    }

    switch (*scan->p) {

    case '\'':
    case '"':
    case '`':
        take_quoted(scan, token, *scan->p);
        return;

    case '[':
        take_quoted(scan, token, ']');
        return;

    default:
        break;
    }

    token->kind = SCAN_MARK;

    while (scan->p < scan->end && is_word_byte((unsigned char) *scan->p)) {
        token->kind = SCAN_WORD;
        scan->p++;
    }

    if (token->kind == SCAN_MARK) {
        scan->p++;
    }

    token->length = (size_t) (scan->p - token->start);
}


int
scan_is_word(const scan_token_t *token, const char *word)
{
    return token->kind == SCAN_WORD && strlen(word) == token->length
           && strncasecmp(token->start, word, token->length) == 0;
}


int
scan_is_mark(const scan_token_t *token, char mark)
{
    return token->kind == SCAN_MARK && *token->start == mark;
}


void
scan_unquote(const scan_token_t *token, qsn_buf_t *out)
{
    if (token->kind != SCAN_QUOTED) {
        qsn_buf_append(out, token->start, token->length);
        return;
    }

    char quote = token->start[token->length - 1];
    const char *end = token->start + token->length - 1;

    for (const char *p = token->start + 1; p < end; p++) {
        qsn_buf_byte(out, *p);

        if (*p == quote && quote != ']') {
            p++;        /* doubled inside, one is meant */
        }
    }
}


/* White space, comments and a byte order mark.  -1: a comment is open. */
static int
skip_blank(scan_t *scan)
{
    while (scan->p < scan->end) {
        size_t left = (size_t) (scan->end - scan->p);
        const char *p = scan->p;

        if (memchr(" \t\n\f\r", *p, 5)) {
            scan->p++;

        } else if (left >= 2 && p[0] == '-' && p[1] == '-') {
            const char *line = memchr(p, '\n', left);

            scan->p = line ? line + 1 : scan->end;

        } else if (left >= 2 && p[0] == '/' && p[1] == '*') {
            const char *close = memmem(p + 2, left - 2, "*/", 2);

            if (close == NULL) {
                scan->p = scan->end;
                return -1;
            }

            scan->p = close + 2;

        } else if (left >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
            scan->p += 3;

        } else {
            break;
        }
    }

    return 0;
}


static int
is_word_byte(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9') || byte == '_' || byte == '$'
           || byte >= 0x80;
}


static void
take_quoted(scan_t *scan, scan_token_t *token, char close)
{
    const char *p = scan->p + 1;

    while (p < scan->end) {
        if (*p != close) {
            p++;
        } else if (close != ']' && p + 1 < scan->end && p[1] == close) {
            p += 2;
        } else {
            break;
        }
    }

    if (p == scan->end) {
        token->kind = SCAN_OPEN;
        scan->p = p;
        return;
    }

    scan->p = p + 1;
    token->kind = SCAN_QUOTED;
    token->length = (size_t) (scan->p - token->start);
}
