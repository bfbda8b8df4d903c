/*
 * The aligned table: names, a line of "=" under each, rows, "N rows
 * returned".  Everything is right-justified, which takes widths, which takes
 * all rows: they are kept as shown, up to KEPT_MAX bytes.  Past that the
 * first run only measures, and a second one prints: any result in bounded
 * memory.  If a cell has grown meanwhile (random()), its line is longer.
 *
 * Kept rows: for each cell its width and its length in bytes, as two
 * 32-bit numbers, then the bytes.
 */

#include "render.h"

#include <string.h>

#include "qsn_reply.h"

#define KEPT_MAX    (1024 * 1024)
#define SHOWN_MAX   8           /* bytes of output for one of input */

static void text_begin(render_t *render, sqlite3_stmt *statement);
static void text_row(render_t *render, sqlite3_stmt *statement);
static int text_again(render_t *render);
static void text_end(render_t *render);
static void keep_cell(render_t *render, const cell_t *cell, int column);
static void print_cell(render_t *render, const cell_t *cell, int column);
static void print_head(render_t *render);
static void print_kept(render_t *render);
static void pad(render_t *render, int column, size_t width);
static size_t cell_width(const cell_t *cell);
static void put_shown(sink_t *sink, const cell_t *cell);
static int is_plain(unsigned char byte);
static char *show_control(char *out, unsigned char byte);

const render_kind_t render_text_kind = {
    text_begin,
    text_row,
    text_again,
    text_end
};


static void
text_begin(render_t *render, sqlite3_stmt *statement)
{
    render_columns(render, statement);

    for (int i = 0; i < render->columns; i++) {
        const char *name = sqlite3_column_name(statement, i);
        size_t width = 0;

        name = name ? name : "";

        for (size_t left = strlen(name); left > 0; /* void */) {
            size_t used = render_visible(&render->names, name, left, &width);

            name += used;
            left -= used;
        }

        qsn_buf_byte(&render->names, '\0');
        render_width(render, i, width);
    }

    render->failed |= render->names.failed;
}


static void
text_row(render_t *render, sqlite3_stmt *statement)
{
    cell_t cell;

    for (int i = 0; i < render->columns; i++) {
        render_cell(render, sqlite3_column_value(statement, i), &cell);

        if (render->printing) {
            print_cell(render, &cell, i);
        } else if (render->overflown) {
            render_width(render, i, cell_width(&cell));
        } else {
            keep_cell(render, &cell, i);
        }
    }

    if (render->printing) {
        qsn_buf_byte(&render->sink->buf, '\n');
        sink_check(render->sink);
    }
}


static int
text_again(render_t *render)
{
    if (!render->overflown || render->printing) {
        return 0;
    }

    print_head(render);
    render->printing = 1;
    render->rows = 0;
    render->truncated = NULL;

    return 1;
}


static void
text_end(render_t *render)
{
    qsn_buf_t *buf = &render->sink->buf;
    char number[NUMBER_SIZE];

    if (!render->printing) {
        print_head(render);
        print_kept(render);
    }

    qsn_buf_append(buf, number,
                   number_from_int(number, (int64_t) render->rows));
    qsn_buf_string(buf, " rows returned\n");
    render_truncated(render, "");
    qsn_buf_string(buf, render->truncated ? "\n" : "");
}


static void
keep_cell(render_t *render, const cell_t *cell, int column)
{
    qsn_buf_t *kept = &render->kept;
    size_t head = kept->length;
    size_t width = cell_width(cell);
    uint32_t sizes[2] = { 0, 0 };

    render_width(render, column, width);

    if (kept->length + cell->length > KEPT_MAX) {
        render->overflown = 1;
        qsn_buf_free(kept);
        return;
    }

    if (render->overflown) {
        return;
    }

    qsn_buf_append(kept, sizes, sizeof(sizes));

    if (cell->kind == CELL_HEX) {
        qsn_buf_append(kept, "x'", 2);
        cell_hex(kept, cell->data, cell->length);
        qsn_buf_byte(kept, '\'');

    } else {
        size_t ignored = 0;

        for (size_t done = 0; done < cell->length; /* void */) {
            done += render_visible(kept, cell->data + done,
                                   cell->length - done, &ignored);
        }
    }

    if (kept->failed) {
        render->failed = 1;
        return;
    }

    sizes[0] = (uint32_t) width;
    sizes[1] = (uint32_t) (kept->length - head - sizeof(sizes));
    memcpy(kept->data + head, sizes, sizeof(sizes));
}


static void
print_cell(render_t *render, const cell_t *cell, int column)
{
    pad(render, column, cell_width(cell));
    put_shown(render->sink, cell);
}


