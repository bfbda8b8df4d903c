/*
 * A SUB socket.  The signal is one frame: "GENSIG", a NUL, then JSON; the
 * socket subscribes to the prefix.
 */

#include "subscription.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>
#include <zmq.h>

#include "curve.h"
#include "transport.h"

#define MESSAGE_MAX          (64 * 1024)
#define RECONNECT_MS         500
#define RECONNECT_MAX_MS     10000
#define HEARTBEAT_MS         30000
#define HEARTBEAT_TIMEOUT_MS 90000
#define HIGH_WATER           16

struct subscription_s {
    const connection_options_t *options;
    void *context;
    void *socket;
    int fd;
    char endpoint[320];
};

static const char prefix[] = "GENSIG";          /* its NUL is on the wire */

static void *open_socket(const subscription_t *subscription, int *fd,
    char *error);
static int read_json(const char *text, subscription_signal_t *signal);


subscription_t *
subscription_create(const connection_options_t *options, int port,
    char *error)
{
    char host[300];
    subscription_t *subscription = calloc(1, sizeof(*subscription));

    if (subscription == NULL) {
        (void) snprintf(error, CONNECTION_ERROR_SIZE, "out of memory");
        return NULL;
    }

    subscription->options = options;
    transport_host(options->hostname, host, sizeof(host));
    (void) snprintf(subscription->endpoint, sizeof(subscription->endpoint),
                    "tcp://%s:%d", host, port ? port : CONNECTION_PORT_PUBSUB);
    subscription->context = zmq_ctx_new();

    if (subscription->context) {
        subscription->socket = open_socket(subscription, &subscription->fd,
                                           error);
    } else {
        (void) snprintf(error, CONNECTION_ERROR_SIZE, "cannot use ZeroMQ: %s",
                        zmq_strerror(errno));
    }

    if (subscription->socket == NULL) {
        subscription_destroy(subscription);
        return NULL;
    }

    return subscription;
}


void
subscription_destroy(subscription_t *subscription)
{
    if (subscription == NULL) {
        return;
    }

    if (subscription->socket) {
        (void) zmq_close(subscription->socket);
    }

    while (subscription->context && zmq_ctx_term(subscription->context) == -1
           && errno == EINTR)
    {
        continue;
    }

    free(subscription);
}


int
subscription_renew(subscription_t *subscription)
{
    char error[CONNECTION_ERROR_SIZE];
    int fd = -1;
    void *socket = open_socket(subscription, &fd, error);

    if (socket == NULL) {
        return -1;
    }

    (void) zmq_close(subscription->socket);
    subscription->socket = socket;
    subscription->fd = fd;

    return 0;
}


int
subscription_fd(const subscription_t *subscription)
{
    return subscription->fd;
}


int
subscription_take(subscription_t *subscription, subscription_signal_t *signal)
{
    for ( ;; ) {
        char data[4096];
        int length = zmq_recv(subscription->socket, data, sizeof(data),
                              ZMQ_DONTWAIT);

        if (length == -1) {
            if (errno == EINTR) {
                continue;
            }

            return 0;
        }

        if ((size_t) length <= sizeof(data)
            && subscription_parse(data, (size_t) length, signal) == 0)
        {
            return 1;
        }
    }
}


int
subscription_wait(subscription_t *subscription, subscription_signal_t *signal,
    int timeout_ms)
{
    zmq_pollitem_t item = {
        .socket = subscription->socket, .events = ZMQ_POLLIN
    };

    if (subscription_take(subscription, signal)) {
        return 1;
    }

    if (zmq_poll(&item, 1, timeout_ms) == -1) {
        return errno == EINTR ? -1 : 0;
    }

    return subscription_take(subscription, signal);
}


int
subscription_parse(const void *data, size_t length,
    subscription_signal_t *signal)
{
    char text[4096];

    memset(signal, 0, sizeof(*signal));

    if (length <= sizeof(prefix) || length - sizeof(prefix) >= sizeof(text)
        || memcmp(data, prefix, sizeof(prefix)) != 0)
    {
        return -1;
    }

    length -= sizeof(prefix);
    memcpy(text, (const char *) data + sizeof(prefix), length);
    text[length] = '\0';

    return read_json(text, signal);
}


static void *
open_socket(const subscription_t *subscription, int *fd, char *error)
{
    static const struct {
        int option;
        int value;
    } settings[] = {
        { ZMQ_LINGER, 0 }, { ZMQ_IPV6, 1 }, { ZMQ_TCP_KEEPALIVE, 1 },
        { ZMQ_RECONNECT_IVL, RECONNECT_MS },
        { ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS },
        { ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS },
        { ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS },
        { ZMQ_RCVHWM, HIGH_WATER }
    };
    int64_t max = MESSAGE_MAX;
    size_t size = sizeof(*fd);
    void *socket = zmq_socket(subscription->context, ZMQ_SUB);
    int bad = 0;

    if (socket && curve_secure(socket, subscription->options, error) != 0) {
        (void) zmq_close(socket);
        return NULL;
    }

    for (size_t i = 0; socket && i < sizeof(settings) / sizeof(settings[0]);
         i++)
    {
        bad |= zmq_setsockopt(socket, settings[i].option, &settings[i].value,
                              sizeof(int)) != 0;
    }

    if (socket == NULL || bad
        || zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof(max)) != 0
        || zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) != 0
        || zmq_connect(socket, subscription->endpoint) != 0
        || zmq_getsockopt(socket, ZMQ_FD, fd, &size) != 0)
    {
        (void) snprintf(error, CONNECTION_ERROR_SIZE,
                        "cannot use ZeroMQ address %s: %s",
                        subscription->endpoint, zmq_strerror(errno));

        if (socket) {
            (void) zmq_close(socket);
        }

        return NULL;
    }

    return socket;
}


static int
read_json(const char *text, subscription_signal_t *signal)
{
    static const char *const op_path[] = { "op", NULL };
    static const char *const identity_path[] = { "identity", NULL };
    static const char *const number_path[] = { "generation_number", NULL };
    static const char *const duration_path[] = {
        "generation_duration_s", NULL
    };
    yajl_val tree = yajl_tree_parse(text, NULL, 0);
    int rc = -1;

    if (tree == NULL) {
        return -1;
    }

    yajl_val op = yajl_tree_get(tree, (const char **) op_path, yajl_t_string);
    yajl_val identity = yajl_tree_get(tree, (const char **) identity_path,
                                      yajl_t_string);
    yajl_val number = yajl_tree_get(tree, (const char **) number_path,
                                    yajl_t_number);
    yajl_val duration = yajl_tree_get(tree, (const char **) duration_path,
                                      yajl_t_number);

    if (op && strcmp(op->u.string, "generation_signal") == 0) {
        rc = 0;

        if (identity) {
            (void) snprintf(signal->identity, sizeof(signal->identity), "%s",
                            identity->u.string);
        }

        if (number) {
            signal->generation_number = YAJL_IS_INTEGER(number)
                                        ? YAJL_GET_INTEGER(number)
                                        : (int64_t) YAJL_GET_DOUBLE(number);
        }

        if (duration) {
            signal->generation_duration_s
                = YAJL_IS_DOUBLE(duration) ? YAJL_GET_DOUBLE(duration)
                  : (double) YAJL_GET_INTEGER(duration);
        }
    }

    yajl_tree_free(tree);

    return rc;
}
