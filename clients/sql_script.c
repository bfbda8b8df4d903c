/* Line by line, until the end, .quit or a signal. */

#include "sql_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sql_signal.h"

#define DEPTH_MAX  16           /* .read in .read: it reads itself */

static void run_stream(sql_session_t *session, FILE *in, const char *name);
static void feed(sql_session_t *session, sql_input_t *input,
    const char *line, size_t length);
static void finish(sql_session_t *session, sql_input_t *input);
static int goes_on(const sql_session_t *session);


void
sql_script_file(sql_session_t *session, const char *path)
{
    const char *outer = session->script;
    unsigned line = session->line;
    int is_stdin = strcmp(path, "-") == 0;
    FILE *in;

    if (session->depth == DEPTH_MAX) {
        sql_session_error(session, "%s: scripts read each other %d deep",
                          path, DEPTH_MAX);
        return;
    }

    in = is_stdin ? stdin : fopen(path, "re");

    if (in == NULL) {
        sql_session_error(session, "cannot read %s: %s", path,
                          strerror(errno));
        return;
    }

    session->depth++;
    session->line = 0;
    run_stream(session, in, is_stdin ? "stdin" : path);
    session->depth--;
    session->script = outer;
    session->line = line;
    session->abandon &= session->depth > 0 || !session->is_interactive;

    if (!is_stdin) {
        fclose(in);
    }
}


void
sql_script_text(sql_session_t *session, const char *text)
{
    sql_input_t input = { 0 };

    while (*text && goes_on(session)) {
        size_t length = strcspn(text, "\n");

        feed(session, &input, text, length);
        text += length + (text[length] == '\n');
    }

    finish(session, &input);
}


static void
run_stream(sql_session_t *session, FILE *in, const char *name)
{
    sql_input_t input = { 0 };
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    session->script = name;

    while (goes_on(session) && (length = getline(&line, &size, in)) > 0) {
        length -= line[length - 1] == '\n';
        session->line++;
        feed(session, &input, line, (size_t) length);
    }

    if (goes_on(session) && ferror(in)) {
        sql_session_error(session, "cannot read on: %s", strerror(errno));
        sql_input_clear(&input);
    }

    free(line);
    finish(session, &input);
}


static void
feed(sql_session_t *session, sql_input_t *input, const char *line,
    size_t length)
{
    const char *text;
    enum sql_input_kind kind;

    sql_input_line(input, line, length);

    while (goes_on(session)
           && (kind = sql_input_next(input, &text, &length))
              != SQL_INPUT_NONE)
    {
        sql_session_execute(session, kind, text, length);
    }
}


static void
finish(sql_session_t *session, sql_input_t *input)
{
    const char *text;
    size_t length;
    enum sql_input_kind kind = sql_input_rest(input, &text, &length);

    if (kind != SQL_INPUT_NONE && goes_on(session)) {
        sql_session_execute(session, kind, text, length);
    }

    sql_input_free(input);
}


static int
goes_on(const sql_session_t *session)
{
    return !session->quit && !session->abandon && !sql_signal_interrupted();
}
