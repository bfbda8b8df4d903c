/*
 * Options: one table, two readers (YAML and command line), one setter that
 * checks kind and bounds, then the defaults that depend on other options.
 */

#include "qsn_settings.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "qsn_page.h"
#include "qsn_version.h"

enum kind {
    KIND_TEXT,
    KIND_PATH,                  /* made absolute */
    KIND_NUMBER,
    KIND_SECONDS,               /* stored in milliseconds */
    KIND_BYTES,                 /* takes k, m, g */
    KIND_FLAG                   /* no argument on the command line */
};

typedef struct {
    const char *name;           /* as in the file */
    char letter;                /* short option or 0 */
    enum kind kind;
    size_t offset;
    const char *fallback;       /* as in the file; "" depends on others */
    double min;                 /* in the unit the user writes */
    double max;
    const char *help;
} option_t;

#define AT(field)  offsetof(qsn_settings_t, field)
#define PORT(field, fallback, help)                                          \
    { #field, 0, KIND_NUMBER, AT(field), fallback, 0, 65535, help }
#define MIB  (1024.0 * 1024)

static const option_t options[] = {
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
    { "zmq_max_in_flight", 0, KIND_NUMBER, AT(zmq_max_in_flight), "4096",
      1, 1000000, "ZeroMQ requests being answered at once" },
    { "demo", 0, KIND_FLAG, AT(demo), "0", 0, 1,
      "publish this machine's own tables every generation" }
};

#define OPTIONS  (sizeof(options) / sizeof(options[0]))

/* Options of the original that have no meaning here, and what to do. */
static const struct {
    const char *name;
    char letter;
    const char *instead;
} refused[] = {
    { "db-file", 'f', "use --db-dir DIR: a generation is a file of its own" },
    { "static-content-dir", 's', "nginx serves the pages: see conf/" },
    { "templates-dir", 't', "nginx serves the pages: see conf/" }
};

static int is_long_option(const char *arg, const char *name);
static int set_option(qsn_settings_t *settings, const option_t *option,
    const char *value, const char *where, char *error);
static int set_text(char **field, const option_t *option,
    const char *value, const char *where, char *error);
static int parse_number(const option_t *option, const char *value,
    double *number);
static int read_argv(qsn_settings_t *settings, int argc, char **argv,
    char *error);
static int read_node(qsn_settings_t *settings, yaml_document_t *document,
    const char *path, char *error);
static int fill_defaults(qsn_settings_t *settings, char *error);
static char *default_identity(void);
static const option_t *find_option(const char *name, size_t length);
static void print_help(const char *program);


enum qsn_settings_result
qsn_settings_load(qsn_settings_t *settings, int argc, char **argv,
    char *error)
{
    qsn_settings_t given;

    memset(settings, 0, sizeof(*settings));
    memset(&given, 0, sizeof(given));

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(argv[0]);
            return QSN_SETTINGS_DONE;
        }

        if (strcmp(argv[i], "--version") == 0) {
            const char *slash = strrchr(argv[0], '/');

            (void) printf("%s " QSN_VERSION "\n",
                          slash ? slash + 1 : argv[0]);
            return QSN_SETTINGS_DONE;
        }
    }

    for (size_t i = 0; i < OPTIONS; i++) {
        if (options[i].fallback[0]
            && set_option(settings, &options[i], options[i].fallback,
                          "default", error) != 0)
        {
            return QSN_SETTINGS_ERROR;
        }
    }

    /* once to learn --config, and again after the file, so that it wins */
    int rc = read_argv(&given, argc, argv, error);
    char *config = given.config;

    given.config = NULL;
    qsn_settings_free(&given);

    if (rc == 0 && config) {
        rc = qsn_settings_read_yaml(settings, config, error);
    }

    free(config);

    if (rc == 0) {
        rc = read_argv(settings, argc, argv, error);
    }

    if (rc == 0) {
        rc = fill_defaults(settings, error);
    }

    return rc == 0 ? QSN_SETTINGS_OK : QSN_SETTINGS_ERROR;
}


int
qsn_settings_read_yaml(qsn_settings_t *settings, const char *path,
    char *error)
{
    FILE *file = fopen(path, "re");
    yaml_parser_t parser;
    yaml_document_t document;
    int rc = -1;

    if (file == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot read the configuration \"%s\": %s", path,
                        strerror(errno));
        return -1;
    }

    if (!yaml_parser_initialize(&parser)) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "out of memory");
        (void) fclose(file);
        return -1;
    }

    yaml_parser_set_input_file(&parser, file);

    if (!yaml_parser_load(&parser, &document)) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "%s:%zu: %s", path,
                        parser.problem_mark.line + 1,
                        parser.problem ? parser.problem : "cannot be read");
    } else {
        rc = read_node(settings, &document, path, error);
        yaml_document_delete(&document);
    }

    yaml_parser_delete(&parser);
    (void) fclose(file);

    return rc;
}


