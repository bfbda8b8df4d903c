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

typedef struct {
    worker_link_t link;         /* polled by the bridge's loop */

    /* private */
    void *socket;
    qsn_buf_t message;          /* prefix and body so far */
} signals_t;

/* Binds; -1 after logging why.  path is the worker's socket, kept. */
int signals_open(signals_t *signals, void *context, const curve_t *curve,
    const qsn_settings_t *settings, const char *path);
void signals_close(signals_t *signals);

/* Connects and subscribes, if that is due. */
void signals_connect(signals_t *signals);

/* Reads what came in and publishes it. */
void signals_serve(signals_t *signals);

#endif
