/*
 * Most of it the peer takes at once.  The rest goes to libuv with the memory
 * it is in, so that nothing is copied, and what is queued from then on is
 * gathered in new memory.
 */

#include "outgoing.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uv_write_t write;
    outgoing_t *outgoing;
    qsn_buf_t buf;
} write_t;

static void write_ended(uv_write_t *base, int status);


void
outgoing_init(outgoing_t *outgoing, uv_stream_t *stream,
    outgoing_written_t *on_written)
{
    outgoing->stream = stream;
    outgoing->on_written = on_written;
}


int
outgoing_flush(outgoing_t *outgoing)
{
    qsn_buf_t *queued = &outgoing->queued;
    write_t *write;
    uv_buf_t buf;

    if (queued->failed) {
        return -1;
    }

    if (queued->length == 0) {
        return 0;
    }

    if (outgoing->writing == 0) {
        buf = uv_buf_init(queued->data, (unsigned) queued->length);

        int sent = uv_try_write(outgoing->stream, &buf, 1);

        if (sent > 0) {
            qsn_buf_consume(queued, (size_t) sent);
        }

        if (queued->length == 0) {
            return 0;
        }
    }

    write = calloc(1, sizeof(*write));

    if (write == NULL) {
        return -1;
    }

    write->outgoing = outgoing;
    write->buf = *queued;
    memset(queued, 0, sizeof(*queued));
    outgoing->writing += write->buf.length;
    buf = uv_buf_init(write->buf.data, (unsigned) write->buf.length);

    if (uv_write(&write->write, outgoing->stream, &buf, 1, write_ended) != 0)
    {
        write_ended(&write->write, UV_EPIPE);
    }

    return 0;
}


void
outgoing_free(outgoing_t *outgoing)
{
    qsn_buf_free(&outgoing->queued);
}


static void
write_ended(uv_write_t *base, int status)
{
    write_t *write = (write_t *) base;
    outgoing_t *outgoing = write->outgoing;

    outgoing->writing -= write->buf.length;
    qsn_buf_free(&write->buf);
    free(write);

    if (outgoing->on_written) {
        outgoing->on_written(outgoing->stream, status);
    }
}
