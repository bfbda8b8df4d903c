/* Prepare, bind, step, render; and SQLite's results as sentences. */

#include "execute.h"

#include <inttypes.h>
#include <string.h>

#include "scan.h"

static int run_kept(const execute_t *execute, render_t *render,
    failure_t *failure);
static int run_new(const execute_t *execute, statement_t *statement,
    render_t *render, failure_t *failure);
static int prepare_shape(const execute_t *execute, sqlite3_stmt **prepared);
static int has_no_other(sqlite3_stmt *prepared, int count);
static int prepare(const execute_t *execute, const char *text, size_t length,
    int keep, sqlite3_stmt **prepared, failure_t *failure);
static int run_prepared(const execute_t *execute,
    const statement_t *statement, sqlite3_stmt *prepared,
    const shape_t *values, render_t *render, failure_t *failure);
static int check_sent(const execute_t *execute, const render_t *render,
    failure_t *failure);
static int bind_values(const execute_t *execute, const statement_t *statement,
    sqlite3_stmt *prepared, const shape_t *values, failure_t *failure);
static int find_table(const execute_t *execute,
    const statement_t *statement, sqlite3_stmt *prepared,
    failure_t *failure);
static int run(const execute_t *execute, const statement_t *statement,
    sqlite3_stmt *prepared, render_t *render,
    void (*begin)(render_t *, sqlite3_stmt *), failure_t *failure);
static int is_only_blank(const char *text, const char *end);


int
execute_statement(const execute_t *execute, statement_t *statement,
    render_t *render, failure_t *failure)
{
    int result = execute->kept ? run_kept(execute, render, failure)
                               : run_new(execute, statement, render, failure);

    if (failure->no_memory) {
        /* what they have is the query's */
        prepared_clear(execute->reader->prepared);
    }

    return result;
}


void
execute_failure(const execute_t *execute, int rc, failure_t *failure)
{
    const char *text = sqlite3_errmsg(execute->reader->db);
    const char *refused = execute->reader->policy.refused;
    const qsn_settings_t *settings = execute->settings;

    switch (rc & 0xff) {

    case SQLITE_INTERRUPT:
        switch (control_stopped(execute->control)) {

        case CONTROL_DEADLINE:
            failure_set(failure, 504, "The query was stopped after %g s, "
                        "what option query_deadline allows",
                        (double) execute->deadline_ms / 1000);
            break;

        case CONTROL_MOVED:
            failure_set(failure, QSN_STATUS_MOVED,
                        "The query is not for this process");
            break;

        default:
            failure_set(failure, 503, "The query was cancelled");
            break;
        }

        return;

    case SQLITE_NOMEM:
        failure->no_memory = 1;
        failure_set(failure, 413, "SQLError: %s: the query takes more than "
                    "the %" PRId64 " bytes that option query_heap allows,"
                    " or compiles to more than %d operations", text,
                    settings->query_heap, POLICY_OPERATIONS_MAX);
        return;

    case SQLITE_TOOBIG:
        failure_set(failure, 413, "SQLError: %s: option max_cell allows %"
                    PRId64 " bytes", text, settings->max_cell);
        return;

    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_INTERNAL:
        failure_set(failure, 500, "SQLError: ");
        break;

    default:
        failure_set(failure, 400, "SQLError: ");
        break;
    }

    failure_quote(failure, text, strlen(text));

    if (refused[0]) {
        qsn_buf_string(&failure->text, " (");
        failure_quote(failure, refused, strlen(refused));
        qsn_buf_string(&failure->text, ": only reading is allowed)");
    }
}


static int
run_kept(const execute_t *execute, render_t *render, failure_t *failure)
{
    prepared_t *kept = execute->kept;
    policy_t *policy = &execute->reader->policy;

    policy_begin(policy);

    /* stepping it may compile it anew, and find that again */
    policy->volatile_functions = kept->volatile_functions;

    int result = run_prepared(execute, &kept->statement, kept->handle,
                              execute->shape, render, failure);

    if (result == 0) {
        (void) sqlite3_reset(kept->handle);
    } else {
        prepared_drop(execute->reader->prepared, kept);
    }

    return result;
}


