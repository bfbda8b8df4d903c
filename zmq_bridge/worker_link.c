/*
 * The connection to the worker: connect, queue, send, receive, lose.
 *
 * A send error closes nothing: the same error, or the end of file, is what
 * the next read reports, and there alone (in worker_link_next()) the owner
 * learns that what was in flight is lost.
 */

#include "worker_link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "qsn_log.h"

#define READS_A_TURN  16
#define KEEP_ROOM     (1024 * 1024)     /* of an empty queue */

static int open_socket(const char *path);
static enum worker_link_event receive(worker_link_t *link);
static void lose(worker_link_t *link, const char *why);
static int64_t monotonic_ms(void);


void
worker_link_init(worker_link_t *link, const char *path, const char *purpose)
{
    memset(link, 0, sizeof(*link));
    link->path = path;
    link->purpose = purpose;
    link->fd = -1;
    link->retry_at = monotonic_ms();
}


void
worker_link_close(worker_link_t *link)
{
    if (link->fd != -1) {
        (void) close(link->fd);
        link->fd = -1;
    }

    qsn_frame_parser_free(&link->parser);
    qsn_buf_free(&link->out);
}


int
worker_link_connect(worker_link_t *link)
{
    if (link->fd != -1 || monotonic_ms() < link->retry_at) {
        return 0;
    }

    link->fd = open_socket(link->path);

    if (link->fd == -1) {
        lose(link, strerror(errno));
        return 0;
    }

    qsn_frame_parser_reset(&link->parser);
    link->proven = 0;
    link->reads = 0;

    return 1;
}


int
worker_link_is_up(const worker_link_t *link)
{
    return link->fd != -1;
}


long
worker_link_timeout(const worker_link_t *link)
{
    if (link->fd != -1 || link->path == NULL) {
        return -1;
    }

    int64_t wait = link->retry_at - monotonic_ms();

    return wait > 0 ? (long) wait : 0;
}


void
worker_link_send(worker_link_t *link, const qsn_frame_t *frame,
    const void *args, const void *body)
{
    if (link->out_sent > link->out.length / 2) {
        /* moves less than was sent: linear in all */
        qsn_buf_consume(&link->out, link->out_sent);
        link->out_sent = 0;
    }

    char *head = qsn_buf_reserve(&link->out, QSN_FRAME_HEADER_SIZE
                                             + frame->args_length
                                             + (size_t) frame->body_length);
    if (head == NULL) {
        return;                 /* ->failed: the flush closes */
    }

    qsn_frame_encode((uint8_t *) head, frame);
    qsn_buf_commit(&link->out, QSN_FRAME_HEADER_SIZE);
    qsn_buf_append(&link->out, args, frame->args_length);
    qsn_buf_append(&link->out, body, (size_t) frame->body_length);
}


void
worker_link_flush(worker_link_t *link)
{
    qsn_buf_t *out = &link->out;

    if (link->fd == -1) {
        return;
    }

    if (out->failed) {
        /* a frame is missing: the other side must not go on */
        qsn_log("%s: no memory for a frame to the worker", link->purpose);
        (void) shutdown(link->fd, SHUT_RDWR);
        qsn_buf_free(out);
        link->out_sent = 0;
        return;
    }

    while (link->out_sent < out->length) {
        ssize_t n = send(link->fd, out->data + link->out_sent,
                         out->length - link->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return;             /* not now, or the next read says why */
        }

        link->out_sent += (size_t) n;
    }

    link->out_sent = 0;

    if (out->capacity > KEEP_ROOM) {
        qsn_buf_free(out);
    } else {
        qsn_buf_clear(out);
    }
}


size_t
worker_link_backlog(const worker_link_t *link)
{
    return link->out.length - link->out_sent;
}


enum worker_link_event
worker_link_next(worker_link_t *link)
{
    while (link->fd != -1) {
        switch (qsn_frame_parser_next(&link->parser)) {

        case QSN_FRAME_PARSER_HEAD:
            return WORKER_LINK_HEAD;

        case QSN_FRAME_PARSER_BODY:
            return WORKER_LINK_BODY;

        case QSN_FRAME_PARSER_END:
            link->proven = 1;

            if (link->outage) {
                qsn_log("%s: the worker is back", link->purpose);
                link->outage = 0;
            }

            return WORKER_LINK_END;

        case QSN_FRAME_PARSER_BROKEN:
            worker_link_drop(link, link->parser.error);
            return WORKER_LINK_LOST;

        case QSN_FRAME_PARSER_HUNGRY:
            if (link->reads == READS_A_TURN) {
                link->reads = 0;
                return WORKER_LINK_IDLE;
            }

            enum worker_link_event event = receive(link);

            if (event != WORKER_LINK_BODY) {
                return event;
            }
        }
    }

    return WORKER_LINK_IDLE;
}


void
worker_link_drop(worker_link_t *link, const char *why)
{
    link->proven = 0;           /* no immediate retry for garbage */
    lose(link, why);
}


static int
open_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    (void) strcpy(address.sun_path, path);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* a unix socket connects at once or not at all (EAGAIN: backlog full) */
    if (fd != -1 && connect(fd, (struct sockaddr *) &address,
                            sizeof(address)) == -1)
    {
        int error = errno;

        (void) close(fd);
        errno = error;
        return -1;
    }

    return fd;
}


/* BODY: bytes for the parser; or IDLE, or LOST. */

static enum worker_link_event
receive(worker_link_t *link)
{
    ssize_t n;

    do {
        n = recv(link->fd, link->window, sizeof(link->window), MSG_DONTWAIT);
    } while (n == -1 && errno == EINTR);

    if (n > 0) {
        link->reads++;
        qsn_frame_parser_feed(&link->parser, link->window, (size_t) n);
        return WORKER_LINK_BODY;
    }

    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        link->reads = 0;
        return WORKER_LINK_IDLE;
    }

    lose(link, n == 0 ? "it closed the connection" : strerror(errno));

    return WORKER_LINK_LOST;
}


static void
lose(worker_link_t *link, const char *why)
{
    if (!link->outage) {
        qsn_log("%s: the worker is away (%s: %s), trying again every %d ms",
                link->purpose, link->path, why, WORKER_LINK_RETRY_MS);
        link->outage = 1;
    }

    if (link->fd != -1) {
        (void) close(link->fd);
        link->fd = -1;
    }

    qsn_buf_free(&link->out);
    link->out_sent = 0;
    link->retry_at = monotonic_ms()
                     + (link->proven ? 0 : WORKER_LINK_RETRY_MS);
    link->proven = 0;
}


static int64_t
monotonic_ms(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
