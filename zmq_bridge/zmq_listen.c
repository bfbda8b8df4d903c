/*
 * What both sockets have in common.
 *
 * TCP keepalive finds peers whose machine vanished in about a minute and a
 * half; ZMTP heartbeats would be quicker, but clients with a libzmq before
 * 4.2 do not know them.  One that connects and says nothing is cut by libzmq
 * after 30 s.
 *
 * libzmq knows one way to accept no more, zmq_unbind(), and it ends all
 * connections that were accepted there.  So the TCP socket is ours
 * (ZMQ_USE_FD), and what has to be done is done below libzmq:
 *
 *   - to hold clients off, a socket filter drops their packets.  It is the
 *     TCP socket's, so that a bridge which begins takes off what one that
 *     died has left there.
 *   - to leave them to another bridge, the descriptor that libzmq accepts
 *     from is made one of a socket that nobody knows.  (Its poller still
 *     hears of the real one, and finds nobody each time.)  Before libzmq
 *     takes it out of its poller it must be again what was put in.
 */

#include "zmq_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "qsn_log.h"

#define KEEPALIVE_IDLE_S      30
#define KEEPALIVE_INTERVAL_S  15
#define KEEPALIVE_PROBES      4
#define UNREAD_MS             90000     /* without a byte taken: as long */
#define BACKLOG_MAX           4096      /* a fleet that reconnects at once */
#define BACKLOG_SHARE         16        /* of all descriptors, at most */

static int open_tcp(const zmq_listen_options_t *options);
static int open_zmq(zmq_listen_t *listener, void *context,
    const curve_t *curve, const zmq_listen_options_t *options);
static int open_monitor(zmq_listen_t *listener, void *context, int type);
static int set_int(void *socket, int option, int value);


int
zmq_listen_open(zmq_listen_t *listener, void *context, const curve_t *curve,
    const zmq_listen_options_t *options)
{
    char endpoint[64] = "";
    size_t length = sizeof(endpoint);

    memset(listener, 0, sizeof(*listener));
    listener->fd = open_tcp(options);

    if (listener->fd == -1
        || open_zmq(listener, context, curve, options) != 0
        || open_monitor(listener, context, options->type) != 0
        || zmq_bind(listener->socket, "tcp://*:1") != 0
        || zmq_getsockopt(listener->socket, ZMQ_LAST_ENDPOINT, endpoint,
                          &length) != 0)
    {
        qsn_log("cannot listen for %s on port %d: %s", options->purpose,
                (int) options->port, zmq_strerror(errno));
        zmq_listen_close(listener);
        return -1;
    }

    qsn_log("listening for %s on %s", options->purpose, endpoint);

    return 0;
}


void
zmq_listen_close(zmq_listen_t *listener)
{
    if (listener->socket) {
        if (listener->accepted_from > 0) {
            (void) dup2(listener->fd, listener->accepted_from);
        }

        (void) zmq_socket_monitor(listener->socket, NULL, 0);
        (void) zmq_close(listener->socket);
    }

    if (listener->monitor) {
        (void) zmq_close(listener->monitor);
    }

    if (listener->fd > 0) {
        (void) close(listener->fd);
    }

    memset(listener, 0, sizeof(*listener));
}


zmq_pollitem_t
zmq_listen_item(const zmq_listen_t *listener)
{
    return (zmq_pollitem_t) {
        .socket = listener->monitor,
        .fd = -1,               /* counts where it is closed */
        .events = ZMQ_POLLIN
    };
}


/* Of an event's two frames the first begins with its number. */

void
zmq_listen_count(zmq_listen_t *listener)
{
    uint16_t number;

    while (listener->monitor
           && zmq_recv(listener->monitor, &number, sizeof(number),
                       ZMQ_DONTWAIT) >= (int) sizeof(number))
    {
        (void) zmq_recv(listener->monitor, NULL, 0, ZMQ_DONTWAIT);

        if (number == ZMQ_EVENT_ACCEPTED) {
            listener->connections++;
        } else {
            listener->connections -= listener->connections > 0;
        }
    }
}


