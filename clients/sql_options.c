/*
 * One table for getopt_long().  A missing password is asked for
 * on the terminal itself, so that it works with standard input redirected.
 */

#include "sql_options.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "arguments.h"
#include "connection_arguments.h"
#include "qsn_version.h"
#include "sql_signal.h"

#define SECRET_SIZE  512
#define VERSION      "qasino-sql " QSN_VERSION

enum long_only {
    OPT_USE_HTTP = 256, OPT_PUBSUB_PORT, OPT_NO_HEADERS, OPT_TIMER,
    OPT_BAIL, OPT_WRITE_DB, OPT_PAGER, OPT_HISTORY, OPT_NO_HISTORY, OPT_VERSION
};

static const struct option table[] = {
    CONNECTION_ARGUMENTS,
    { "identity", required_argument, NULL, 'I' },
    { "use-https", no_argument, NULL, 't' },
    { "use-zmq", no_argument, NULL, 'z' },
    { "use-http", no_argument, NULL, OPT_USE_HTTP },
    { "skip-ssl-verify", no_argument, NULL, 's' },
    { "pubsub-port", required_argument, NULL, OPT_PUBSUB_PORT },
    { "query", required_argument, NULL, 'q' },
    { "file", required_argument, NULL, 'f' },
    { "mode", required_argument, NULL, 'm' },
    { "no-headers", no_argument, NULL, OPT_NO_HEADERS },
    { "timer", no_argument, NULL, OPT_TIMER },
    { "bail", no_argument, NULL, OPT_BAIL },
    { "use-write-db", no_argument, NULL, OPT_WRITE_DB },
    { "output", required_argument, NULL, 'o' },
    { "pager", optional_argument, NULL, OPT_PAGER },
    { "history", required_argument, NULL, OPT_HISTORY },
    { "no-history", no_argument, NULL, OPT_NO_HISTORY },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, OPT_VERSION },
    { NULL, 0, NULL, 0 }
};

static const char help[] =
"Usage: qasino-sql [OPTIONS]\n"
"Asks a Qasino server in SQL: interactively, or what -q, -f or standard\n"
"input say.\n"
"\n"
"The server:\n"
"  -H, --hostname HOST         default: localhost\n"
"  -p, --port PORT             default: 15598, with HTTPS 443, HTTP 15597\n"
"  -z, --use-zmq               ask over ZeroMQ (default)\n"
"  -t, --use-https             ask over HTTPS\n"
"      --use-http              ask over HTTP\n"
"  -u, --username USER         default: $QASINO_SQLCLIENT_USERNAME\n"
"  -w, --password PASSWORD     default: $QASINO_SQLCLIENT_PASSWORD, or asked\n"
"                              for\n"
"  -s, --skip-ssl-verify, -k, --insecure\n"
"                              take any certificate\n"
"      --cacert FILE           certificates to trust, PEM\n"
"      --zmq-server-key FILE   the server's public key: encrypts ZeroMQ\n"
"      --zmq-key FILE          one's own secret key\n"
"      --timeout SECONDS       for each try of a query (30)\n"
"      --connect-timeout SECONDS\n"
"      --retries N             tries after the first (2)\n"
"      --pubsub-port PORT      of the generation signal, for .watch (15596)\n"
"  -I, --identity NAME         who asks; the server ignores it today\n"
"\n"
"What to ask:\n"
"  -q, --query SQL             statements or a dot-command, then exit; more\n"
"                              than one -q is fine\n"
"  -f, --file FILE             run this script, then exit\n"
"      --use-write-db          read the generation being collected\n"
"      --bail                  stop at the first error\n"
"\n"
"How to show it:\n"
"  -m, --mode MODE             " SQL_MODE_NAMES "\n"
"      --no-headers            no column names, no count\n"
"  -o, --output FILE           write results there\n"
"      --timer                 say how long each statement took\n"
"      --pager[=COMMAND]       what is larger than the terminal goes through\n"
"                              COMMAND, $PAGER or less -S\n"
"      --history FILE, --no-history\n"
"                              default: ~/.local/state/qasino/sql_history\n"
"  -h, --help, --version\n"
"\n"
"Exit status: 0 all went well, 1 a statement failed, 2 wrong usage, 3 no\n"
"answer from the server.\n";

static int read_option(sql_options_t *options, int letter, char *value);
static int choose(sql_options_t *options, enum connection_transport choice);
static int add_todo(sql_options_t *options, enum sql_todo_kind kind,
    const char *text);
static int set_password(sql_options_t *options, const char *text);
static int find_password(sql_options_t *options);
static int ask_password(char *secret);
static int fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static int transport_chosen;


enum sql_options_result
sql_options_read(sql_options_t *options, int argc, char **argv)
{
    int letter;

    memset(options, 0, sizeof(*options));
    connection_defaults(&options->connection);
    options->connection.waiting = sql_signal_waiting;
    options->headers = 1;
    transport_chosen = 0;

    while ((letter = getopt_long(argc, argv, "I:H:p:tzu:w:skq:f:m:o:h", table,
                                 NULL))
           != -1)
    {
        if (letter == 'h' || letter == OPT_VERSION) {
            fputs(letter == 'h' ? help : VERSION "\n", stdout);
            return SQL_OPTIONS_DONE;
        }

        if (letter == '?') {
            fputs("qasino-sql --help lists the options.\n", stderr);
            return SQL_OPTIONS_WRONG;
        }

        if (read_option(options, letter, optarg) != 0) {
            return SQL_OPTIONS_WRONG;
        }
    }

    if (optind < argc) {
        fail("unexpected argument '%s': statements go behind -q",
             argv[optind]);
        return SQL_OPTIONS_WRONG;
    }

    return find_password(options) == 0 ? SQL_OPTIONS_OK : SQL_OPTIONS_WRONG;
}


