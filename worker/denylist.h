#ifndef DENYLIST_H
#define DENYLIST_H

/*
 * Statements that killed their query process, or ran into being killed at
 * twice their deadline: not run again in this generation, for each time
 * costs all others a process.  The last DENYLIST_MAX of them are known; one
 * more makes the oldest forgotten.
 *
 * Those whose process was killed from outside once are in a list of their
 * own: so many such kills make none forgotten that is refused.
 *
 * Threads: the worker's loop only.
 */

#include <stddef.h>

#define DENYLIST_MAX  64

typedef struct {
    char *text;                 /* NULL: free */
    size_t length;
} denylist_entry_t;

/* Zeroed is empty. */
typedef struct {
    denylist_entry_t entries[DENYLIST_MAX];
    size_t next;                /* the oldest: overwritten next */
} denylist_t;

/* Copies the statement; without memory it is forgotten.  NULL is fine. */
void denylist_add(denylist_t *list, const char *sql, size_t length);

/* 1 if the statement is in it; NULL never is. */
int denylist_has(const denylist_t *list, const char *sql, size_t length);

/* For a new generation, and at the end. */
void denylist_clear(denylist_t *list);

#endif
