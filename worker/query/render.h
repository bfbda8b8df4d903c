#ifndef RENDER_H
#define RENDER_H

/*
 * A result table as JSON, aligned text or HTML, row by row into a sink.
 * The executor calls begin() after the statement's first step, row() for each
 * row it steps to, then again(): where that says so, it runs the statement
 * from its start once more (text has to know widths before it prints, and
 * keeps rows in memory only up to a bound).  end() writes what is left.
 */

#include <stdint.h>

#include <sqlite3.h>

#include "cell.h"
#include "qsn_op.h"
#include "sink.h"

typedef struct render render_t;

typedef struct {
    void (*begin)(render_t *render, sqlite3_stmt *statement);
    void (*row)(render_t *render, sqlite3_stmt *statement);
    int (*again)(render_t *render);     /* NULL: one run will do */
    void (*end)(render_t *render);
} render_kind_t;

struct render {
    const render_kind_t *kind;
    sink_t *sink;
    const char *identity;       /* the server's */
    int native;                 /* JSON: numbers and null as such */
    int columns;
    size_t *widths;             /* characters, of each column */
    uint64_t rows;
    int failed;                 /* out of memory */

    /* set by the caller, 0: any number */
    uint64_t max_rows;
    uint64_t max_bytes;         /* looked at after each row */
    const char *truncated;      /* the option that ended it, NULL: none */

    /* text alone */
    qsn_buf_t names;            /* column names as shown, NUL after each */
    qsn_buf_t kept;             /* rows waiting for the widths */
    int overflown;              /* they were too many to keep */
    int printing;               /* widths are known, rows go out */
};

/* Nothing is copied; render_free() is due even when this says -1. */
int render_init(render_t *render, enum qsn_format format, int native,
    const char *identity, sink_t *sink);
void render_free(render_t *render);

/* Asked when there is one more row: whether that is one too many, which
   ->truncated then says. */
int render_is_full(render_t *render);

/* For the kinds. */
extern const render_kind_t render_json_kind;
extern const render_kind_t render_text_kind;
extern const render_kind_t render_html_kind;

/* Sets columns, allocates widths (zero). */
void render_columns(render_t *render, sqlite3_stmt *statement);

/* Appends BEFORE and how the option that ended the result allows no more;
   nothing if none did. */
void render_truncated(render_t *render, const char *before);

/* Loads a cell, remembers a failure.  What it holds is always printable. */
void render_cell(render_t *render, sqlite3_value *value, cell_t *cell);

static inline void
render_width(render_t *render, int column, size_t width)
{
    if (width > render->widths[column]) {
        render->widths[column] = width;
    }
}

/* The way text shows a piece of at most SINK_PIECE bytes: control
   characters as \n, \t, \xNN.  out NULL: measures only.  *width grows by the
   characters shown.  Returns the bytes consumed: a character that begins in
   the piece is taken whole, left says how many bytes there are. */
size_t render_visible(qsn_buf_t *out, const char *data, size_t left,
    size_t *width);

/* Appends a whole page of HTML that says text, escaped. */
void render_html_page(qsn_buf_t *out, const char *title, const char *text,
    size_t length);

/* Appends a piece of JSON string, like render_visible(). */
size_t render_json_text(qsn_buf_t *out, const char *data, size_t left,
    size_t *width);

#endif
