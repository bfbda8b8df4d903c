/*
 * {"response_op": "result_table", "identity": ..., "table":
 * {"column_names": [...], "rows": [[...], ...]}, "max_widths": {"0": n}}
 *
 * The classic form, which old clients know, has every cell as a string and
 * NULL as "".  With native set, numbers are numbers and NULL is null.
 * Most bytes of most results are plain ASCII: they are copied eight at a
 * time.  Most cells are short: room is made for a whole one at once, and
 * whole numbers are written where they belong.
 */

#include "render.h"

#include <endian.h>
#include <string.h>

#include "qsn_reply.h"

#define ESCAPED_MAX  6          /* bytes of output for one of input */

static void json_begin(render_t *render, sqlite3_stmt *statement);
static void json_row(render_t *render, sqlite3_stmt *statement);
static void json_end(render_t *render);
static inline void put_integer(render_t *render, int64_t value, int column);
static void put_cell(render_t *render, const cell_t *cell, int column);
static inline char *begin_cell(char *p, int column, int bare);
static void put_long(render_t *render, const cell_t *cell, size_t *width);
static void put_text(render_t *render, const char *data, size_t length,
    size_t *width);
static void put_hex(sink_t *sink, const char *data, size_t length);
static char *escape_text(char *p, const char *data, size_t piece,
    size_t left, size_t *used, size_t *width);