static int
read_node(qsn_settings_t *settings, yaml_document_t *document,
    const char *path, char *error)
{
    yaml_node_t *root = yaml_document_get_root_node(document);

    if (root == NULL) {
        return 0;               /* an empty file sets nothing */
    }

    if (root->type != YAML_MAPPING_NODE) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "%s:%zu: expected \"option: value\" lines", path,
                        root->start_mark.line + 1);
        return -1;
    }

    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++)
    {
        yaml_node_t *key = yaml_document_get_node(document, pair->key);
        yaml_node_t *value = yaml_document_get_node(document, pair->value);
        char where[256];

        (void) snprintf(where, sizeof(where), "%s:%zu", path,
                        key->start_mark.line + 1);

        if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "%s: an option takes one plain value", where);
            return -1;
        }

        const char *name = (const char *) key->data.scalar.value;
        const option_t *option = find_option(name, strlen(name));

        if (option == NULL || option->offset == AT(config)) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "%s: unknown option \"%s\"", where, name);
            return -1;
        }

        if (set_option(settings, option,
                       (const char *) value->data.scalar.value, where,
                       error) != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
read_argv(qsn_settings_t *settings, int argc, char **argv, char *error)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *value = NULL;
        const option_t *option = NULL;

        if (arg[0] == '-' && arg[1] == '-') {
            value = strchr(arg, '=');
            option = find_option(arg + 2, value ? (size_t) (value - arg - 2)
                                                : strlen(arg + 2));
            value = value ? value + 1 : NULL;

        } else if (arg[0] == '-' && arg[1] && arg[2] == '\0') {
            for (size_t o = 0; o < OPTIONS; o++) {
                if (options[o].letter == arg[1]) {
                    option = &options[o];
                }
            }
        }

        for (size_t r = 0; r < sizeof(refused) / sizeof(refused[0]); r++) {
            if (option == NULL && arg[0] == '-'
                && (is_long_option(arg, refused[r].name)
                    || (arg[1] == refused[r].letter && arg[2] == '\0')))
            {
                (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                                "option \"%s\" of the original server is not "
                                "supported: %s", arg, refused[r].instead);
                return -1;
            }
        }

        if (option == NULL) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "unknown option \"%s\" (--help lists them)", arg);
            return -1;
        }

        if (option->kind == KIND_FLAG) {
            value = value ? value : "1";

        } else if (value == NULL) {
            if (i + 1 == argc) {
                (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                                "option \"%s\" needs a value", arg);
                return -1;
            }

            value = argv[++i];
        }

        if (set_option(settings, option, value, "command line", error) != 0) {
            return -1;
        }
    }

    return 0;
}


/* --name or --name=value */
static int
is_long_option(const char *arg, const char *name)
{
    size_t length = strlen(name);

    return strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, length) == 0
           && (arg[2 + length] == '\0' || arg[2 + length] == '=');
}


static int
set_option(qsn_settings_t *settings, const option_t *option,
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
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "%s: \"%s\" must be between %.10g and %.10g%s, not %s",
                        where, option->name, option->min, option->max,
                        option->kind == KIND_SECONDS ? " seconds"
                        : option->kind == KIND_BYTES ? " bytes" : "", value);
        return -1;
    }

    *(int64_t *) field = (int64_t) llround(option->kind == KIND_SECONDS
                                           ? number * 1000 : number);

    return 0;
}


