#ifndef OUTGOING_H
#define OUTGOING_H

/*
 * What is said to a peer: gathered over one turn of the loop and sent with
 * one write.  What the peer does not take at once waits, and is counted, so
 * that its owner can stop saying more.
 *
 * Threads: the worker's loop only.
 */

#include <uv.h>

#include "qsn_buf.h"

/* A write of what had to wait has ended: 0 or a libuv error. */
typedef void outgoing_written_t(uv_stream_t *stream, int status);

typedef struct {
    qsn_buf_t queued;           /* the owner appends to it */

    /* below: its own */
    uv_stream_t *stream;
    outgoing_written_t *on_written;
    size_t writing;             /* bytes handed to libuv */
} outgoing_t;

/* Fills in a zeroed one.  It must outlive the stream's being closed.
   on_written may be NULL. */
void outgoing_init(outgoing_t *outgoing, uv_stream_t *stream,
    outgoing_written_t *on_written);

/* Writes what is queued; due once a turn of the loop.  0, or -1 without
   memory, also for what was queued: the peer may miss something. */
int outgoing_flush(outgoing_t *outgoing);

/* Bytes not yet taken by the peer. */
static inline size_t
outgoing_backlog(const outgoing_t *outgoing)
{
    return outgoing->queued.length + outgoing->writing;
}


void outgoing_free(outgoing_t *outgoing);

#endif