static inline size_t copy_plain(char *out, const char *data, size_t size);
static inline uint64_t load(const char *data, size_t size);
static inline uint64_t marks(uint64_t bytes);
static char *escape_byte(char *out, unsigned char byte);

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
        qsn_buf_string(buf, ", ");
    }

    qsn_buf_byte(buf, '[');

    for (int i = 0; i < render->columns; i++) {
        sqlite3_value *value = sqlite3_column_value(statement, i);

        if (sqlite3_value_type(value) == SQLITE_INTEGER) {
            put_integer(render, sqlite3_value_int64(value), i);
        } else {
            render_cell(render, value, &cell);
            put_cell(render, &cell, i);
        }

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


/* With what comes before it. */
static inline void
put_integer(render_t *render, int64_t value, int column)
{
    qsn_buf_t *buf = &render->sink->buf;
    char *start = qsn_buf_reserve(buf, NUMBER_SIZE + sizeof(", \"\""));
    char *p = start;

    if (p == NULL) {
        return;
    }

    p = begin_cell(p, column, render->native);

    size_t length = number_from_int(p, value);

    p += length;

    if (!render->native) {
        *p++ = '"';
    }

    qsn_buf_commit(buf, (size_t) (p - start));
    render_width(render, column, length);
}


/* The same for all else (other formats come by cell_t for integers, too). */
static void
put_cell(render_t *render, const cell_t *cell, int column)
{
    qsn_buf_t *buf = &render->sink->buf;
    size_t used, width = 0;
    int bare = render->native && cell->kind == CELL_NUMBER;

    if (cell->kind == CELL_HEX || cell->length > SINK_PIECE) {
        qsn_buf_string(buf, column ? ", " : "");
        put_long(render, cell, &width);
        render_width(render, column, width);
        return;
    }

    char *start = qsn_buf_reserve(buf, (cell->length + 2) * ESCAPED_MAX
                                       + NUMBER_SIZE);
    char *p = start;

    if (p == NULL) {
        return;
    }

    p = begin_cell(p, column, bare);

    if (cell->kind == CELL_TEXT) {
        p = escape_text(p, cell->data, cell->length, cell->length, &used,
                        &width);

    } else if (cell->kind == CELL_NULL && render->native) {
        memcpy(p - 1, "null", 4);
        qsn_buf_commit(buf, (size_t) (p + 3 - start));
        return;

    } else {
        memcpy(p, cell->number, NUMBER_SIZE);   /* a constant size is fast */
        p += cell->length;
        width = cell->length;
    }

    if (!bare) {
        *p++ = '"';
    }

    qsn_buf_commit(buf, (size_t) (p - start));
    render_width(render, column, width);
}


static inline char *
begin_cell(char *p, int column, int bare)
{
    if (column) {
        memcpy(p, ", ", 2);
        p += 2;
    }

    if (!bare) {
        *p++ = '"';
    }

    return p;
}


/* Piece by piece, which may go out in between. */
static void
put_long(render_t *render, const cell_t *cell, size_t *width)
{
    qsn_buf_t *buf = &render->sink->buf;

    if (cell->kind == CELL_HEX) {
        *width = cell_hex_width(cell->length);
        qsn_buf_string(buf, "\"x'");
        put_hex(render->sink, cell->data, cell->length);
        qsn_buf_string(buf, "'\"");
        return;
    }

    qsn_buf_byte(buf, '"');
    put_text(render, cell->data, cell->length, width);
    qsn_buf_byte(buf, '"');
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
    size_t used;

    if (start == NULL) {
        return left;
    }

    char *end = escape_text(start, data, piece, left, &used, width);

    qsn_buf_commit(out, (size_t) (end - start));

    return used;
}


/* Writes at most (piece + 1) * ESCAPED_MAX bytes, returns the end of what
   counts of them.  *used is piece, or more if the last character goes beyond it. */
static char *
escape_text(char *p, const char *data, size_t piece, size_t left,
    size_t *used, size_t *width)
{
    size_t i = 0;

    while (i < piece) {
        size_t size = copy_plain(p, data + i, piece - i);

        p += size;
        i += size;
        *width += size;

        if (i == piece) {
            break;
        }

        ++*width;

        if ((signed char) data[i] >= 0) {
            p = escape_byte(p, (unsigned char) data[i++]);
            continue;
        }

        size = qsn_utf8_size(data + i, left - i);
        memcpy(p, size ? data + i : "\xef\xbf\xbd", size ? size : 3);
        p += size ? size : 3;
        i += size ? size : 1;
    }

    *used = i;

    return p;
}


/*
 * Copies up to the first byte that is not plain, and returns how many that
 * were.  Up to seven bytes after size are written, too.
 */
static inline size_t
copy_plain(char *out, const char *data, size_t size)
{
    size_t i = 0;
    uint64_t bytes, marked;

    while (i < size) {
        size_t now = size - i < sizeof(bytes) ? size - i : sizeof(bytes);

        bytes = load(data + i, now);
        marked = marks(bytes);
        bytes = htole64(bytes);
        memcpy(out + i, &bytes, sizeof(bytes));

        if (marked) {
            return i + (size_t) __builtin_ctzll(marked) / 8;
        }

        i += now;
    }

    return size;
}


/* Up to eight bytes, the first in the lowest; those that are not there are
   plain.  In registers: what was written in pieces is not read in one. */
static inline uint64_t
load(const char *data, size_t size)
{
    const uint64_t blanks = 0x2020202020202020u;
    uint64_t bytes = 0;
    uint32_t half, other;

    if (size == sizeof(bytes)) {
        memcpy(&bytes, data, sizeof(bytes));
        return le64toh(bytes);
    }

    if (size >= 4) {
        memcpy(&half, data, 4);
        memcpy(&other, data + size - 4, 4);
        bytes = le32toh(half) | (uint64_t) le32toh(other) << (size - 4) * 8;

    } else {
        for (size_t i = 0; i < size; i++) {
            bytes |= (uint64_t) (unsigned char) data[i] << i * 8;
        }
    }

    return bytes | blanks << size * 8;
}


/*
 * Which of eight bytes are not plain: for each that equals c, or is less
 * than 0x20, subtracting sets its uppermost bit, which it had not.  That takes
 * from the byte above: the lowest mark alone is sure.
 */
static inline uint64_t
marks(uint64_t bytes)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t high = 0x80 * ones;
    uint64_t quote = bytes ^ '"' * ones;
    uint64_t backslash = bytes ^ '\\' * ones;
    uint64_t delete = bytes ^ 0x7f * ones;

    return (bytes | (bytes - 0x20 * ones) | (quote - ones)
            | (backslash - ones) | (delete - ones)) & high;
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
