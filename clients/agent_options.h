#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

/* The command line of qasino-csvpublisher; the manual page explains. */

#include <stddef.h>

#include "connection.h"
#include "identity.h"

enum agent_options_result {
    AGENT_OPTIONS_OK,
    AGENT_OPTIONS_DONE,         /* --help or --version was printed */
    AGENT_OPTIONS_BAD           /* what is wrong was printed on stderr */
};

/* Values of an option that may be given several times; in argv. */
typedef struct {
    const char **items;
    size_t count;
} agent_list_t;

typedef struct {
    connection_options_t connection;
    char identity[IDENTITY_SIZE];
    int pubsub_port;
    agent_list_t indexes;
    const char *index_list;     /* NULL: none */
    agent_list_t tables;        /* publish only these; none: all */
    const char *table_list;
    agent_list_t commands;      /* "TABLE=COMMAND" */
    unsigned send_delay_max_ms;
    unsigned interval_ms;       /* 0: at the generation signal */
    unsigned gen_signal_timeout_ms;
    unsigned exec_timeout_ms;
    unsigned settle_ms;
    size_t max_size;            /* bytes of a file or of a command's output */
    int once;
    char *password;             /* of the command line, ours to free */
} agent_options_t;

/* argv is permuted, and a password in it is overwritten. */
enum agent_options_result agent_options_parse(agent_options_t *options,
    int argc, char **argv);
void agent_options_free(agent_options_t *options);

#endif
