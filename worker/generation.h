#ifndef GENERATION_H
#define GENERATION_H

/*
 * The generation being collected: one SQLite file that only this process
 * writes, until it is sealed and never changes again.
 *
 *   open -> (begin, publishes, commit)* -> seal -> close
 *
 * The journal is a file (journal_mode=PERSIST), so that a kill at any
 * instant leaves either all of a transaction or none of it; synchronous is
 * OFF because the directory is a tmpfs and outlives processes, not power.
 *
 * Threads: one at a time; the writer's while the worker runs.
 */

#include <stdint.h>

#include "store.h"

#define GENERATION_ERROR_SIZE  STORE_ERROR_SIZE

typedef struct {
    store_t store;
    uint64_t number;            /* epoch second collecting began */
} generation_t;

/* <dir>/qasino_table_store_<number>.db, to be freed.  NULL: no memory. */
char *generation_path(const char *dir, uint64_t number);

/* The number in such a file's name; 0 if the name is not of that form. */
uint64_t generation_number_of(const char *name);

/*
 * Opens the file of a generation in db_dir, making it if it is not there.
 * NULL with the reason in error (GENERATION_ERROR_SIZE).
 */
generation_t *generation_open(const qsn_settings_t *settings,
    uint64_t number, char *error);

/* The same for a file elsewhere, whose number is known. */
generation_t *generation_open_path(const qsn_settings_t *settings,
    const char *path, uint64_t number, char *error);

/*
 * Names one that was opened under another name in db_dir, and into which
 * nothing was put since, as that one of the number.  0, or -1 with the reason
 * in error: then it is only good to be discarded.
 */
int generation_name(generation_t *generation, const qsn_settings_t *settings,
    uint64_t number, char *error);

enum generation_state {
    GENERATION_SEALED,
    GENERATION_OPEN,
    GENERATION_EMPTY,           /* its maker died before its first commit */
    GENERATION_DAMAGED,         /* no database, or not one of ours */
    GENERATION_UNREADABLE       /* locked, no memory, I/O: try again */
};

/* What a file is; error (GENERATION_ERROR_SIZE) says why it is unreadable
   or damaged. */
enum generation_state generation_probe(const char *path, char *error);

/* Opens a sealed file to read, without a lock.  SQLITE_OK or an error;
   sqlite3_close() is due either way. */
int generation_open_sealed(const char *path, sqlite3 **db);

/* Marks it sealed, in the transaction that is open.  0 or -1. */
int generation_mark_sealed(generation_t *generation);

/* Closes the file and frees all; the file stays. */
void generation_close(generation_t *generation);

/* Lets others open a sealed file before it is closed, which takes a while.
   0 or -1. */
int generation_unlock(generation_t *generation);

/* Closes it, and its file goes with it.  NULL is fine. */
void generation_discard(generation_t *generation);

/* Deletes a generation's file and what SQLite left beside it. */
void generation_unlink(const char *path);

#endif
