#ifndef ZMQ_LISTEN_H
#define ZMQ_LISTEN_H

/*
 * A ZeroMQ socket that listens: opened, its clients counted, and stopped from
 * taking more of them.  The TCP socket below it may be shared with another
 * bridge (the launcher's, see qsn_sockets.h).
 *
 * Threads: the bridge's loop only.
 */

#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#include "curve.h"

/* What is still unsent at the end gets that long to leave. */
#define ZMQ_LISTEN_LINGER_MS  1000

typedef struct {
    int type;                   /* ZMQ_ROUTER, ... */
    const char *purpose;        /* for the log */
    int64_t port;               /* 0: any */
    int given;                  /* TCP socket to take, -1: none */
    int receive_high_water;     /* messages */
    int send_high_water;
    int64_t max_message;        /* bytes: larger ones end the connection */
} zmq_listen_options_t;

typedef struct {
    void *socket;               /* NULL: not open */
    void *monitor;              /* of who comes and goes */
    int fd;                     /* the TCP socket */
    int accepted_from;          /* libzmq's own descriptor of it */
    size_t connections;
} zmq_listen_t;

/* With CURVE, unless curve is NULL.  0, or -1 after logging why. */
int zmq_listen_open(zmq_listen_t *listener, void *context,
    const curve_t *curve, const zmq_listen_options_t *options);

/* Fine for one that is zeroed or closed. */
void zmq_listen_close(zmq_listen_t *listener);

/* To be polled, also where it is closed; then zmq_listen_count(). */
zmq_pollitem_t zmq_listen_item(const zmq_listen_t *listener);

/* Who has come and gone: ->connections is right again. */
void zmq_listen_count(zmq_listen_t *listener);

/* Whoever wants to connect is to wait (their kernels ask again), or need not
   any more. */
void zmq_listen_hold(zmq_listen_t *listener, int hold);

/* New clients are another's from here on; those that are connected stay. */
void zmq_listen_leave(zmq_listen_t *listener);

/* How many may wait to be accepted. */
int zmq_listen_backlog(void);

#endif
