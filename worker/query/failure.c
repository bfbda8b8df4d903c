/* The sentence that tells a user what went wrong. */

#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

#include "qsn_reply.h"

#define QUOTE_MAX  1000         /* bytes of a statement that are repeated */


void
failure_free(failure_t *failure)
{
    qsn_buf_free(&failure->text);
    failure->status = 0;
}


void
failure_set(failure_t *failure, int status, const char *format, ...)
{
    va_list args;
    char text[1024];

    if (failure->status) {
        return;
    }

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    failure->status = status;
    qsn_buf_string(&failure->text, text);
}


void
failure_quote(failure_t *failure, const char *text, size_t length)
{
    size_t take = 0;

    while (take < length && take < QUOTE_MAX) {
        size_t size = qsn_utf8_size(text + take, length - take);

        take += size ? size : 1;
    }

    qsn_buf_append(&failure->text, text, take);

    if (take < length) {
        qsn_buf_string(&failure->text, "...");
    }
}