/* What should be kept is prepared without its values, if that can be. */
static int
run_new(const execute_t *execute, statement_t *statement, render_t *render,
    failure_t *failure)
{
    prepared_list_t *list = execute->reader->prepared;
    const shape_t *shape = execute->shape, *values = NULL;
    sqlite3_stmt *prepared = NULL;
    int keep = shape && prepared_is_due(list, shape->text, shape->length);
    int result;

    if (keep && shape->count > 0) {
        if (prepare_shape(execute, &prepared) == 0) {
            values = shape;
        } else {
            keep = 0;
        }
    }

    result = values ? 0 : prepare(execute, statement->sql.data,
                                  statement->sql.length, keep, &prepared,
                                  failure);

    if (result == 0) {
        result = run_prepared(execute, statement, prepared, values, render,
                              failure);
    }

    if (result == 0 && keep) {
        (void) sqlite3_reset(prepared);
        prepared_keep(list, shape->text, shape->length, statement, prepared,
                      execute->reader->policy.volatile_functions);
    } else {
        (void) sqlite3_finalize(prepared);
    }

    return result;
}


/* -1: with its values it is found out why, and said. */
static int
prepare_shape(const execute_t *execute, sqlite3_stmt **prepared)
{
    const shape_t *shape = execute->shape;
    failure_t ignored = { 0 };
    int result = prepare(execute, shape->text, shape->length, 1, prepared,
                         &ignored);

    failure_free(&ignored);

    if (result == 0 && has_no_other(*prepared, (int) shape->count)) {
        return 0;
    }

    (void) sqlite3_finalize(*prepared);
    *prepared = NULL;

    return -1;
}


/* A name of the user's would be another parameter, or even the same. */
static int
has_no_other(sqlite3_stmt *prepared, int count)
{
    if (sqlite3_bind_parameter_count(prepared) != count) {
        return 0;
    }

    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(prepared, i);

        if (name == NULL || name[0] != '?') {
            return 0;
        }
    }

    return 1;
}


static int
prepare(const execute_t *execute, const char *text, size_t length, int keep,
    sqlite3_stmt **prepared, failure_t *failure)
{
    const char *tail = text + length;

    policy_begin(&execute->reader->policy);

    int rc = sqlite3_prepare_v3(execute->reader->db, text, (int) length,
                                keep ? SQLITE_PREPARE_PERSISTENT : 0,
                                prepared, &tail);

    if (rc != SQLITE_OK) {
        execute_failure(execute, rc, failure);
        return -1;
    }

    if (*prepared == NULL || !is_only_blank(tail, text + length)) {
        failure_set(failure, 400, "ERROR: only one statement at a time");
        return -1;
    }

    /* The authorizer sees to that; this is a second lock on the door. */
    if (!sqlite3_stmt_readonly(*prepared)) {
        failure_set(failure, 400, "SQLError: only reading is allowed");
        return -1;
    }

    return 0;
}


static int
run_prepared(const execute_t *execute, const statement_t *statement,
    sqlite3_stmt *prepared, const shape_t *values, render_t *render,
    failure_t *failure)
{
    if (bind_values(execute, statement, prepared, values, failure) == -1) {
        return -1;
    }

    int result = run(execute, statement, prepared, render,
                     render->kind->begin, failure);

    if (result == 0 && render->kind->again && render->kind->again(render)) {
        (void) sqlite3_reset(prepared);
        result = run(execute, statement, prepared, render, NULL, failure);
    }

    if (result == 0) {
        render->kind->end(render);      /* may still have rows to send */
        result = check_sent(execute, render, failure);
    }

    return result;
}


