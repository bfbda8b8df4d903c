#ifndef QSN_SETTINGS_H
#define QSN_SETTINGS_H

/*
 * Every option of the server, once: its name, kind, bounds and default
 * stand in one table (qsn_options.c), and the launcher, the worker and the
 * bridge all read the same file and the same command line and take what is
 * theirs.  So an unknown option is an error everywhere, and one that has a
 * meaning for one program never surprises another.
 *
 * In the YAML file an option is written generation_duration, on the command
 * line --generation-duration.  The command line wins.  conf/worker.yaml
 * explains each option; a unit test keeps it in step with the table.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct {
    /* who and where */
    char *identity;             /* default: this host's full name */
    char *db_dir;
    char *archive_db_dir;       /* NULL: retired generations are deleted */
    char *static_db;
    char *views_file;           /* NULL: no views */
    char *keys_dir;             /* NULL: no HTTPS */
    char *htpasswd_file;        /* NULL: HTTPS asks for no password */
    char *client_ca_file;       /* NULL: it asks for no certificate */
    char *config;               /* the YAML file itself, NULL: none */
    char *run_dir;              /* sockets, generation page, nginx's files */
    char *user;                 /* NULL: whoever starts the server */
    char *socket_group;         /* NULL: sockets are the user's alone */
    char *nginx;                /* the nginx binary */
    char *nginx_conf;           /* template of its configuration */

    /* listeners, 0: any free port (the launcher chooses) */
    int64_t http_port;
    int64_t https_port;
    int64_t zmq_port;
    int64_t pubsub_port;
    int64_t line_port;
    int64_t nginx_workers;

    /* generations */
    int64_t generation_duration_ms;     /* given in seconds, may be 1.5 */

    /* queries */
    int64_t query_processes;    /* 0: one per core */
    int64_t query_slow_processes;       /* beside these */
    int64_t query_slow_cores;           /* of these; 0: all but one */
    int64_t query_deadline_ms;  /* given in seconds */
    int64_t query_queue;        /* waiting queries, all clients */
    int64_t query_heap;         /* bytes a query process may allocate */
    int64_t query_max_sql;      /* bytes */
    int64_t query_max_rows;     /* of an answer, 0: any number */
    int64_t query_max_bytes;    /* of an answer, 0: any number */
    int64_t query_max_work;     /* steps of one call of a function */

    /* publishing */
    int64_t max_body;           /* bytes of one request */
    int64_t publish_memory;     /* bytes that wait to be parsed or written */
    int64_t max_cell;           /* bytes of one value */
    int64_t max_tables;         /* in a generation */
    int64_t max_columns;        /* in a table, all publishers together */
    int64_t max_rows;           /* of one publish */
    int64_t max_identities;     /* in a generation */
    int64_t max_generation;     /* bytes; 0: a share of db_dir's room */
    int64_t max_static;         /* bytes of static_db */

    /* interfaces */
    int64_t line_max_statement; /* bytes */
    int64_t zmq_max_message;    /* bytes of a request */
    int64_t zmq_max_reply;      /* bytes of a reply */
    char *zmq_key_file;         /* NULL: ZeroMQ is in the clear */
    char *zmq_clients_file;     /* NULL: with any key, or none */
    int64_t zmq_max_in_flight;  /* requests being answered at once */

    int64_t demo;               /* publish this machine's own tables */
} qsn_settings_t;

#define QSN_SETTINGS_ERROR_SIZE  512

/* What stands in run_dir; a socket's whole path takes at most 107 bytes. */
#define QSN_RUN_DIR_MAX    88
#define QSN_WORKER_SOCKET  "worker.sock"        /* frames */
#define QSN_QUERY_SOCKET   "query.sock"         /* frames, queries only */
#define QSN_LINE_SOCKET    "line.sock"          /* statements in lines */
#define QSN_PAGE_FILE      "generation.page"

/* A child of the launcher writes one byte to the descriptor that this
   environment variable names once its listeners are up. */
#define QSN_READY_FD_ENV   "QASINO_READY_FD"

enum qsn_settings_result {
    QSN_SETTINGS_OK = 0,
    QSN_SETTINGS_ERROR = -1,    /* the sentence is in error */
    QSN_SETTINGS_DONE = 1       /* --help or --version was printed */
};

/*
 * Reads the command line and the file it names with --config, fills in
 * the defaults, checks all bounds.  error takes QSN_SETTINGS_ERROR_SIZE
 * bytes.  Whatever the result, qsn_settings_free() frees what settings hold.
 */
enum qsn_settings_result qsn_settings_load(qsn_settings_t *settings,
    int argc, char **argv, char *error);

/* The file alone, over defaults; for qsn_settings_load() and tests. */
int qsn_settings_read_yaml(qsn_settings_t *settings, const char *path,
    char *error);

void qsn_settings_free(qsn_settings_t *settings);

/* Option number i as the table has it, for tests and --help; NULL past the
   last.  *fallback is the default as it would be written in the file. */
const char *qsn_settings_option(size_t i, const char **fallback);

#endif
