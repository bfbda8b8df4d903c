#ifndef SQL_RENDER_H
#define SQL_RENDER_H

/*
 * A result in one of the output modes.  table, line and markdown are for
 * people: control characters are shown as \n or \xNN everywhere.  csv, tsv,
 * json and ndjson are for programs: the values are exact, except on a
 * terminal (sql_output.h).
 *
 * Marks of .watch are a column of signs in the first group, and a first
 * column "change" (new, changed, gone) in the second.
 */

#include "sql_output.h"
#include "sql_result.h"

enum sql_mode {
    SQL_MODE_TABLE,
    SQL_MODE_CSV,
    SQL_MODE_TSV,
    SQL_MODE_JSON,
    SQL_MODE_NDJSON,
    SQL_MODE_MARKDOWN,
    SQL_MODE_LINE
};

#define SQL_MODE_NAMES  "table, csv, tsv, json, ndjson, markdown, line"

typedef struct {
    enum sql_mode mode;
    int headers;
    const char *null_text;      /* what NULL looks like; not in JSON */
    size_t width;               /* of the terminal; 0: never cut */
    int colour;                 /* marks may use escape sequences */
} sql_format_t;

/* 0 and *mode, or -1. */
int sql_render_parse_mode(const char *name, enum sql_mode *mode);

/* The name of a mode, NULL past the last. */
const char *sql_render_mode_name(enum sql_mode mode);

/* 0, or -1: output->error. */
int sql_render(const sql_result_t *result, const sql_format_t *format,
    sql_output_t *output);

/* Columns that the whole result would take as a table. */
size_t sql_render_table_width(const sql_result_t *result,
    const sql_format_t *format);

/* "new", "changed", "gone" or "" of a row. */
const char *sql_render_change(const sql_result_t *result, size_t row);

/* The two groups, for sql_render() alone. */
int sql_render_people(const sql_result_t *result, const sql_format_t *format,
    sql_output_t *output);
int sql_render_programs(const sql_result_t *result,
    const sql_format_t *format, sql_output_t *output);

#endif
