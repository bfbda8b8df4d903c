/*
 * SQLite does not hand its own function out once another has the name, so a
 * second, empty database, in which it still has it, is asked: by a SELECT of
 * the call, to which the arguments are bound.
 */

#include "original.h"

#include <limits.h>
#include <string.h>

#define JSON_SUBTYPE  'J'       /* what SQLite marks JSON with */

static int prepare(original_t *original, char *sql);
static int open_empty(original_t *original);
static void mark_json(sqlite3_context *context, int argc,
    sqlite3_value **argv);


void
original_call(original_t *original, sqlite3_context *context,
    const char *name, int argc, sqlite3_value **argv)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    int rc;

    sqlite3_str_appendf(text, "SELECT %s(", name);

    /* JSON as an argument is not a string that looks like it. */
    for (int i = 0; i < argc; i++) {
        int is_json = sqlite3_value_subtype(argv[i]) == JSON_SUBTYPE;

        sqlite3_str_appendf(text, is_json ? "%smark_json(?%d)" : "%s?%d",
                            i ? "," : "", i + 1);
    }

    sqlite3_str_appendchar(text, 1, ')');
    rc = prepare(original, sqlite3_str_finish(text));

    for (int i = 0; i < argc && rc == SQLITE_OK; i++) {
        rc = sqlite3_bind_value(original->prepared, i + 1, argv[i]);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(original->prepared);
    }

    if (rc == SQLITE_ROW) {
        sqlite3_result_value(context,
                             sqlite3_column_value(original->prepared, 0));

    } else if (rc == SQLITE_NOMEM) {
        sqlite3_result_error_nomem(context);

    } else if (rc == SQLITE_TOOBIG) {
        sqlite3_result_error_toobig(context);

    } else {
        sqlite3_result_error(context, sqlite3_errmsg(original->db), -1);
    }

    if (original->prepared) {
        (void) sqlite3_reset(original->prepared);
        (void) sqlite3_clear_bindings(original->prepared);
    }
}


void
original_free(original_t *original)
{
    (void) sqlite3_finalize(original->prepared);
    (void) sqlite3_close(original->db);
    sqlite3_free(original->sql);
}


/* Takes sql over.  The statement used last is kept: a query calls the same
   function for each row. */
static int
prepare(original_t *original, char *sql)
{
    int rc = SQLITE_OK;

    if (sql == NULL) {
        return SQLITE_NOMEM;
    }

    if (original->sql && strcmp(original->sql, sql) == 0) {
        sqlite3_free(sql);
        return SQLITE_OK;
    }

    (void) sqlite3_finalize(original->prepared);
    original->prepared = NULL;
    sqlite3_free(original->sql);
    original->sql = sql;

    if (original->db == NULL) {
        rc = open_empty(original);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v3(original->db, sql, -1,
                                SQLITE_PREPARE_PERSISTENT,
                                &original->prepared, NULL);
    }

    if (rc != SQLITE_OK) {
        sqlite3_free(original->sql);
        original->sql = NULL;
    }

    return rc;
}


static int
open_empty(original_t *original)
{
    uint64_t length = original->max_length;
    int rc = sqlite3_open_v2(":memory:", &original->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY
                             | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        (void) sqlite3_limit(original->db, SQLITE_LIMIT_LENGTH,
                             length > INT_MAX ? INT_MAX : (int) length);
        rc = sqlite3_create_function(original->db, "mark_json", 1,
                                     ORIGINAL_FLAGS, NULL, mark_json, NULL,
                                     NULL);
    }

    if (rc != SQLITE_OK) {
        (void) sqlite3_close(original->db);
        original->db = NULL;
    }

    return rc;
}


/* json() would do that, too, but refuses what SQLite takes from itself. */
static void
mark_json(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void) argc;

    sqlite3_result_value(context, argv[0]);
    sqlite3_result_subtype(context, JSON_SUBTYPE);
}
