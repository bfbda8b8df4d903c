#ifndef JSON_ROW_H
#define JSON_ROW_H

/*
 * Nearly every row of nearly every body is an array of plain cells: numbers
 * of 64 bits, text without an escape, true, false, null, and the NaN,
 * Infinity and -Infinity that Python sends.  Those are read here at several
 * times yajl's speed.  Any other row is yajl's, which also says what is
 * wrong with it: here nothing may be taken that yajl would not take.
 */

#include "tape.h"

#define JSON_ROW_CELLS  64

typedef struct {
    cell_t cells[JSON_ROW_CELLS];
    size_t count;
} json_row_t;

/* Reads one row and the space before it.  Returns its bytes, or 0 if it is
   no plain one or not whole.  Texts stay where they are, in data. */
size_t json_row_read(const char *data, size_t length, json_row_t *row);

/* The end of the space at the beginning of data. */
const char *json_row_skip_space(const char *data, const char *end);

/* The digits of an integer that fits, whatever they are: 1, else 0. */
int json_row_short_integer(const char *text, size_t length, cell_t *cell);

#endif
