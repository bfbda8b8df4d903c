#ifndef ROUTER_H
#define ROUTER_H

/*
 * The clients' side: requests in, answers out.  Nothing here blocks.
 *
 * Threads: a router belongs to the bridge's loop; only the count of bytes
 * that libzmq still holds is also touched by libzmq's I/O thread.
 */

#include <stdint.h>
#include <zmq.h>

#include "envelope.h"
#include "curve.h"
#include "qsn_buf.h"
#include "qsn_settings.h"
#include "zmq_listen.h"

typedef struct router router_t;

typedef struct {
    envelope_t envelope;
    zmq_msg_t body;
    int fd;                     /* of its client's connection; -1: unknown */
    const char *client;         /* its address, part of body; never NULL */
    const char *identity;       /* its key's, likewise; "": none */
    const char *refusal;        /* not NULL: answer with this error instead */
    char refusal_text[256];     /* private */
} router_request_t;

/* Listens, on the TCP socket given unless that is -1; NULL after logging
   why. */
router_t *router_create(void *context, const curve_t *curve,
    const qsn_settings_t *settings, int given);

/*
 * In two steps, around zmq_ctx_term(): close the socket, then, once the I/O
 * thread has let go of the answers it held, free the router.  NULL is fine.
 */
void router_close(router_t *router);
void router_destroy(router_t *router);

/* Its socket is to be polled. */
zmq_listen_t *router_listener(router_t *router);

/* The next request: 1 and *request, to be freed by router_request_free();
   or 0 where none is waiting. */
int router_receive(router_t *router, router_request_t *request);
void router_request_free(router_request_t *request);

/*
 * Answers the client of envelope.  The memory of *reply goes to libzmq, the
 * buffer is empty afterwards.  Where split is not 0 the bytes from there on
 * are a second ZeroMQ frame.
 */
void router_reply(router_t *router, const envelope_t *envelope,
    qsn_buf_t *reply, size_t split);

/* Bytes of answers that clients have not read yet. */
size_t router_unread(const router_t *router);

/* Answers with the JSON error document. */
void router_error(router_t *router, const envelope_t *envelope,
    const char *message, size_t length);

#endif
