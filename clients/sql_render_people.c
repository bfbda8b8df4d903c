/*
 * table, markdown and line.
 *
 * A table that is wider than the terminal first gives up width where there
 * is most of it: the widest columns of text are cut to one common width, the
 * largest that fits.  Numbers are never cut, a wrong number is worse than
 * none.  What still does not fit is left out, and the table says so.
 */

#include "sql_render.h"

#include <stdlib.h>
#include <string.h>

#include "sql_text.h"

#define GAP          2          /* spaces between columns */
#define NARROWEST    8          /* a column of text is not cut below that */
#define MARK_WIDTH   2          /* a sign and a space */
#define ELLIPSIS     "\xe2\x80\xa6"

#define COLOUR_NEW      "\x1b[32m"
#define COLOUR_CHANGED  "\x1b[1;33m"
#define COLOUR_GONE     "\x1b[31m"
#define COLOUR_OFF      "\x1b[0m"

typedef struct {
    size_t wanted;              /* columns of its widest cell or name */
    size_t least;               /* it is not cut below */
    size_t width;               /* what it gets */
    int is_number;
} column_t;

typedef struct {
    const sql_result_t *result;
    const sql_format_t *format;
    sql_output_t *output;
    column_t *columns;
    size_t shown;               /* columns that are not left out */
    int is_cut;
} table_t;

static int render_table(table_t *table);
static int render_markdown(table_t *table);
static int render_line(table_t *table);
static int measure(table_t *table);
static size_t whole_width(const table_t *table, size_t cap);
static void fit(table_t *table);
static void put_names(table_t *table);
static void put_row(table_t *table, size_t row);
static void put_summary(table_t *table);
static void put_aligned(table_t *table, size_t column, const char *text,
    size_t length, const char *colour);
static const char *row_colour(const table_t *table, size_t row);
static const char *cell_colour(const table_t *table, size_t row,
    size_t column);
static void put_markdown_row(table_t *table, size_t row);
static void put_markdown_text(qsn_buf_t *out, const char *text,
    size_t length);
static void put_record(table_t *table, size_t row, size_t name_width);
static void cell_text(const table_t *table, size_t row, size_t column,
    const char **text, size_t *length);
static size_t all_rows(const sql_result_t *result);


int
sql_render_people(const sql_result_t *result, const sql_format_t *format,
    sql_output_t *output)
{
    table_t table = { .result = result, .format = format, .output = output };
    int rc = -1;

    if (measure(&table) != 0) {
        output->buf.failed = 1;
    } else if (format->mode == SQL_MODE_TABLE) {
        rc = render_table(&table);
    } else if (format->mode == SQL_MODE_MARKDOWN) {
        rc = render_markdown(&table);
    } else {
        rc = render_line(&table);
    }

    free(table.columns);

    return rc;
}


size_t
sql_render_table_width(const sql_result_t *result, const sql_format_t *format)
{
    table_t table = { .result = result, .format = format };
    size_t width = 0;

    if (measure(&table) == 0) {
        width = whole_width(&table, SQL_TEXT_NO_LIMIT);
    }

    free(table.columns);

    return width;
}


static int
measure(table_t *table)
{
    const sql_result_t *result = table->result;
    size_t rows = all_rows(result);

    table->columns = calloc(result->columns ? result->columns : 1,
                            sizeof(column_t));
    if (table->columns == NULL) {
        return -1;
    }

    table->shown = result->columns;

    for (size_t i = 0; i < result->columns; i++) {
        column_t *column = &table->columns[i];
        int numbers = 0, others = 0;

        for (size_t row = 0; row < rows; row++) {
            const char *text;
            size_t length;

            cell_text(table, row, i, &text, &length);

            size_t width = sql_text_width(text, length);
            enum reply_kind kind = sql_result_cell(result, row, i)->kind;

            column->wanted = width > column->wanted ? width : column->wanted;
            numbers += kind == REPLY_NUMBER;
            others += kind != REPLY_NUMBER && kind != REPLY_NULL;
        }

        column->is_number = numbers > 0 && others == 0;
        column->least = column->is_number ? column->wanted : NARROWEST;

        if (table->format->headers || table->format->mode != SQL_MODE_TABLE) {
            size_t width = sql_text_width(result->names[i].text,
                                          result->names[i].length);

            column->wanted = width > column->wanted ? width : column->wanted;
        }

        column->width = column->wanted;
    }

    return 0;
}


