#include "csv_field.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_reply.h"
#include "qsn_trim.h"


text_t
csv_field_trimmed(text_t text)
{
    qsn_trim(&text.data, &text.length);

    return text;
}


int
csv_field_integer(text_t text, int64_t *value)
{
    char number[32];
    char *end;

    if (text.length >= sizeof(number)) {
        return -1;
    }

    memcpy(number, text.data, text.length);
    number[text.length] = '\0';
    errno = 0;
    *value = strtoll(number, &end, 10);

    return errno == 0 && end == number + text.length ? 0 : -1;
}


int
csv_field_real(text_t text, double *value)
{
    char number[400];
    char *end;

    if (text.length >= sizeof(number)
        || memchr(text.data, 'x', text.length)
        || memchr(text.data, 'X', text.length))
    {
        return -1;              /* strtod takes hexadecimal */
    }

    memcpy(number, text.data, text.length);
    number[text.length] = '\0';
    *value = strtod(number, &end);

    return end == number + text.length && !isnan(*value) ? 0 : -1;
}


int
csv_field_repair(arena_t *arena, text_t *text)
{
    char *copy = arena_alloc(arena, 3 * text->length);
    char *out = copy;
    size_t at = 0;

    if (copy == NULL) {
        return -1;
    }

    while (at < text->length) {
        size_t size = qsn_utf8_size(text->data + at, text->length - at);

        if (size) {
            memcpy(out, text->data + at, size);
            out += size;
            at += size;
        } else {
            memcpy(out, "\xef\xbf\xbd", 3);
            out += 3;
            at++;
        }
    }

    text->data = copy;
    text->length = (size_t) (out - copy);

    return 0;
}
