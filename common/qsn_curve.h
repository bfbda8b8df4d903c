#ifndef QSN_CURVE_H
#define QSN_CURVE_H

/* Keys of ZeroMQ's CURVE in files: one line of 40 characters (Z85). */

#include <stddef.h>

#define QSN_CURVE_KEY_SIZE  41          /* with its NUL */

/* Reads the first key of a file.  0, or -1 with a sentence in error. */
int qsn_curve_read(const char *path, char *key, char *error,
    size_t error_size);

#endif