/* The table's width with no column of text wider than cap. */
static size_t
whole_width(const table_t *table, size_t cap)
{
    size_t count = table->result->columns;
    size_t width = table->result->marks ? MARK_WIDTH : 0;

    width += count > 0 ? (count - 1) * GAP : 0;

    for (size_t i = 0; i < count; i++) {
        const column_t *column = &table->columns[i];
        size_t limit = cap > column->least ? cap : column->least;

        width += column->wanted < limit ? column->wanted : limit;
    }

    return width;
}


static void
fit(table_t *table)
{
    size_t width = table->format->width;
    size_t low = NARROWEST, high = width;

    if (width == 0 || whole_width(table, SQL_TEXT_NO_LIMIT) <= width) {
        return;
    }

    table->is_cut = 1;

    while (low < high) {
        size_t cap = low + (high - low + 1) / 2;

        if (whole_width(table, cap) <= width) {
            low = cap;
        } else {
            high = cap - 1;
        }
    }

    for (size_t i = 0; i < table->result->columns; i++) {
        column_t *column = &table->columns[i];
        size_t limit = low > column->least ? low : column->least;

        column->width = column->wanted < limit ? column->wanted : limit;
    }

    if (whole_width(table, low) <= width) {
        return;
    }

    /* even so too wide: as many columns as there is room for, and a sign */
    size_t used = table->result->marks ? MARK_WIDTH : 0;
    size_t room = width > GAP + 1 ? width - GAP - 1 : 1;

    table->shown = 0;

    for (size_t i = 0; i < table->result->columns; i++) {
        if (used + table->columns[i].width > room && i > 0) {
            break;
        }

        used += table->columns[i].width + GAP;
        table->shown++;
    }

    if (table->shown == 1 && table->columns[0].width > room) {
        table->columns[0].width = room;
    }
}


static int
render_table(table_t *table)
{
    size_t rows = all_rows(table->result);

    fit(table);

    if (table->format->headers) {
        put_names(table);
    }

    for (size_t row = 0; row < rows; row++) {
        put_row(table, row);

        if (sql_output_check(table->output) != 0) {
            return -1;
        }
    }

    if (table->format->headers) {
        put_summary(table);
    }

    return sql_output_check(table->output);
}


static void
put_names(table_t *table)
{
    qsn_buf_t *out = &table->output->buf;
    const sql_result_t *result = table->result;
    const char *sign = table->shown < result->columns ? "  " ELLIPSIS : "";

    qsn_buf_fill(out, ' ', result->marks ? MARK_WIDTH : 0);

    for (size_t i = 0; i < table->shown; i++) {
        put_aligned(table, i, result->names[i].text, result->names[i].length,
                    NULL);
    }

    qsn_buf_string(out, sign);
    qsn_buf_byte(out, '\n');
    qsn_buf_fill(out, ' ', result->marks ? MARK_WIDTH : 0);

    for (size_t i = 0; i < table->shown; i++) {
        qsn_buf_fill(out, ' ', i ? GAP : 0);
        qsn_buf_fill(out, '=', table->columns[i].width);
    }

    qsn_buf_byte(out, '\n');
}


