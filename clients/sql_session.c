/*
 * What happens with a statement, and where its result goes.
 *
 * Errors of the server end only the statement, and in a script change the
 * exit status.  No answer at all ends a script: the statements after it
 * would each wait as long.
 */

#include "sql_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "qsn_clock.h"
#include "sql_command.h"
#include "sql_set.h"
#include "sql_signal.h"
#include "sql_text.h"

static void run_statement(sql_session_t *session, const char *sql,
    size_t length);
static void run_set(sql_session_t *session, const sql_set_t *set);
static int wants_pager(const sql_session_t *session,
    const sql_result_t *result);
static void show_in_pager(sql_session_t *session, const sql_result_t *result);
static void report(sql_session_t *session, const char *message,
    size_t length);
static void worsen(sql_session_t *session, int status);


int
sql_session_create(sql_session_t *session, const sql_options_t *options)
{
    char error[CONNECTION_ERROR_SIZE];

    memset(session, 0, sizeof(*session));
    session->options = options;
    session->format.mode = options->mode;
    session->format.headers = options->headers;
    session->timer = options->timer;
    session->bail = options->bail;
    session->use_write_db = options->use_write_db;
    sql_output_init(&session->out, STDOUT_FILENO);

    if (sql_session_set_text(&session->null_text, "") != 0
        || sql_session_set_text(&session->pager, options->pager) != 0)
    {
        return -1;
    }

    session->format.null_text = session->null_text;
    session->connection = connection_create(&options->connection, error);

    if (session->connection == NULL) {
        sql_session_error(session, "%s", error);
        worsen(session, ARGUMENTS_EXIT_USAGE);
        return -1;
    }

    return options->output ? sql_session_redirect(session, options->output)
                           : 0;
}


void
sql_session_destroy(sql_session_t *session)
{
    sql_session_flush(session);
    sql_output_close(&session->out);
    connection_destroy(session->connection);
    free(session->null_text);
    free(session->pager);
    free(session->out_name);
    qsn_buf_free(&session->last);
}


void
sql_session_execute(sql_session_t *session, enum sql_input_kind kind,
    const char *text, size_t length)
{
    sql_set_t set;
    int before = session->status;

    session->status = ARGUMENTS_EXIT_OK;

    if (kind == SQL_INPUT_QUIT) {
        session->quit = 1;

    } else if (kind == SQL_INPUT_COMMAND) {
        sql_command_run(session, text);

    } else if (sql_set_parse(&set, text, length)) {
        run_set(session, &set);

    } else {
        run_statement(session, text, length);
    }

    sql_session_flush(session);

    session->abandon |= session->bail
                        && session->status != ARGUMENTS_EXIT_OK;

    worsen(session, before);
}


void
sql_session_show(sql_session_t *session, const sql_result_t *result)
{
    sql_format_t format = session->format;
    size_t rows;

    if (wants_pager(session, result)) {
        show_in_pager(session, result);

    } else {
        if (sql_session_on_terminal(session)) {
            sql_output_size(&format.width, &rows);
            format.colour = getenv("NO_COLOR") == NULL
                            && sql_output_takes_escapes();
        }

        sql_render(result, &format, &session->out);
    }

    if (result->truncated_by) {
        sql_session_error(session, "this is not the whole result: option "
                          "%.100s of the server allows no more",
                          result->truncated_by);
    }
}


void
sql_session_judge(sql_session_t *session, const sql_answer_t *answer)
{
    switch (answer->end) {

    case SQL_QUERY_OK:
        if (answer->message.length > 0) {
            sql_session_flush(session);
            report(session, answer->message.data, answer->message.length);
        }

        break;

    case SQL_QUERY_REFUSED:
        sql_session_error(session, "%.*s", (int) answer->message.length,
                          answer->message.data);
        break;

    case SQL_QUERY_NO_ANSWER:
        sql_session_error(session, "%.*s", (int) answer->message.length,
                          answer->message.data);
        worsen(session, ARGUMENTS_EXIT_NO_ANSWER);
        session->abandon = 1;
        break;

    case SQL_QUERY_STOPPED:
        sql_session_note(session, "Cancelled.");
        worsen(session, ARGUMENTS_EXIT_REFUSED);
        break;
    }
}


void
sql_session_ask(sql_session_t *session, sql_answer_t *answer,
    const char *sql, size_t length)
{
    sql_query_ask(answer, session->connection, sql, length,
                  session->options->identity, session->use_write_db);
}


