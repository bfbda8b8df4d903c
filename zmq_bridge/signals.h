#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * Generation signals: what the worker says at each rotation, published on
 * the PUB socket as the original did: ONE frame of the subscription prefix
 * "GENSIG", a NUL byte, and the event's JSON.  A connection of its own, so
 * that long answers on the other one do not hold the signal up.
 */

#include "curve.h"
#include "qsn_settings.h"
#include "worker_link.h"
#include "zmq_listen.h"

typedef struct {
    worker_link_t link;         /* these two polled by the bridge's loop */
    zmq_listen_t listener;

    /* private */
    qsn_buf_t message;          /* prefix and body so far */
    int leaving;
} signals_t;

/* Listens, on the TCP socket given unless that is -1; -1 after logging why.
   path is the worker's socket, kept. */
int signals_open(signals_t *signals, void *context, const curve_t *curve,
    const qsn_settings_t *settings, const char *path, int given);
void signals_close(signals_t *signals);

/* New subscribers are another bridge's.  Those that are here are sent there
   when they have had the next signal: then all is closed. */
void signals_leave(signals_t *signals);

/* Connects and subscribes, if that is due. */
void signals_connect(signals_t *signals);

/* Reads what came in and publishes it. */
void signals_serve(signals_t *signals);

#endif
