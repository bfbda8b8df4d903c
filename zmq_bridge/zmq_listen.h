#ifndef ZMQ_LISTEN_H
#define ZMQ_LISTEN_H

/* A listening ZeroMQ socket with the options that all of ours share. */

#include <stdint.h>

#include "curve.h"

#define ZMQ_LISTEN_LINGER_MS  1000      /* at the end, for what is queued */

/*
 * Binds port on every address (0: any free one), encrypted if curve is not
 * NULL.  The high waters bound the messages queued for one peer, max_message
 * the bytes of one that comes in.
 * Returns the socket, or NULL after logging why, with the port in it.
 */
void *zmq_listen_open(void *context, const curve_t *curve, int type,
    const char *purpose, int64_t port, int receive_high_water,
    int send_high_water, int64_t max_message);

#endif
