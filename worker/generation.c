/*
 * The life of a generation file: names, opening, recovery.  What goes into
 * it is report.c's, what it holds of its own at the end internal_tables.c's.
 */

#include "generation.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal_tables.h"
#include "sql.h"

#define PREFIX  "qasino_table_store_"
#define SUFFIX  ".db"

static const char pragmas[] =
    "PRAGMA page_size = 4096;"
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA journal_mode = PERSIST;"
    "PRAGMA journal_size_limit = 16777216;"
    "PRAGMA synchronous = OFF;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -65536;";

static int rename_both(const char *from, const char *to);
static char *journal_path(const char *path);
static void unlink_journal(const char *path);


char *
generation_path(const char *dir, uint64_t number)
{
    char *path;

    if (asprintf(&path, "%s/" PREFIX "%llu" SUFFIX, dir,
                 (unsigned long long) number) == -1)
    {
        return NULL;
    }

    return path;
}


uint64_t
generation_number_of(const char *name)
{
    char *end;

    if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0
        || !isdigit((unsigned char) name[sizeof(PREFIX) - 1]))
    {
        return 0;
    }

    unsigned long long number = strtoull(name + sizeof(PREFIX) - 1, &end, 10);

    return strcmp(end, SUFFIX) == 0 && number <= INT64_MAX ? number : 0;
}


generation_t *
generation_open(const qsn_settings_t *settings, uint64_t number, char *error)
{
    char *path = generation_path(settings->db_dir, number);
    generation_t *generation = NULL;

    if (path) {
        generation = generation_open_path(settings, path, number, error);
    } else {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
    }

    free(path);

    return generation;
}


generation_t *
generation_open_path(const qsn_settings_t *settings, const char *path,
    uint64_t number, char *error)
{
    generation_t *generation = calloc(1, sizeof(*generation));
    char *own = strdup(path);

    if (generation == NULL || own == NULL) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
        free(generation);
        free(own);
        return NULL;
    }

    generation->number = number;

    if (store_open(&generation->store, settings, own, pragmas,
                   internal_tables_schema, error) != 0)
    {
        generation_close(generation);
        return NULL;
    }

    return generation;
}


/*
 * SQLite goes by what it has open, and it has the journal open from the first
 * transaction on, which made the file: what it does not know is that a
 * successor of ours finds both under their new names.  The file has its name
 * before its journal has: in between there is nothing to be rolled back.
 */
int
generation_name(generation_t *generation, const qsn_settings_t *settings,
    uint64_t number, char *error)
{
    store_t *store = &generation->store;
    char *path = generation_path(settings->db_dir, number);

    if (path == NULL || rename_both(store->path, path) == -1) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "cannot rename %s: %s",
                        store->path, strerror(errno));
        free(path);
        return -1;
    }

    free(store->path);
    store->path = path;
    generation->number = number;

    return 0;
}


enum generation_state
generation_probe(const char *path, char *error)
{
    enum generation_state state = GENERATION_UNREADABLE;
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;

    /* read-write: a journal left by a killed process is rolled back here */
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE
                                        | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK
        && sql_int64(db, "SELECT count(*) FROM sqlite_schema", -1) == 0)
    {
        state = GENERATION_EMPTY;

    } else if (rc == SQLITE_OK
               && (rc = sqlite3_prepare_v2(db, "SELECT sum(key = 'sealed') "
                                           "FROM _qasino_meta", -1,
                                           &statement, NULL)) == SQLITE_OK
               && (rc = sqlite3_step(statement)) == SQLITE_ROW)
    {
        state = sqlite3_column_int(statement, 0) ? GENERATION_SEALED
                                                 : GENERATION_OPEN;

    } else if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT
               || rc == SQLITE_ERROR)
    {
        state = GENERATION_DAMAGED;
    }

    (void) snprintf(error, GENERATION_ERROR_SIZE, "generation file %s: %s",
                    path, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    (void) sqlite3_finalize(statement);
    (void) sqlite3_close(db);

    return state;
}


int
generation_open_sealed(const char *path, sqlite3 **db)
{
    qsn_buf_t uri = { 0 };
    int rc = SQLITE_NOMEM;

    *db = NULL;
    qsn_buf_file_uri(&uri, path, "immutable=1&mode=ro");

    if (!uri.failed) {
        rc = sqlite3_open_v2(qsn_buf_text(&uri), db, SQLITE_OPEN_READONLY
                             | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    }

    qsn_buf_free(&uri);

    return rc;
}


int
generation_mark_sealed(generation_t *generation)
{
    return store_set_meta(&generation->store, "sealed", 1);
}


void
generation_close(generation_t *generation)
{
    char *path = generation ? strdup(generation->store.path) : NULL;

    if (generation && store_close(&generation->store) == 0 && path) {
        unlink_journal(path);   /* it has done its duty */
    }

    free(path);
    free(generation);
}


void
generation_discard(generation_t *generation)
{
    char *path = generation ? strdup(generation->store.path) : NULL;

    generation_close(generation);

    if (path) {
        generation_unlink(path);
    }

    free(path);
}


/* SQLite gives up the lock when it next reads. */
int
generation_unlock(generation_t *generation)
{
    return sql_exec(generation->store.db, "PRAGMA locking_mode = NORMAL;"
                    "SELECT count(*) FROM sqlite_schema") == SQLITE_OK
           ? 0 : -1;
}


void
generation_unlink(const char *path)
{
    unlink_journal(path);
    (void) unlink(path);
}


static int
rename_both(const char *from, const char *to)
{
    char *from_journal = journal_path(from);
    char *to_journal = journal_path(to);
    int rc = from_journal && to_journal ? 0 : -1;

    if (rc == 0 && (rc = rename(from, to)) == 0
        && (rc = rename(from_journal, to_journal)) == -1)
    {
        (void) rename(to, from);
    }

    free(from_journal);
    free(to_journal);

    return rc;
}


/* NULL: no memory. */
static char *
journal_path(const char *path)
{
    char *journal;

    return asprintf(&journal, "%s-journal", path) == -1 ? NULL : journal;
}


static void
unlink_journal(const char *path)
{
    char *journal = journal_path(path);

    if (journal) {
        (void) unlink(journal);
    }

    free(journal);
}