void
sql_session_error(sql_session_t *session, const char *format, ...)
{
    qsn_buf_t text = { 0 };
    char part[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(part, sizeof(part), format, args);
    va_end(args);

    sql_session_flush(session);

    if (session->script) {
        qsn_buf_printf(&text, "%s:%u: ", session->script, session->line);
    }

    qsn_buf_printf(&text, "ERROR: %s", part);
    report(session, text.data, text.length);
    qsn_buf_free(&text);
    worsen(session, ARGUMENTS_EXIT_REFUSED);
}


void
sql_session_note(sql_session_t *session, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (!session->is_interactive) {
        return;
    }

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    sql_session_flush(session);
    report(session, text, strlen(text));
}


int
sql_session_on_terminal(const sql_session_t *session)
{
    return session->out.is_terminal && session->out.child == 0;
}


int
sql_session_redirect(sql_session_t *session, const char *target)
{
    char error[SQL_OUTPUT_ERROR_SIZE];
    sql_output_t opened;

    if (target && sql_output_open(&opened, target, error) != 0) {
        sql_session_error(session, "%s", error);
        return -1;
    }

    sql_session_flush(session);
    sql_output_close(&session->out);
    (void) sql_session_set_text(&session->out_name, target);

    if (target) {
        session->out = opened;
    } else {
        sql_output_init(&session->out, STDOUT_FILENO);
    }

    return 0;
}


void
sql_session_flush(sql_session_t *session)
{
    sql_output_t *out = &session->out;
    int error;

    if (out->fd == -1 || sql_output_flush(out) == 0) {
        return;
    }

    error = out->error;
    out->error = 0;
    worsen(session, ARGUMENTS_EXIT_REFUSED);

    if (error != EPIPE && error != ECANCELED) {
        sql_session_error(session, "cannot write to %s: %s",
                          session->out_name ? session->out_name
                                            : "standard output",
                          strerror(error));
    }

    /* whoever read standard output is gone: so are we */
    session->quit |= error != ECANCELED && session->out_name == NULL;
}


int
sql_session_set_text(char **text, const char *value)
{
    char *copy = value ? strdup(value) : NULL;

    if (value && copy == NULL) {
        return -1;
    }

    free(*text);
    *text = copy;

    return 0;
}


static void
run_statement(sql_session_t *session, const char *sql, size_t length)
{
    uint64_t begun = qsn_clock_monotonic_ms();
    sql_answer_t answer;

    qsn_buf_clear(&session->last);
    qsn_buf_append(&session->last, sql, length);

    sql_session_ask(session, &answer, sql, length);

    uint64_t took = qsn_clock_monotonic_ms() - begun;

    if (answer.has_result) {
        sql_session_show(session, &answer.result);
    }

    sql_session_judge(session, &answer);

    if (session->timer) {
        sql_session_flush(session);
        fprintf(stderr, "Run Time: %.3f s\n", (double) took / 1000);
    }

    sql_answer_free(&answer);
}


static void
run_set(sql_session_t *session, const sql_set_t *set)
{
    int flag = sql_set_flag(set->value);

    if (strcmp(set->name, "use_write_db") != 0) {
        sql_session_error(session, "Unrecognized SET statement: %s = %s",
                          set->name, set->value);

    } else if (flag == -1) {
        sql_session_error(session, "Invalid value for '%s': true or false",
                          set->name);

    } else {
        session->use_write_db = flag;
        sql_session_note(session, "Using %s database.",
                         flag ? "write" : "read");
    }
}


static int
wants_pager(const sql_session_t *session, const sql_result_t *result)
{
    size_t width, height;
    size_t rows = result->rows + result->gone;

    if (session->pager == NULL || session->out_name
        || !session->out.is_terminal)
    {
        return 0;
    }

    sql_output_size(&width, &height);

    if (session->format.mode == SQL_MODE_LINE) {
        rows *= result->columns + 1;
    }

    /* names, the line under them, the count, the next prompt */
    return rows + 4 > height
           || (session->format.mode == SQL_MODE_TABLE
               && sql_render_table_width(result, &session->format) > width);
}


static void
show_in_pager(sql_session_t *session, const sql_result_t *result)
{
    char error[SQL_OUTPUT_ERROR_SIZE];
    qsn_buf_t target = { 0 };
    sql_output_t pager;

    qsn_buf_printf(&target, "|%s", session->pager);
    sql_session_flush(session);

    if (sql_output_open(&pager, qsn_buf_text(&target), error) != 0) {
        sql_session_error(session, "%s", error);

    } else {
        sql_render(result, &session->format, &pager);
        sql_output_close(&pager);       /* a pager may leave early */
        sql_signal_clear();             /* Ctrl-C was meant for it */
    }

    qsn_buf_free(&target);
}


/* A line of a message: from a server, a file name, from anywhere. */
static void
report(sql_session_t *session, const char *message, size_t length)
{
    qsn_buf_t safe = { 0 };

    (void) session;
    sql_text_put_lines(&safe, message, length);
    qsn_buf_byte(&safe, '\n');

    if (!safe.failed) {
        fwrite(safe.data, 1, safe.length, stderr);
    }

    qsn_buf_free(&safe);
}


static void
worsen(sql_session_t *session, int status)
{
    session->status = status > session->status ? status : session->status;
}
