/* The table of options, and what may be written for each. */

#include "qsn_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "qsn_frame.h"

#define AT(field)  offsetof(qsn_settings_t, field)
#define PORT(field, fallback, help)                                          \
    { #field, 0, KIND_NUMBER, AT(field), fallback, 0, 65535, help }
#define MIB  (1024.0 * 1024)

const qsn_option_t qsn_options[] = {
    { "identity", 'i', KIND_TEXT, AT(identity), "", 0, 0,
      "name of this server in every reply (this host's full name)" },
    { "db_dir", 'd', KIND_PATH, AT(db_dir), "", 0, 0,
      "directory of the generation files, on a tmpfs" },
    { "archive_db_dir", 'k', KIND_PATH, AT(archive_db_dir), "", 0, 0,
      "keep retired generations there (they are deleted)" },
    { "static_db", 0, KIND_PATH, AT(static_db), "", 0, 0,
      "file of the static tables, on a disk" },
    { "generation_duration", 'g', KIND_SECONDS, AT(generation_duration_ms),
      "30", 1, 86400, "seconds a generation collects" },
    { "views_file", 'v', KIND_PATH, AT(views_file), "", 0, 0,
      "YAML file of views" },
    { "keys_dir", 'K', KIND_PATH, AT(keys_dir), "", 0, 0,
      "directory of server.key and server.crt: turns HTTPS on" },
    { "htpasswd_file", 'p', KIND_PATH, AT(htpasswd_file), "", 0, 0,
      "users of HTTPS, with their passwords" },
    { "client_ca_file", 0, KIND_PATH, AT(client_ca_file), "", 0, 0,
      "who signs the certificates of HTTPS clients" },
    { "config", 0, KIND_PATH, AT(config), "", 0, 0,
      "YAML file with any of these options" },
    { "run_dir", 0, KIND_PATH, AT(run_dir), "", 0, 0,
      "directory of sockets and the generation page" },
    { "user", 0, KIND_TEXT, AT(user), "", 0, 0,
      "run as this user; takes root to start" },
    { "socket_group", 0, KIND_TEXT, AT(socket_group), "", 0, 0,
      "group that may connect to the worker's sockets" },
    PORT(http_port, "15597", "HTTP port"),
    PORT(https_port, "443", "HTTPS port"),
    PORT(zmq_port, "15598", "ZeroMQ request port"),
    PORT(pubsub_port, "15596", "ZeroMQ generation signal port"),
    PORT(line_port, "15000", "line (telnet) port"),
    { "nginx", 0, KIND_TEXT, AT(nginx), "nginx", 0, 0, "nginx binary" },
    { "nginx_conf", 0, KIND_PATH, AT(nginx_conf), "", 0, 0,
      "template of nginx's configuration" },
    { "nginx_workers", 0, KIND_NUMBER, AT(nginx_workers), "0", 0, 1024,
      "nginx worker processes, 0: one per core" },
    { "query_processes", 0, KIND_NUMBER, AT(query_processes), "0", 0, 256,
      "query processes, 0: one per core" },
    { "query_slow_processes", 0, KIND_NUMBER, AT(query_slow_processes),
      "24", 0, 256, "further ones that finish slow queries" },
    { "query_slow_cores", 0, KIND_NUMBER, AT(query_slow_cores), "0", 0,
      1024, "cores that those may use, 0: all but one" },
    { "query_deadline", 0, KIND_SECONDS, AT(query_deadline_ms), "10",
      0.1, 3600, "seconds a query may take" },
    { "query_queue", 0, KIND_NUMBER, AT(query_queue), "1024", 1, 1000000,
      "queries that may wait for a query process" },
    { "query_heap", 0, KIND_BYTES, AT(query_heap), "128m", 8 * MIB,
      65536 * MIB, "memory a query may use" },
    { "query_max_sql", 0, KIND_BYTES, AT(query_max_sql), "64k", 256,
      128 * 1024, "size of a statement" },
    { "query_max_rows", 0, KIND_NUMBER, AT(query_max_rows), "0", 0, 1e15,
      "rows of an answer, 0: any number" },
    { "query_max_bytes", 0, KIND_BYTES, AT(query_max_bytes), "0", 0,
      1e9 * MIB, "size of an answer, 0: any" },
    { "query_max_work", 0, KIND_NUMBER, AT(query_max_work), "10000000",
      1000, 1e12, "comparisons that one call of a function may take" },
    { "max_body", 0, KIND_BYTES, AT(max_body), "64m", 1024, 1024 * MIB,
      "size of one request" },
    { "publish_memory", 0, KIND_BYTES, AT(publish_memory), "64m", MIB,
      65536 * MIB, "bytes that may wait to be parsed or written" },
    { "max_cell", 0, KIND_BYTES, AT(max_cell), "1m", 1024, 512 * MIB,
      "size of one value, and of one row" },
    { "max_tables", 0, KIND_NUMBER, AT(max_tables), "1000", 1, 100000,
      "tables in a generation" },
    { "max_columns", 0, KIND_NUMBER, AT(max_columns), "1000", 1, 2000,
      "columns of a table" },
    { "max_rows", 0, KIND_NUMBER, AT(max_rows), "10000000", 1, 1e9,
      "rows of one publish" },
    { "max_identities", 0, KIND_NUMBER, AT(max_identities), "100000", 1,
      1e7, "publishers in a generation" },
    { "max_generation", 0, KIND_BYTES, AT(max_generation), "0", 0,
      4096 * 1024 * MIB, "size of a generation, 0: a fifth of db_dir's "
      "file system" },
    { "max_static", 0, KIND_BYTES, AT(max_static), "1g", MIB,
      4096 * 1024 * MIB, "size of all static tables" },
    { "line_max_statement", 0, KIND_BYTES, AT(line_max_statement), "64k",
      256, MIB, "size of a statement on the line port" },
    { "zmq_key_file", 0, KIND_PATH, AT(zmq_key_file), "", 0, 0,
      "secret key: turns CURVE on for ZeroMQ" },
    { "zmq_clients_file", 0, KIND_PATH, AT(zmq_clients_file), "", 0, 0,
      "public keys of the ZeroMQ clients that may connect" },
    { "zmq_max_message", 0, KIND_BYTES, AT(zmq_max_message), "64m", 1024,
      1024 * MIB, "size of a ZeroMQ request" },
    { "zmq_max_reply", 0, KIND_BYTES, AT(zmq_max_reply), "64m", 1024,
      1024 * MIB, "size of a ZeroMQ reply" },
    { "zmq_max_in_flight", 0, KIND_NUMBER, AT(zmq_max_in_flight), "1024",
      1, QSN_FRAME_REQUESTS_MAX, "ZeroMQ requests being answered at once" },
    { "demo", 0, KIND_FLAG, AT(demo), "0", 0, 1,
      "publish this machine's own tables every generation" }
};

const size_t qsn_options_count = sizeof(qsn_options) / sizeof(qsn_options[0]);

static void show_bound(const qsn_option_t *option, double bound, char *text,
    size_t size);
static int set_text(char **field, const qsn_option_t *option,
    const char *value, const char *where, char *error);
static int parse_number(const qsn_option_t *option, const char *value,
    double *number);


const qsn_option_t *
qsn_options_find(const char *name, size_t length)
{
    for (size_t i = 0; i < qsn_options_count; i++) {
        const char *own = qsn_options[i].name;
        size_t n;

        for (n = 0; n < length && own[n]; n++) {
            if (own[n] != name[n] && !(own[n] == '_' && name[n] == '-')) {
                break;
            }
        }

        if (n == length && own[n] == '\0') {
            return &qsn_options[i];
        }
    }

    return NULL;
}


const qsn_option_t *
qsn_options_find_letter(char letter)
{
    for (size_t i = 0; i < qsn_options_count; i++) {
        if (qsn_options[i].letter == letter) {
            return &qsn_options[i];
        }
    }

    return NULL;
}


int
qsn_options_set(qsn_settings_t *settings, const qsn_option_t *option,
    const char *value, const char *where, char *error)
{
    char *field = (char *) settings + option->offset;
    double number;

    if (option->kind == KIND_TEXT || option->kind == KIND_PATH) {
        return set_text((char **) field, option, value, where, error);
    }

    if (parse_number(option, value, &number) != 0) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "%s: %s is not a valid value for \"%s\"", where,
                        value[0] ? value : "nothing", option->name);
        return -1;
    }

    if (!(number >= option->min && number <= option->max)) {
        char min[32], max[32];

        show_bound(option, option->min, min, sizeof(min));
        show_bound(option, option->max, max, sizeof(max));
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "%s: \"%s\" must be between %s and %s%s, not %s",
                        where, option->name, min, max,
                        option->kind == KIND_SECONDS ? " seconds"
                        : option->kind == KIND_BYTES ? " bytes" : "", value);
        return -1;
    }

    *(int64_t *) field = (int64_t) llround(option->kind == KIND_SECONDS
                                           ? number * 1000 : number);

    return 0;
}


