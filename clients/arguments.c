/* Values of options: numbers that are numbers, within their bounds. */

#include "arguments.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S  86400

static int bad(const char *option, const char *text, const char *expected);
static int read_number(const char *text, unsigned long long *value,
    const char **rest);


int
arguments_port(const char *option, const char *text, int *value)
{
    unsigned long long number;
    const char *rest;

    if (read_number(text, &number, &rest) != 0 || *rest || number == 0
        || number > 65535)
    {
        return bad(option, text, "a port from 1 to 65535");
    }

    *value = (int) number;

    return 0;
}


int
arguments_count(const char *option, const char *text, unsigned max,
    unsigned *value)
{
    unsigned long long number;
    const char *rest;
    char expected[60];

    if (read_number(text, &number, &rest) != 0 || *rest || number > max) {
        (void) snprintf(expected, sizeof(expected),
                        "a whole number from 0 to %u", max);
        return bad(option, text, expected);
    }

    *value = (unsigned) number;

    return 0;
}


int
arguments_seconds(const char *option, const char *text, unsigned min_ms,
    unsigned *ms)
{
    char *end;
    char expected[60];
    double seconds = strtod(text, &end);

    if (!(isdigit((unsigned char) text[0]) || text[0] == '.') || *end
        || strchr(text, 'x') || strchr(text, 'X')
        || !(seconds * 1000 >= min_ms) || !(seconds <= DAY_S))
    {
        (void) snprintf(expected, sizeof(expected),
                        "seconds from %g to %d", min_ms / 1e3, DAY_S);
        return bad(option, text, expected);
    }

    *ms = (unsigned) lround(seconds * 1000);

    return 0;
}


int
arguments_bytes(const char *option, const char *text, size_t *bytes)
{
    static const char units[] = "kmg";
    unsigned long long number;
    const char *rest;
    unsigned shift = 0;
    int wrong = read_number(text, &number, &rest) != 0;

    if (!wrong && *rest) {
        const char *unit = strchr(units, tolower((unsigned char) *rest));

        wrong = unit == NULL || rest[1] != '\0';
        shift = wrong ? 0 : 10 * (unsigned) (unit - units + 1);
    }

    if (wrong || number == 0 || number > (SIZE_MAX / 4) >> shift) {
        return bad(option, text, "bytes, such as 500k or 64m");
    }

    *bytes = (size_t) number << shift;

    return 0;
}


char *
arguments_secret(char *argument)
{
    char *copy = strdup(argument);

    if (copy) {
        memset(argument, 'x', strlen(argument));
    }

    return copy;
}


static int
bad(const char *option, const char *text, const char *expected)
{
    (void) fprintf(stderr, "--%s '%s' is not %s\n", option, text, expected);

    return -1;
}


static int
read_number(const char *text, unsigned long long *value, const char **rest)
{
    char *end;

    if (!isdigit((unsigned char) text[0])) {
        return -1;
    }

    errno = 0;
    *value = strtoull(text, &end, 10);
    *rest = end;

    return errno == 0 ? 0 : -1;
}
