#ifndef BODY_H
#define BODY_H

/*
 * A request body through a parser, whole and in pieces (the first byte says
 * how large): memory of the piece's size, gone after it was fed.  Both have
 * to come to the same end.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

#define BODY_ROWS_READ  1000

typedef int (*body_feed_t)(void *parser, const void *data, size_t length);

typedef struct {
    void *(*create)(request_t *request);
    void (*destroy)(void *parser);
    body_feed_t feed;
    int (*finish)(void *parser);
} body_parser_t;

static const request_limits_t body_limits = {
    .max_cell = 200, .max_columns = 20, .max_sql = 100
};


static inline int
body_parse(const body_parser_t *kind, request_t *request,
    const uint8_t *data, size_t size, size_t step)
{
    request_init(request, &body_limits);

    void *parser = kind->create(request);
    int rc = 0;

    for (size_t at = 0; rc == 0 && at < size; at += step) {
        size_t piece = size - at < step ? size - at : step;
        uint8_t *copy = malloc(piece);

        memcpy(copy, data + at, piece);
        rc = kind->feed(parser, copy, piece);
        free(copy);
    }

    if (rc == 0) {
        rc = kind->finish(parser);
    }

    kind->destroy(parser);

    if (rc != 0 && request->status == 0) {
        abort();                /* an error without a reason */
    }

    if (rc == 0 && request->has_table && request_check_table(request) == 0) {
        tape_reader_t reader;
        cell_t cell;

        tape_rewind(&request->table.tape, &reader);

        for (uint64_t row = 0; row < request->table.rows
             && row < BODY_ROWS_READ; row++)
        {
            for (size_t i = 0; i < request->table.row_width; i++) {
                tape_read(&reader, &cell);
            }
        }
    }

    return rc;
}


static inline void
body_fuzz(const body_parser_t *kind, const uint8_t *data, size_t size)
{
    request_t whole, cut;

    if (size == 0) {
        return;
    }

    size_t step = data[0] % 16 + 1u;

    data++;
    size--;

    int one = body_parse(kind, &whole, data, size, size + 1);
    int two = body_parse(kind, &cut, data, size, step);

    if (one != two || whole.status != cut.status
        || whole.table.rows != cut.table.rows)
    {
        abort();
    }

    request_free(&whole);
    request_free(&cut);
}

#endif
