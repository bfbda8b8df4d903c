/* Values are checked by arguments.c, and by connection.c when it connects. */

#include "connection_arguments.h"

#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"

#define RETRIES_MAX  100

static int bad(const char *sentence);


int
connection_argument_take(connection_options_t *connection, char **secret,
    int letter, char *value)
{
    switch (letter) {

    case 'H':
        connection->hostname = value;
        return *value ? 0 : bad("--hostname: the name is missing");

    case 'p':
        return arguments_port("port", value, &connection->port);

    case 'u':
        connection->username = value;
        return 0;

    case 'w':
        free(*secret);
        *secret = arguments_secret(value);
        connection->password = *secret;
        return *secret ? 0 : bad("out of memory");

    case 'k':
        connection->insecure = 1;
        return 0;

    case CONNECTION_ARGUMENT_CACERT:
        connection->cacert = value;
        return 0;

    case CONNECTION_ARGUMENT_ZMQ_KEY:
        connection->zmq_key = value;
        return 0;

    case CONNECTION_ARGUMENT_ZMQ_SERVER_KEY:
        connection->zmq_server_key = value;
        return 0;

    case CONNECTION_ARGUMENT_TIMEOUT:
        return arguments_seconds("timeout", value, 1,
                                 &connection->timeout_ms);

    case CONNECTION_ARGUMENT_CONNECT_TIMEOUT:
        return arguments_seconds("connect-timeout", value, 1,
                                 &connection->connect_timeout_ms);

    case CONNECTION_ARGUMENT_RETRIES:
        return arguments_count("retries", value, RETRIES_MAX,
                               &connection->retries);

    default:
        return 1;
    }
}


/* Always -1. */
static int
bad(const char *sentence)
{
    (void) fprintf(stderr, "%s\n", sentence);

    return -1;
}
