#ifndef ARGUMENTS_H
#define ARGUMENTS_H

/*
 * What the clients' command lines have in common.  Each program has its own
 * table for getopt_long(); the values are read here, so that a bad one gets
 * the same sentence everywhere.
 */

#include <stddef.h>

/* Exit statuses of all clients. */
enum arguments_exit {
    ARGUMENTS_EXIT_OK = 0,
    ARGUMENTS_EXIT_REFUSED = 1,         /* bad input, or the server says no */
    ARGUMENTS_EXIT_USAGE = 2,
    ARGUMENTS_EXIT_NO_ANSWER = 3,       /* no server; worth another try */
    ARGUMENTS_EXIT_DUPLICATE = 4        /* publishing: the first report
                                           stands, this one was dropped */
};

/* 0 and *value, or -1 and a sentence on stderr that names the option. */
int arguments_port(const char *option, const char *text, int *value);
int arguments_count(const char *option, const char *text, unsigned max,
    unsigned *value);

/* Seconds, perhaps with a fraction; from min_ms to a day. */
int arguments_seconds(const char *option, const char *text, unsigned min_ms,
    unsigned *ms);

/* Bytes, with k, m or g behind the number. */
int arguments_bytes(const char *option, const char *text, size_t *bytes);

/* A copy of a password of the command line, whose own bytes are overwritten
   so that ps(1) does not show them.  The caller frees; NULL without memory. */
char *arguments_secret(char *argument);

#endif
