/*
 * ZeroMQ as the "lazy pirate": a REQ socket that has not been answered in
 * time is of no more use (it would refuse to send), so it is closed without
 * lingering and the next try gets a new one.  A late reply to an old request
 * can therefore never be taken for the reply to a new one.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "curve.h"
#include "qsn_clock.h"
#include "transport.h"

#define KEEPALIVE_IDLE_S  60
#define SHORT_REPLY       1024  /* of an error without a table */

typedef struct {
    void *context;
    void *socket;               /* NULL: none open */
    const connection_options_t *options;
    char endpoint[320];
} pirate_t;

enum wait_result {
    WAIT_READY,
    WAIT_TIMEOUT,
    WAIT_STOPPED
};

static void *pirate_create(const connection_options_t *options,
    char *error);
static void pirate_destroy(void *state);
static enum transport_result pirate_try(void *state, transport_try_t *request);
static int open_socket(pirate_t *pirate, char *error);
static void close_socket(pirate_t *pirate);
static enum transport_result exchange(pirate_t *pirate,
    transport_try_t *request);
static int send_body(pirate_t *pirate, const transport_try_t *request);
static enum wait_result wait_for(pirate_t *pirate, short events, uint64_t end);
static int receive(pirate_t *pirate, transport_try_t *request);
static int is_temporary(const qsn_buf_t *reply);
static enum transport_result failed(pirate_t *pirate, transport_try_t *request,
    const char *what);

const transport_t transport_zmq = {
    .create = pirate_create,
    .destroy = pirate_destroy,
    .try = pirate_try
};


static void *
pirate_create(const connection_options_t *options, char *error)
{
    char host[300];
    pirate_t *pirate = calloc(1, sizeof(*pirate));

    if (pirate == NULL) {
        return NULL;
    }

    pirate->options = options;
    transport_host(options->hostname, host, sizeof(host));
    (void) snprintf(pirate->endpoint, sizeof(pirate->endpoint),
                    "tcp://%s:%d", host, options->port);
    pirate->context = zmq_ctx_new();

    if (pirate->context == NULL) {
        (void) snprintf(error, CONNECTION_ERROR_SIZE, "cannot use ZeroMQ: %s",
                        zmq_strerror(errno));
    }

    if (pirate->context == NULL || open_socket(pirate, error) != 0) {
        pirate_destroy(pirate);
        return NULL;
    }

    return pirate;
}


static void
pirate_destroy(void *state)
{
    pirate_t *pirate = state;

    close_socket(pirate);

    while (pirate->context && zmq_ctx_term(pirate->context) == -1
           && errno == EINTR)
    {
        continue;
    }

    free(pirate);
}


static enum transport_result
pirate_try(void *state, transport_try_t *request)
{
    pirate_t *pirate = state;

    char error[CONNECTION_ERROR_SIZE];

    if (pirate->socket == NULL && open_socket(pirate, error) != 0) {
        return failed(pirate, request, error);
    }

    enum transport_result result = exchange(pirate, request);

    if (result != TRANSPORT_ANSWERED) {
        close_socket(pirate);
    }

    return result;
}


static int
open_socket(pirate_t *pirate, char *error)
{
    static const struct {
        int option;
        int value;
    } settings[] = {
        { ZMQ_LINGER, 0 }, { ZMQ_IPV6, 1 }, { ZMQ_IMMEDIATE, 1 },
        { ZMQ_TCP_KEEPALIVE, 1 },
        { ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S }
    };
    int bad = 0;

    pirate->socket = zmq_socket(pirate->context, ZMQ_REQ);

    if (pirate->socket
        && curve_secure(pirate->socket, pirate->options, error) != 0)
    {
        close_socket(pirate);
        return -1;
    }

    for (size_t i = 0; pirate->socket
                       && i < sizeof(settings) / sizeof(settings[0]); i++)
    {
        bad |= zmq_setsockopt(pirate->socket, settings[i].option,
                              &settings[i].value, sizeof(int)) != 0;
    }

    if (pirate->socket == NULL || bad
        || zmq_connect(pirate->socket, pirate->endpoint) != 0)
    {
        (void) snprintf(error, CONNECTION_ERROR_SIZE,
                        "cannot use ZeroMQ address %s: %s", pirate->endpoint,
                        zmq_strerror(errno));
        close_socket(pirate);
        return -1;
    }

    return 0;
}


static void
close_socket(pirate_t *pirate)
{
    if (pirate->socket) {
        int saved = errno;

        (void) zmq_close(pirate->socket);
        pirate->socket = NULL;
        errno = saved;
    }
}


