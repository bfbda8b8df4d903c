#ifndef CELL_H
#define CELL_H

/*
 * One value of a result row, as every format shows it: a number as text, a
 * text, a blob that is UTF-8 as text, any other blob as x'ff00'.
 */

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "number.h"
#include "qsn_buf.h"

enum cell_kind {
    CELL_NULL,
    CELL_NUMBER,        /* data: its text, ASCII */
    CELL_INFINITE,      /* data: "inf", "-inf": a number JSON can't say */
    CELL_TEXT,          /* data: bytes that should be UTF-8, any control */
    CELL_HEX            /* data: raw bytes, shown by cell_hex() */
};

typedef struct {
    enum cell_kind kind;
    const char *data;   /* valid until the statement is stepped again */
    size_t length;
    char number[NUMBER_SIZE];
} cell_t;

/* Of a sqlite3_column_value(), which is one look at the row instead of one each
   for type, value and length.  Such a value must not be touched by two
   threads: here there is one that uses SQLite.  0, or -1 without memory. */
int cell_load(cell_t *cell, sqlite3_value *value);

/* Characters that x'...' takes for length bytes. */
size_t cell_hex_width(size_t length);

/* Appends the hexadecimal digits of length bytes, no x, no quotes. */
void cell_hex(qsn_buf_t *out, const char *data, size_t length);

#endif