/* As it is written in the file. */
static void
show_bound(const qsn_option_t *option, double bound, char *text, size_t size)
{
    static const char units[] = "kmg";
    int unit = -1;

    while (option->kind == KIND_BYTES && unit < 2 && bound >= 1024
           && fmod(bound, 1024) == 0)
    {
        bound /= 1024;
        unit++;
    }

    (void) snprintf(text, size, "%.15g%.*s", bound, unit >= 0,
                    unit >= 0 ? &units[unit] : "");
}


static int
set_text(char **field, const qsn_option_t *option, const char *value,
    const char *where, char *error)
{
    char *text = NULL;

    if (value[0] == '\0') {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "%s: \"%s\" must not be empty", where, option->name);
        return -1;
    }

    if (option->kind == KIND_PATH && value[0] != '/') {
        char *here = getcwd(NULL, 0);

        if (here && asprintf(&text, "%s/%s", here, value) == -1) {
            text = NULL;
        }

        free(here);

    } else {
        text = strdup(value);
    }

    if (text == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "out of memory");
        return -1;
    }

    free(*field);
    *field = text;

    return 0;
}


static int
parse_number(const qsn_option_t *option, const char *value, double *number)
{
    char *end;

    if (option->kind == KIND_FLAG) {
        static const char *const yes[] = { "1", "true", "yes", "on" };
        static const char *const no[] = { "0", "false", "no", "off" };

        for (size_t i = 0; i < 4; i++) {
            if (strcasecmp(value, yes[i]) == 0
                || strcasecmp(value, no[i]) == 0)
            {
                *number = strcasecmp(value, yes[i]) == 0;
                return 0;
            }
        }

        return -1;
    }

    size_t digits = strspn(value, "0123456789.-");

    *number = strtod(value, &end);

    if (end != value + digits) {
        return -1;              /* strtod takes "inf", " 1" and 0x10, too */
    }

    if (option->kind == KIND_BYTES && end != value && *end && !end[1]) {
        static const char units[] = "kKmMgG";
        const char *unit = strchr(units, *end);

        if (unit) {
            *number *= pow(1024, (double) ((unit - units) / 2 + 1));
            end++;
        }
    }

    if (end == value || *end
        || (option->kind != KIND_SECONDS && *number != floor(*number)))
    {
        return -1;
    }

    return 0;
}


void
qsn_options_print_help(const char *program)
{
    (void) printf("usage: %s [OPTION VALUE]...\n\n", program);

    for (size_t i = 0; i < qsn_options_count; i++) {
        const qsn_option_t *option = &qsn_options[i];
        char name[64];
        char letter[8] = "";
        size_t n;

        for (n = 0; option->name[n]; n++) {
            name[n] = option->name[n] == '_' ? '-' : option->name[n];
        }

        name[n] = '\0';

        if (option->letter) {
            (void) snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        }

        (void) printf("  %4s--%-20s %s", letter, name, option->help);

        if (option->fallback[0] && option->kind != KIND_FLAG) {
            (void) printf(" (%s)", option->fallback);
        }

        (void) printf("\n");
    }

    (void) printf("  %4s--%-20s %s\n  %4s--%s\n", "-h, ", "help", "this text",
                  "", "version");
    (void) printf("\nThe same options, with _ for -, are the keys of the "
                  "YAML file; conf/worker.yaml explains them.\n");
}
