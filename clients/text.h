#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

/* A NUL-terminated copy of length bytes, which may have NULs in them and
   need none behind them; to be freed, NULL without memory. */
char *text_copy(const char *text, size_t length);

#endif
