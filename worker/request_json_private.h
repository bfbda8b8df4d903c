#ifndef REQUEST_JSON_PRIVATE_H
#define REQUEST_JSON_PRIVATE_H

/*
 * A JSON body's parser, between its two halves: request_json.c has the
 * bytes, request_json_events.c what yajl finds in them.
 */

#include <yajl/yajl_parse.h>

#include "qsn_buf.h"
#include "request_json.h"

enum place {
    AT_START,                   /* before the outermost { */
    AT_KEY,                     /* inside it, between members */
    AT_SKIPPED,                 /* value of a key nobody asks for */
    AT_OP,
    AT_IDENTITY,
    AT_PERSIST,
    AT_STATIC,
    AT_UPDATE,
    AT_KEYCOLS,
    AT_SQL,
    AT_USE_WRITE_DB,
    AT_VALUES,
    AT_NOW,
    AT_NAME,
    AT_VALUE,
    AT_TABLE,                   /* before the table's { */
    AT_TABLE_KEY,
    AT_TABLE_SKIPPED,
    AT_TABLENAME,
    AT_COLUMN_NAMES,            /* before its [ */
    AT_COLUMN_NAME,             /* inside */
    AT_COLUMN_TYPES,
    AT_COLUMN_TYPE,
    AT_ROWS,                    /* before its [ */
    AT_ROW,                     /* inside, between rows */
    AT_CELL,                    /* inside a row */
    AT_END
};

struct request_json_s {
    request_t *request;
    yajl_handle yajl;
    enum place place;
    int replaying;              /* what yajl sees is not the body */
    int stopped;                /* yajl was: before rows, or behind one */
    int not_plain;              /* are the rows of what yajl is fed */
    size_t fed;                 /* bytes, to yajl in this call of it */
    qsn_buf_t held;             /* the last bytes: maybe half a word */
    char last;                  /* byte but space before what comes */
    unsigned skip_depth;        /* open brackets of a skipped value */
    size_t row_cells;           /* so far in this row */
    size_t row_bytes;
    uint64_t bytes;             /* of the chunks before this one */
    uint64_t lines;             /* newlines in them */
    uint64_t line_start;        /* byte at which the current line began */
};

extern const yajl_callbacks request_json_callbacks;

/* Events that do not come from yajl: 0, or -1 with the error. */
int request_json_add_cell(request_json_t *json, const cell_t *cell);
int request_json_end_row(request_json_t *json);

#endif
