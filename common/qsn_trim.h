#ifndef QSN_TRIM_H
#define QSN_TRIM_H

/* A text without the white space around it. */

#include <ctype.h>
#include <stddef.h>

static inline void
qsn_trim(const char **text, size_t *length)
{
    while (*length && isspace((unsigned char) **text)) {
        (*text)++;
        (*length)--;
    }

    while (*length && isspace((unsigned char) (*text)[*length - 1])) {
        (*length)--;
    }
}

#endif
