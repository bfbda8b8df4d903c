/*
 * csv, tsv, json and ndjson, as programs read them back:
 *
 *   csv     RFC 4180 with LF: quotes where there is a comma, quote, CR or
 *           LF; the empty string is "", NULL is nothing
 *   tsv     tab, LF and backslash are \t \n \\, as in PostgreSQL's COPY
 *   json    an array of objects, an object a line
 *   ndjson  the objects alone
 *
 * Numbers are passed on with the digits that came.  Objects cannot have one
 * name twice: a second "a" becomes "a:2".
 */

#include "sql_render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_reply.h"

#define CHANGE  "change"        /* the column of marks */

typedef void (*put_t)(qsn_buf_t *out, const char *text, size_t length);

static int render_separated(const sql_result_t *result,
    const sql_format_t *format, sql_output_t *output);
static int render_objects(const sql_result_t *result, int is_array,
    sql_output_t *output);
static void put_object(const sql_result_t *result, size_t row,
    const qsn_buf_t *names, qsn_buf_t *out);
static int unique_names(const sql_result_t *result, qsn_buf_t *names);
static int is_taken(const sql_result_t *result, const qsn_buf_t *names,
    size_t at);
static void put_csv(qsn_buf_t *out, const char *text, size_t length);
static void put_tsv(qsn_buf_t *out, const char *text, size_t length);
static void put_json(qsn_buf_t *out, const char *text, size_t length);
static int emit(sql_output_t *output, qsn_buf_t *line);


int
sql_render_programs(const sql_result_t *result, const sql_format_t *format,
    sql_output_t *output)
{
    switch (format->mode) {

    case SQL_MODE_JSON:
        return render_objects(result, 1, output);

    case SQL_MODE_NDJSON:
        return render_objects(result, 0, output);

    default:
        return render_separated(result, format, output);
    }
}


static int
render_separated(const sql_result_t *result, const sql_format_t *format,
    sql_output_t *output)
{
    put_t put = format->mode == SQL_MODE_CSV ? put_csv : put_tsv;
    char separator = format->mode == SQL_MODE_CSV ? ',' : '\t';
    qsn_buf_t line = { 0 };
    int rc = 0;

    if (format->headers) {
        if (result->marks) {
            qsn_buf_string(&line, CHANGE);
            qsn_buf_byte(&line, separator);
        }

        for (size_t i = 0; i < result->columns; i++) {
            qsn_buf_append(&line, &separator, i ? 1 : 0);
            put(&line, result->names[i].text, result->names[i].length);
        }

        rc = emit(output, &line);
    }

    for (size_t row = 0; rc == 0 && row < result->rows + result->gone; row++)
    {
        if (result->marks) {
            qsn_buf_string(&line, sql_render_change(result, row));
            qsn_buf_byte(&line, separator);
        }

        for (size_t i = 0; i < result->columns; i++) {
            const reply_cell_t *cell = sql_result_cell(result, row, i);

            qsn_buf_append(&line, &separator, i ? 1 : 0);

            if (cell->kind == REPLY_NULL) {
                qsn_buf_string(&line, format->null_text);
            } else {
                put(&line, cell->text, cell->length);
            }
        }

        rc = emit(output, &line);
    }

    qsn_buf_free(&line);

    return rc;
}


static int
render_objects(const sql_result_t *result, int is_array, sql_output_t *output)
{
    size_t rows = result->rows + result->gone;
    qsn_buf_t *names = calloc(result->columns + 1, sizeof(qsn_buf_t));
    qsn_buf_t line = { 0 };
    int rc = 0;

    if (names == NULL || unique_names(result, names) != 0) {
        output->buf.failed = 1;
        rc = -1;
    }

    if (rc == 0 && is_array && rows == 0) {
        qsn_buf_string(&line, "[]");
        rc = emit(output, &line);
    }

    for (size_t row = 0; rc == 0 && row < rows; row++) {
        if (is_array) {
            qsn_buf_byte(&line, row ? ' ' : '[');
        }

        put_object(result, row, names, &line);

        if (is_array) {
            qsn_buf_byte(&line, row + 1 < rows ? ',' : ']');
        }

        rc = emit(output, &line);
    }

    for (size_t i = 0; names && i < result->columns; i++) {
        qsn_buf_free(&names[i]);
    }

    free(names);
    qsn_buf_free(&line);

    return rc;
}