void
sql_options_free(sql_options_t *options)
{
    if (options->secret) {
        explicit_bzero(options->secret, strlen(options->secret));
    }

    free(options->secret);
    free(options->todo);
    memset(options, 0, sizeof(*options));
}


const char *
sql_options_pager(void)
{
    const char *pager = getenv("PAGER");

    return pager && *pager ? pager : "less -S";
}


static int
read_option(sql_options_t *options, int letter, char *value)
{
    int taken = connection_argument_take(&options->connection,
                                         &options->secret, letter, value);

    if (taken != 1) {
        return taken;
    }

    switch (letter) {

    case 'I':
        options->identity = value;
        return 0;

    case 't':
        return choose(options, CONNECTION_HTTPS);

    case 'z':
        return choose(options, CONNECTION_ZMQ);

    case OPT_USE_HTTP:
        return choose(options, CONNECTION_HTTP);

    case 's':
        options->connection.insecure = 1;
        return 0;

    case OPT_PUBSUB_PORT:
        return arguments_port("pubsub-port", value,
                              &options->pubsub_port);

    case 'q':
        return add_todo(options, SQL_TODO_QUERY, value);

    case 'f':
        return add_todo(options, SQL_TODO_FILE, value);

    case 'm':
        return sql_render_parse_mode(value, &options->mode) == 0 ? 0
               : fail("--mode %s is none of " SQL_MODE_NAMES, value);

    case OPT_NO_HEADERS:
        options->headers = 0;
        return 0;

    case OPT_TIMER:
        options->timer = 1;
        return 0;

    case OPT_BAIL:
        options->bail = 1;
        return 0;

    case OPT_WRITE_DB:
        options->use_write_db = 1;
        return 0;

    case 'o':
        options->output = value;
        return 0;

    case OPT_PAGER:
        options->pager = value ? value : sql_options_pager();
        return 0;

    case OPT_HISTORY:
        options->history = value;
        return 0;

    default:                    /* OPT_NO_HISTORY */
        options->history = "";
        return 0;
    }
}


static int
choose(sql_options_t *options, enum connection_transport choice)
{
    if (transport_chosen && options->connection.transport != choice) {
        return fail("choose one of --use-zmq, --use-https and "
                    "--use-http");
    }

    transport_chosen = 1;
    options->connection.transport = choice;

    return 0;
}


static int
add_todo(sql_options_t *options, enum sql_todo_kind kind, const char *text)
{
    sql_todo_t *grown = realloc(options->todo, (options->todo_count + 1)
                                               * sizeof(sql_todo_t));

    if (grown == NULL) {
        return fail("out of memory");
    }

    options->todo = grown;
    grown[options->todo_count].kind = kind;
    grown[options->todo_count].text = text;
    options->todo_count++;

    return 0;
}


static int
find_password(sql_options_t *options)
{
    connection_options_t *connection = &options->connection;
    char secret[SECRET_SIZE];
    int rc;

    if (connection->transport == CONNECTION_ZMQ) {
        /* it has no passwords: what was given counts for nothing, as in
           the original */
        connection->username = NULL;
        connection->password = NULL;
        return 0;
    }

    connection_credentials(connection, "QASINO_SQLCLIENT");

    if (connection->username == NULL || connection->password) {
        return 0;
    }

    rc = ask_password(secret);
    rc = rc == 0 ? set_password(options, secret) : rc;
    explicit_bzero(secret, sizeof(secret));

    return rc;
}


static int
set_password(sql_options_t *options, const char *text)
{
    options->secret = strdup(text);
    options->connection.password = options->secret;

    return options->secret ? 0 : fail("out of memory");
}


/* Reads a line from the terminal without showing it. */
static int
ask_password(char *secret)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios shown, hidden;
    size_t length = 0;
    ssize_t n = 0;

    if (fd == -1 || tcgetattr(fd, &shown) != 0) {
        if (fd != -1) {
            close(fd);
        }

        return fail("the password is missing: -w, "
                    "QASINO_SQLCLIENT_PASSWORD, or a terminal to ask on");
    }

    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t) ECHO;
    tcsetattr(fd, TCSAFLUSH, &hidden);
    (void) !write(fd, "Password: ", 10);

    while (length + 1 < SECRET_SIZE
           && (n = read(fd, secret + length, 1)) == 1
           && secret[length] != '\n')
    {
        length++;
    }

    secret[length] = '\0';
    (void) !write(fd, "\n", 1);
    tcsetattr(fd, TCSAFLUSH, &shown);
    close(fd);

    return n == 1 ? 0 : fail("the password is missing");
}


static int
fail(const char *format, ...)
{
    va_list args;

    fputs("qasino-sql: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);

    return -1;
}
