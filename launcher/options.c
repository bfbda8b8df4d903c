/* One vector of strings, all of them our own copies. */

#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(options_t *options, char *word);


void
options_create(options_t *options, int argc, char **argv)
{
    memset(options, 0, sizeof(*options));

    for (int i = 0; i < argc; i++) {
        append(options, strdup(argv[i]));
    }
}


void
options_destroy(options_t *options)
{
    for (int i = 0; i < options->argc; i++) {
        free(options->argv[i]);
    }

    free(options->argv);
    memset(options, 0, sizeof(*options));
}


void
options_set_program(options_t *options, const char *path)
{
    char *copy = strdup(path);

    if (copy == NULL || options->argc == 0) {
        options->failed = 1;
        free(copy);
        return;
    }

    free(options->argv[0]);
    options->argv[0] = copy;
}


void
options_add(options_t *options, const char *name, const char *value)
{
    char *word = NULL;

    if (asprintf(&word, "--%s=%s", name, value) == -1) {
        word = NULL;
    }

    append(options, word);
}


void
options_add_ports(options_t *options, const qsn_settings_t *settings)
{
    const struct {
        const char *name;
        int64_t port;
    } ports[] = {
        { "http-port", settings->http_port },
        { "https-port", settings->https_port },
        { "zmq-port", settings->zmq_port },
        { "pubsub-port", settings->pubsub_port },
        { "line-port", settings->line_port }
    };

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        char number[16];

        (void) snprintf(number, sizeof(number), "%d", (int) ports[i].port);
        options_add(options, ports[i].name, number);
    }
}


void
options_add_places(options_t *options, const qsn_settings_t *settings)
{
    options_add(options, "identity", settings->identity);
    options_add(options, "run-dir", settings->run_dir);
    options_add(options, "db-dir", settings->db_dir);
    options_add(options, "static-db", settings->static_db);
}


static void
append(options_t *options, char *word)
{
    size_t room = ((size_t) options->argc + 2) * sizeof(char *);
    char **argv = word ? realloc(options->argv, room) : NULL;

    if (argv == NULL) {
        options->failed = 1;
        free(word);
        return;
    }

    argv[options->argc++] = word;
    argv[options->argc] = NULL;
    options->argv = argv;
}
