#ifndef WORKER_FIXTURE_H
#define WORKER_FIXTURE_H

/* A db_dir of a test's own, requests written as JSON, and what SQLite finds
   in a file afterwards.  Included after cmocka.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generation.h"
#include "report.h"
#include "request_json.h"

typedef struct {
    char dir[64];
    qsn_settings_t settings;
    request_limits_t limits;
    char error[GENERATION_ERROR_SIZE];
} fixture_t;

static inline int
fixture_open(fixture_t *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    (void) snprintf(fixture->dir, sizeof(fixture->dir),
                    "/tmp/qasino-unit-XXXXXX");

    if (mkdtemp(fixture->dir) == NULL) {
        return -1;
    }

    fixture->settings.db_dir = fixture->dir;
    fixture->settings.max_cell = 100000;
    fixture->settings.max_tables = 20;
    fixture->settings.max_columns = 30;
    fixture->settings.max_identities = 1000;
    fixture->settings.static_db = (char *) "/nonexistent/static.db";
    fixture->limits.max_cell = 100000;
    fixture->limits.max_columns = 30;
    fixture->limits.max_sql = 1000;

    return 0;
}


static inline void
fixture_close(fixture_t *fixture)
{
    char command[128];

    (void) snprintf(command, sizeof(command), "rm -rf '%s'", fixture->dir);

    if (system(command) == -1) {
        perror(command);
    }
}


static inline generation_t *
fixture_generation(fixture_t *fixture, uint64_t number)
{
    generation_t *generation = generation_open(&fixture->settings, number,
                                               fixture->error);

    if (generation == NULL) {
        fail_msg("generation %llu: %s", (unsigned long long) number,
                 fixture->error);
    }

    return generation;
}


/* Parsed and checked; request_free() is due. */
static inline void
fixture_request(const fixture_t *fixture, request_t *request,
    const char *json)
{
    request_init(request, &fixture->limits);

    request_json_t *parser = request_json_create(request);

    assert_non_null(parser);

    if (request_json_feed(parser, json, strlen(json)) != 0
        || request_json_finish(parser) != 0
        || request_check_table(request) != 0)
    {
        fail_msg("%s: %s", json, request->error);
    }

    request_json_destroy(parser);
}


/* One publish inside the transaction that is open. */
static inline enum report_result
fixture_apply(const fixture_t *fixture, generation_t *generation,
    const char *json)
{
    request_t request;

    fixture_request(fixture, &request, json);

    enum report_result result = report_apply(&generation->store, &request);

    request_free(&request);

    return result;
}


/* One publish in a transaction of its own. */
static inline enum report_result
fixture_publish(const fixture_t *fixture, generation_t *generation,
    const char *json)
{
    assert_int_equal(store_begin(&generation->store), 0);

    enum report_result result = fixture_apply(fixture, generation, json);

    if (result == REPORT_FAILED) {
        assert_int_equal(store_rollback(&generation->store), 0);
    } else {
        assert_int_equal(store_commit(&generation->store), 0);
    }

    return result;
}


/* All cells of all rows: "a|b;c|d". */
static inline void
fixture_select(sqlite3 *db, const char *sql, qsn_buf_t *out)
{
    sqlite3_stmt *statement = NULL;
    int rc;

    qsn_buf_clear(out);
    rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }

    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        qsn_buf_string(out, out->length ? ";" : "");

        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);

            qsn_buf_string(out, i ? "|" : "");
            qsn_buf_string(out, text ? (const char *) text : "NULL");
        }
    }

    assert_int_equal(rc, SQLITE_DONE);
    (void) sqlite3_finalize(statement);
}


static inline void
fixture_assert_rows(sqlite3 *db, const char *sql, const char *expected)
{
    qsn_buf_t out = { 0 };

    fixture_select(db, sql, &out);
    assert_string_equal(qsn_buf_text(&out), expected);
    qsn_buf_free(&out);
}


/* In the file, by a connection of its own: it has to be closed by then. */
static inline void
fixture_assert_file(const char *path, const char *sql, const char *expected)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    fixture_assert_rows(db, "PRAGMA integrity_check", "ok");
    fixture_assert_rows(db, sql, expected);
    (void) sqlite3_close(db);
}

#endif
