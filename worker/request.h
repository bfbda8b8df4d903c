#ifndef REQUEST_H
#define REQUEST_H

/*
 * What one request says, whatever interface and syntax it came by: parsed
 * into an arena while its bytes arrive, checked, then handed on.  A request
 * is either a publish (->table) or a question (->sql and such).
 *
 * Threads: one owner at a time; the parser, the check, the writer.
 */

#include <stddef.h>
#include <stdint.h>

#include "qsn_op.h"
#include "tape.h"

#define REQUEST_ERROR_SIZE  512

enum column_type {
    COLUMN_INTEGER,
    COLUMN_REAL,
    COLUMN_TEXT
};

typedef struct {
    const char *data;           /* NUL-terminated, in the arena; NULL: none */
    size_t length;
} text_t;

/* A list of texts that grows in an arena. */
typedef struct {
    text_t *items;
    size_t count;
    size_t capacity;
} text_list_t;

typedef struct {
    text_t name;
    text_list_t column_names;
    text_list_t column_types;   /* as written */
    enum column_type *types;    /* as checked, one a column */
    unsigned char *is_key;      /* likewise; of an update */
    text_list_t keycols;        /* of an update; none: all columns */
    int has_column_names;
    int has_column_types;
    int has_rows;
    uint64_t rows;
    size_t row_width;           /* cells in each row, once there is one */
    tape_t tape;
} table_t;

/* What the server lets through; from the settings. */
typedef struct {
    size_t max_cell;            /* bytes of a text cell */
    size_t max_columns;
    size_t max_sql;
    uint64_t max_rows;          /* 0: any number */
} request_limits_t;

typedef struct {
    arena_t arena;
    const request_limits_t *limits;
    const char *parse_phrase;   /* how a syntax error begins */
    enum qsn_op op;             /* NONE until it is known */
    text_t identity;            /* the body's, then the one that counts */
    text_t asserted_identity;   /* by the front */
    text_t claimed_identity;    /* of the query string */
    unsigned allowed;           /* by the front: enum qsn_class */
    text_t sql;
    text_t name;                /* name_value_update */
    text_t value;
    int persist;
    int is_static;
    int update;
    int use_write_db;
    int native;                 /* "values": "native" */
    int frozen;                 /* "now": "generation" */
    int has_table;
    table_t table;
    const char *warning;        /* of a publish that is taken; NULL: none */
    unsigned status;            /* 0: no error so far, else HTTP's */
    const char *error_kind;     /* the format of ->error, which stays */
    char error[REQUEST_ERROR_SIZE];
} request_t;

/* limits must outlive the request. */
void request_init(request_t *request, const request_limits_t *limits);
void request_free(request_t *request);

/* Remembers the first error; always returns -1. */
int request_fail(request_t *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Counts a row that is whole.  0, or -1: it is one too many. */
int request_count_row(request_t *request);

/* 0, or -1 and the error is remembered. */
int request_set_text(request_t *request, text_t *text, const void *data,
    size_t length);
int request_add_text(request_t *request, text_list_t *list,
    const void *data, size_t length);

/* persist, static, update: "", 0, no and false in any case are off. */
int request_flag(const char *data, size_t length);

/* 0, or -1: no type of ours.  Any case. */
int request_parse_type(const text_t *name, enum column_type *type);

/* "a;b" into request->table.keycols; spaces around a name do not count. */
int request_set_keycols(request_t *request, const char *data, size_t length);

/*
 * Turns name ("table.column"), value and identity into the table of a
 * persisted update with key column identity.  0, or -1 with the error.
 */
int request_make_name_value(request_t *request);

/*
 * Checks what every publish has to satisfy by itself (names, types, widths)
 * and fills in table.types.  0, or -1 with the error.  What depends on the
 * generation it goes into is checked there.
 */
int request_check_table(request_t *request);

#endif
