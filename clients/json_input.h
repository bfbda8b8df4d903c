#ifndef JSON_INPUT_H
#define JSON_INPUT_H

/*
 * yajl over a text, with positions: callbacks call json_input_advance()
 * first, and can then say where in the text their token stands.  Errors go
 * into a draft.  Pure: nothing but memory.
 */

#include <stddef.h>
#include <stdint.h>
#include <yajl/yajl_parse.h>

#include "draft.h"

typedef struct {
    draft_t *draft;
    const char *text;
    size_t length;
    yajl_handle yajl;
    size_t start;               /* of the current token */
    size_t end;
    size_t counted;             /* up to where lines were counted */
    uint64_t line;
    size_t line_start;
} json_input_t;

/* Parses the whole text, ctx is what callbacks get: 0, or -1 with the error
   in the draft. */
int json_input_run(json_input_t *input, draft_t *draft, const char *text,
    size_t length, const yajl_callbacks *callbacks, void *ctx);

void json_input_advance(json_input_t *input);

/* Of the current token, both from 1. */
void json_input_position(json_input_t *input, uint64_t *line,
    uint64_t *column);

/* Always 0, which stops yajl. */
int json_input_fail(json_input_t *input, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* NULL, or what a number is that the server would not take. */
const char *json_input_check_number(const char *text, size_t length);

#endif
