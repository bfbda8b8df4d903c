#ifndef PUBLISH_OPTIONS_H
#define PUBLISH_OPTIONS_H

/* The command line of qasino-publish; man/qasino-publish.1.scd explains. */

#include "connection.h"
#include "identity.h"

enum publish_options_result {
    PUBLISH_OPTIONS_OK,
    PUBLISH_OPTIONS_DONE,       /* --help or --version was printed */
    PUBLISH_OPTIONS_BAD         /* what is wrong was printed on stderr */
};

typedef struct {
    connection_options_t connection;
    char identity[IDENTITY_SIZE];
    int identity_given;         /* then it wins over the input's */
    const char *filename;       /* NULL: stdin */
    const char *tablename;      /* NULL: the input says */
    const char *keycols;
    int csv;
    int persist;
    int is_static;
    int update;
    int dry_run;
    int quiet;
    char *password;             /* of the command line, ours to free */
} publish_options_t;

/* argv is permuted, and a password in it is overwritten. */
enum publish_options_result publish_options_parse(publish_options_t *options,
    int argc, char **argv);

#endif
