/*
 * qasino-publish: one table from a file or standard input to the server.
 *
 *   input -> csv_table.c or json_table.c -> draft -> publish.c -> server
 *
 * Whether the server took it is the exit status, and a sentence.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "csv_table.h"
#include "json_table.h"
#include "publish.h"
#include "publish_options.h"

#define CHUNK_SIZE  65536

static int read_input(const publish_options_t *options, qsn_buf_t *text);
static int read_draft(const publish_options_t *options, draft_t *draft);
static int apply_options(const publish_options_t *options, draft_t *draft);
static int send_draft(publish_options_t *options, draft_t *draft);
static int report(const publish_options_t *options, const char *what,
    enum publish_result result, const publish_outcome_t *outcome);
static const char *input_name(const publish_options_t *options);
static int complain(const char *what, const char *why);
static void on_signal(int number);
static int waiting(void *ctx);

static volatile sig_atomic_t stopping;


int
main(int argc, char **argv)
{
    publish_options_t options;
    draft_t draft;
    int status = ARGUMENTS_EXIT_REFUSED;

    switch (publish_options_parse(&options, argc, argv)) {

    case PUBLISH_OPTIONS_OK:
        break;

    case PUBLISH_OPTIONS_DONE:
        return ARGUMENTS_EXIT_OK;

    default:
        return ARGUMENTS_EXIT_USAGE;
    }

    draft_init(&draft);

    if (read_draft(&options, &draft) == 0) {
        status = send_draft(&options, &draft);
    }

    draft_free(&draft);
    free(options.password);

    return status;
}


static int
read_input(const publish_options_t *options, qsn_buf_t *text)
{
    int fd = STDIN_FILENO;
    ssize_t length = 1;

    if (options->filename) {
        fd = open(options->filename, O_RDONLY | O_CLOEXEC);
    }

    while (fd != -1 && length > 0) {
        char *room = qsn_buf_reserve(text, CHUNK_SIZE);

        if (room == NULL) {
            errno = ENOMEM;
            length = -1;
            break;
        }

        do {
            length = read(fd, room, CHUNK_SIZE);
        } while (length == -1 && errno == EINTR);

        qsn_buf_commit(text, length > 0 ? (size_t) length : 0);
    }

    if (fd == -1 || length == -1) {
        (void) complain(input_name(options), strerror(errno));
    }

    if (fd > STDIN_FILENO) {
        (void) close(fd);
    }

    return fd == -1 || length == -1 ? -1 : 0;
}


/* The text is read whole: a request has to be, before it is sent. */
static int
read_draft(const publish_options_t *options, draft_t *draft)
{
    qsn_buf_t text = { 0 };
    int rc = read_input(options, &text);

    if (rc == 0 && options->csv) {
        csv_table_t csv;

        csv_table_init(&csv, draft);
        rc = csv_table_feed(&csv, text.data, text.length);

        if (rc == 0) {
            rc = csv_table_finish(&csv);
        }

        csv_table_free(&csv);

    } else if (rc == 0) {
        rc = json_table_read(draft, text.data, text.length);
    }

    qsn_buf_free(&text);

    if (rc == 0) {
        rc = apply_options(options, draft);
    }

    if (rc == 0) {
        rc = draft_check(draft);
    }

    if (draft->failed) {
        (void) complain(input_name(options), draft->error);
    }

    return rc;
}


/* The command line wins over the input. */
static int
apply_options(const publish_options_t *options, draft_t *draft)
{
    draft->persist |= options->persist;
    draft->is_static |= options->is_static;
    draft->update |= options->update;

    if (options->keycols
        && draft_set_text(draft, &draft->keycols, options->keycols,
                          strlen(options->keycols)) != 0)
    {
        return -1;
    }

    if (options->tablename
        && draft_set_tablename(draft, options->tablename,
                               strlen(options->tablename), 0, 0) != 0)
    {
        return -1;
    }

    if (draft->identity == NULL || options->identity_given) {
        return draft_set_text(draft, &draft->identity, options->identity,
                              strlen(options->identity));
    }

    return 0;
}


static int
send_draft(publish_options_t *options, draft_t *draft)
{
    char error[CONNECTION_ERROR_SIZE];
    char what[256];
    publish_outcome_t outcome;
    const char *s = draft->row_count == 1 ? "" : "s";
    struct sigaction action = { .sa_handler = on_signal };

    if (options->dry_run) {
        if (!options->quiet) {
            (void) printf("valid: table '%s', %zu column%s, %zu row%s\n",
                          draft->tablename.name, draft->column_names.count,
                          draft->column_names.count == 1 ? "" : "s",
                          draft->row_count, s);
        }

        return ARGUMENTS_EXIT_OK;
    }

    options->connection.waiting = waiting;
    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
    (void) signal(SIGPIPE, SIG_IGN);

    connection_t *connection = connection_create(&options->connection, error);

    if (connection == NULL) {
        (void) complain("cannot connect", error);
        return ARGUMENTS_EXIT_USAGE;
    }

    (void) snprintf(what, sizeof(what), "table '%s', %zu row%s, to %s",
                    draft->tablename.name, draft->row_count, s,
                    connection_address(connection));

    enum publish_result result = publish_send(connection, draft,
                                              options->identity, &outcome);

    connection_destroy(connection);

    return report(options, what, result, &outcome);
}


static int
report(const publish_options_t *options, const char *what,
    enum publish_result result, const publish_outcome_t *outcome)
{
    switch (result) {

    case PUBLISH_TAKEN:
        if (!options->quiet) {
            (void) printf("published %s", what);

            if (outcome->generation_number >= 0) {
                (void) printf(", generation %lld",
                              (long long) outcome->generation_number);
            }

            (void) puts(outcome->text[0] ? " (the reply to the first try was "
                        "lost)" : "");
        }

        return ARGUMENTS_EXIT_OK;

    case PUBLISH_DUPLICATE:
        (void) complain("dropped by the server", outcome->text);
        return ARGUMENTS_EXIT_DUPLICATE;

    case PUBLISH_REFUSED:
        (void) complain("refused by the server", outcome->text);
        return ARGUMENTS_EXIT_REFUSED;

    case PUBLISH_INVALID:
        (void) complain(input_name(options), outcome->text);
        return ARGUMENTS_EXIT_REFUSED;

    default:
        (void) complain("not published", outcome->text);
        return ARGUMENTS_EXIT_NO_ANSWER;
    }
}


static const char *
input_name(const publish_options_t *options)
{
    return options->filename ? options->filename : "standard input";
}


/* Names and texts come from files and servers: they get no control over the
   terminal.  Always -1. */
static int
complain(const char *what, const char *why)
{
    char text[PUBLISH_TEXT_SIZE + 300];

    (void) snprintf(text, sizeof(text), "qasino-publish: %s: %s", what, why);

    for (char *at = text; *at; at++) {
        if ((unsigned char) *at < 0x20 || *at == 0x7f) {
            *at = ' ';
        }
    }

    (void) fprintf(stderr, "%s\n", text);

    return -1;
}


static void
on_signal(int number)
{
    stopping = number;
}


static int
waiting(void *ctx)
{
    (void) ctx;

    return stopping;
}
