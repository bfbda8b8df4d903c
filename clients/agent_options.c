/* One table for getopt_long(); the original's letters keep their meaning. */

#include "agent_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "connection_arguments.h"
#include "qsn_version.h"

#define SEND_DELAY_MAX_MS      15000
#define GEN_SIGNAL_TIMEOUT_MS  120000
#define EXEC_TIMEOUT_MS        10000
#define SETTLE_MS              500
#define MAX_SIZE               ((size_t) 64 * 1024 * 1024)

enum long_option {
    OPTION_USE_HTTP = 256,
    OPTION_USE_ZMQ,
    OPTION_EXEC_TIMEOUT,
    OPTION_SETTLE,
    OPTION_MAX_SIZE,
    OPTION_ONCE,
    OPTION_VERSION,
    OPTION_HELP
};

static const char short_options[] = "I:H:p:u:w:P:i:f:T:t:d:x:skg:e:";

static const struct option long_options[] = {
    CONNECTION_ARGUMENTS,
    { "identity", required_argument, NULL, 'I' },
    { "pubsub-port", required_argument, NULL, 'P' },
    { "index", required_argument, NULL, 'i' },
    { "index-file", required_argument, NULL, 'i' },
    { "index-list", required_argument, NULL, 'f' },
    { "table", required_argument, NULL, 'T' },
    { "table-list", required_argument, NULL, 't' },
    { "exec", required_argument, NULL, 'e' },
    { "send-delay-max", required_argument, NULL, 'd' },
    { "interval", required_argument, NULL, 'x' },
    { "gen-signal-timeout", required_argument, NULL, 'g' },
    { "use-https", no_argument, NULL, 's' },
    { "use-http", no_argument, NULL, OPTION_USE_HTTP },
    { "use-zmq", no_argument, NULL, OPTION_USE_ZMQ },
    { "skip-ssl-verify", no_argument, NULL, 'k' },
    { "exec-timeout", required_argument, NULL, OPTION_EXEC_TIMEOUT },
    { "settle", required_argument, NULL, OPTION_SETTLE },
    { "max-size", required_argument, NULL, OPTION_MAX_SIZE },
    { "once", no_argument, NULL, OPTION_ONCE },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 }
};

static const char help[] =
"Usage: qasino-csvpublisher [OPTION]...\n"
"Publishes the CSV files of index files, and what commands print, in every\n"
"generation, until it is stopped.\n"
"\n"
"  -i, --index FILE        an index file; may be given again\n"
"  -f, --index-list FILE   a file with a list of index files\n"
"  -e, --exec TABLE=COMMAND\n"
"                          run COMMAND each generation and publish what it\n"
"                          prints, JSON or CSV; may be given again\n"
"  -T, --table TABLE       publish only this table; may be given again\n"
"  -t, --table-list FILE   a file with a list of tables to publish\n"
"  -I, --identity NAME     who publishes (this host's full name)\n"
"\n"
"  -H, --hostname HOST     the server (localhost)\n"
"  -p, --port PORT         15598 ZeroMQ, 443 HTTPS, 15597 HTTP\n"
"  -P, --pubsub-port PORT  the generation signal (15596)\n"
"      --use-zmq           send over ZeroMQ (the default)\n"
"  -s, --use-https         send over HTTPS\n"
"      --use-http          send over HTTP\n"
"  -u, --username NAME     for HTTPS; or QASINO_CLIENT_USERNAME\n"
"  -w, --password WORD     for HTTPS; or QASINO_CLIENT_PASSWORD\n"
"      --cacert FILE       certificates to trust, PEM\n"
"      --zmq-server-key FILE   the server's public key: encrypts ZeroMQ\n"
"      --zmq-key FILE      one's own secret key\n"
"  -k, --skip-ssl-verify, --insecure\n"
"                          trust any certificate\n"
"\n"
"  -d, --send-delay-max SECONDS\n"
"                          wait for a random time up to this after the\n"
"                          generation signal (15)\n"
"  -x, --interval SECONDS  publish so often instead of at the signal\n"
"  -g, --gen-signal-timeout SECONDS\n"
"                          subscribe anew after so long without one (120)\n"
"      --exec-timeout SECONDS   a command is killed after (10)\n"
"      --settle SECONDS    a file has to be left alone for (0.5)\n"
"      --max-size BYTES    of a file or of what a command prints (64m)\n"
"      --timeout SECONDS   for one try to send (30)\n"
"      --connect-timeout SECONDS   (5)\n"
"      --retries N         after the first try (2)\n"
"      --once              publish everything once and exit\n"
"      --version, --help\n";

static int take(agent_options_t *options, int letter, char *value);
static int take_transport(agent_options_t *options, int letter, char *value);
static int take_time(agent_options_t *options, int letter, char *value);
static int take_identity(agent_options_t *options, const char *value);
static int add(agent_list_t *list, const char *value);
static int usage(const char *sentence);


