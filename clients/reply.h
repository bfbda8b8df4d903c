#ifndef REPLY_H
#define REPLY_H

/*
 * A reply of the server, read with yajl.  reply_parse() reads everything but
 * the rows, which it counts; reply_rows() walks the text a second time and
 * hands out row by row, so that a large result is never held as a tree, and
 * the names are known before the first row although the original server
 * sends them after the last.
 *
 * Pure: nothing but memory.  Threads: none of its own.
 */

#include <stddef.h>
#include <stdint.h>

#define REPLY_ERROR_SIZE  256

enum reply_kind {
    REPLY_NULL,
    REPLY_STRING,
    REPLY_NUMBER,               /* the text as it was sent */
    REPLY_BOOLEAN               /* "true", "false" */
};

typedef struct {
    enum reply_kind kind;
    const char *text;           /* UTF-8, NUL behind it; "" for null */
    size_t length;
} reply_cell_t;

/* Texts that the reply did not have are NULL. */
typedef struct {
    char *response_op;          /* "ok", "error", "result_table" ... */
    char *identity;             /* of the server */
    char *error_message;
    char *warning;
    char *message;
    int64_t generation_number;  /* -1: not said */
    int64_t rows_taken;         /* of a publish; -1: not said */

    int has_table;
    char **column_names;
    size_t column_count;
    size_t row_count;
    char *truncated_by;         /* the option that ended the rows */
    size_t *max_widths;         /* column_count of them, in characters;
                                   NULL: not said */
    char error[REPLY_ERROR_SIZE];       /* why reply_parse() failed */
} reply_t;

/* 0, or -1: no JSON object; reply->error says what is wrong with it.
   reply need not be initialised; free it in both cases.  Text after the
   first document (the original's second frame) is ignored. */
int reply_parse(reply_t *reply, const char *text, size_t length);
void reply_free(reply_t *reply);

/* 1: the server did what it was asked to. */
int reply_is_ok(const reply_t *reply);

/* cells are valid during the call; other than 0 stops the walk. */
typedef int (*reply_row_t)(void *ctx, const reply_cell_t *cells,
    size_t count);

/* Each row of the table in text, in order.  0, or what row returned, or -1
   for a text that is no such reply. */
int reply_rows(const char *text, size_t length, reply_row_t row, void *ctx);

#endif
