/* One table for getopt_long(); the original's letters keep their meaning. */

#include "publish_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection_arguments.h"
#include "qsn_version.h"

enum long_option {
    OPTION_VERSION = 256,
    OPTION_HELP
};

static const char short_options[] = "I:H:p:u:w:PSUK:tszkd:f:T:nq";

static const struct option long_options[] = {
    CONNECTION_ARGUMENTS,
    { "identity", required_argument, NULL, 'I' },
    { "persist", no_argument, NULL, 'P' },
    { "static", no_argument, NULL, 'S' },
    { "update", no_argument, NULL, 'U' },
    { "keycols", required_argument, NULL, 'K' },
    { "use-http", no_argument, NULL, 't' },
    { "use-https", no_argument, NULL, 's' },
    { "use-zmq", no_argument, NULL, 'z' },
    { "skip-ssl-verify", no_argument, NULL, 'k' },
    { "data-format", required_argument, NULL, 'd' },
    { "filename", required_argument, NULL, 'f' },
    { "tablename", required_argument, NULL, 'T' },
    { "dry-run", no_argument, NULL, 'n' },
    { "quiet", no_argument, NULL, 'q' },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 }
};

static const char help[] =
"Usage: qasino-publish [OPTION]... [FILE]\n"
"Publishes one table, JSON or CSV, from FILE or standard input.\n"
"\n"
"  -H, --hostname HOST     the server (localhost)\n"
"  -p, --port PORT         15597 HTTP, 443 HTTPS, 15598 ZeroMQ\n"
"  -s, --use-https         send over HTTPS (the default)\n"
"  -t, --use-http          send over HTTP\n"
"  -z, --use-zmq           send over ZeroMQ\n"
"  -u, --username NAME     for HTTPS; or QASINO_CLIENT_USERNAME\n"
"  -w, --password WORD     for HTTPS; or QASINO_CLIENT_PASSWORD\n"
"      --cacert FILE       certificates to trust, PEM\n"
"      --zmq-server-key FILE   the server's public key: encrypts ZeroMQ\n"
"      --zmq-key FILE      one's own secret key\n"
"  -k, --skip-ssl-verify, --insecure\n"
"                          trust any certificate\n"
"\n"
"  -f, --filename FILE     read FILE (- is standard input)\n"
"  -d, --data-format FMT   json or csv (json; csv for a FILE named *.csv)\n"
"  -I, --identity NAME     who publishes (this host's full name)\n"
"  -T, --tablename NAME    publish as this table\n"
"  -P, --persist           carry the rows through every generation\n"
"  -S, --static            into the durable static tables\n"
"  -U, --update            replace rows with the same key columns\n"
"  -K, --keycols 'A;B'     the key columns of an update\n"
"\n"
"  -n, --dry-run           check the input, send nothing\n"
"  -q, --quiet             say nothing when it went well\n"
"      --timeout SECONDS   for one try (30)\n"
"      --connect-timeout SECONDS   (5)\n"
"      --retries N         after the first try (2)\n"
"      --version, --help\n"
"\n"
"Exit status: 0 taken, 1 invalid input or refused by the server, 2 wrong\n"
"usage, 3 no answer, 4 dropped: this identity has reported the table before\n"
"in this generation.\n";

static int take(publish_options_t *options, int letter, char *value,
    int *transports, int *format_given);
static int take_transport(publish_options_t *options,
    enum connection_transport transport, int *transports);
static int take_format(publish_options_t *options, const char *value);
static int take_identity(publish_options_t *options, const char *value);
static int take_file(publish_options_t *options, int argc, char **argv);
static int usage(const char *sentence);


enum publish_options_result
publish_options_parse(publish_options_t *options, int argc, char **argv)
{
    int letter;
    int transports = 0;
    int format_given = 0;

    memset(options, 0, sizeof(*options));
    connection_defaults(&options->connection);
    options->connection.transport = CONNECTION_HTTPS;

    while ((letter = getopt_long(argc, argv, short_options, long_options,
                                 NULL)) != -1)
    {
        if (letter == OPTION_HELP) {
            (void) fputs(help, stdout);
            return PUBLISH_OPTIONS_DONE;
        }

        if (letter == OPTION_VERSION) {
            (void) puts("qasino-publish " QSN_VERSION);
            return PUBLISH_OPTIONS_DONE;
        }

        if (take(options, letter, optarg, &transports, &format_given) != 0) {
            return PUBLISH_OPTIONS_BAD;
        }
    }

    if (take_file(options, argc, argv) != 0) {
        return PUBLISH_OPTIONS_BAD;
    }

    if (!format_given && options->filename) {
        size_t length = strlen(options->filename);

        options->csv = length > 4
                       && strcmp(options->filename + length - 4, ".csv") == 0;
    }

    if (!options->identity_given) {
        identity_default(options->identity);
    }

    connection_credentials(&options->connection, "QASINO_CLIENT");

    return PUBLISH_OPTIONS_OK;
}


static int
take(publish_options_t *options, int letter, char *value, int *transports,
    int *format_given)
{
    int taken = connection_argument_take(&options->connection,
                                         &options->password, letter, value);

    if (taken != 1) {
        return taken == 0 ? 0 : usage(NULL);
    }

    switch (letter) {

    case 'I':
        return take_identity(options, value);

    case 'P':
        options->persist = 1;
        return 0;

    case 'S':
        options->is_static = 1;
        return 0;

    case 'U':
        options->update = 1;
        return 0;

    case 'K':
        options->keycols = value;
        return 0;

    case 't':
        return take_transport(options, CONNECTION_HTTP, transports);

    case 's':
        return take_transport(options, CONNECTION_HTTPS, transports);

    case 'z':
        return take_transport(options, CONNECTION_ZMQ, transports);

    case 'd':
        *format_given = 1;
        return take_format(options, value);

    case 'f':
        options->filename = value;
        return 0;

    case 'T':
        options->tablename = value;
        return 0;

    case 'n':
        options->dry_run = 1;
        return 0;

    case 'q':
        options->quiet = 1;
        return 0;

    default:
        return usage(NULL);     /* getopt has said what is wrong */
    }
}


static int
take_transport(publish_options_t *options,
    enum connection_transport transport, int *transports)
{
    int bit = 1 << transport;

    if (*transports & ~bit) {
        return usage("pick one of --use-http, --use-https or --use-zmq");
    }

    *transports |= bit;
    options->connection.transport = transport;

    return 0;
}


static int
take_format(publish_options_t *options, const char *value)
{
    options->csv = strcmp(value, "csv") == 0;

    if (!options->csv && strcmp(value, "json") != 0) {
        return usage("--data-format is either json or csv");
    }

    return 0;
}


static int
take_identity(publish_options_t *options, const char *value)
{
    if (*value == '\0' || strlen(value) >= sizeof(options->identity)) {
        return usage("an identity has 1 to 255 bytes");
    }

    (void) strcpy(options->identity, value);
    options->identity_given = 1;

    return 0;
}


static int
take_file(publish_options_t *options, int argc, char **argv)
{
    if (argc - optind > 1 || (argc - optind == 1 && options->filename)) {
        return usage("one file at a time");
    }

    if (argc - optind == 1) {
        options->filename = argv[optind];
    }

    if (options->filename && strcmp(options->filename, "-") == 0) {
        options->filename = NULL;
    }

    return 0;
}


/* Always -1. */
static int
usage(const char *sentence)
{
    if (sentence) {
        (void) fprintf(stderr, "qasino-publish: %s\n", sentence);
    }

    (void) fputs("Try 'qasino-publish --help'.\n", stderr);

    return -1;
}
