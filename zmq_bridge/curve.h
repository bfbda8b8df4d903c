#ifndef CURVE_H
#define CURVE_H

/*
 * CURVE for the bridge's sockets, and who may connect (ZAP).  Without
 * zmq_key_file all of it does nothing.
 *
 * Threads: the handler of connections is one of its own; it shares nothing
 * with the others but the settings.
 */

#include "qsn_settings.h"

typedef struct curve_s curve_t;

/* Reads the key and starts the handler, before any socket is bound.  0 and
   *curve (NULL: no CURVE), or -1 after logging why. */
int curve_open(curve_t **curve, void *context,
    const qsn_settings_t *settings);

/* Before zmq_bind().  0, or -1 with errno. */
int curve_apply(const curve_t *curve, void *socket);

/* After zmq_ctx_shutdown(), before zmq_ctx_term(). */
void curve_close(curve_t *curve);

/* Makes path (secret) and path.pub.  0, or -1 after saying why. */
int curve_make_key(const char *path);

#endif
