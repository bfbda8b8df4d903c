#ifndef STATIC_STORE_H
#define STATIC_STORE_H

/*
 * The static tables: a durable database on disk (WAL, synchronous=FULL),
 * which readers see the moment it is committed.  A static report replaces
 * its table whole, whoever published it before; a static update merges.
 *
 * Threads: the static writer's, but for static_store_tables(), which any
 * may call.
 */

#include <uv.h>

#include "report.h"

typedef struct {
    store_t store;
    int lock;                   /* descriptor of the file, -1: not locked */
    uint64_t version;           /* goes up with each commit, for ever */
    int64_t log_limit;          /* bytes of SQLite's log that are too many */
    uv_mutex_t mutex;           /* of ->tables */
    catalog_t tables;           /* as of the last commit, for others */
} static_store_t;

/* Opens settings->static_db, making it and its directory if need be.  NULL
   with the reason in error (STORE_ERROR_SIZE). */
static_store_t *static_store_open(const qsn_settings_t *settings,
    char *error);
void static_store_close(static_store_t *statics);

/*
 * Each 0, or -1 with SQLite's reason.  After a failure of any kind, and
 * after an apply that was not TAKEN, roll back: nothing has changed then.
 * Committed is on disk, and has given the version its next value.
 */
int static_store_begin(static_store_t *statics);
enum report_result static_store_apply(static_store_t *statics,
    request_t *request);
int static_store_commit(static_store_t *statics);
void static_store_rollback(static_store_t *statics);

/* One publish in a transaction of its own, rolled back unless TAKEN; then
   request->error says why. */
enum report_result static_store_write(static_store_t *statics,
    request_t *request);

/*
 * Readers go by SQLite's log of changes, so it begins anew only in a moment
 * when nobody reads it.  Where queries leave no such moment and it has grown
 * long this waits until those that read now have ended: new ones then do not
 * need it.
 */
void static_store_shorten_log(static_store_t *statics);

/* Names and counts of all tables as of the last commit: 0, or -1 without
   memory.  catalog_clear() is due. */
int static_store_tables(static_store_t *statics, catalog_t *copy);

#endif