/* 0 if all that was rendered is sent, or waits in the sink. */
static int
check_sent(const execute_t *execute, const render_t *render,
    failure_t *failure)
{
    const sink_t *sink = render->sink;

    if (render->failed || sink->buf.failed) {
        execute_failure(execute, SQLITE_NOMEM, failure);
        return -1;
    }

    if (sink->stopped) {
        if (control_stopped(execute->control)) {
            execute_failure(execute, SQLITE_INTERRUPT, failure);
        }

        return -1;
    }

    return 0;
}


static int
bind_values(const execute_t *execute, const statement_t *statement,
    sqlite3_stmt *prepared, const shape_t *values, failure_t *failure)
{
    int count = sqlite3_bind_parameter_count(prepared);
    int rc = SQLITE_OK;

    if (values && values->count > 0) {
        rc = shape_bind(values, prepared);

    } else if (statement->kind == STATEMENT_SQL && count > 0) {
        failure_set(failure, 400, "Statement has %d bindings but you didn't "
                    "supply any!", count);
        return -1;
    }

    if (rc != SQLITE_OK) {
        execute_failure(execute, rc, failure);
        return -1;
    }

    if (statement->has_value) {
        (void) sqlite3_bind_text(prepared, 1, statement->value.data,
                                 (int) statement->value.length,
                                 SQLITE_STATIC);
    }

    return statement->kind == STATEMENT_DESC
           ? find_table(execute, statement, prepared, failure) : 0;
}


/* Binds the schema that has the table. */
static int
find_table(const execute_t *execute, const statement_t *statement,
    sqlite3_stmt *prepared, failure_t *failure)
{
    static const char *const schemas[] = { "main", "static" };
    int rc = SQLITE_DONE;

    for (size_t i = 0; i < (statement->has_schema ? 1 : 2); i++) {
        if (statement->has_schema) {
            (void) sqlite3_bind_text(prepared, 2, statement->schema.data,
                                     (int) statement->schema.length,
                                     SQLITE_STATIC);
        } else {
            (void) sqlite3_bind_text(prepared, 2, schemas[i], -1,
                                     SQLITE_STATIC);
        }

        rc = sqlite3_step(prepared);
        (void) sqlite3_reset(prepared);

        if (rc == SQLITE_ROW) {
            return 0;
        }

        if (rc == SQLITE_INTERRUPT) {
            execute_failure(execute, rc, failure);
            return -1;
        }
    }

    failure_set(failure, 400, "Table ");

    if (statement->has_schema) {
        failure_quote(failure, statement->schema.data,
                      statement->schema.length);
        qsn_buf_byte(&failure->text, '.');
    }

    failure_quote(failure, statement->value.data, statement->value.length);
    qsn_buf_string(&failure->text, " not found");

    return -1;
}


/* All rows once.  The first step may prepare the statement anew, for a
   static table that has got a column: only then are the columns known, and
   begin (NULL: it has been called) may look at them. */
static int
run(const execute_t *execute, const statement_t *statement,
    sqlite3_stmt *prepared, render_t *render,
    void (*begin)(render_t *, sqlite3_stmt *), failure_t *failure)
{
    sink_t *sink = render->sink;
    int rc = sqlite3_step(prepared);

    if (begin && (rc == SQLITE_ROW || rc == SQLITE_DONE)) {
        if (execute->begun) {
            int depends = execute->reader->policy.volatile_functions;

            if (execute->frozen) {
                depends &= ~POLICY_TIMED;
            }

            execute->begun(execute->data, statement->kind != STATEMENT_SQL
                                          || depends == 0);
        }

        begin(render, prepared);
    }

    while (rc == SQLITE_ROW && !render_is_full(render)) {
        render->kind->row(render, prepared);
        render->rows++;

        if (sink->stopped || render->failed || sink->buf.failed) {
            break;
        }

        rc = sqlite3_step(prepared);
    }

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        execute_failure(execute, rc, failure);
        return -1;
    }

    return check_sent(execute, render, failure);
}


static int
is_only_blank(const char *text, const char *end)
{
    scan_t scan = { text, end };
    scan_token_t token;

    do {
        scan_next(&scan, &token);
    } while (scan_is_mark(&token, ';'));

    return token.kind == SCAN_END;
}
