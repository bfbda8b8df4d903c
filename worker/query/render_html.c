/*
 * A small page with the result as a table, and the same page around an
 * error: what the original's addresses (/tables, /desc, /query) answer, and
 * what works without scripts.  Its links are relative, so it works under
 * any prefix.  Everything that comes from users or tables is escaped;
 * control characters, which HTML does not allow, are shown as in text.
 */

#include "render.h"

#include <string.h>

static void html_begin(render_t *render, sqlite3_stmt *statement);
static void html_row(render_t *render, sqlite3_stmt *statement);
static void html_end(render_t *render);
static int is_table_name(sqlite3_stmt *statement, int column);
static void put_table_link(render_t *render, const cell_t *cell);
static void put_cell(render_t *render, const cell_t *cell);
static void put_text(render_t *render, const char *data, size_t length);
static void escape(qsn_buf_t *out, const char *data, size_t length);
static const char *entity_of(char byte);
static void put_visible(qsn_buf_t *out, const char *data, size_t length);

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
    "<title>";
static const char head_end[] =
    "</title>\n<style>"
    "body{font:15px/1.4 sans-serif;margin:1.5em}"
    "table{border-collapse:collapse}"
    "th,td{border:1px solid #bbb;padding:.2em .5em;text-align:left;"
    "white-space:pre-wrap}"
    "th{background:#eee}textarea{width:40em;max-width:90%}"
    "</style></head>\n<body>\n"
    "<nav><a href=\"tables\">Tables</a></nav>\n"
    "<form action=\"query\"><p><label>SQL<br>"
    "<textarea name=\"sql\" rows=\"3\"></textarea></label> "
    "<button>Query</button></p></form>\n";
static const char link_open[] = "<a href=\"desc?tablename=";
static const char tail[] = "</body>\n</html>\n";

const render_kind_t render_html_kind = {
    html_begin,
    html_row,
    NULL,
    html_end
};


void
render_html_page(qsn_buf_t *out, const char *title, const char *text,
    size_t length)
{
    qsn_buf_string(out, head);
    escape(out, title, strlen(title));
    qsn_buf_string(out, head_end);
    qsn_buf_string(out, "<p>");
    escape(out, text, length);
    qsn_buf_string(out, "</p>\n");
    qsn_buf_string(out, tail);
}


static void
html_begin(render_t *render, sqlite3_stmt *statement)
{
    qsn_buf_t *buf = &render->sink->buf;

    render_columns(render, statement);

    qsn_buf_string(buf, head);
    put_text(render, render->identity, strlen(render->identity));
    qsn_buf_string(buf, head_end);
    qsn_buf_string(buf, "<table>\n<thead><tr>");

    for (int i = 0; i < render->columns; i++) {
        const char *name = sqlite3_column_name(statement, i);

        name = name ? name : "";
        qsn_buf_string(buf, "<th>");
        put_text(render, name, strlen(name));
        qsn_buf_string(buf, "</th>");
    }

    qsn_buf_string(buf, "</tr></thead>\n<tbody>\n");
}


static void
html_row(render_t *render, sqlite3_stmt *statement)
{
    qsn_buf_t *buf = &render->sink->buf;
    cell_t cell;

    qsn_buf_append(buf, "<tr>", 4);

    for (int i = 0; i < render->columns; i++) {
        render_cell(render, sqlite3_column_value(statement, i), &cell);
        qsn_buf_append(buf, "<td>", 4);

        if (is_table_name(statement, i)) {
            put_table_link(render, &cell);
        } else {
            put_cell(render, &cell);
        }

        qsn_buf_append(buf, "</td>", 5);
        sink_check(render->sink);
    }

    qsn_buf_append(buf, "</tr>\n", 6);
}


static void
html_end(render_t *render)
{
    qsn_buf_t *buf = &render->sink->buf;
    char number[NUMBER_SIZE];

    qsn_buf_string(buf, "</tbody>\n</table>\n<p>");
    qsn_buf_append(buf, number,
                   number_from_int(number, (int64_t) render->rows));
    qsn_buf_string(buf, " rows returned");
    render_truncated(render, ", ");
    qsn_buf_string(buf, "</p>\n");
    qsn_buf_string(buf, tail);
}


/* SHOW TABLES and what else tells table names: they lead to DESC. */
static int
is_table_name(sqlite3_stmt *statement, int column)
{
    const char *name = sqlite3_column_name(statement, column);

    return name && strcmp(name, "tablename") == 0;
}


/* A cell that is no name of ours gives a link that finds nothing. */
static void
put_table_link(render_t *render, const cell_t *cell)
{
    qsn_buf_append(&render->sink->buf, link_open, sizeof(link_open) - 1);
    put_cell(render, cell);
    qsn_buf_append(&render->sink->buf, "\">", 2);
    put_cell(render, cell);
    qsn_buf_append(&render->sink->buf, "</a>", 4);
}


static void
put_cell(render_t *render, const cell_t *cell)
{
    sink_t *sink = render->sink;

    if (cell->kind != CELL_HEX) {
        put_text(render, cell->data, cell->length);
        return;
    }

    qsn_buf_append(&sink->buf, "x'", 2);

    for (size_t done = 0; done < cell->length; /* void */) {
        size_t piece = cell->length - done;

        piece = piece < SINK_PIECE ? piece : SINK_PIECE;
        cell_hex(&sink->buf, cell->data + done, piece);
        done += piece;
        sink_check(sink);
    }

    qsn_buf_byte(&sink->buf, '\'');
}


static void
put_text(render_t *render, const char *data, size_t length)
{
    while (length > 0) {
        size_t piece = length < SINK_PIECE ? length : SINK_PIECE;

        /* A character is not cut in two. */
        for (int i = 0; i < 3 && piece < length
             && ((unsigned char) data[piece] & 0xc0) == 0x80; i++)
        {
            piece++;
        }

        escape(&render->sink->buf, data, piece);
        data += piece;
        length -= piece;
        sink_check(render->sink);
    }
}


/* One pass over what needs no escaping, then one character that does. */
static void
escape(qsn_buf_t *out, const char *data, size_t length)
{
    size_t from = 0;

    for (size_t i = 0; i < length; i++) {
        const char *entity = entity_of(data[i]);

        if (entity) {
            put_visible(out, data + from, i - from);
            qsn_buf_string(out, entity);
            from = i + 1;
        }
    }

    put_visible(out, data + from, length - from);
}


static const char *
entity_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}


static void
put_visible(qsn_buf_t *out, const char *data, size_t length)
{
    size_t ignored = 0;

    for (size_t done = 0; done < length; /* void */) {
        done += render_visible(out, data + done, length - done, &ignored);
    }
}
