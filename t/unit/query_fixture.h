#ifndef QUERY_FIXTURE_H
#define QUERY_FIXTURE_H

/* A sealed generation and a static database for the query tests, in a
   directory of their own, removed at the end. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "reader.h"

typedef struct {
    char dir[64];
    char snapshot[128];
    char statics[128];
    sqlite3 *keeper;            /* has statics open, as the worker has */
} query_fixture_t;

static const char query_fixture_sql[] =
    "CREATE TABLE fix (id INTEGER, name TEXT, val REAL, note TEXT);"
    "INSERT INTO fix VALUES (1, 'plain', 1.5, 'a'),"
    " (2, 'unicode \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80', 1382131575.89,"
    "  'tab' || char(9) || 'here'),"
    " (3, 'line1' || char(10) || 'line2', 1e20, 'back\\slash'),"
    " (4, 'quote'' \"dq\"', 0.1, NULL);"
    "CREATE TABLE \"order\" (\"group\" INTEGER);"
    "CREATE INDEX fix_id ON fix (id);"
    "CREATE TABLE _qasino_meta (key TEXT);"
    "CREATE TABLE _qasino_reports (identity TEXT);"
    "CREATE VIEW qasino_server_reports AS SELECT identity"
    " FROM _qasino_reports;"
    "CREATE VIEW good AS SELECT id, 1 AS one FROM fix;"
    "CREATE VIEW broken AS SELECT * FROM nosuch_table;"
    "CREATE TABLE qasino_server_info (generation_number INTEGER,"
    " generation_duration_s INTEGER, generation_start_epoch REAL);"
    "INSERT INTO qasino_server_info VALUES (1795331135, 4, 1795331139.21);"
    "CREATE TABLE qasino_server_tables (tablename TEXT, nr_rows INTEGER,"
    " nr_updates INTEGER, last_update_epoch REAL, static INTEGER);"
    "INSERT INTO qasino_server_tables VALUES"
    " ('fix', 4, 1, 1795331127.06, 0),"
    " ('it''s', 0, 2, 1795331127.0, 0), ('st', 1, 3, 1795331120.5, 1),"
    " ('fix', 9, 9, 1795331120.5, 1);"
    "CREATE TABLE qasino_server_connections (identity TEXT,"
    " nr_tables INTEGER, last_update_epoch REAL);"
    "INSERT INTO qasino_server_connections VALUES"
    " ('b', 1, 1795331127.06), ('a', 2, 1795331127.06);"
    "CREATE TABLE qasino_server_views (viewname TEXT, loaded INTEGER,"
    " errormsg TEXT, view TEXT);"
    "INSERT INTO qasino_server_views VALUES"
    " ('good', 1, '', 'create view good as ...');";

static inline int
query_fixture_file(const char *path, const char *sql)
{
    sqlite3 *db;
    int rc = sqlite3_open(path, &db);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    }

    (void) sqlite3_close(db);

    return rc == SQLITE_OK ? 0 : -1;
}


static inline int
query_fixture_open(query_fixture_t *fixture)
{
    (void) snprintf(fixture->dir, sizeof(fixture->dir),
                    "/tmp/qasino query%%XXXXXX");

    if (mkdtemp(fixture->dir) == NULL) {
        return -1;
    }

    (void) snprintf(fixture->snapshot, sizeof(fixture->snapshot),
                    "%s/snap?1#.db", fixture->dir);
    (void) snprintf(fixture->statics, sizeof(fixture->statics),
                    "%s/static.db", fixture->dir);

    return query_fixture_file(fixture->snapshot, query_fixture_sql);
}


static inline int
query_fixture_static(query_fixture_t *fixture)
{
    return query_fixture_file(fixture->statics,
                              "PRAGMA journal_mode = WAL;"
                              "CREATE TABLE st (a INTEGER, b TEXT);"
                              "INSERT INTO st VALUES (1, 'v1');"
                              "CREATE TABLE fix (hidden TEXT);") == 0
           && sqlite3_open(fixture->statics, &fixture->keeper) == SQLITE_OK
           && sqlite3_exec(fixture->keeper, "SELECT * FROM st", NULL, NULL,
                           NULL) == SQLITE_OK ? 0 : -1;
}


/* Both files made, and read under limits.  NULL if something went wrong. */
static inline reader_t *
query_fixture_read(query_fixture_t *fixture, const policy_limits_t *limits)
{
    failure_t failure = { 0 };
    reader_t *reader;

    if (query_fixture_open(fixture) == -1
        || query_fixture_static(fixture) == -1)
    {
        return NULL;
    }

    reader = reader_open(fixture->snapshot, fixture->statics, limits,
                         &failure);
    failure_free(&failure);

    return reader;
}


static inline void
query_fixture_close(query_fixture_t *fixture)
{
    char command[300];

    (void) sqlite3_close(fixture->keeper);
    (void) snprintf(command, sizeof(command), "rm -rf '%s'", fixture->dir);

    if (system(command) == -1) {
        perror(command);
    }
}

#endif
