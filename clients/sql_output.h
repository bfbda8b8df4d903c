#ifndef SQL_OUTPUT_H
#define SQL_OUTPUT_H

/*
 * Where results go: a descriptor, a file, the standard input of a command,
 * or nothing but memory.  Text collects in ->buf and is written in large
 * pieces.  The first failed write is remembered; later ones do nothing.
 *
 * A terminal gets no control characters: whoever appends text as it came
 * from the server calls sql_output_raw(), which makes it safe where need be.
 */

#include <sys/types.h>

#include "qsn_buf.h"

#define SQL_OUTPUT_ERROR_SIZE  512

typedef struct {
    qsn_buf_t buf;
    int fd;                     /* -1: everything stays in ->buf */
    int is_terminal;            /* or a command that shows it on one */
    int error;                  /* errno of the first failure, or 0 */
    pid_t child;                /* the command's, or 0 */
} sql_output_t;

/* On a descriptor that stays the caller's; -1 for memory. */
void sql_output_init(sql_output_t *output, int fd);

/* Opens a file, emptied, or with a "|" in front a shell's command.  0, or -1
   and the reason in error. */
int sql_output_open(sql_output_t *output, const char *target, char *error);

/* Writes ->buf if it is large, or in any case.  0, or -1 (->error). */
int sql_output_check(sql_output_t *output);
int sql_output_flush(sql_output_t *output);

/* Text that ends lines with \n and may hold any other byte. */
void sql_output_raw(sql_output_t *output, const char *text, size_t length);

/* Flushes, closes what was opened and waits for the command: 0, or -1. */
int sql_output_close(sql_output_t *output);

/* Whether the terminal takes escape sequences: TERM is set and not dumb. */
int sql_output_takes_escapes(void);

/* Columns and rows of the terminal, 0 where there is none. */
void sql_output_size(size_t *columns, size_t *rows);

#endif