static int
set_text(char **field, const option_t *option, const char *value,
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
parse_number(const option_t *option, const char *value, double *number)
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


/* The defaults that depend on who runs this, and on other options. */
static int
fill_defaults(qsn_settings_t *s, char *error)
{
    uid_t uid = geteuid();
    int ok = 1;

    if (s->identity == NULL) {
        ok = (s->identity = default_identity()) != NULL;
    }

    if (ok && strlen(s->identity) > QSN_IDENTITY_MAX) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "\"identity\" is longer than %d bytes",
                        QSN_IDENTITY_MAX);
        return -1;
    }

    if (ok && s->static_db == NULL) {
        const char *state = getenv("XDG_STATE_HOME");
        const char *home = getenv("HOME");
        int n;

        if (s->db_dir) {
            n = asprintf(&s->static_db, "%s/qasino_table_store_static.db",
                         s->db_dir);
        } else if (uid == 0) {
            n = asprintf(&s->static_db, "/var/lib/qasino/static-%d.db",
                         (int) s->http_port);
        } else if (state && state[0] == '/') {
            n = asprintf(&s->static_db, "%s/qasino/static-%d.db", state,
                         (int) s->http_port);
        } else {
            n = asprintf(&s->static_db, "%s/.local/state/qasino/static-%d.db",
                         home ? home : "", (int) s->http_port);
        }

        ok = n != -1;
    }

    if (ok && s->db_dir == NULL) {
        ok = asprintf(&s->db_dir, "/dev/shm/qasino-%u-%d", (unsigned) uid,
                      (int) s->http_port) != -1;
    }

    if (ok && s->run_dir == NULL) {
        ok = asprintf(&s->run_dir, uid == 0 ? "/run/qasino-%u-%d"
                                            : "/tmp/qasino-%u-%d",
                      (unsigned) uid, (int) s->http_port) != -1;
    }

    if (!ok) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "out of memory");
        return -1;
    }

    if (strlen(s->run_dir) > QSN_RUN_DIR_MAX) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "\"run_dir\" is longer than %d bytes, too long for "
                        "the names of its sockets", QSN_RUN_DIR_MAX);
        return -1;
    }

    if (s->archive_db_dir && strcmp(s->archive_db_dir, s->db_dir) == 0) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "\"archive_db_dir\" must be another directory than "
                        "\"db_dir\"");
        return -1;
    }

    if (s->zmq_clients_file && s->zmq_key_file == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "\"zmq_clients_file\" needs \"zmq_key_file\"");
        return -1;
    }

    if ((s->keys_dir == NULL)
        != (s->htpasswd_file == NULL && s->client_ca_file == NULL))
    {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "HTTPS needs both \"keys_dir\" and, to know its "
                        "clients, \"htpasswd_file\" or \"client_ca_file\"");
        return -1;
    }

    return 0;
}


/* The resolver's full name of this host, else the plain host name. */
static char *
default_identity(void)
{
    char name[QSN_IDENTITY_MAX + 1];
    struct addrinfo hints = { .ai_flags = AI_CANONNAME };
    struct addrinfo *found = NULL;
    char *identity;

    if (gethostname(name, sizeof(name)) == -1) {
        return strdup("localhost");
    }

    name[QSN_IDENTITY_MAX] = '\0';

    if (getaddrinfo(name, NULL, &hints, &found) == 0 && found
        && found->ai_canonname && strchr(found->ai_canonname, '.'))
    {
        identity = strdup(found->ai_canonname);
    } else {
        identity = strdup(name);
    }

    if (found) {
        freeaddrinfo(found);
    }

    return identity;
}


/* By name, with - and _ alike. */
static const option_t *
find_option(const char *name, size_t length)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const char *own = options[i].name;
        size_t n;

        for (n = 0; n < length && own[n]; n++) {
            if (own[n] != name[n] && !(own[n] == '_' && name[n] == '-')) {
                break;
            }
        }

        if (n == length && own[n] == '\0') {
            return &options[i];
        }
    }

    return NULL;
}


static void
print_help(const char *program)
{
    (void) printf("usage: %s [OPTION VALUE]...\n\n", program);

    for (size_t i = 0; i < OPTIONS; i++) {
        char name[64];
        char letter[8] = "";
        size_t n;

        for (n = 0; options[i].name[n]; n++) {
            name[n] = options[i].name[n] == '_' ? '-' : options[i].name[n];
        }

        name[n] = '\0';

        if (options[i].letter) {
            (void) snprintf(letter, sizeof(letter), "-%c, ",
                            options[i].letter);
        }

        (void) printf("  %4s--%-20s %s", letter, name, options[i].help);

        if (options[i].fallback[0] && options[i].kind != KIND_FLAG) {
            (void) printf(" (%s)", options[i].fallback);
        }

        (void) printf("\n");
    }

    (void) printf("  %4s--%-20s %s\n  %4s--%s\n", "-h, ", "help", "this text",
                  "", "version");
    (void) printf("\nThe same options, with _ for -, are the keys of the "
                  "YAML file; conf/worker.yaml explains them.\n");
}


void
qsn_settings_free(qsn_settings_t *settings)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (options[i].kind == KIND_TEXT || options[i].kind == KIND_PATH) {
            char **field = (char **) ((char *) settings + options[i].offset);

            free(*field);
            *field = NULL;
        }
    }
}


const char *
qsn_settings_option(size_t i, const char **fallback)
{
    if (i >= OPTIONS) {
        return NULL;
    }

    *fallback = options[i].fallback;

    return options[i].name;
}
