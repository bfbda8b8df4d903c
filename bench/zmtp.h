#ifndef ZMTP_H
#define ZMTP_H

/*
 * ZeroMQ's protocol on TCP (ZMTP 3.0, mechanism NULL), as far as ten thousand
 * publishers need it: a SUB that hears "GENSIG", and a REQ that asks and is
 * answered.  Not libzmq, whose sockets take a descriptor of their own and a
 * thread's attention each: more than the server that is measured.
 */

#include <stddef.h>
#include <stdint.h>

#include "outgoing.h"
#include "tcp.h"

#define ZMTP_TEXT  512

enum zmtp_kind {
    ZMTP_SUB,
    ZMTP_REQ
};

enum zmtp_event {
    ZMTP_AGAIN,
    ZMTP_MESSAGE,               /* text has its last frame */
    ZMTP_CLOSED
};

typedef struct {
    int fd;                     /* -1: none */
    enum zmtp_kind kind;
    outgoing_t out;
    unsigned char head[16];     /* of the request being sent */

    size_t greeting;            /* bytes of the peer's that are to come */
    int ready;                  /* its READY was there: connected */
    unsigned char length[9];    /* flags and size of the frame */
    size_t length_length;
    uint64_t left;              /* of the frame */
    size_t text_length;
    char text[ZMTP_TEXT];       /* its beginning, NUL-terminated */
} zmtp_t;

/* Begins to connect and to subscribe.  0, or -1 with errno. */
int zmtp_open(zmtp_t *zmtp, enum zmtp_kind kind,
    const struct sockaddr_in *to);
void zmtp_close(zmtp_t *zmtp);

/* data must stay where it is until the reply is there; not before ready.
   0, or -1: the connection is gone. */
int zmtp_send(zmtp_t *zmtp, const void *data, size_t length);
int zmtp_write(zmtp_t *zmtp);

enum zmtp_event zmtp_read(zmtp_t *zmtp);

#endif
