#ifndef NUMBER_H
#define NUMBER_H

/*
 * Numbers as text, without printf on the hot path.  Each function writes at
 * most NUMBER_SIZE bytes, no NUL, and returns how many.
 */

#include <stddef.h>
#include <stdint.h>

#define NUMBER_SIZE  32

size_t number_from_int(char *out, int64_t value);

/*
 * The shortest text that reads back to the same double.  Whole numbers keep
 * ".0"; from 1e+16 on and below 0.0001 there is an exponent.  "inf", "-inf",
 * "nan" for what is no number.
 */
size_t number_from_double(char *out, double value);

#endif
