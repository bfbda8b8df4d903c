#ifndef CSV_FIELD_H
#define CSV_FIELD_H

/* What the text of a field of CSV says.  Pure. */

#include "request.h"

/* Without the white space around it. */
text_t csv_field_trimmed(text_t text);

/* 0, or -1 if it is none. */
int csv_field_integer(text_t text, int64_t *value);
int csv_field_real(text_t text, double *value);

/* What is no UTF-8 becomes U+FFFD, in memory of the arena.  0 or -1
   (memory). */
int csv_field_repair(arena_t *arena, text_t *text);

#endif
