/*
 * The store of static tables: a store_t with durable pragmas.
 *
 * That its log stays short is SQLite's to do, which begins it anew when it
 * has 4 MB and nobody reads it.
 */

#include "static_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "background.h"
#include "budget.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "sql.h"

#define TMPFS_MAGIC  0x01021994
#define RAMFS_MAGIC  0x858458f6
#define LOG_MIN      (8 * 1024 * 1024)
#define LOG_MAX      (64 * 1024 * 1024)
#define LOG_SHARE    16         /* of max_static, between these */
#define WAIT_MAX_MS  30000
#define LOOK_US      2000

static const char pragmas[] =
    "PRAGMA page_size = 4096;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA temp_store = MEMORY;";

static int make_directory(const char *file, char *error);
static int lock_file(static_store_t *statics, const char *path, char *error);
static int64_t log_limit(const static_store_t *statics);
static int64_t log_size(const static_store_t *statics);
static int wait_for_readers(void *until_ms, int times);
static void publish_tables(static_store_t *statics);
static int copy_tables(const catalog_t *from, catalog_t *to);
static int clear_table(store_t *store, catalog_table_t *table);


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

    statics->lock = -1;

    if (uv_mutex_init(&statics->mutex) != 0) {
        abort();
    }

    if (make_directory(path, error) != 0) {
        uv_mutex_destroy(&statics->mutex);
        free(statics);
        free(path);
        return NULL;
    }

    if (store_open(&statics->store, settings, path, pragmas, "", error) != 0
        || lock_file(statics, path, error) != 0)
    {
        static_store_close(statics);
        return NULL;
    }

    budget_limit(&statics->store, settings->max_static);
    statics->version = (uint64_t) store_meta(&statics->store, "version", 1);
    statics->log_limit = log_limit(statics);
    publish_tables(statics);

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

        if (statics->lock != -1) {
            (void) close(statics->lock);
        }

        catalog_clear(&statics->tables);
        uv_mutex_destroy(&statics->mutex);
        free(statics);
    }
}


int
static_store_begin(static_store_t *statics)
{
    return store_begin(&statics->store);
}


/* The rows are replaced whole; columns stay, and updates go on counting. */
enum report_result
static_store_apply(static_store_t *statics, request_t *request)
{
    store_t *store = &statics->store;
    catalog_table_t *table = catalog_find(&store->catalog,
                                          request->table.name.data);
    uint64_t updates = table ? table->updates : 0;

    if (request->update || table == NULL) {
        return report_apply(store, request);
    }

    if (clear_table(store, table) != 0) {
        return REPORT_FAILED;
    }

    enum report_result result = report_apply(store, request);

    if (result == REPORT_TAKEN
        && sql_execf(store->db, "UPDATE _qasino_reports "
                     "SET updates = updates + %lld WHERE tablename = %Q "
                     "AND identity = %Q", (long long) updates, table->name,
                     request->identity.data) != SQLITE_OK)
    {
        return REPORT_FAILED;
    }

    table->updates = updates + 1;

    return result;
}


int
static_store_commit(static_store_t *statics)
{
    store_t *store = &statics->store;

    if (store_set_meta(store, "version",
                       (sqlite3_int64) statics->version + 1) != 0
        || store_commit(store) != 0)
    {
        return -1;
    }

    statics->version++;
    publish_tables(statics);

    return 0;
}


void
static_store_rollback(static_store_t *statics)
{
    if (store_rollback(&statics->store) != 0) {
        qsn_log("static_db: rollback failed: %s: the worker starts anew",
                sqlite3_errmsg(statics->store.db));
        abort();
    }
}


enum report_result
static_store_write(static_store_t *statics, request_t *request)
{
    enum report_result result = REPORT_FAILED;

    if (static_store_begin(statics) == 0) {
        result = static_store_apply(statics, request);

        if (result == REPORT_TAKEN && static_store_commit(statics) != 0) {
            result = REPORT_FAILED;
        }
    }

    if (result != REPORT_TAKEN) {
        (void) schema_failed(&statics->store, request);
        static_store_rollback(statics);
    }

    return result;
}


