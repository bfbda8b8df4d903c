#ifndef CONNECTION_ARGUMENTS_H
#define CONNECTION_ARGUMENTS_H

/*
 * The options that say how to reach the server, the same in every client:
 * -H -p -u -w -k and those without a letter.  Which transport to take is not
 * among them: each program kept its own letters for that.
 */

#include <getopt.h>

#include "connection.h"

enum connection_argument {
    CONNECTION_ARGUMENT_CACERT = 1000,
    CONNECTION_ARGUMENT_ZMQ_KEY,
    CONNECTION_ARGUMENT_ZMQ_SERVER_KEY,
    CONNECTION_ARGUMENT_TIMEOUT,
    CONNECTION_ARGUMENT_CONNECT_TIMEOUT,
    CONNECTION_ARGUMENT_RETRIES
};

/* Lines of a table for getopt_long(). */
#define CONNECTION_ARGUMENTS                                                 \
    { "hostname", required_argument, NULL, 'H' },                            \
    { "port", required_argument, NULL, 'p' },                                \
    { "username", required_argument, NULL, 'u' },                            \
    { "password", required_argument, NULL, 'w' },                            \
    { "insecure", no_argument, NULL, 'k' },                                  \
    { "cacert", required_argument, NULL, CONNECTION_ARGUMENT_CACERT },       \
    { "zmq-key", required_argument, NULL, CONNECTION_ARGUMENT_ZMQ_KEY },     \
    { "zmq-server-key", required_argument, NULL,                             \
      CONNECTION_ARGUMENT_ZMQ_SERVER_KEY },                                  \
    { "timeout", required_argument, NULL, CONNECTION_ARGUMENT_TIMEOUT },     \
    { "connect-timeout", required_argument, NULL,                            \
      CONNECTION_ARGUMENT_CONNECT_TIMEOUT },                                 \
    { "retries", required_argument, NULL, CONNECTION_ARGUMENT_RETRIES }

/*
 * Takes what getopt_long() has found: 0, -1 and a sentence on stderr if the
 * value is bad, or 1 if it is none of these.  A password is moved to *secret,
 * which is the caller's to free.
 */
int connection_argument_take(connection_options_t *connection,
    char **secret, int letter, char *value);

#endif
