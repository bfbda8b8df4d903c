/*
 * The frame codec.  Every length that comes from the other side is checked
 * here, in one place, before anybody allocates or reads by it.
 */

#include "qsn_frame.h"

#include <string.h>

static uint8_t *put_le(uint8_t *out, uint64_t value, int bytes);
static uint64_t get_le(const uint8_t *in, int bytes);
static int tag_is_known(uint16_t tag);


void
qsn_frame_encode(uint8_t *out, const qsn_frame_t *frame)
{
    out = put_le(out, QSN_FRAME_MAGIC, 4);
    out = put_le(out, QSN_FRAME_VERSION, 1);
    out = put_le(out, frame->type, 1);
    out = put_le(out, frame->op, 1);
    out = put_le(out, frame->format, 1);
    out = put_le(out, frame->id, 8);
    out = put_le(out, frame->flags, 2);
    out = put_le(out, frame->status, 2);
    out = put_le(out, frame->args_length, 4);
    (void) put_le(out, frame->body_length, 8);
}


const char *
qsn_frame_decode(const uint8_t *in, qsn_frame_t *frame)
{
    if (get_le(in, 4) != QSN_FRAME_MAGIC) {
        return "not a Qasino frame: wrong magic";
    }

    if (in[4] != QSN_FRAME_VERSION) {
        return "frame of another protocol version";
    }

    frame->type = in[5];
    frame->op = in[6];
    frame->format = in[7];
    frame->id = get_le(in + 8, 8);
    frame->flags = (uint16_t) get_le(in + 16, 2);
    frame->status = (uint16_t) get_le(in + 18, 2);
    frame->args_length = (uint32_t) get_le(in + 20, 4);
    frame->body_length = get_le(in + 24, 8);

    if (frame->type < QSN_FRAME_REQUEST || frame->type > QSN_FRAME_ASKER) {
        return "frame of an unknown type";
    }

    if (frame->args_length > QSN_FRAME_ARGS_MAX) {
        return "frame arguments are too long";
    }

    if (frame->body_length > QSN_FRAME_BODY_MAX) {
        return "frame body is too long";
    }

    return NULL;
}


size_t
qsn_frame_arg_size(size_t length)
{
    return QSN_FRAME_ARG_SIZE + length;
}


uint8_t *
qsn_frame_put_arg(uint8_t *out, enum qsn_frame_tag tag, const void *data,
    size_t length)
{
    out = put_le(out, tag, 2);
    out = put_le(out, 0, 2);
    out = put_le(out, length, 4);

    if (length) {
        memcpy(out, data, length);
    }

    return out + length;
}


void
qsn_frame_store_u64(uint8_t *out, uint64_t value)
{
    (void) put_le(out, value, 8);
}


uint8_t *
qsn_frame_put_u64(uint8_t *out, enum qsn_frame_tag tag, uint64_t value)
{
    uint8_t bytes[8];

    qsn_frame_store_u64(bytes, value);

    return qsn_frame_put_arg(out, tag, bytes, sizeof(bytes));
}


const char *
qsn_frame_parse_args(const uint8_t *args, size_t length,
    qsn_frame_arg_t *found)
{
    memset(found, 0, QSN_FRAME_TAGS * sizeof(*found));

    while (length) {
        if (length < QSN_FRAME_ARG_SIZE) {
            return "frame arguments are cut off";
        }

        uint16_t tag = (uint16_t) get_le(args, 2);
        uint32_t size = (uint32_t) get_le(args + 4, 4);

        args += QSN_FRAME_ARG_SIZE;
        length -= QSN_FRAME_ARG_SIZE;

        if (size > length) {
            return "a frame argument is longer than its frame";
        }

        if (!tag_is_known(tag)) {
            return "frame argument of an unknown kind";
        }

        if (found[tag].data == NULL) {
            found[tag].data = args;
            found[tag].length = size;
        }

        args += size;
        length -= size;
    }

    return NULL;
}


uint64_t
qsn_frame_arg_u64(const qsn_frame_arg_t *arg, uint64_t fallback)
{
    if (arg->data == NULL || arg->length != 8) {
        return fallback;
    }

    return get_le(arg->data, 8);
}


static uint8_t *
put_le(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        *out++ = (uint8_t) (value >> (8 * i));
    }

    return out;
}


static uint64_t
get_le(const uint8_t *in, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t) in[i] << (8 * i);
    }

    return value;
}


static int
tag_is_known(uint16_t tag)
{
    return (tag >= QSN_ARG_IDENTITY && tag <= QSN_ARG_ALLOW)
           || (tag >= QSN_ARG_SNAPSHOT && tag <= QSN_ARG_CLAIM)
           || (tag >= QSN_ARG_GENERATION && tag <= QSN_ARG_COST_US);
}
