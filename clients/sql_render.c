/* The modes by name, and what they share. */

#include "sql_render.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {
    "table", "csv", "tsv", "json", "ndjson", "markdown", "line"
};


int
sql_render_parse_mode(const char *name, enum sql_mode *mode)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(names[i], name) == 0) {
            *mode = (enum sql_mode) i;
            return 0;
        }
    }

    return -1;
}


const char *
sql_render_mode_name(enum sql_mode mode)
{
    return mode < sizeof(names) / sizeof(names[0]) ? names[mode] : NULL;
}


int
sql_render(const sql_result_t *result, const sql_format_t *format,
    sql_output_t *output)
{
    switch (format->mode) {

    case SQL_MODE_TABLE:
    case SQL_MODE_MARKDOWN:
    case SQL_MODE_LINE:
        return sql_render_people(result, format, output);

    default:
        return sql_render_programs(result, format, output);
    }
}


const char *
sql_render_change(const sql_result_t *result, size_t row)
{
    switch (result->marks ? result->marks[row] : SQL_MARK_SAME) {

    case SQL_MARK_NEW:
        return "new";

    case SQL_MARK_CHANGED:
        return "changed";

    case SQL_MARK_GONE:
        return "gone";

    default:
        return "";
    }
}
