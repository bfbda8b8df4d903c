#ifndef READER_H
#define READER_H

/*
 * One sealed generation, open for reading, with the static tables beside
 * it as schema "static", under the policy.  What is open here never
 * changes; static tables do, with each publish of one.
 *
 * Threads: whoever has it.  The watchdog may call sqlite3_interrupt() on ->db
 * between control_watch() and control_unwatch().
 */

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "failure.h"
#include "policy.h"
#include "prepared.h"

typedef struct reader reader_t;

struct reader {
    sqlite3 *db;
    policy_t policy;
    policy_limits_t limits;
    sqlite3_stmt *settle;
    prepared_list_t *prepared;
    char *static_path;          /* NULL: no static tables */
    int has_static;
    uint64_t generation;        /* 0: a generation being collected */
    int64_t start_ms;           /* of its being served, since 1970, or 0 */
    uint64_t static_version;    /* when it was opened, or last refreshed */
    reader_t *next;             /* the owner's */
};

/*
 * Opens the file at path, loads its schema, closes the policy.  A static
 * database that is not there yet is no failure.  NULL and *failure if the
 * file can't be read; else reader_close() is due.
 */
reader_t *reader_open(const char *path, const char *static_path,
    const policy_limits_t *limits, failure_t *failure);
void reader_close(reader_t *reader);

/* Attaches the static database if it is there by now.  -1: it is, but can't
   be read (yet). */
int reader_refresh(reader_t *reader);

/* After an interrupted query: SQLite forgets the interruption. */
void reader_settle(reader_t *reader);

#endif