static void
print_head(render_t *render)
{
    qsn_buf_t *buf = &render->sink->buf;
    const char *name = render->names.data;

    if (render->failed) {
        return;
    }

    for (int i = 0; i < render->columns; i++) {
        size_t length = strlen(name);
        size_t width = 0;

        for (size_t j = 0; j < length; j++) {
            width += ((unsigned char) name[j] & 0xc0) != 0x80;
        }

        pad(render, i, width);
        qsn_buf_append(buf, name, length);
        name += length + 1;
    }

    qsn_buf_byte(buf, '\n');

    for (int i = 0; i < render->columns; i++) {
        size_t left = render->widths[i];

        qsn_buf_string(buf, i ? "  " : "");

        while (left > 0) {
            size_t piece = left < SINK_PIECE ? left : SINK_PIECE;

            qsn_buf_fill(buf, '=', piece);
            left -= piece;
            sink_check(render->sink);
        }
    }

    qsn_buf_byte(buf, '\n');
}


/* Padding makes more of the rows than they were when they were kept: what
   an answer may have is looked at again. */
static void
print_kept(render_t *render)
{
    qsn_buf_t kept = render->kept;
    qsn_buf_t *buf = &render->sink->buf;
    const char *truncated = render->truncated;
    uint64_t rows = render->rows;
    size_t at = 0;
    int column = 0;

    render->kept = (qsn_buf_t) { 0 };
    render->truncated = NULL;
    render->rows = 0;

    while (at < kept.length && !(column == 0 && render_is_full(render))) {
        uint32_t sizes[2];

        memcpy(sizes, kept.data + at, sizeof(sizes));
        at += sizeof(sizes);

        pad(render, column, sizes[0]);
        qsn_buf_append(buf, kept.data + at, sizes[1]);
        at += sizes[1];

        if (++column == render->columns) {
            qsn_buf_byte(buf, '\n');
            column = 0;
            render->rows++;
        }

        sink_check(render->sink);
    }

    if (render->rows == rows) {
        render->truncated = truncated;
    }

    qsn_buf_free(&kept);
}


/* What stands before a cell of that width. */
static void
pad(render_t *render, int column, size_t width)
{
    qsn_buf_t *buf = &render->sink->buf;
    size_t left = render->widths[column] > width
                  ? render->widths[column] - width : 0;

    left += column ? 2 : 0;

    while (left > SINK_PIECE) {
        qsn_buf_fill(buf, ' ', SINK_PIECE);
        left -= SINK_PIECE;
        sink_check(render->sink);
    }

    qsn_buf_fill(buf, ' ', left);
}


static size_t
cell_width(const cell_t *cell)
{
    size_t width = 0;

    if (cell->kind == CELL_HEX) {
        return cell_hex_width(cell->length);
    }

    if (cell->kind != CELL_TEXT) {
        return cell->length;
    }

    for (size_t done = 0; done < cell->length; /* void */) {
        done += render_visible(NULL, cell->data + done, cell->length - done,
                               &width);
    }

    return width;
}


static void
put_shown(sink_t *sink, const cell_t *cell)
{
    size_t ignored = 0;

    if (cell->kind == CELL_HEX) {
        qsn_buf_append(&sink->buf, "x'", 2);
    }

    for (size_t done = 0; done < cell->length; /* void */) {
        size_t left = cell->length - done;

        if (cell->kind == CELL_HEX) {
            left = left < SINK_PIECE ? left : SINK_PIECE;
            cell_hex(&sink->buf, cell->data + done, left);
            done += left;

        } else {
            done += render_visible(&sink->buf, cell->data + done, left,
                                   &ignored);
        }

        sink_check(sink);
    }

    if (cell->kind == CELL_HEX) {
        qsn_buf_byte(&sink->buf, '\'');
    }
}


size_t
render_visible(qsn_buf_t *out, const char *data, size_t left, size_t *width)
{
    size_t piece = left < SINK_PIECE ? left : SINK_PIECE;
    char scratch[SHOWN_MAX];
    char *start = out ? qsn_buf_reserve(out, (piece + 1) * SHOWN_MAX) : NULL;
    char *p = start;
    size_t i = 0;

    if (out && start == NULL) {
        return left;
    }

    while (i < piece) {
        size_t from = i;

        while (i < piece && is_plain((unsigned char) data[i])) {
            i++;
        }

        if (p) {
            memcpy(p, data + from, i - from);
            p += i - from;
        }

        *width += i - from;

        if (i == piece) {
            break;
        }

        unsigned char byte = (unsigned char) data[i];
        size_t size = qsn_utf8_size(data + i, left - i);
        char *to = p ? p : scratch;
        char *end;

        if (byte < 0x80 || (size == 2 && byte == 0xc2
                            && (unsigned char) data[i + 1] < 0xa0))
        {
            end = show_control(to, (unsigned char) data[i + size - 1]);
            *width += (size_t) (end - to);

        } else {
            memcpy(to, size ? data + i : "\xef\xbf\xbd", size ? size : 3);
            end = to + (size ? size : 3);
            ++*width;
        }

        p = p ? end : NULL;
        i += size ? size : 1;
    }

    if (out) {
        qsn_buf_commit(out, (size_t) (p - start));
    }

    return i;
}


static int
is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f;
}


static char *
show_control(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    *out++ = '\\';

    switch (byte) {
    case '\n':
        *out++ = 'n';
        return out;
    case '\r':
        *out++ = 'r';
        return out;
    case '\t':
        *out++ = 't';
        return out;
    default:
        *out++ = 'x';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
        return out;
    }
}
