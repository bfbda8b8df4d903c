#ifndef CONNECTION_H
#define CONNECTION_H

/*
 * One server, one request, one reply, over HTTP, HTTPS or ZeroMQ: whoever
 * asks does not see which.  The request is a JSON document; the reply is the
 * text that came, to be read with reply.h.
 *
 * A request always ends: each try has a deadline, the number of tries is
 * limited, and what the caller gave as "waiting" is asked ten times a second
 * whether to go on.  Connections are kept between requests.  A server that
 * is away costs an error, not the connection_t: the next request tries anew.
 *
 * Threads: a connection_t belongs to one thread.
 */

#include <stddef.h>

#include "qsn_buf.h"

enum connection_transport {
    CONNECTION_HTTP,
    CONNECTION_HTTPS,
    CONNECTION_ZMQ
};

#define CONNECTION_PORT_HTTP    15597
#define CONNECTION_PORT_HTTPS   443
#define CONNECTION_PORT_ZMQ     15598
#define CONNECTION_PORT_PUBSUB  15596

#define CONNECTION_ERROR_SIZE  512

/* The texts are not copied: they must outlive the connection. */
typedef struct {
    enum connection_transport transport;
    const char *hostname;       /* a name, an IPv4 or an IPv6 address */
    int port;                   /* 0: the transport's own */
    const char *username;       /* NULL: no basic auth; not with ZeroMQ */
    const char *password;
    const char *cacert;         /* PEM file; NULL: the system's */
    int insecure;               /* take any certificate */
    const char *zmq_key;        /* file of our secret key, NULL: none */
    const char *zmq_server_key; /* of the server's public one, likewise */
    unsigned connect_timeout_ms;
    unsigned timeout_ms;        /* of one try, from first to last byte */
    unsigned retries;           /* after the first try */

    /* Called about every 100 ms while a request waits, unless NULL; other
       than 0 gives the request up (Ctrl-C and such). */
    int (*waiting)(void *ctx);
    void *waiting_ctx;
} connection_options_t;

typedef struct connection_s connection_t;

enum connection_result {
    CONNECTION_OK = 0,          /* there is a reply, which may be an error */
    CONNECTION_FAILED = -1,     /* no reply; connection_error() says why */
    CONNECTION_STOPPED = -2     /* waiting() said so */
};

/* ZeroMQ to localhost, 5 s to connect, 30 s a try, 2 retries. */
void connection_defaults(connection_options_t *options);

/* Where username and password are NULL: takes PREFIX_USERNAME and
   PREFIX_PASSWORD from the environment, if they are there and not empty. */
void connection_credentials(connection_options_t *options,
    const char *prefix);

/* Does not connect yet.  NULL, with the reason in error
   (CONNECTION_ERROR_SIZE bytes), for options that cannot work. */
connection_t *connection_create(const connection_options_t *options,
    char *error);
void connection_destroy(connection_t *connection);      /* NULL is fine */

/*
 * Sends body, a JSON document with "op" in it, and appends the reply's text
 * to reply, which it empties first.  op is the same name once more: HTTP has
 * it in the query string, where the original server looks for it.
 */
enum connection_result connection_request(connection_t *connection,
    const char *op, const char *body, size_t length, qsn_buf_t *reply);

/* Of the last reply: HTTP's status; 200 with ZeroMQ. */
unsigned connection_status(const connection_t *connection);

/* How often the last request was sent in full: with more than 1 a "reported
   before" may mean the try before. */
unsigned connection_sent(const connection_t *connection);

/* Why the last request failed, a sentence without a full stop. */
const char *connection_error(const connection_t *connection);

/* "https://host:443", "zmq tcp://host:15598": for messages. */
const char *connection_address(const connection_t *connection);

/* 0 and *transport for "http", "https" or "zmq"; else -1. */
int connection_parse_transport(const char *name,
    enum connection_transport *transport);

#endif
