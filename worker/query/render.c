/* What the three renderers share. */

#include "render.h"

#include <stdlib.h>
#include <string.h>


int
render_init(render_t *render, enum qsn_format format, int native,
    const char *identity, sink_t *sink)
{
    memset(render, 0, sizeof(*render));

    render->sink = sink;
    render->identity = identity;
    render->native = native;
    render->kind = format == QSN_FORMAT_TEXT ? &render_text_kind
                   : format == QSN_FORMAT_HTML ? &render_html_kind
                   : format == QSN_FORMAT_JSON ? &render_json_kind : NULL;

    return render->kind ? 0 : -1;
}


void
render_free(render_t *render)
{
    free(render->widths);
    qsn_buf_free(&render->names);
    qsn_buf_free(&render->kept);
}


int
render_is_full(render_t *render)
{
    uint64_t bytes = render->sink->flushed + render->sink->buf.length
                     + render->kept.length;

    if (render->max_rows && render->rows >= render->max_rows) {
        render->truncated = "query_max_rows";
    } else if (render->max_bytes && bytes >= render->max_bytes) {
        render->truncated = "query_max_bytes";
    }

    return render->truncated != NULL;
}


void
render_truncated(render_t *render, const char *before)
{
    if (render->truncated) {
        qsn_buf_string(&render->sink->buf, before);
        qsn_buf_string(&render->sink->buf, "truncated: option ");
        qsn_buf_string(&render->sink->buf, render->truncated);
        qsn_buf_string(&render->sink->buf, " allows no more");
    }
}


void
render_columns(render_t *render, sqlite3_stmt *statement)
{
    render->columns = sqlite3_column_count(statement);
    render->widths = calloc((size_t) render->columns + 1,
                            sizeof(*render->widths));

    if (render->widths == NULL) {
        render->columns = 0;
        render->failed = 1;
    }
}


void
render_cell(render_t *render, sqlite3_value *value, cell_t *cell)
{
    if (cell_load(cell, value) == -1) {
        cell->kind = CELL_NULL;
        render->failed = 1;
    }
}