static void
put_row(table_t *table, size_t row)
{
    qsn_buf_t *out = &table->output->buf;
    const sql_result_t *result = table->result;

    if (result->marks) {
        const char *colour = row_colour(table, row);

        qsn_buf_string(out, colour ? colour : "");
        qsn_buf_byte(out, result->marks[row]);
        qsn_buf_string(out, colour ? COLOUR_OFF : "");
        qsn_buf_byte(out, ' ');
    }

    for (size_t i = 0; i < table->shown; i++) {
        const char *text;
        size_t length;

        cell_text(table, row, i, &text, &length);
        put_aligned(table, i, text, length, cell_colour(table, row, i));
    }

    qsn_buf_string(out, table->shown < result->columns ? "  " ELLIPSIS : "");
    qsn_buf_byte(out, '\n');
}


static void
put_aligned(table_t *table, size_t column, const char *text, size_t length,
    const char *colour)
{
    qsn_buf_t *out = &table->output->buf;
    const column_t *as = &table->columns[column];
    size_t width = sql_text_width(text, length);
    size_t spaces = width < as->width ? as->width - width : 0;

    qsn_buf_fill(out, ' ', column ? GAP : 0);
    qsn_buf_fill(out, ' ', as->is_number ? spaces : 0);
    qsn_buf_string(out, colour ? colour : "");
    width = sql_text_put(out, text, length, as->width);
    qsn_buf_string(out, colour ? COLOUR_OFF : "");

    /* a wide character that had to go leaves a column */
    if (!as->is_number && column + 1 < table->result->columns) {
        qsn_buf_fill(out, ' ', as->width - width);
    }
}


static void
put_summary(table_t *table)
{
    const sql_result_t *result = table->result;
    qsn_buf_t *out = &table->output->buf;

    qsn_buf_printf(out, "%zu rows returned", result->rows);

    if (result->marks) {
        size_t fresh = 0, changed = 0;

        for (size_t i = 0; i < result->rows; i++) {
            fresh += result->marks[i] == SQL_MARK_NEW;
            changed += result->marks[i] == SQL_MARK_CHANGED;
        }

        qsn_buf_printf(out, " (%zu new, %zu changed, %zu gone)", fresh,
                       changed, result->gone);
    }

    qsn_buf_string(out, result->truncated_by ? ", and there are more" : "");
    qsn_buf_string(out, table->is_cut
                        ? ", too wide for this terminal: .pager on or"
                          " .mode line shows all\n" : "\n");
}


static const char *
row_colour(const table_t *table, size_t row)
{
    if (!table->format->colour) {
        return NULL;
    }

    switch (table->result->marks ? table->result->marks[row] : SQL_MARK_SAME)
    {

    case SQL_MARK_NEW:
        return COLOUR_NEW;

    case SQL_MARK_CHANGED:
        return COLOUR_CHANGED;

    case SQL_MARK_GONE:
        return COLOUR_GONE;

    default:
        return NULL;
    }
}


/* Of a row that changed, only the cells that did. */
static const char *
cell_colour(const table_t *table, size_t row, size_t column)
{
    const sql_result_t *result = table->result;

    if (result->marks && result->marks[row] == SQL_MARK_CHANGED
        && !result->changed[row * result->columns + column])
    {
        return NULL;
    }

    return row_colour(table, row);
}


static int
render_markdown(table_t *table)
{
    qsn_buf_t *out = &table->output->buf;
    const sql_result_t *result = table->result;

    qsn_buf_string(out, result->marks ? "|   |" : "|");

    for (size_t i = 0; i < result->columns; i++) {
        qsn_buf_byte(out, ' ');
        put_markdown_text(out, result->names[i].text,
                          result->names[i].length);
        qsn_buf_string(out, " |");
    }

    qsn_buf_string(out, result->marks ? "\n|---|" : "\n|");

    for (size_t i = 0; i < result->columns; i++) {
        qsn_buf_string(out, table->columns[i].is_number ? "---:|" : "---|");
    }

    qsn_buf_byte(out, '\n');

    for (size_t row = 0; row < all_rows(result); row++) {
        put_markdown_row(table, row);

        if (sql_output_check(table->output) != 0) {
            return -1;
        }
    }

    return 0;
}