void
zmq_listen_hold(zmq_listen_t *listener, int hold)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog filter = { .len = 1, .filter = &nothing };

    if (hold) {
        (void) setsockopt(listener->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                          sizeof(filter));
    } else {
        (void) setsockopt(listener->fd, SOL_SOCKET, SO_DETACH_FILTER, &filter,
                          sizeof(filter));
    }
}


void
zmq_listen_leave(zmq_listen_t *listener)
{
    const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* Linux gives it a name that is nobody's (unix(7), autobind) */
    if (fd == -1
        || bind(fd, (const struct sockaddr *) &unnamed,
                sizeof(unnamed.sun_family)) == -1
        || listen(fd, 1) == -1
        || dup2(fd, listener->accepted_from) == -1)
    {
        qsn_log("cannot leave new clients to another: %s", strerror(errno));
    }

    if (fd != -1) {
        (void) close(fd);
    }
}


int
zmq_listen_backlog(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0
           && limit.rlim_cur / BACKLOG_SHARE < BACKLOG_MAX
           ? (int) (limit.rlim_cur / BACKLOG_SHARE) : BACKLOG_MAX;
}


/* The launcher's socket, or one of our own. */

static int
open_tcp(const zmq_listen_options_t *options)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t) options->port)
    };
    int fd = options->given;
    int on = 1;

    if (fd == -1) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd == -1
            || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
            || bind(fd, (const struct sockaddr *) &address, sizeof(address))
               == -1)
        {
            goto failed;
        }
    }

    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != -1
        && listen(fd, zmq_listen_backlog()) != -1)
    {
        return fd;
    }

failed:

    if (fd != -1) {
        int reason = errno;

        (void) close(fd);
        errno = reason;
    }

    return -1;
}


/* It binds nothing, so the address only has to look like one. */

static int
open_zmq(zmq_listen_t *listener, void *context, const curve_t *curve,
    const zmq_listen_options_t *options)
{
    void *socket = zmq_socket(context, options->type);

    listener->socket = socket;
    listener->accepted_from = fcntl(listener->fd, F_DUPFD_CLOEXEC, 3);
    zmq_listen_hold(listener, 0);

    return socket && listener->accepted_from != -1
           && set_int(socket, ZMQ_USE_FD, listener->accepted_from) == 0
           && set_int(socket, ZMQ_LINGER, ZMQ_LISTEN_LINGER_MS) == 0
           && set_int(socket, ZMQ_RCVHWM, options->receive_high_water) == 0
           && set_int(socket, ZMQ_SNDHWM, options->send_high_water) == 0
           && set_int(socket, ZMQ_TCP_KEEPALIVE, 1) == 0
           && set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) == 0
           && set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S)
              == 0
           && set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES) == 0
           && set_int(socket, ZMQ_TCP_MAXRT, UNREAD_MS) == 0
           && zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &options->max_message,
                             sizeof(options->max_message)) == 0
           && curve_apply(curve, socket) == 0 ? 0 : -1;
}


/* Any number of events: with a bound, libzmq's I/O thread would wait for us
   to read them. */

static int
open_monitor(zmq_listen_t *listener, void *context, int type)
{
    char endpoint[32];

    (void) snprintf(endpoint, sizeof(endpoint), "inproc://monitor-%d", type);
    listener->monitor = zmq_socket(context, ZMQ_PAIR);

    return listener->monitor
           && zmq_socket_monitor(listener->socket, endpoint,
                                 ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)
              == 0
           && set_int(listener->monitor, ZMQ_RCVHWM, 0) == 0
           && set_int(listener->monitor, ZMQ_LINGER, 0) == 0
           && zmq_connect(listener->monitor, endpoint) == 0 ? 0 : -1;
}


static int
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}