static void
put_object(const sql_result_t *result, size_t row, const qsn_buf_t *names,
    qsn_buf_t *out)
{
    const char *comma = "";

    qsn_buf_byte(out, '{');

    if (result->marks) {
        qsn_buf_printf(out, "\"" CHANGE "\": \"%s\"",
                       sql_render_change(result, row));
        comma = ", ";
    }

    for (size_t i = 0; i < result->columns; i++) {
        const reply_cell_t *cell = sql_result_cell(result, row, i);

        qsn_buf_string(out, comma);
        comma = ", ";
        put_json(out, names[i].data ? names[i].data : "", names[i].length);
        qsn_buf_string(out, ": ");

        switch (cell->kind) {

        case REPLY_NULL:
            qsn_buf_string(out, "null");
            break;

        case REPLY_STRING:
            put_json(out, cell->text, cell->length);
            break;

        default:
            qsn_buf_append(out, cell->text, cell->length);
            break;
        }
    }

    qsn_buf_byte(out, '}');
}


/* 0, or -1 without memory. */
static int
unique_names(const sql_result_t *result, qsn_buf_t *names)
{
    for (size_t i = 0; i < result->columns; i++) {
        const reply_cell_t *name = &result->names[i];

        qsn_buf_append(&names[i], name->text, name->length);

        for (unsigned n = 2; is_taken(result, names, i); n++) {
            qsn_buf_clear(&names[i]);
            qsn_buf_append(&names[i], name->text, name->length);
            qsn_buf_printf(&names[i], ":%u", n);
        }

        if (names[i].failed) {
            return -1;
        }
    }

    return 0;
}


static int
is_taken(const sql_result_t *result, const qsn_buf_t *names, size_t at)
{
    const qsn_buf_t *name = &names[at];

    if (name->failed || name->length == 0) {
        return 0;
    }

    if (result->marks && name->length == sizeof(CHANGE) - 1
        && memcmp(name->data, CHANGE, name->length) == 0)
    {
        return 1;
    }

    for (size_t i = 0; i < at; i++) {
        if (names[i].length == name->length
            && memcmp(names[i].data, name->data, name->length) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
put_csv(qsn_buf_t *out, const char *text, size_t length)
{
    int is_plain = length > 0;

    for (size_t i = 0; i < length && is_plain; i++) {
        is_plain = text[i] != ',' && text[i] != '"' && text[i] != '\n'
                   && text[i] != '\r';
    }

    if (is_plain) {
        qsn_buf_append(out, text, length);
        return;
    }

    qsn_buf_byte(out, '"');

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') {
            qsn_buf_byte(out, '"');
        }

        qsn_buf_byte(out, text[i]);
    }

    qsn_buf_byte(out, '"');
}


static void
put_tsv(qsn_buf_t *out, const char *text, size_t length)
{
    static const char named[] = "\tt\nn\rr\\\\";

    for (size_t i = 0; i < length; i++) {
        const char *n = named;

        while (*n && n[0] != text[i]) {
            n += 2;
        }

        if (*n) {
            qsn_buf_byte(out, '\\');
        }

        qsn_buf_byte(out, *n ? n[1] : text[i]);
    }
}


static void
put_json(qsn_buf_t *out, const char *text, size_t length)
{
    size_t size = qsn_json_escaped_size(text, length);
    char *to = qsn_buf_reserve(out, size + 2);

    if (to) {
        *to = '"';
        qsn_json_escape(to + 1, text, length);
        to[size + 1] = '"';
        qsn_buf_commit(out, size + 2);
    }
}


/* A line that is ready, without its end; leaves it empty. */
static int
emit(sql_output_t *output, qsn_buf_t *line)
{
    qsn_buf_byte(line, '\n');
    output->buf.failed |= line->failed;

    if (!line->failed) {
        sql_output_raw(output, line->data, line->length);
    }

    qsn_buf_clear(line);

    return sql_output_check(output);
}
