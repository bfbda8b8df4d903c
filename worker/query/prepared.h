#ifndef PREPARED_H
#define PREPARED_H

/*
 * Statements that a reader keeps prepared, by the text a user sent (without
 * its values, see shape.h), with what parsing and the policy found out about
 * each.  A statement is kept from its second time on: most are never asked
 * twice.  Count and memory are bounded, the one used longest ago goes first.
 *
 * Threads: the main thread.
 */

#include <sqlite3.h>

#include "statement.h"

typedef struct prepared prepared_t;
typedef struct prepared_list prepared_list_t;

struct prepared {
    statement_t statement;
    sqlite3_stmt *handle;       /* reset */
    int volatile_functions;     /* the policy's finding */

    /* the list's */
    prepared_t *previous;       /* used later */
    prepared_t *next;           /* used earlier */
    uint64_t hash;
    size_t bytes;
    size_t length;
    char text[];
};

/* NULL without memory. */
prepared_list_t *prepared_create(void);
void prepared_destroy(prepared_list_t *list);   /* NULL is fine */

/* The statement kept for length bytes of text, or NULL. */
prepared_t *prepared_find(prepared_list_t *list, const char *text,
    size_t length);

/* 1 if the text should be kept: it has been here before, not long ago. */
int prepared_is_due(prepared_list_t *list, const char *text, size_t length);

/* Keeps handle and *statement, which are the list's from here on, whether or
   not there is room for them. */
void prepared_keep(prepared_list_t *list, const char *text, size_t length,
    statement_t *statement, sqlite3_stmt *handle, int volatile_functions);

/* Finalizes one, all. */
void prepared_drop(prepared_list_t *list, prepared_t *prepared);
void prepared_clear(prepared_list_t *list);

#endif
