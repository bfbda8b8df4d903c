/*
 * Integers go eight digits at a time.  For doubles there are two ways.
 *
 * Measurements mostly are short decimals: m / 10^k with m below 10^15.  Both
 * m and 10^k (k up to 22) are exact doubles and one division rounds right,
 * so m / 10^k == value proves that the decimal reads back as value; the
 * least such k gives the fewest digits.  That takes a few nanoseconds.
 *
 * What is left (17 digits, huge, tiny) is asked of the C library with 15, 16
 * and 17 digits, the first that reads back wins.
 */

#include "number.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAST_LIMIT   1e15       /* whole numbers below are exact and unique */
#define FAST_LEAST   1e-5
#define FAST_POWERS  18
#define EXPONENT_FROM   16      /* as many digits before the point: 1e+16 */
#define DIGITS_MAX   17
#define EIGHT_LIMIT  100000000  /* below it are eight digits at most */
#define ASCII_ZEROS  0x3030303030303030u

static size_t put_whole(char *out, uint64_t value);
static inline size_t put_first(char *out, uint32_t value);
static inline size_t digits_of(uint32_t value);
static inline void put_eight(char *out, uint32_t value);
static inline uint64_t eight_digits(uint32_t value);
static int short_decimal(double value, char *digits, int *count, int *point);
static void long_decimal(double value, char *digits, int *count, int *point);
static size_t layout(char *out, const char *digits, int count, int point);
static size_t layout_exponent(char *out, const char *digits, int count,
    int exponent);

static const double powers[FAST_POWERS] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    1e13, 1e14, 1e15, 1e16, 1e17
};


size_t
number_from_int(char *out, int64_t value)
{
    if (value >= 0) {
        return put_whole(out, (uint64_t) value);
    }

    *out = '-';

    return 1 + put_whole(out + 1, 0 - (uint64_t) value);
}


size_t
number_from_double(char *out, double value)
{
    char digits[DIGITS_MAX + 1];
    int count, point;
    size_t length = 0;

    if (isnan(value)) {
        memcpy(out, "nan", 3);
        return 3;
    }

    if (signbit(value)) {
        out[length++] = '-';
        value = -value;
    }

    if (isinf(value)) {
        memcpy(out + length, "inf", 3);
        return length + 3;
    }

    if (value < FAST_LIMIT && value == (double) (uint64_t) value) {
        length += put_whole(out + length, (uint64_t) value);
        memcpy(out + length, ".0", 2);
        return length + 2;
    }

    if (!short_decimal(value, digits, &count, &point)) {
        long_decimal(value, digits, &count, &point);
    }

    return length + layout(out + length, digits, count, point);
}


/* Up to seven bytes after the digits are written, too. */
static size_t
put_whole(char *out, uint64_t value)
{
    size_t length;

    if (value < EIGHT_LIMIT) {
        return put_first(out, (uint32_t) value);
    }

    length = put_whole(out, value / EIGHT_LIMIT);
    put_eight(out + length, (uint32_t) (value % EIGHT_LIMIT));

    return length + 8;
}


/* Without leading zeros.  Where the next text goes must not wait for the
   digits: so how many there are is not counted on them. */
static inline size_t
put_first(char *out, uint32_t value)
{
    size_t length = digits_of(value);
    uint64_t digits = eight_digits(value) | ASCII_ZEROS;

    digits = htole64(digits >> (8 - length) * 8);
    memcpy(out, &digits, sizeof(digits));

    return length;
}


static inline size_t
digits_of(uint32_t value)
{
    static const uint32_t least[] = {
        0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, EIGHT_LIMIT
    };
    /* log10(2) is about 1233 / 4096 */
    unsigned bits = 32 - (unsigned) __builtin_clz(value | 1);
    unsigned guess = bits * 1233 >> 12;

    return guess + (value >= least[guess]);
}


static inline void
put_eight(char *out, uint32_t value)
{
    uint64_t digits = htole64(eight_digits(value) | ASCII_ZEROS);

    memcpy(out, &digits, sizeof(digits));
}


/*
 * A byte for each digit, the first in the lowest.  Each step halves what two,
 * four, then eight numbers side by side are made of; x * 10486 >> 20 is
 * x / 100 below 10,000, and x * 103 >> 10 is x / 10 below 100.
 */
static inline uint64_t
eight_digits(uint32_t value)
{
    uint64_t fours = value / 10000 | (uint64_t) (value % 10000) << 32;
    uint64_t upper = fours * 10486 >> 20 & 0x0000007f0000007f;
    uint64_t twos = upper | (fours - upper * 100) << 16;

    upper = twos * 103 >> 10 & 0x000f000f000f000f;

    return upper | (twos - upper * 10) << 8;
}


/* point: how many of the digits stand before the decimal point. */
static int
short_decimal(double value, char *digits, int *count, int *point)
{
    if (value < FAST_LEAST || value >= FAST_LIMIT) {
        return 0;
    }

    for (int k = 1; k < FAST_POWERS; k++) {
        double whole = nearbyint(value * powers[k]);

        if (whole >= FAST_LIMIT) {
            return 0;
        }

        if (whole / powers[k] == value) {
            *count = (int) put_whole(digits, (uint64_t) whole);
            *point = *count - k;
            return 1;
        }
    }

    return 0;
}


static void
long_decimal(double value, char *digits, int *count, int *point)
{
    char text[NUMBER_SIZE];
    /* Subnormal numbers have fewer than 15 digits to tell apart. */
    int precision = value < 2.2250738585072014e-308 ? 1 : 15;

    for (/* void */; precision <= DIGITS_MAX; precision++) {
        (void) snprintf(text, sizeof(text), "%.*e", precision - 1, value);

        if (precision == DIGITS_MAX || strtod(text, NULL) == value) {
            break;
        }
    }

    int n = 0;
    const char *p = text;

    for (/* void */; *p != 'e'; p++) {
        if (*p != '.') {
            digits[n++] = *p;
        }
    }

    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }

    *count = n;
    *point = atoi(p + 1) + 1;
}


static size_t
layout(char *out, const char *digits, int count, int point)
{
    char *p = out;

    if (point > EXPONENT_FROM || point < -3) {
        return layout_exponent(out, digits, count, point - 1);
    }

    if (point <= 0) {
        memcpy(p, "0.", 2);
        memset(p + 2, '0', (size_t) -point);
        p += 2 - point;
        memcpy(p, digits, (size_t) count);
        return (size_t) (p + count - out);
    }

    if (count <= point) {
        memcpy(p, digits, (size_t) count);
        memset(p + count, '0', (size_t) (point - count));
        memcpy(p + point, ".0", 2);
        return (size_t) point + 2;
    }

    memcpy(p, digits, (size_t) point);
    p[point] = '.';
    memcpy(p + point + 1, digits + point, (size_t) (count - point));

    return (size_t) count + 1;
}


static size_t
layout_exponent(char *out, const char *digits, int count, int exponent)
{
    char *p = out;

    *p++ = digits[0];

    if (count > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, (size_t) (count - 1));
        p += count - 1;
    }

    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';

    unsigned size = (unsigned) (exponent < 0 ? -exponent : exponent);

    if (size < 10) {
        *p++ = '0';
    }

    p += put_whole(p, size);

    return (size_t) (p - out);
}
