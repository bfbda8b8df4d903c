#ifndef SQL_HISTORY_H
#define SQL_HISTORY_H

/*
 * What was typed, kept in a file.  Each entry is appended at once, under a
 * lock, so that neither a crash nor a second session loses any.
 */

#include <stddef.h>
#include <histedit.h>

typedef struct {
    History *history;
    char *path;                 /* NULL: not kept */
} sql_history_t;

/* path as in sql_options_t: NULL is the usual file, "" none.  A file that
   cannot be read or made is no error.  0, or -1 without memory. */
int sql_history_open(sql_history_t *kept, const char *path);
void sql_history_close(sql_history_t *kept);

/* A statement or command, its lines separated by LF.  They become one
   entry, unless a comment at a line's end would swallow the next. */
void sql_history_add(sql_history_t *kept, const char *text);

#endif
