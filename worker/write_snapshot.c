/*
 * The copy is made when a query process is free to read it, so there are
 * never more of them than query processes, and one.
 */

#include "write_snapshot.h"

#include <stdlib.h>

#include "ingest.h"
#include "rotate.h"
#include "sql.h"

static char *copy_generation(worker_t *worker, char *error);
static int copy_store(sqlite3 *from, const char *to, char *error);


snapshot_t *
write_snapshot_get(worker_t *worker, char *error)
{
    sqlite3_int64 changes;

    ingest_flush(worker);
    changes = sqlite3_total_changes64(worker->generation->store.db);

    if (worker->write_snapshot && worker->write_changes == changes) {
        return snapshot_get(worker->write_snapshot);
    }

    write_snapshot_drop(worker);

    char *path = copy_generation(worker, error);

    if (path == NULL) {
        return NULL;
    }

    worker->write_snapshot = snapshot_create(&worker->loop, &worker->settings,
                                             worker->generation->number,
                                             path);

    if (worker->write_snapshot == NULL) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
        generation_unlink(path);
        free(path);
        return NULL;
    }

    worker->write_snapshot->ephemeral = 1;
    worker->write_changes = changes;

    return snapshot_get(worker->write_snapshot);
}


void
write_snapshot_drop(worker_t *worker)
{
    snapshot_put(worker->write_snapshot);
    worker->write_snapshot = NULL;
}


static char *
copy_generation(worker_t *worker, char *error)
{
    static uint64_t serial;
    char *path;

    if (asprintf(&path, "%s/" WRITE_SNAPSHOT_PREFIX "%llu.db",
                 worker->settings.db_dir, (unsigned long long) ++serial)
        == -1)
    {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
        return NULL;
    }

    if (copy_store(worker->generation->store.db, path, error) == 0
        && rotate_seal_copy(worker, path, error) == 0)
    {
        return path;
    }

    generation_unlink(path);
    free(path);

    return NULL;
}


/* By SQLite itself, page by page: closing a descriptor of our own on the
   file would drop the locks SQLite holds on it. */
static int
copy_store(sqlite3 *from, const char *to, char *error)
{
    sqlite3_backup *backup = NULL;
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE
                                      | SQLITE_OPEN_CREATE
                                      | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        rc = sql_exec(db, "PRAGMA synchronous = OFF;"
                          "PRAGMA journal_mode = OFF;");
    }

    if (rc == SQLITE_OK) {
        backup = sqlite3_backup_init(db, "main", from, "main");
        rc = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
        (void) sqlite3_backup_finish(backup);
    }

    if (rc != SQLITE_DONE) {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "the generation cannot be copied: %s",
                        db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    }

    (void) sqlite3_close(db);

    return rc == SQLITE_DONE ? 0 : -1;
}
