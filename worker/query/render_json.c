/*
 * {"response_op": "result_table", "identity": ..., "table":
 * {"column_names": [...], "rows": [[...], ...]}, "max_widths": {"0": n}}
 *
 * The classic form, which old clients know, has every cell as a string and
 * NULL as "".  With native set, numbers are numbers and NULL is null.
 * Most bytes of most results are plain ASCII: they are found by a table and
 * copied in runs.
 */

#include "render.h"

#include <string.h>

#include "qsn_reply.h"

#define ESCAPED_MAX  6          /* bytes of output for one of input */

enum byte_class { PLAIN, ESCAPE, MULTI };

static void json_begin(render_t *render, sqlite3_stmt *statement);
static void json_row(render_t *render, sqlite3_stmt *statement);
static void json_end(render_t *render);
static void put_cell(render_t *render, cell_t *cell, int column);
static void put_text(render_t *render, const char *data, size_t length,
    size_t *width);
static void put_hex(sink_t *sink, const char *data, size_t length);
static char *escape_byte(char *out, unsigned char byte);
static inline enum byte_class class_of(unsigned char byte);

const render_kind_t render_json_kind = {
    json_begin,
    json_row,
    NULL,
    json_end
};


static void
json_begin(render_t *render, sqlite3_stmt *statement)
{
    qsn_buf_t *buf = &render->sink->buf;
    size_t ignored = 0;

    render_columns(render, statement);

    qsn_buf_string(buf, "{\"response_op\": \"result_table\", "
                        "\"identity\": \"");
    put_text(render, render->identity, strlen(render->identity), &ignored);
    qsn_buf_string(buf, "\", \"table\": {\"column_names\": [");

    for (int i = 0; i < render->columns; i++) {
        const char *name = sqlite3_column_name(statement, i);
        size_t width = 0;

        name = name ? name : "";
        qsn_buf_string(buf, i ? ", \"" : "\"");
        put_text(render, name, strlen(name), &width);
        qsn_buf_byte(buf, '"');
        render_width(render, i, width);
    }

    qsn_buf_string(buf, "], \"rows\": [");
}


static void
json_row(render_t *render, sqlite3_stmt *statement)
{
    qsn_buf_t *buf = &render->sink->buf;
    cell_t cell;

    if (render->rows) {
        qsn_buf_append(buf, ", ", 2);
    }

    qsn_buf_byte(buf, '[');

    for (int i = 0; i < render->columns; i++) {
        if (i) {
            qsn_buf_append(buf, ", ", 2);
        }

        render_cell(render, statement, i, &cell);
        put_cell(render, &cell, i);
        sink_check(render->sink);
    }

    qsn_buf_byte(buf, ']');
}


static void
json_end(render_t *render)
{
    qsn_buf_t *buf = &render->sink->buf;
    char number[NUMBER_SIZE];

    qsn_buf_string(buf, "]}, \"max_widths\": {");

    for (int i = 0; i < render->columns; i++) {
        qsn_buf_string(buf, i ? ", \"" : "\"");
        qsn_buf_append(buf, number, number_from_int(number, i));
        qsn_buf_append(buf, "\": ", 3);
        qsn_buf_append(buf, number,
                       number_from_int(number,
                                       (int64_t) render->widths[i]));
    }

    qsn_buf_byte(buf, '}');

    if (render->truncated) {
        qsn_buf_string(buf, ", \"truncated\": true, \"truncated_by\": \"");
        qsn_buf_string(buf, render->truncated);
        qsn_buf_byte(buf, '"');
    }

    qsn_buf_byte(buf, '}');
}


static void
put_cell(render_t *render, cell_t *cell, int column)
{
    qsn_buf_t *buf = &render->sink->buf;
    size_t width = 0;
    char *p;

    switch (cell->kind) {

    case CELL_NULL:
        qsn_buf_string(buf, render->native ? "null" : "\"\"");
        break;

    case CELL_NUMBER:
    case CELL_INFINITE:
        width = cell->length;
        p = qsn_buf_reserve(buf, width + 2);

        if (p && render->native && cell->kind == CELL_NUMBER) {
            memcpy(p, cell->data, width);
            qsn_buf_commit(buf, width);

        } else if (p) {
            *p = '"';
            memcpy(p + 1, cell->data, width);
            p[width + 1] = '"';
            qsn_buf_commit(buf, width + 2);
        }

        break;

    case CELL_TEXT:
        qsn_buf_byte(buf, '"');
        put_text(render, cell->data, cell->length, &width);
        qsn_buf_byte(buf, '"');
        break;

    case CELL_HEX:
        width = cell_hex_width(cell->length);
        qsn_buf_string(buf, "\"x'");
        put_hex(render->sink, cell->data, cell->length);
        qsn_buf_string(buf, "'\"");
        break;
    }

    render_width(render, column, width);
}


static void
put_text(render_t *render, const char *data, size_t length, size_t *width)
{
    while (length > 0) {
        size_t used = render_json_text(&render->sink->buf, data, length,
                                       width);

        data += used;
        length -= used;
        sink_check(render->sink);
    }
}


static void
put_hex(sink_t *sink, const char *data, size_t length)
{
    while (length > 0) {
        size_t piece = length < SINK_PIECE ? length : SINK_PIECE;

        cell_hex(&sink->buf, data, piece);
        data += piece;
        length -= piece;
        sink_check(sink);
    }
}


size_t
render_json_text(qsn_buf_t *out, const char *data, size_t left,
    size_t *width)
{
    size_t piece = left < SINK_PIECE ? left : SINK_PIECE;
    char *start = qsn_buf_reserve(out, (piece + 1) * ESCAPED_MAX);
    char *p = start;
    size_t i = 0;

    if (p == NULL) {
        return left;
    }

    while (i < piece) {
        size_t from = i;

        while (i < piece && class_of((unsigned char) data[i]) == PLAIN) {
            i++;
        }

        memcpy(p, data + from, i - from);
        p += i - from;
        *width += i - from;

        if (i == piece) {
            break;
        }

        ++*width;

        if (class_of((unsigned char) data[i]) == ESCAPE) {
            p = escape_byte(p, (unsigned char) data[i++]);
            continue;
        }

        size_t size = qsn_utf8_size(data + i, left - i);

        memcpy(p, size ? data + i : "\xef\xbf\xbd", size ? size : 3);
        p += size ? size : 3;
        i += size ? size : 1;
    }

    qsn_buf_commit(out, (size_t) (p - start));

    return i;
}


static char *
escape_byte(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";

    *out++ = '\\';

    for (const char *n = named; *n; n += 2) {
        if ((unsigned char) n[0] == byte) {
            *out++ = n[1];
            return out;
        }
    }

    memcpy(out, "u00", 3);
    out[3] = hex[byte >> 4];
    out[4] = hex[byte & 15];

    return out + 5;
}


static inline enum byte_class
class_of(unsigned char byte)
{
    static const unsigned char classes[256] = {
        [0x00 ... 0x1f] = ESCAPE,
        ['"'] = ESCAPE,
        ['\\'] = ESCAPE,
        [0x7f] = ESCAPE,
        [0x80 ... 0xff] = MULTI
    };

    return (enum byte_class) classes[byte];
}
