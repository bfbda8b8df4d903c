#ifndef SINK_H
#define SINK_H

/*
 * Where a renderer writes: a buffer that is handed on whenever it has grown
 * past a limit, so that a result of any size passes through bounded memory.
 * Renderers append to ->buf and call sink_check() after each piece; a piece
 * is at most SINK_PIECE bytes of input.
 */

#include <stdint.h>

#include "qsn_buf.h"

#define SINK_PIECE  (16 * 1024)

typedef struct sink sink_t;

struct sink {
    qsn_buf_t buf;
    size_t limit;               /* bytes to gather before a flush */
    uint64_t flushed;           /* bytes handed on so far */
    /* Takes all of buf and empties it.  -1: no more is wanted. */
    int (*flush)(sink_t *sink);
    int stopped;                /* flush said so; the rest is discarded */
};

static inline void
sink_check(sink_t *sink)
{
    if (sink->buf.length < sink->limit) {
        return;
    }

    sink->flushed += sink->buf.length;

    if (sink->stopped || sink->flush(sink) == -1) {
        sink->stopped = 1;
        qsn_buf_clear(&sink->buf);
    }
}

#endif
