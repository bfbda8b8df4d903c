/*
 * What both sockets have in common.
 *
 * TCP keepalive finds peers whose machine vanished in about a minute and a
 * half; ZMTP heartbeats would be quicker, but clients with a libzmq before
 * 4.2 do not know them.
 */

#include "zmq_listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "qsn_log.h"

#define KEEPALIVE_IDLE_S      30
#define KEEPALIVE_INTERVAL_S  15
#define KEEPALIVE_PROBES      4
#define BACKLOG               4096      /* a fleet that reconnects at once */

static int set_int(void *socket, int option, int value);


void *
zmq_listen_open(void *context, const curve_t *curve, int type,
    const char *purpose, int64_t port, int receive_high_water,
    int send_high_water, int64_t max_message)
{
    char endpoint[64];
    size_t length = sizeof(endpoint);
    void *socket = zmq_socket(context, type);

    if (port) {
        (void) snprintf(endpoint, sizeof(endpoint), "tcp://*:%d", (int) port);
    } else {
        (void) strcpy(endpoint, "tcp://*:*");
    }

    if (socket == NULL
        || set_int(socket, ZMQ_LINGER, ZMQ_LISTEN_LINGER_MS) != 0
        || set_int(socket, ZMQ_RCVHWM, receive_high_water) != 0
        || set_int(socket, ZMQ_SNDHWM, send_high_water) != 0
        || set_int(socket, ZMQ_BACKLOG, BACKLOG) != 0
        || set_int(socket, ZMQ_TCP_KEEPALIVE, 1) != 0
        || set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) != 0
        || set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S) != 0
        || set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES) != 0
        || zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_message,
                          sizeof(max_message)) != 0
        || curve_apply(curve, socket) != 0
        || zmq_bind(socket, endpoint) != 0
        || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &length) != 0)
    {
        qsn_log("cannot listen for %s on port %d: %s", purpose, (int) port,
                zmq_strerror(errno));

        if (socket) {
            (void) zmq_close(socket);
        }

        return NULL;
    }

    qsn_log("listening for %s on %s", purpose, endpoint);

    return socket;
}


static int
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}
