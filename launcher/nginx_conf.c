/*
 * The template goes through line by line.  A line is one of: the begin or
 * end of a block, which is never copied; a line inside a block that is left
 * out; a line with a "#=" comment, whose samples are replaced one name after
 * the other; any other line, copied.  Blocks nest: ->depth counts them and
 * ->dropping is the depth of the outermost one that is left out.
 */

#include "nginx_conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  8

typedef struct {
    qsn_buf_t *out;
    const char *path;
    size_t line;
    const nginx_conf_value_t *values;
    const nginx_conf_block_t *blocks;
    const char *open[DEPTH_MAX];        /* names, of the blocks we are in */
    size_t depth;
    size_t dropping;            /* 0: copying */
    char *error;
    size_t error_size;
} render_t;

static int render_line(render_t *r, char *line);
static int begin_block(render_t *r, const char *name);
static int end_block(render_t *r, const char *name);
static int fill_in(render_t *r, const char *line, char *names);
static int replace(render_t *r, const nginx_conf_value_t *value,
    const char *line, qsn_buf_t *filled);
static int is_plain(const char *value);
static int fail(render_t *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));


int
nginx_conf_render(qsn_buf_t *out, const char *text, const char *path,
    const nginx_conf_value_t *values, const nginx_conf_block_t *blocks,
    char *error, size_t error_size)
{
    render_t r = {
        .out = out, .path = path, .values = values, .blocks = blocks,
        .error = error, .error_size = error_size
    };

    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);

        r.line++;

        int rc = line ? render_line(&r, line) : fail(&r, "out of memory");

        free(line);

        if (rc != 0) {
            return -1;
        }

        text += length + (text[length] == '\n');
    }

    if (r.depth) {
        return fail(&r, "block \"%s\" does not end", r.open[r.depth - 1]);
    }

    return out->failed ? fail(&r, "out of memory") : 0;
}


static int
render_line(render_t *r, char *line)
{
    const char *start = line + strspn(line, " \t");
    char *marker;

    if (strncmp(start, "#[ ", 3) == 0) {
        return begin_block(r, start + 3);
    }

    if (strncmp(start, "#] ", 3) == 0) {
        return end_block(r, start + 3);
    }

    if (r->dropping) {
        return 0;
    }

    marker = strstr(line, "#= ");

    if (marker == NULL || *start == '#') {
        qsn_buf_string(r->out, line);
        qsn_buf_byte(r->out, '\n');
        return 0;
    }

    char *end = marker;

    while (end > line && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    *end = '\0';

    return fill_in(r, line, marker + 3);
}


static int
begin_block(render_t *r, const char *name)
{
    const nginx_conf_block_t *block = r->blocks;

    while (block->name && strcmp(block->name, name) != 0) {
        block++;
    }

    if (block->name == NULL) {
        return fail(r, "unknown block \"%s\"", name);
    }

    if (r->depth == DEPTH_MAX) {
        return fail(r, "block \"%s\" is too deep", name);
    }

    r->open[r->depth++] = block->name;

    if (!block->keep && !r->dropping) {
        r->dropping = r->depth;
    }

    return 0;
}


static int
end_block(render_t *r, const char *name)
{
    if (r->depth == 0 || strcmp(r->open[r->depth - 1], name) != 0) {
        return fail(r, "block \"%s\" ends where it is not the innermost",
                    name);
    }

    if (r->dropping == r->depth) {
        r->dropping = 0;
    }

    r->depth--;

    return 0;
}


/* Replaces the samples of all names on one line, which it then copies. */
static int
fill_in(render_t *r, const char *line, char *names)
{
    qsn_buf_t from = { 0 };
    qsn_buf_t to = { 0 };
    char *rest = NULL;
    int rc = 0;

    qsn_buf_string(&from, line);

    for (char *name = strtok_r(names, " \t", &rest); name && rc == 0;
         name = strtok_r(NULL, " \t", &rest))
    {
        const nginx_conf_value_t *value = r->values;

        while (value->name && strcmp(value->name, name) != 0) {
            value++;
        }

        if (value->name == NULL) {
            rc = fail(r, "unknown name \"%s\" after \"#=\"", name);
            break;
        }

        qsn_buf_clear(&to);
        rc = replace(r, value, qsn_buf_text(&from), &to);
        qsn_buf_clear(&from);
        qsn_buf_append(&from, to.data, to.length);
    }

    if (rc == 0 && (from.failed || to.failed)) {
        rc = fail(r, "out of memory");
    }

    if (rc == 0) {
        qsn_buf_append(r->out, from.data, from.length);
        qsn_buf_byte(r->out, '\n');
    }

    qsn_buf_free(&from);
    qsn_buf_free(&to);

    return rc;
}


/* The first sample on the line; quotes go around the word it is part of. */
static int
replace(render_t *r, const nginx_conf_value_t *value, const char *line,
    qsn_buf_t *filled)
{
    const char *sample = strstr(line, value->sample);
    const char *after;
    const char *word;

    if (sample == NULL) {
        return fail(r, "the line has no \"%s\" to replace", value->sample);
    }

    after = sample + strlen(value->sample);

    if (is_plain(value->value)) {
        qsn_buf_append(filled, line, (size_t) (sample - line));
        qsn_buf_string(filled, value->value);
        qsn_buf_string(filled, after);
        return 0;
    }

    for (const char *p = value->value; *p; p++) {
        if ((unsigned char) *p < 0x20 || *p == '$') {
            return fail(r, "\"%s\" cannot stand in nginx's configuration",
                        value->value);
        }
    }

    for (word = sample; word > line && !strchr(" \t", word[-1]); word--) {
        /* to the word's first byte */
    }

    qsn_buf_append(filled, line, (size_t) (word - line));
    qsn_buf_byte(filled, '"');
    qsn_buf_append(filled, word, (size_t) (sample - word));

    for (const char *p = value->value; *p; p++) {
        if (*p == '"' || *p == '\\') {
            qsn_buf_byte(filled, '\\');
        }

        qsn_buf_byte(filled, *p);
    }

    size_t tail = strcspn(after, " \t;{");

    qsn_buf_append(filled, after, tail);
    qsn_buf_byte(filled, '"');
    qsn_buf_string(filled, after + tail);

    return 0;
}


/* Whether nginx reads the value as one word without quotes. */
static int
is_plain(const char *value)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789/._+@:,=~-";

    return value[strspn(value, bytes)] == '\0';
}


static int
fail(render_t *r, const char *format, ...)
{
    int n = snprintf(r->error, r->error_size, "%s:%zu: ", r->path, r->line);
    va_list args;

    if (n > 0 && (size_t) n < r->error_size) {
        va_start(args, format);
        (void) vsnprintf(r->error + n, r->error_size - (size_t) n, format,
                         args);
        va_end(args);
    }

    return -1;
}
