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
render_cell(render_t *render, sqlite3_stmt *statement, int column,
    cell_t *cell)
{
    if (cell_load(cell, statement, column) == -1) {
        cell->kind = CELL_NULL;
        render->failed = 1;
    }
}
