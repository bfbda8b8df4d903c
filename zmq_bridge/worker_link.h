#ifndef WORKER_LINK_H
#define WORKER_LINK_H

/*
 * A connection to the worker's socket that is made again whenever it is
 * lost.  Nothing here blocks: what the worker does not take yet is queued,
 * and the owner, who watches worker_link_backlog(), stops making more.
 *
 * After a loss the first new try is due at once, the others every 100 ms; a
 * connection that brought no whole frame does not earn the immediate try, or
 * a worker that sends garbage would keep us busy.  An outage is logged when
 * it begins and when the worker's first frame ends it.
 */

#include <stdint.h>

#include "qsn_frame_parser.h"

#define WORKER_LINK_RETRY_MS  100
#define WORKER_LINK_WINDOW    (64 * 1024)       /* bytes of one recv() */

enum worker_link_event {
    WORKER_LINK_IDLE,           /* nothing more for now: poll */
    WORKER_LINK_HEAD,           /* as the parser's events; ->parser has it */
    WORKER_LINK_BODY,
    WORKER_LINK_END,
    WORKER_LINK_LOST            /* the connection is closed, and logged */
};

typedef struct {
    qsn_frame_parser_t parser;      /* of the last event */

    int fd;                     /* to poll; -1 while away */

    /* private */
    const char *path;           /* the caller's */
    const char *purpose;        /* for the log */
    int64_t retry_at;           /* monotonic ms */
    int outage;                 /* it was logged */
    int proven;                 /* this connection brought a whole frame */
    unsigned reads;             /* since the owner was told IDLE */
    qsn_buf_t out;              /* what the worker has not taken ... */
    size_t out_sent;            /* ... from here on */
    uint8_t window[WORKER_LINK_WINDOW];
} worker_link_t;

void worker_link_init(worker_link_t *link, const char *path,
    const char *purpose);
void worker_link_close(worker_link_t *link);

/* Tries to connect if that is due: 1 if it has just connected. */
int worker_link_connect(worker_link_t *link);
int worker_link_is_up(const worker_link_t *link);

/* Milliseconds to the next try, -1 (for ever) while connected or closed. */
long worker_link_timeout(const worker_link_t *link);

/*
 * Queues one frame, arguments and body included (their lengths are taken
 * from frame); it leaves with the next worker_link_flush().  Errors, memory
 * among them, surface there and in worker_link_next().
 */
void worker_link_send(worker_link_t *link, const qsn_frame_t *frame,
    const void *args, const void *body);

/* Sends what the worker takes; call it after sends and when writable. */
void worker_link_flush(worker_link_t *link);
size_t worker_link_backlog(const worker_link_t *link);

/* What came in; call until IDLE or LOST.  IDLE comes after 1 MB at the
   latest, so that one connection does not starve the others. */
enum worker_link_event worker_link_next(worker_link_t *link);

/* The owner found the protocol broken: logs why and closes. */
void worker_link_drop(worker_link_t *link, const char *why);

#endif
