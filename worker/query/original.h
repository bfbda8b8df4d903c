#ifndef ORIGINAL_H
#define ORIGINAL_H

/*
 * SQLite's own functions, for those that have taken their names and only
 * look at the arguments first.
 */

#include <stdint.h>

#include <sqlite3.h>

/* New in SQLite 3.45, which wants to be told. */
#ifndef SQLITE_RESULT_SUBTYPE
#define SQLITE_RESULT_SUBTYPE  0
#endif

/* Whoever calls its original is registered with these: JSON goes in and
   comes out as JSON. */
#define ORIGINAL_FLAGS                                                       \
    (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS                   \
     | SQLITE_SUBTYPE | SQLITE_RESULT_SUBTYPE)

/* Zeroed but for max_length. */
typedef struct {
    uint64_t max_length;        /* bytes of a value */

    /* below: its own */
    sqlite3 *db;                /* the empty one, NULL: not needed yet */
    sqlite3_stmt *prepared;     /* calls the function used last */
    char *sql;                  /* its text */
} original_t;

/* Calls SQLite's own function, and passes on what it says. */
void original_call(original_t *original, sqlite3_context *context,
    const char *name, int argc, sqlite3_value **argv);

void original_free(original_t *original);

#endif
