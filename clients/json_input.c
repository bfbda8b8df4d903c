/*
 * yajl tells how far it has read, so a token begins where the one before it
 * ended, past blanks, commas and colons.  Lines are counted once, forward.
 */

#include "json_input.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE  400

static void count_lines(json_input_t *input, size_t to);
static void syntax_error(json_input_t *input);


int
json_input_run(json_input_t *input, draft_t *draft, const char *text,
    size_t length, const yajl_callbacks *callbacks, void *ctx)
{
    const unsigned char *bytes = (const unsigned char *) text;

    memset(input, 0, sizeof(*input));
    input->draft = draft;
    input->text = text;
    input->length = length;
    input->line = 1;
    input->yajl = yajl_alloc(callbacks, NULL, ctx);

    if (input->yajl == NULL) {
        return draft_fail(draft, 0, 0, "out of memory");
    }

    yajl_status status = yajl_parse(input->yajl, bytes, length);

    if (status == yajl_status_ok) {
        status = yajl_complete_parse(input->yajl);

        if (status == yajl_status_error) {
            count_lines(input, length);
            (void) draft_fail(draft, input->line,
                              length - input->line_start + 1,
                              length ? "the JSON ends too early"
                                     : "there is no JSON");
        }
    }

    if (status != yajl_status_ok) {
        syntax_error(input);
    }

    yajl_free(input->yajl);
    input->yajl = NULL;

    return draft->failed ? -1 : 0;
}


void
json_input_advance(json_input_t *input)
{
    size_t at = input->end;

    while (at < input->length && strchr(" \t\r\n,:", input->text[at])
           && input->text[at])
    {
        at++;
    }

    input->start = at;
    input->end = yajl_get_bytes_consumed(input->yajl);
}


void
json_input_position(json_input_t *input, uint64_t *line, uint64_t *column)
{
    count_lines(input, input->start);
    *line = input->line;
    *column = input->start - input->line_start + 1;
}


int
json_input_fail(json_input_t *input, const char *format, ...)
{
    char text[DRAFT_ERROR_SIZE];
    uint64_t line, column;
    va_list args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    json_input_position(input, &line, &column);
    (void) draft_fail(input->draft, line, column, "%s", text);

    return 0;
}


const char *
json_input_check_number(const char *text, size_t length)
{
    char number[NUMBER_SIZE];

    if (length >= sizeof(number)) {
        return "a number too long";
    }

    memcpy(number, text, length);
    number[length] = '\0';

    if (strpbrk(number, ".eE")) {
        return isfinite(strtod(number, NULL)) ? NULL : "a number too large";
    }

    errno = 0;
    (void) strtoll(number, NULL, 10);

    return errno ? "an integer of more than 64 bits" : NULL;
}


static void
count_lines(json_input_t *input, size_t to)
{
    while (input->counted < to) {
        const char *from = input->text + input->counted;
        const char *found = memchr(from, '\n', to - input->counted);

        if (found == NULL) {
            input->counted = to;
            break;
        }

        input->line++;
        input->counted = (size_t) (found - input->text) + 1;
        input->line_start = input->counted;
    }
}


static void
syntax_error(json_input_t *input)
{
    const unsigned char *bytes = (const unsigned char *) input->text;
    size_t at = yajl_get_bytes_consumed(input->yajl);
    unsigned char *why;

    if (input->draft->failed) {
        return;
    }

    at = at > input->length ? input->length : at;
    why = yajl_get_error(input->yajl, 0, bytes, input->length);
    count_lines(input, at);
    (void) draft_fail(input->draft, input->line, at - input->line_start + 1,
                      "%.*s", why ? (int) strcspn((char *) why, "\n") : 11,
                      why ? (const char *) why : "parse error");
    yajl_free_error(input->yajl, why);
}