enum agent_options_result
agent_options_parse(agent_options_t *options, int argc, char **argv)
{
    int letter;

    memset(options, 0, sizeof(*options));
    connection_defaults(&options->connection);
    options->pubsub_port = CONNECTION_PORT_PUBSUB;
    options->send_delay_max_ms = SEND_DELAY_MAX_MS;
    options->gen_signal_timeout_ms = GEN_SIGNAL_TIMEOUT_MS;
    options->exec_timeout_ms = EXEC_TIMEOUT_MS;
    options->settle_ms = SETTLE_MS;
    options->max_size = MAX_SIZE;

    while ((letter = getopt_long(argc, argv, short_options, long_options,
                                 NULL)) != -1)
    {
        if (letter == OPTION_HELP) {
            (void) fputs(help, stdout);
            return AGENT_OPTIONS_DONE;
        }

        if (letter == OPTION_VERSION) {
            (void) puts("qasino-csvpublisher " QSN_VERSION);
            return AGENT_OPTIONS_DONE;
        }

        if (take(options, letter, optarg) != 0) {
            return AGENT_OPTIONS_BAD;
        }
    }

    if (optind < argc) {
        (void) usage("there are no arguments besides options");
        return AGENT_OPTIONS_BAD;
    }

    if (options->indexes.count == 0 && options->index_list == NULL
        && options->commands.count == 0)
    {
        (void) usage("nothing to publish: give --index, --index-list or "
                     "--exec");
        return AGENT_OPTIONS_BAD;
    }

    if (options->identity[0] == '\0') {
        identity_default(options->identity);
    }

    connection_credentials(&options->connection, "QASINO_CLIENT");

    return AGENT_OPTIONS_OK;
}


void
agent_options_free(agent_options_t *options)
{
    free(options->indexes.items);
    free(options->tables.items);
    free(options->commands.items);
    free(options->password);
}


static int
take(agent_options_t *options, int letter, char *value)
{
    switch (letter) {

    case 'I':
        return take_identity(options, value);

    case 'i':
        return add(&options->indexes, value);

    case 'f':
        options->index_list = value;
        return 0;

    case 'T':
        return add(&options->tables, value);

    case 't':
        options->table_list = value;
        return 0;

    case 'e':
        if (strchr(value, '=') == NULL || value[0] == '='
            || strchr(value, '=')[1] == '\0')
        {
            return usage("--exec is TABLE=COMMAND");
        }

        return add(&options->commands, value);

    case OPTION_MAX_SIZE:
        return arguments_bytes("max-size", value, &options->max_size);

    case OPTION_ONCE:
        options->once = 1;
        return 0;

    case 'd':
    case 'x':
    case 'g':
    case OPTION_EXEC_TIMEOUT:
    case OPTION_SETTLE:
        return take_time(options, letter, value);

    default:
        return take_transport(options, letter, value);
    }
}


static int
take_transport(agent_options_t *options, int letter, char *value)
{
    connection_options_t *connection = &options->connection;

    switch (letter) {

    case 'P':
        return arguments_port("pubsub-port", value, &options->pubsub_port);

    case 's':
        connection->transport = CONNECTION_HTTPS;
        return 0;

    case OPTION_USE_HTTP:
        connection->transport = CONNECTION_HTTP;
        return 0;

    case OPTION_USE_ZMQ:
        connection->transport = CONNECTION_ZMQ;
        return 0;

    default:                    /* if need be getopt has said what is wrong */
        return connection_argument_take(connection, &options->password,
                                        letter, value) == 0 ? 0 : usage(NULL);
    }
}


static int
take_time(agent_options_t *options, int letter, char *value)
{
    switch (letter) {

    case 'd':
        return arguments_seconds("send-delay-max", value, 0,
                                 &options->send_delay_max_ms);

    case 'x':
        return arguments_seconds("interval", value, 1000,
                                 &options->interval_ms);

    case 'g':
        return arguments_seconds("gen-signal-timeout", value, 1000,
                                 &options->gen_signal_timeout_ms);

    case OPTION_EXEC_TIMEOUT:
        return arguments_seconds("exec-timeout", value, 100,
                                 &options->exec_timeout_ms);

    default:
        return arguments_seconds("settle", value, 0, &options->settle_ms);
    }
}


static int
take_identity(agent_options_t *options, const char *value)
{
    if (*value == '\0' || strlen(value) >= sizeof(options->identity)) {
        return usage("an identity has 1 to 255 bytes");
    }

    (void) strcpy(options->identity, value);

    return 0;
}


static int
add(agent_list_t *list, const char *value)
{
    const char **items = realloc(list->items,
                                 (list->count + 1) * sizeof(*items));

    if (items == NULL) {
        return usage("out of memory");
    }

    list->items = items;
    list->items[list->count++] = value;

    return 0;
}


/* Always -1. */
static int
usage(const char *sentence)
{
    if (sentence) {
        (void) fprintf(stderr, "qasino-csvpublisher: %s\n", sentence);
    }

    (void) fputs("Try 'qasino-csvpublisher --help'.\n", stderr);

    return -1;
}
