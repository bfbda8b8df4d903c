/*
 * One walk over the tokens.  Words are taken for keywords wherever they are,
 * and may be: one that seems to end the clause ends it too early at worst,
 * and no name is "where" without quotes.
 */

#include "shape.h"

#include <stdint.h>
#include <string.h>

#include "scan.h"

#define DIGITS_MAX  18          /* so many fit 64 bits */

static void take_values(shape_t *shape, scan_t scan);
static int ends_clause(const scan_token_t *token);
static int is_comparison(const scan_token_t *token, const char *text);
static int is_value(const scan_token_t *token, const scan_t *rest);
static int64_t number(const char *digits, size_t length);


void
shape_of(shape_t *shape, const char *text, size_t length)
{
    scan_t scan = { text, text + length };
    scan_token_t first;

    shape->text = text;
    shape->length = length;
    shape->count = 0;

    /* a value may be shorter than the parameter that takes its place */
    if (length > SHAPE_TEXT_MAX - SHAPE_VALUES_MAX
        || memchr(text, '?', length))
    {
        return;
    }

    scan_next(&scan, &first);

    if (scan_is_word(&first, "select") || scan_is_word(&first, "with")) {
        take_values(shape, scan);
    }
}


int
shape_bind(const shape_t *shape, sqlite3_stmt *prepared)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < shape->count && rc == SQLITE_OK; i++) {
        const shape_value_t *value = &shape->values[i];

        if (value->text[0] == '\'') {
            rc = sqlite3_bind_text(prepared, (int) i + 1, value->text + 1,
                                   (int) value->length - 2, SQLITE_STATIC);
        } else {
            rc = sqlite3_bind_int64(prepared, (int) i + 1,
                                    number(value->text, value->length));
        }
    }

    return rc;
}


static void
take_values(shape_t *shape, scan_t scan)
{
    const char *text = shape->text;
    const char *end = text + shape->length;
    const char *copied = text;
    char *out = shape->room;
    scan_token_t token;
    size_t depth = 0;
    int in_clause = 0, compared = 0;

    for (scan_next(&scan, &token); token.kind != SCAN_END;
         scan_next(&scan, &token))
    {
        depth += scan_is_mark(&token, '(') ? 1u : 0u;
        depth -= depth && scan_is_mark(&token, ')') ? 1u : 0u;

        if (depth > 0) {
            continue;
        }

        if (!in_clause) {
            in_clause = scan_is_word(&token, "where");
            continue;
        }

        if (ends_clause(&token)) {
            break;
        }

        int taken = compared && is_value(&token, &scan);

        if (token.kind == SCAN_OPEN || scan_is_word(&token, "or")
            || (taken && shape->count == SHAPE_VALUES_MAX))
        {
            shape->count = 0;
            return;
        }

        if (taken) {
            out = mempcpy(out, copied, (size_t) (token.start - copied));
            copied = scan.p;
            shape->values[shape->count] =
                (shape_value_t) { token.start, token.length };
            *out++ = '?';
            *out++ = (char) ('1' + shape->count);
            shape->count++;
        }

        compared = is_comparison(&token, text);
    }

    if (shape->count > 0) {
        out = mempcpy(out, copied, (size_t) (end - copied));
        shape->text = shape->room;
        shape->length = (size_t) (out - shape->room);
    }
}


static int
ends_clause(const scan_token_t *token)
{
    static const char *const words[] = {
        "group", "having", "window", "order", "limit", "union", "except",
        "intersect"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (scan_is_word(token, words[i])) {
            return 1;
        }
    }

    return scan_is_mark(token, ';');
}


/* Not the end of <<, >>, -> or ->>. */
static int
is_comparison(const scan_token_t *token, const char *text)
{
    char before = token->start > text ? token->start[-1] : ' ';

    return scan_is_mark(token, '=')
           || (scan_is_mark(token, '<') && before != '<')
           || (scan_is_mark(token, '>') && before != '>' && before != '-');
}


/* A text of plain characters, or a whole number over 1. */
static int
is_value(const scan_token_t *token, const scan_t *rest)
{
    static const char after[] = " \t\n\f\r;<>=!+-*/%&|,~";
    const char *p = token->start;
    size_t length = token->length;

    /* 1.5, and what is no SQL but would be with a parameter for it */
    if (rest->p < rest->end
        && memchr(after, *rest->p, sizeof(after) - 1) == NULL)
    {
        return 0;
    }

    if (token->kind == SCAN_WORD && length <= DIGITS_MAX) {
        for (size_t i = 0; i < length; i++) {
            if (p[i] < '0' || p[i] > '9') {
                return 0;
            }
        }

        return number(p, length) > 1;
    }

    if (token->kind != SCAN_QUOTED || p[0] != '\'') {
        return 0;
    }

    for (size_t i = 1; i < length - 1; i++) {
        if (p[i] < ' ' || p[i] > '~' || p[i] == '\'') {
            return 0;
        }
    }

    return 1;
}


static int64_t
number(const char *digits, size_t length)
{
    int64_t result = 0;

    for (size_t i = 0; i < length; i++) {
        result = result * 10 + (digits[i] - '0');
    }

    return result;
}
