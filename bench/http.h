#ifndef HTTP_H
#define HTTP_H

/*
 * One HTTP/1.1 connection of a load generator: one request at a time, kept
 * alive, never blocking.  Written for the benchmarks alone, so that what is
 * measured does not measure itself.
 *
 *   open -> (send -> (write)* -> (read)* until HTTP_DONE)* -> close
 *
 * The caller waits (epoll) for reading, and for writing while ->out has
 * something left.
 */

#include <stddef.h>
#include <stdint.h>

#include "outgoing.h"
#include "tcp.h"

#define HTTP_TEXT  512
#define HTTP_LINE  512

enum http_event {
    HTTP_AGAIN,
    HTTP_DONE,                  /* the reply is there */
    HTTP_CLOSED                 /* hung up, or no HTTP */
};

enum http_state {
    HTTP_STATUS,
    HTTP_HEADER,
    HTTP_BODY,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_TRAILER
};

typedef struct {
    int fd;                     /* -1: none */
    outgoing_t out;

    enum http_state state;
    int status;
    int chunked;
    uint64_t generation;        /* Qasino-Generation; 0: none */
    uint64_t left;              /* of the body or the chunk */
    uint64_t body;              /* bytes of the body */
    size_t line_length;
    size_t text_length;
    char line[HTTP_LINE];       /* of the head, as far as it is there */
    char text[HTTP_TEXT];       /* the body's beginning, NUL-terminated */
} http_t;

/* from may be NULL.  0, or -1 with errno set. */
int http_open(http_t *http, const struct sockaddr_in *to,
    const struct sockaddr_in *from);
void http_close(http_t *http);

/* The parts are those of outgoing_set().  0, or -1: the connection is gone. */
int http_send(http_t *http, const struct iovec *parts, int count);
int http_write(http_t *http);

enum http_event http_read(http_t *http);

/* Status 200, and expected is in the beginning of the body. */
int http_is_ok(const http_t *http, const char *expected);

#endif
