#ifndef FAILURE_H
#define FAILURE_H

/*
 * Why a query has no (whole) answer: a sentence for its user and the HTTP
 * status it travels with.  One owner, who calls failure_free().
 */

#include "qsn_buf.h"

typedef struct {
    int status;         /* 0: nothing failed */
    int plain;          /* text format: without "SQL error: " before it */
    int no_memory;      /* for the query, which may have been in others' way */
    qsn_buf_t text;
} failure_t;

void failure_free(failure_t *failure);

/* Sets status and text; the first failure stands. */
void failure_set(failure_t *failure, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a quotation: text itself, its beginning and "..." if it is long. */
void failure_quote(failure_t *failure, const char *text, size_t length);

#endif