static void
put_markdown_row(table_t *table, size_t row)
{
    qsn_buf_t *out = &table->output->buf;
    const sql_result_t *result = table->result;

    qsn_buf_byte(out, '|');

    if (result->marks) {
        const char mark[] = { ' ', result->marks[row], ' ', '|', '\0' };

        qsn_buf_string(out, mark);
    }

    for (size_t i = 0; i < result->columns; i++) {
        const char *text;
        size_t length;

        cell_text(table, row, i, &text, &length);
        qsn_buf_byte(out, ' ');
        put_markdown_text(out, text, length);
        qsn_buf_string(out, " |");
    }

    qsn_buf_byte(out, '\n');
}


/* What Markdown or the HTML behind it would take for markup is escaped. */
static void
put_markdown_text(qsn_buf_t *out, const char *text, size_t length)
{
    size_t plain = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0' || strchr("|\\`*<&\n", text[i]) == NULL) {
            continue;
        }

        sql_text_put(out, text + plain, i - plain, SQL_TEXT_NO_LIMIT);
        plain = i + 1;

        if (text[i] == '\n') {
            qsn_buf_string(out, "<br>");

        } else {
            if (text[i] == '<' || text[i] == '&') {
                qsn_buf_string(out, text[i] == '<' ? "&lt;" : "&amp;");
                continue;
            }

            qsn_buf_byte(out, '\\');
            qsn_buf_byte(out, text[i]);
        }
    }

    sql_text_put(out, text + plain, length - plain, SQL_TEXT_NO_LIMIT);
}


static int
render_line(table_t *table)
{
    const sql_result_t *result = table->result;
    size_t name_width = 0;

    for (size_t i = 0; i < result->columns; i++) {
        size_t width = sql_text_width(result->names[i].text,
                                      result->names[i].length);

        name_width = width > name_width ? width : name_width;
    }

    for (size_t row = 0; row < all_rows(result); row++) {
        if (row > 0) {
            qsn_buf_byte(&table->output->buf, '\n');
        }

        put_record(table, row, name_width);

        if (sql_output_check(table->output) != 0) {
            return -1;
        }
    }

    return 0;
}


static void
put_record(table_t *table, size_t row, size_t name_width)
{
    qsn_buf_t *out = &table->output->buf;
    const sql_result_t *result = table->result;

    for (size_t i = 0; i < result->columns; i++) {
        const reply_cell_t *name = &result->names[i];
        const char *colour = cell_colour(table, row, i);
        const char *text;
        size_t length;

        if (result->marks) {
            int is_changed = result->marks[row] != SQL_MARK_CHANGED
                || result->changed[row * result->columns + i];

            qsn_buf_byte(out, is_changed ? result->marks[row] : ' ');
            qsn_buf_byte(out, ' ');
        }

        qsn_buf_fill(out, ' ',
                     name_width - sql_text_width(name->text, name->length));
        sql_text_put(out, name->text, name->length, SQL_TEXT_NO_LIMIT);
        qsn_buf_string(out, " = ");

        cell_text(table, row, i, &text, &length);
        qsn_buf_string(out, colour ? colour : "");
        sql_text_put(out, text, length, SQL_TEXT_NO_LIMIT);
        qsn_buf_string(out, colour ? COLOUR_OFF : "");
        qsn_buf_byte(out, '\n');
    }
}


static void
cell_text(const table_t *table, size_t row, size_t column, const char **text,
    size_t *length)
{
    const reply_cell_t *cell = sql_result_cell(table->result, row, column);
    int is_null = cell->kind == REPLY_NULL;

    *text = is_null ? table->format->null_text : cell->text;
    *length = is_null ? strlen(*text) : cell->length;
}


static size_t
all_rows(const sql_result_t *result)
{
    return result->rows + result->gone;
}
