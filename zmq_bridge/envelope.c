/* Envelopes: finding them, keeping them.  No ZeroMQ in here. */

#include "envelope.h"

#include <string.h>

#include "qsn_hash.h"


envelope_shape_t
envelope_shape(const size_t *lengths, size_t count)
{
    envelope_shape_t shape = { .back = 1, .body = 1 };

    for (size_t i = 1; i < count && i < ENVELOPE_FRAMES_MAX; i++) {
        if (lengths[i] == 0) {
            shape.back = i + 1;
            shape.body = i + 1;
            break;
        }
    }

    return shape;
}


int
envelope_add(envelope_t *envelope, const void *data, size_t length)
{
    uint32_t size = (uint32_t) length;
    qsn_buf_t *packed = &envelope->packed;

    if (length > ENVELOPE_BYTES_MAX
        || packed->length + sizeof(size) + length > ENVELOPE_BYTES_MAX
        || qsn_buf_reserve(packed, sizeof(size) + length) == NULL)
    {
        packed->failed = 0;     /* the frames before are whole */
        return -1;
    }

    if (packed->length == 0) {
        /* libzmq or the client has made it: its identity */
        envelope->client = qsn_hash(data, length) % ENVELOPE_CLIENTS;
    }

    qsn_buf_append(packed, &size, sizeof(size));
    qsn_buf_append(packed, data, length);

    return 0;
}


int
envelope_next(const envelope_t *envelope, size_t *cursor, const void **data,
    size_t *length)
{
    uint32_t size;

    if (envelope_at_end(envelope, *cursor)) {
        return 0;
    }

    memcpy(&size, envelope->packed.data + *cursor, sizeof(size));

    *data = envelope->packed.data + *cursor + sizeof(size);
    *length = size;
    *cursor += sizeof(size) + size;

    return 1;
}


int
envelope_at_end(const envelope_t *envelope, size_t cursor)
{
    return cursor >= envelope->packed.length;
}


void
envelope_free(envelope_t *envelope)
{
    qsn_buf_free(&envelope->packed);
}
