/* strndup() for bytes that are no string: pieces of a larger text. */

#include "text.h"

#include <stdlib.h>
#include <string.h>


char *
text_copy(const char *text, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }

    return copy;
}
