#ifndef SQL_OPTIONS_H
#define SQL_OPTIONS_H

/* The command line of qasino-sql: the original's options, and ours. */

#include "connection.h"
#include "sql_render.h"

enum sql_todo_kind {
    SQL_TODO_QUERY,             /* -q: statements, or a dot-command */
    SQL_TODO_FILE               /* -f */
};

/* What to do, in the order of the command line. */
typedef struct {
    enum sql_todo_kind kind;
    const char *text;
} sql_todo_t;

typedef struct {
    connection_options_t connection;
    int pubsub_port;            /* 0: the default */
    const char *identity;       /* NULL: not said */
    enum sql_mode mode;
    int headers;
    int timer;
    int bail;
    int use_write_db;
    const char *pager;          /* NULL: none */
    const char *output;         /* NULL: standard output */
    const char *history;        /* NULL: the usual file; "": none */
    sql_todo_t *todo;           /* empty: read standard input */
    size_t todo_count;
    char *secret;               /* the password, overwritten when freed */
} sql_options_t;

enum sql_options_result {
    SQL_OPTIONS_OK = 0,
    SQL_OPTIONS_DONE = 1,       /* --help or --version was printed */
    SQL_OPTIONS_WRONG = -1      /* the sentence is on stderr */
};

/* Free in every case. */
enum sql_options_result sql_options_read(sql_options_t *options, int argc,
    char **argv);
void sql_options_free(sql_options_t *options);

/* The pager that "on" means: $PAGER, else less without folding. */
const char *sql_options_pager(void);

#endif
