/*
 * Opening is: main immutable and mapped, the static database attached, the
 * schema read by a first statement, then the policy closes.  The first
 * statement stays: stepping it is the one way to make SQLite 3.40 forget an
 * interruption that came after its statement had ended.
 */

#include "reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "functions.h"
#include "qsn_log.h"

#define BUSY_MS  1000

static const char pragmas[] =
    "PRAGMA main.mmap_size = 2147418112;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA query_only = ON;";

/*
 * Table-valued functions come to be at their first use, by way of a CREATE
 * TABLE that the policy would refuse: so each is used once before it closes.
 */
static const char warm_up[] =
    "SELECT 1 FROM temp.json_each('[]'), temp.json_tree('[]'),"
    " temp.pragma_table_info('x'), temp.pragma_table_xinfo('x')";

static const char first_statement[] = "SELECT 1 FROM main.sqlite_schema";

static int open_main(reader_t *reader, const char *path);
static void attach_static(reader_t *reader);
static void close_policy(reader_t *reader);
static int64_t find_start(sqlite3 *db);


reader_t *
reader_open(const char *path, const char *static_path,
    const policy_limits_t *limits, failure_t *failure)
{
    reader_t *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        failure_set(failure, 500, "out of memory");
        return NULL;
    }

    reader->limits = *limits;
    reader->prepared = prepared_create();

    if (reader->prepared == NULL) {
        failure_set(failure, 500, "out of memory");
        reader_close(reader);
        return NULL;
    }

    if (static_path) {
        reader->static_path = strdup(static_path);
    }

    if (open_main(reader, path) != SQLITE_OK) {
        failure_set(failure, 500, "can't read the generation in %s: %s",
                    path, reader->db ? sqlite3_errmsg(reader->db)
                                     : "out of memory");
        reader_close(reader);
        return NULL;
    }

    reader->start_ms = find_start(reader->db);
    attach_static(reader);
    close_policy(reader);

    return reader;
}


void
reader_close(reader_t *reader)
{
    if (reader == NULL) {
        return;
    }

    prepared_destroy(reader->prepared);
    (void) sqlite3_finalize(reader->settle);
    (void) sqlite3_close(reader->db);
    free(reader->static_path);
    free(reader);
}


int
reader_refresh(reader_t *reader)
{
    if (reader->has_static || reader->static_path == NULL
        || access(reader->static_path, R_OK) == -1)
    {
        return 0;
    }

    policy_open(reader->db);
    attach_static(reader);
    close_policy(reader);

    return reader->has_static ? 0 : -1;
}


void
reader_settle(reader_t *reader)
{
    (void) sqlite3_step(reader->settle);
    (void) sqlite3_reset(reader->settle);
}


static int
open_main(reader_t *reader, const char *path)
{
    qsn_buf_t uri = { 0 };
    int rc;

    qsn_buf_file_uri(&uri, path, "immutable=1&mode=ro");
    rc = sqlite3_open_v2(qsn_buf_text(&uri), &reader->db,
                         SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                         | SQLITE_OPEN_NOMUTEX, CLOCK_VFS);
    qsn_buf_free(&uri);

    if (rc == SQLITE_OK) {
        (void) sqlite3_extended_result_codes(reader->db, 1);
        (void) sqlite3_busy_timeout(reader->db, BUSY_MS);
        rc = policy_harden(reader->db);
    }

    if (rc == SQLITE_OK) {
        rc = functions_register(reader->db, &reader->limits);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(reader->db, pragmas, NULL, NULL, NULL);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v3(reader->db, first_statement, -1,
                                SQLITE_PREPARE_PERSISTENT, &reader->settle,
                                NULL);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(reader->settle);
        (void) sqlite3_reset(reader->settle);
        rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(reader->db, warm_up, NULL, NULL, NULL);
    }

    return rc;
}


/*
 * Every statement needs every schema: a static database that can't be read
 * is let go again, or nothing could be asked at all.
 */
static void
attach_static(reader_t *reader)
{
    qsn_buf_t uri = { 0 };
    sqlite3_stmt *attach = NULL;
    int rc;

    if (reader->static_path == NULL
        || access(reader->static_path, R_OK) == -1)
    {
        return;
    }

    qsn_buf_file_uri(&uri, reader->static_path, "mode=ro");
    rc = sqlite3_prepare_v2(reader->db, "ATTACH ?1 AS static", -1, &attach,
                            NULL);

    if (rc == SQLITE_OK) {
        (void) sqlite3_bind_text(attach, 1, qsn_buf_text(&uri), -1,
                                 SQLITE_TRANSIENT);
        rc = sqlite3_step(attach) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
        (void) sqlite3_finalize(attach);
    }

    qsn_buf_free(&uri);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(reader->db,
                          "SELECT 1 FROM static.sqlite_schema LIMIT 1",
                          NULL, NULL, NULL);
        reader->has_static = rc == SQLITE_OK;
    }

    if (rc != SQLITE_OK) {
        qsn_log("can't read the static database %s: %s",
                reader->static_path, sqlite3_errmsg(reader->db));
        (void) sqlite3_exec(reader->db, "DETACH static", NULL, NULL, NULL);
    }
}


/*
 * A new authorizer makes every statement stale, and a stale statement is
 * compiled again before anything else happens: which an interruption would
 * prevent.  So that is done here, in peace.
 */
static void
close_policy(reader_t *reader)
{
    policy_close(reader->db, &reader->policy, &reader->limits);
    reader_settle(reader);
}


/* A generation that is being collected has none. */
static int64_t
find_start(sqlite3 *db)
{
    sqlite3_stmt *select = NULL;
    int64_t ms = 0;

    if (sqlite3_prepare_v2(db, "SELECT generation_start_epoch"
                           " FROM main.qasino_server_info", -1, &select,
                           NULL) == SQLITE_OK
        && sqlite3_step(select) == SQLITE_ROW)
    {
        ms = llround(sqlite3_column_double(select, 0) * 1000);
    }

    (void) sqlite3_finalize(select);

    return ms;
}
