/* The store of static tables: a store_t with durable pragmas. */

#include "static_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "qsn_log.h"
#include "sql.h"

#define TMPFS_MAGIC  0x01021994
#define RAMFS_MAGIC  0x858458f6

static const char pragmas[] =
    "PRAGMA page_size = 4096;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA temp_store = MEMORY;";

static int make_directory(const char *file, char *error);
static enum report_result apply(static_store_t *statics, request_t *request);
static int drop_table(store_t *store, const char *name);


static_store_t *
static_store_open(const qsn_settings_t *settings, char *error)
{
    static_store_t *statics = calloc(1, sizeof(*statics));
    char *path = strdup(settings->static_db);
    struct statfs fs;

    if (statics == NULL || path == NULL) {
        (void) snprintf(error, STORE_ERROR_SIZE, "out of memory");
        free(statics);
        free(path);
        return NULL;
    }

    if (make_directory(path, error) != 0) {
        free(statics);
        free(path);
        return NULL;
    }

    if (store_open(&statics->store, settings, path, pragmas, error) != 0) {
        static_store_close(statics);
        return NULL;
    }

    statics->version = (uint64_t) store_meta(&statics->store, "version", 1);

    if (statfs(path, &fs) == 0
        && (fs.f_type == TMPFS_MAGIC || (unsigned) fs.f_type == RAMFS_MAGIC))
    {
        qsn_log("warning: static_db %s is not on a disk: static tables will "
                "not survive a power loss", path);
    }

    return statics;
}


void
static_store_close(static_store_t *statics)
{
    if (statics) {
        (void) store_close(&statics->store);
        free(statics);
    }
}


enum report_result
static_store_apply(static_store_t *statics, request_t *request)
{
    store_t *store = &statics->store;
    enum report_result result = REPORT_FAILED;

    if (store_begin(store) == 0) {
        result = apply(statics, request);

        if (result == REPORT_TAKEN
            && (store_set_meta(store, "version",
                               (sqlite3_int64) statics->version + 1) != 0
                || store_commit(store) != 0))
        {
            result = REPORT_FAILED;
        }
    }

    if (result == REPORT_TAKEN) {
        statics->version++;
        return result;
    }

    (void) schema_failed(store, request);

    if (store_rollback(store) != 0) {
        qsn_log("static_db: rollback failed: %s: the worker starts anew",
                sqlite3_errmsg(store->db));
        abort();
    }

    return result;
}


static enum report_result
apply(static_store_t *statics, request_t *request)
{
    if (!request->update
        && drop_table(&statics->store, request->table.name.data) != 0)
    {
        return REPORT_FAILED;
    }

    return report_apply(&statics->store, request);
}


static int
drop_table(store_t *store, const char *name)
{
    if (catalog_find(&store->catalog, name) == NULL) {
        return 0;
    }

    catalog_remove(&store->catalog, name);

    return sql_execf(store->db, "DROP TABLE \"%w\"", name) == SQLITE_OK
           && sql_execf(store->db, "DELETE FROM _qasino_reports "
                        "WHERE tablename = %Q", name) == SQLITE_OK
           && sql_execf(store->db, "DELETE FROM _qasino_updated "
                        "WHERE tablename = %Q", name) == SQLITE_OK ? 0 : -1;
}


/* The parents of file, as mkdir -p makes them. */
static int
make_directory(const char *file, char *error)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s", file);

    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';

        if (mkdir(path, 0755) == -1 && errno != EEXIST) {
            (void) snprintf(error, STORE_ERROR_SIZE,
                            "cannot make directory %.300s of static_db: %s",
                            path, strerror(errno));
            return -1;
        }

        *at = '/';
    }

    return 0;
}
