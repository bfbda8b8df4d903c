#ifndef SQL_SESSION_H
#define SQL_SESSION_H

/*
 * One run of qasino-sql: the connection, the settings that dot-commands
 * change, and what is done with a statement.  Results go to ->out, all
 * messages to standard error.
 */

#include <stdarg.h>

#include "sql_input.h"
#include "sql_options.h"
#include "sql_output.h"
#include "sql_query.h"
#include "sql_render.h"

typedef struct {
    const sql_options_t *options;
    connection_t *connection;
    int is_interactive;

    sql_format_t format;        /* ->width and ->colour: set when showing */
    char *null_text;
    char *pager;                /* NULL: none */
    int timer;
    int bail;
    int use_write_db;

    sql_output_t out;
    char *out_name;             /* of .output, NULL: standard output */

    qsn_buf_t last;             /* the statement before, for .watch */
    const char *script;         /* being read, for messages, or NULL */
    unsigned line;              /* of it */
    unsigned depth;             /* of .read in .read */

    int status;                 /* the exit status so far */
    int quit;                   /* no more, please */
    int abandon;                /* no more of this script */
} sql_session_t;

/* 0, or -1 and a message was written; destroy in both cases. */
int sql_session_create(sql_session_t *session, const sql_options_t *options);
void sql_session_destroy(sql_session_t *session);

/* What sql_input.h found. */
void sql_session_execute(sql_session_t *session, enum sql_input_kind kind,
    const char *text, size_t length);

/* A result, in the mode and on the output that are set, through the pager
   where it is due.  That it is not whole is an error. */
void sql_session_show(sql_session_t *session, const sql_result_t *result);

/* Says what is wrong with an answer, or what came with it, and counts it for
   the exit status. */
void sql_session_judge(sql_session_t *session, const sql_answer_t *answer);

/* Asks with the session's settings. */
void sql_session_ask(sql_session_t *session, sql_answer_t *answer,
    const char *sql, size_t length);

/* "ERROR: ..." on standard error; the exit status becomes 1 at least. */
void sql_session_error(sql_session_t *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "..." on standard error, made safe; nothing in a script. */
void sql_session_note(sql_session_t *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether results go to a terminal, not to a file. */
int sql_session_on_terminal(const sql_session_t *session);

/* Another place for results, NULL for standard output: 0, or -1. */
int sql_session_redirect(sql_session_t *session, const char *target);

/* Writes what is pending; a failed write is an error of the session. */
void sql_session_flush(sql_session_t *session);

/* Replaces a text of the session; NULL is fine.  0, or -1. */
int sql_session_set_text(char **text, const char *value);

#endif
