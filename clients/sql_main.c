/*
 * qasino-sql: a Qasino server's SQL, at a prompt or in a script.
 *
 *   sql_options   the command line
 *   sql_edit      the prompt ----+                sql_names, sql_complete,
 *   sql_script    files, -q -----+                sql_history
 *                                v
 *   sql_input     lines become statements and dot-commands (sql_scan)
 *   sql_session   runs them: sql_command, or to the server by sql_query
 *   sql_render    the result in a mode, onto an sql_output
 *
 * sql_watch repeats a statement; sql_diff is what it marks.  The connection
 * is that of all clients (connection.h).
 */

#include <stdio.h>
#include <unistd.h>

#include "arguments.h"
#include "sql_edit.h"
#include "sql_options.h"
#include "sql_script.h"
#include "sql_session.h"
#include "sql_signal.h"
#include "sql_text.h"

static int run(const sql_options_t *options);
static void run_todo(sql_session_t *session, const sql_options_t *options);


int
main(int argc, char **argv)
{
    sql_options_t options;
    int status;

    sql_text_init();
    sql_signal_init();

    switch (sql_options_read(&options, argc, argv)) {

    case SQL_OPTIONS_OK:
        status = run(&options);
        break;

    case SQL_OPTIONS_DONE:
        status = ARGUMENTS_EXIT_OK;
        break;

    default:
        status = ARGUMENTS_EXIT_USAGE;
        break;
    }

    sql_options_free(&options);

    return status;
}


static int
run(const sql_options_t *options)
{
    sql_session_t session;
    int ended_by;

    if (sql_session_create(&session, options) != 0) {
        sql_session_destroy(&session);
        return session.status;
    }

    session.is_interactive = options->todo_count == 0
                             && isatty(STDIN_FILENO);

    if (session.is_interactive) {
        sql_edit_run(&session);
        session.status = ARGUMENTS_EXIT_OK;     /* each was seen */
    } else {
        run_todo(&session, options);
    }

    ended_by = sql_signal_ending() ? sql_signal_ending()
               : sql_signal_interrupted() ? SIGINT : 0;
    sql_session_destroy(&session);

    if (ended_by) {
        sql_signal_die(ended_by);
    }

    return session.status;
}


static void
run_todo(sql_session_t *session, const sql_options_t *options)
{
    for (size_t i = 0; i < options->todo_count; i++) {
        const sql_todo_t *todo = &options->todo[i];

        if (session->quit || session->abandon || sql_signal_interrupted()) {
            return;
        }

        if (todo->kind == SQL_TODO_FILE) {
            sql_script_file(session, todo->text);
        } else {
            sql_script_text(session, todo->text);
        }
    }

    if (options->todo_count == 0) {
        sql_script_file(session, "-");
    }
}