/* ZMQ_IMMEDIATE: a REQ socket takes a message only when it is connected, so
   that "nobody there" and "no reply" are told apart. */
static enum transport_result
exchange(pirate_t *pirate, transport_try_t *request)
{
    uint64_t start = qsn_clock_monotonic_ms();
    unsigned connect_ms = pirate->options->connect_timeout_ms;
    char what[80];

    switch (wait_for(pirate, ZMQ_POLLOUT, start + connect_ms)) {

    case WAIT_STOPPED:
        return TRANSPORT_STOPPED;

    case WAIT_TIMEOUT:
        (void) snprintf(what, sizeof(what), "no connection within %g s",
                        connect_ms / 1e3);
        return failed(pirate, request, what);

    case WAIT_READY:
        break;
    }

    if (send_body(pirate, request) != 0) {
        return failed(pirate, request, zmq_strerror(errno));
    }

    request->sent = 1;

    switch (wait_for(pirate, ZMQ_POLLIN, start + pirate->options->timeout_ms)) {

    case WAIT_STOPPED:
        return TRANSPORT_STOPPED;

    case WAIT_TIMEOUT:
        (void) snprintf(what, sizeof(what), "no reply within %g s",
                        pirate->options->timeout_ms / 1e3);
        return failed(pirate, request, what);

    case WAIT_READY:
        break;
    }

    if (receive(pirate, request) != 0) {
        return failed(pirate, request, zmq_strerror(errno));
    }

    if (is_temporary(request->reply)) {
        request->status = 503;
        return failed(pirate, request, "the worker behind it is away");
    }

    request->status = 200;

    return TRANSPORT_ANSWERED;
}


static int
send_body(pirate_t *pirate, const transport_try_t *request)
{
    int rc;

    do {
        rc = zmq_send(pirate->socket, request->body, request->length,
                      ZMQ_DONTWAIT);
    } while (rc == -1 && errno == EINTR);

    return rc == -1 ? -1 : 0;
}


static enum wait_result
wait_for(pirate_t *pirate, short events, uint64_t end)
{
    zmq_pollitem_t item = { .socket = pirate->socket, .events = events };

    for ( ;; ) {
        uint64_t now = qsn_clock_monotonic_ms();

        if (transport_stopped(pirate->options)) {
            return WAIT_STOPPED;
        }

        uint64_t left = now < end ? end - now : 0;
        long slice = left < TRANSPORT_SLICE_MS ? (long) left
                                               : TRANSPORT_SLICE_MS;

        if (zmq_poll(&item, 1, slice) > 0) {
            return WAIT_READY;
        }

        if (left == 0) {
            return WAIT_TIMEOUT;
        }
    }
}


/* get_table_list is answered in two frames: a line break between them. */
static int
receive(pirate_t *pirate, transport_try_t *request)
{
    int more = 1;

    for (int frames = 0; more; frames++) {
        zmq_msg_t message;
        size_t size = sizeof(more);

        (void) zmq_msg_init(&message);

        if (zmq_msg_recv(&message, pirate->socket, ZMQ_DONTWAIT) == -1) {
            (void) zmq_msg_close(&message);

            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        if (frames) {
            qsn_buf_byte(request->reply, '\n');
        }

        qsn_buf_append(request->reply, zmq_msg_data(&message),
                       zmq_msg_size(&message));
        (void) zmq_msg_close(&message);

        if (zmq_getsockopt(pirate->socket, ZMQ_RCVMORE, &more, &size) != 0) {
            return -1;
        }
    }

    return 0;
}


/* ZeroMQ has no status: the bridge's phrases stand for HTTP's 503. */
static int
is_temporary(const qsn_buf_t *reply)
{
    static const char *const phrases[] = {
        ", try again\"", "The worker broke off its answer\""
    };

    if (reply->length > SHORT_REPLY) {
        return 0;
    }

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (memmem(reply->data, reply->length, phrases[i],
                   strlen(phrases[i])))
        {
            return memmem(reply->data, reply->length, "\"error\"", 7)
                   != NULL;
        }
    }

    return 0;
}


static enum transport_result
failed(pirate_t *pirate, transport_try_t *request, const char *what)
{
    (void) snprintf(request->error, CONNECTION_ERROR_SIZE,
                    "ZeroMQ to %.120s port %d failed: %.300s",
                    pirate->options->hostname, pirate->options->port, what);

    return TRANSPORT_AGAIN;
}
