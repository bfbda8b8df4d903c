#ifndef TRANSPORT_H
#define TRANSPORT_H

/*
 * What connection.c needs of a transport: one try of one request.  Retries,
 * pauses and messages are connection.c's.
 *
 * Threads: like the connection_t it belongs to.
 */

#include <stddef.h>

#include "connection.h"

enum transport_result {
    TRANSPORT_ANSWERED,
    TRANSPORT_AGAIN,            /* failed, but the next try may be better */
    TRANSPORT_HOPELESS,         /* failed, and would again: a certificate */
    TRANSPORT_STOPPED           /* options->waiting() said so */
};

typedef struct {
    const connection_options_t *options;
    const char *op;
    const char *body;
    size_t length;
    qsn_buf_t *reply;           /* empty at the start of a try */
    unsigned status;            /* out */
    int sent;                   /* out: the whole body left this machine */
    unsigned retry_after_ms;    /* out: the server's wish; 0: none */
    char *error;                /* out: CONNECTION_ERROR_SIZE bytes */
} transport_try_t;

typedef struct {
    /* NULL without memory, or with the reason in error. */
    void *(*create)(const connection_options_t *options, char *error);
    void (*destroy)(void *state);
    enum transport_result (*try)(void *state, transport_try_t *request);
} transport_t;

extern const transport_t transport_http;        /* and https */
extern const transport_t transport_zmq;

/* How long a wait may last before options->waiting() is asked again. */
#define TRANSPORT_SLICE_MS  100

/* A reply larger than this is an error, not a client without memory. */
#define TRANSPORT_REPLY_MAX  ((size_t) 2048 * 1024 * 1024)

/* 1: options->waiting() wants an end. */
int transport_stopped(const connection_options_t *options);

/* host, in brackets if it is an IPv6 address, into out (size bytes). */
void transport_host(const char *host, char *out, size_t size);

#endif