void
static_store_shorten_log(static_store_t *statics)
{
    const qsn_settings_t *settings = statics->store.settings;
    sqlite3 *db = statics->store.db;
    uint64_t wait_ms = 4 * (uint64_t) settings->query_deadline_ms;
    uint64_t until_ms;

    if (log_size(statics) <= statics->log_limit) {
        return;
    }

    /* a query ends in twice its deadline, then one that came before the log
       was all in the database */
    until_ms = qsn_clock_monotonic_ms() + (wait_ms < WAIT_MAX_MS
                                           ? wait_ms : WAIT_MAX_MS);
    (void) sqlite3_busy_handler(db, wait_for_readers, &until_ms);

    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                       NULL, NULL);

    (void) sqlite3_busy_handler(db, NULL, NULL);
    statics->log_limit = log_limit(statics);

    if (rc != SQLITE_OK) {
        qsn_log("static_db: its log has %lld bytes and cannot be shortened: "
                "%s", (long long) log_size(statics), sqlite3_errmsg(db));
        statics->log_limit += log_size(statics);
    }
}


int
static_store_tables(static_store_t *statics, catalog_t *copy)
{
    catalog_init(copy);
    uv_mutex_lock(&statics->mutex);

    int rc = copy_tables(&statics->tables, copy);

    uv_mutex_unlock(&statics->mutex);

    return rc;
}


static int64_t
log_limit(const static_store_t *statics)
{
    int64_t limit = statics->store.settings->max_static / LOG_SHARE;

    return limit < LOG_MIN ? LOG_MIN : limit < LOG_MAX ? limit : LOG_MAX;
}


static int64_t
log_size(const static_store_t *statics)
{
    char path[4096];
    struct stat info;

    (void) snprintf(path, sizeof(path), "%s-wal", statics->store.path);

    return stat(path, &info) == 0 ? (int64_t) info.st_size : 0;
}


/* SQLite's busy handler: 0 to give up. */
static int
wait_for_readers(void *until_ms, int times)
{
    (void) times;

    if (background_hurries()
        || qsn_clock_monotonic_ms() >= *(uint64_t *) until_ms)
    {
        return 0;
    }

    (void) usleep(LOOK_US);

    return 1;
}


/* What the others see: the tables as of the last commit. */
static void
publish_tables(static_store_t *statics)
{
    catalog_t tables;

    catalog_init(&tables);

    if (copy_tables(&statics->store.catalog, &tables) != 0) {
        qsn_log("out of memory for the list of static tables");
    }

    uv_mutex_lock(&statics->mutex);

    catalog_t before = statics->tables;

    statics->tables = tables;
    uv_mutex_unlock(&statics->mutex);

    catalog_clear(&before);
}


/* Names and counts, no columns. */
static int
copy_tables(const catalog_t *from, catalog_t *to)
{
    for (size_t i = 0; i < from->table_count; i++) {
        const catalog_table_t *table = from->tables[i];
        catalog_table_t *copy = catalog_add(to, table->name);

        if (copy == NULL) {
            return -1;
        }

        copy->rows = table->rows;
        copy->updates = table->updates;
        copy->last_update = table->last_update;
    }

    return 0;
}


static int
clear_table(store_t *store, catalog_table_t *table)
{
    table->rows = 0;
    table->updates = 0;
    catalog_forget_reports(&store->catalog, table);

    return sql_execf(store->db, "DELETE FROM \"%w\"", table->name)
               == SQLITE_OK
           && sql_execf(store->db, "DELETE FROM _qasino_reports "
                        "WHERE tablename = %Q", table->name) == SQLITE_OK
           && sql_execf(store->db, "DELETE FROM _qasino_updated "
                        "WHERE tablename = %Q", table->name)
               == SQLITE_OK ? 0 : -1;
}


/* The parents of file, as mkdir -p makes them. */
static int
make_directory(const char *file, char *error)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s", file);

    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';

        if (mkdir(path, 0700) == -1 && errno != EEXIST) {
            (void) snprintf(error, STORE_ERROR_SIZE,
                            "cannot make directory %.300s of static_db: %s",
                            path, strerror(errno));
            return -1;
        }

        *at = '/';
    }

    return 0;
}


/* A worker does not see what another one changes.  The lock goes with the
   process, however it ends; closed before the store, it would take SQLite's
   own locks with it. */
static int
lock_file(static_store_t *statics, const char *path, char *error)
{
    statics->lock = open(path, O_RDONLY | O_CLOEXEC);

    if (statics->lock != -1 && flock(statics->lock, LOCK_EX | LOCK_NB) == 0) {
        return 0;
    }

    (void) snprintf(error, STORE_ERROR_SIZE, "static_db %.300s %s", path,
                    errno == EWOULDBLOCK
                    ? "is in use by another qasino-worker"
                    : strerror(errno));

    return -1;
}
