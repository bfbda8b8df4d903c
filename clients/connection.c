/*
 * Tries, pauses between them, and the sentence that says why it did not
 * work.  The bytes are moved by transport_http.c and transport_zmq.c.
 */

#include "connection.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_clock.h"
#include "transport.h"

#define CONNECT_TIMEOUT_MS  5000
#define TIMEOUT_MS          30000
#define RETRIES             2
#define FIRST_PAUSE_MS      250
#define PAUSE_MAX_MS        5000
#define HOSTNAME_MAX        255

struct connection_s {
    connection_options_t options;
    const transport_t *transport;
    void *state;
    unsigned status;
    unsigned sent;
    char error[CONNECTION_ERROR_SIZE];
    char address[HOSTNAME_MAX + 32];
};

static const char *check_hostname(const char *hostname);
static enum transport_result try_once(connection_t *connection,
    transport_try_t *request);
static int pause_for(const connection_options_t *options, unsigned ms);
static void add_tries(char *error, unsigned tries);

static const struct {
    const char *name;
    const char *prefix;         /* of the address, in messages */
    int port;
    const transport_t *transport;
} transports[] = {
    [CONNECTION_HTTP] = {
        "http", "http://", CONNECTION_PORT_HTTP, &transport_http
    },
    [CONNECTION_HTTPS] = {
        "https", "https://", CONNECTION_PORT_HTTPS, &transport_http
    },
    [CONNECTION_ZMQ] = {
        "zmq", "zmq tcp://", CONNECTION_PORT_ZMQ, &transport_zmq
    }
};


void
connection_defaults(connection_options_t *options)
{
    memset(options, 0, sizeof(*options));
    options->transport = CONNECTION_ZMQ;
    options->hostname = "localhost";
    options->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    options->timeout_ms = TIMEOUT_MS;
    options->retries = RETRIES;
}


void
connection_credentials(connection_options_t *options, const char *prefix)
{
    char name[64];
    const char *value;

    if (options->username == NULL) {
        (void) snprintf(name, sizeof(name), "%s_USERNAME", prefix);
        value = getenv(name);
        options->username = value && *value ? value : NULL;
    }

    if (options->password == NULL) {
        (void) snprintf(name, sizeof(name), "%s_PASSWORD", prefix);
        value = getenv(name);
        options->password = value && *value ? value : NULL;
    }
}


connection_t *
connection_create(const connection_options_t *options, char *error)
{
    const char *wrong = check_hostname(options->hostname);
    char host[HOSTNAME_MAX + 3];

    if (wrong) {
        (void) snprintf(error, CONNECTION_ERROR_SIZE, "hostname '%.100s' %s",
                        options->hostname ? options->hostname : "", wrong);
        return NULL;
    }

    connection_t *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        (void) snprintf(error, CONNECTION_ERROR_SIZE, "out of memory");
        return NULL;
    }

    connection->options = *options;

    if (options->port == 0) {
        connection->options.port = transports[options->transport].port;
    }

    transport_host(options->hostname, host, sizeof(host));
    (void) snprintf(connection->address, sizeof(connection->address),
                    "%s%s:%d", transports[options->transport].prefix, host,
                    connection->options.port);

    (void) snprintf(error, CONNECTION_ERROR_SIZE, "out of memory");
    connection->transport = transports[options->transport].transport;
    connection->state = connection->transport->create(&connection->options,
                                                      error);

    if (connection->state == NULL) {
        free(connection);
        return NULL;
    }

    return connection;
}


void
connection_destroy(connection_t *connection)
{
    if (connection) {
        connection->transport->destroy(connection->state);
        free(connection);
    }
}


