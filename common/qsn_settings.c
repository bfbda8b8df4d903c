/*
 * What reads options: the YAML file, the command line, and then the defaults
 * that depend on other options.
 */

#include "qsn_options.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qsn_page.h"
#include "qsn_version.h"
#include "qsn_yaml.h"

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
static int read_argv(qsn_settings_t *settings, int argc, char **argv,
    char *error);
static int read_node(qsn_settings_t *settings, yaml_document_t *document,
    const char *path, char *error);
static const qsn_option_t *find_option(const yaml_node_t *key);
static size_t find_before(yaml_document_t *document, const yaml_node_t *root,
    const yaml_node_pair_t *pair, const qsn_option_t *option);
static int fill_defaults(qsn_settings_t *settings, char *error);
static char *default_identity(void);


enum qsn_settings_result
qsn_settings_load(qsn_settings_t *settings, int argc, char **argv,
    char *error)
{
    qsn_settings_t given;

    memset(settings, 0, sizeof(*settings));
    memset(&given, 0, sizeof(given));

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            qsn_options_print_help(argv[0]);
            return QSN_SETTINGS_DONE;
        }

        if (strcmp(argv[i], "--version") == 0) {
            const char *slash = strrchr(argv[0], '/');

            (void) printf("%s " QSN_VERSION "\n",
                          slash ? slash + 1 : argv[0]);
            return QSN_SETTINGS_DONE;
        }
    }

    for (size_t i = 0; i < qsn_options_count; i++) {
        const qsn_option_t *option = &qsn_options[i];

        if (option->fallback[0]
            && qsn_options_set(settings, option, option->fallback, "default",
                               error) != 0)
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
    yaml_document_t document;
    qsn_yaml_error_t wrong;
    int rc = -1;

    if (file == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot read the configuration \"%s\": %s", path,
                        strerror(errno));
        return -1;
    }

    if (qsn_yaml_load(file, &document, &wrong) != 0) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "%s:%zu: %s", path,
                        wrong.line, wrong.problem);
    } else {
        rc = read_node(settings, &document, path, error);
        yaml_document_delete(&document);
    }

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
        const qsn_option_t *option = find_option(key);
        const char *value = qsn_yaml_text(yaml_document_get_node(document,
                                                                 pair->value));
        size_t before = option ? find_before(document, root, pair, option)
                               : 0;
        char where[256];

        (void) snprintf(where, sizeof(where), "%s:%zu", path,
                        key->start_mark.line + 1);

        if (option == NULL) {
            const char *name = qsn_yaml_text(key);

            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "%s: unknown option \"%s\"", where,
                            name ? name : "");
            return -1;
        }

        if (before) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "%s: \"%s\" stands on line %zu already", where,
                            option->name, before);
            return -1;
        }

        if (value == NULL) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "%s: \"%s\" takes one plain value without NUL",
                            where, option->name);
            return -1;
        }

        if (qsn_options_set(settings, option, value, where, error) != 0) {
            return -1;
        }
    }

    return 0;
}


/* The option that a key names, if it is one of a file. */
static const qsn_option_t *
find_option(const yaml_node_t *key)
{
    const char *name = qsn_yaml_text(key);
    const qsn_option_t *option = name ? qsn_options_find(name, strlen(name))
                                      : NULL;

    return option && option->offset != offsetof(qsn_settings_t, config)
           ? option : NULL;
}


/* The line above a pair that sets the same option, or 0. */
static size_t
find_before(yaml_document_t *document, const yaml_node_t *root,
    const yaml_node_pair_t *pair, const qsn_option_t *option)
{
    for (const yaml_node_pair_t *above = root->data.mapping.pairs.start;
         above < pair; above++)
    {
        const yaml_node_t *key = yaml_document_get_node(document, above->key);

        if (find_option(key) == option) {
            return key->start_mark.line + 1;
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
        const qsn_option_t *option = NULL;

        if (arg[0] == '-' && arg[1] == '-') {
            value = strchr(arg, '=');
            option = qsn_options_find(arg + 2,
                                      value ? (size_t) (value - arg - 2)
                                            : strlen(arg + 2));
            value = value ? value + 1 : NULL;

        } else if (arg[0] == '-' && arg[1] && arg[2] == '\0') {
            option = qsn_options_find_letter(arg[1]);
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

        if (qsn_options_set(settings, option, value, "command line", error)
            != 0)
        {
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


void
qsn_settings_free(qsn_settings_t *settings)
{
    for (size_t i = 0; i < qsn_options_count; i++) {
        const qsn_option_t *option = &qsn_options[i];

        if (option->kind == KIND_TEXT || option->kind == KIND_PATH) {
            char **field = (char **) ((char *) settings + option->offset);

            free(*field);
            *field = NULL;
        }
    }
}


const char *
qsn_settings_option(size_t i, const char **fallback)
{
    if (i >= qsn_options_count) {
        return NULL;
    }

    *fallback = qsn_options[i].fallback;

    return qsn_options[i].name;
}