enum connection_result
connection_request(connection_t *connection, const char *op, const char *body,
    size_t length, qsn_buf_t *reply)
{
    transport_try_t request = {
        .options = &connection->options,
        .op = op,
        .body = body,
        .length = length,
        .reply = reply,
        .error = connection->error
    };
    unsigned tries = connection->options.retries + 1;
    unsigned pause_ms = FIRST_PAUSE_MS;

    connection->sent = 0;
    connection->status = 0;

    for (unsigned n = 1; ; n++) {
        switch (try_once(connection, &request)) {

        case TRANSPORT_ANSWERED:
            return CONNECTION_OK;

        case TRANSPORT_STOPPED:
            (void) snprintf(connection->error, CONNECTION_ERROR_SIZE,
                            "interrupted");
            return CONNECTION_STOPPED;

        case TRANSPORT_HOPELESS:
            return CONNECTION_FAILED;

        case TRANSPORT_AGAIN:
            break;
        }

        if (n == tries) {
            /* "503" with a JSON error is a reply, the best there is */
            if (request.status && reply->length) {
                return CONNECTION_OK;
            }

            add_tries(connection->error, tries);
            return CONNECTION_FAILED;
        }

        if (request.retry_after_ms > pause_ms) {
            pause_ms = request.retry_after_ms < PAUSE_MAX_MS
                       ? request.retry_after_ms : PAUSE_MAX_MS;
        }

        if (pause_for(&connection->options, pause_ms) != 0) {
            (void) snprintf(connection->error, CONNECTION_ERROR_SIZE,
                            "interrupted");
            return CONNECTION_STOPPED;
        }

        pause_ms = pause_ms < PAUSE_MAX_MS / 2 ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}


unsigned
connection_status(const connection_t *connection)
{
    return connection->status;
}


unsigned
connection_sent(const connection_t *connection)
{
    return connection->sent;
}


const char *
connection_error(const connection_t *connection)
{
    return connection->error;
}


const char *
connection_address(const connection_t *connection)
{
    return connection->address;
}


int
connection_parse_transport(const char *name,
    enum connection_transport *transport)
{
    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        if (strcmp(transports[i].name, name) == 0) {
            *transport = (enum connection_transport) i;
            return 0;
        }
    }

    return -1;
}


int
transport_stopped(const connection_options_t *options)
{
    return options->waiting && options->waiting(options->waiting_ctx) != 0;
}


void
transport_host(const char *host, char *out, size_t size)
{
    int bare = strchr(host, ':') != NULL && host[0] != '[';

    (void) snprintf(out, size, bare ? "[%s]" : "%s", host);
}


/* NULL, or what is wrong: the name becomes part of an address, where other
   characters would mean something else than a host. */
static const char *
check_hostname(const char *hostname)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%[]";

    if (hostname == NULL || hostname[0] == '\0') {
        return "is empty";
    }

    if (strlen(hostname) > HOSTNAME_MAX) {
        return "is too long";
    }

    return hostname[strspn(hostname, allowed)] == '\0'
           ? NULL : "is neither a name nor an address";
}


static enum transport_result
try_once(connection_t *connection, transport_try_t *request)
{
    qsn_buf_clear(request->reply);
    request->status = 0;
    request->sent = 0;
    request->retry_after_ms = 0;
    connection->error[0] = '\0';

    enum transport_result result
        = connection->transport->try(connection->state, request);

    connection->sent += request->sent != 0;
    connection->status = request->status;

    if (result == TRANSPORT_ANSWERED && request->reply->failed) {
        (void) snprintf(connection->error, CONNECTION_ERROR_SIZE,
                        "out of memory for the reply of %s",
                        connection->address);
        return TRANSPORT_HOPELESS;
    }

    return result;
}


/* -1: stopped. */
static int
pause_for(const connection_options_t *options, unsigned ms)
{
    uint64_t end = qsn_clock_monotonic_ms() + ms;

    for ( ;; ) {
        uint64_t now = qsn_clock_monotonic_ms();

        if (transport_stopped(options)) {
            return -1;
        }

        if (now >= end) {
            return 0;
        }

        uint64_t left = end - now;

        (void) poll(NULL, 0, left < TRANSPORT_SLICE_MS
                             ? (int) left : TRANSPORT_SLICE_MS);
    }
}


static void
add_tries(char *error, unsigned tries)
{
    size_t length = strlen(error);

    if (tries > 1) {
        (void) snprintf(error + length, CONNECTION_ERROR_SIZE - length,
                        " (%u tries)", tries);
    }
}
