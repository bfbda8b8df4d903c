#ifndef ENVELOPE_H
#define ENVELOPE_H

/*
 * The envelope of a ZeroMQ request: the frames before its body, which go
 * back in front of the answer, byte for byte and in order.
 *
 *   REQ                 identity | empty | body
 *   DEALER, as txzmq    identity | any frames | empty | body
 *   plain DEALER        identity | body
 *
 * The original server never answered the last form.  We do, without a
 * delimiter, as it was asked.  Frames after the body are ignored (recorded).
 */

#include "qsn_buf.h"

/* Frames before the body, identity and delimiter among them: a message
   whose first empty frame comes later is taken for a plain one. */
#define ENVELOPE_FRAMES_MAX  16

/* Bytes of them all.  The bridge keeps one for each request in flight. */
#define ENVELOPE_BYTES_MAX   (16 * 1024)

typedef struct {
    size_t back;                /* frames that go back, from the first */
    size_t body;                /* index of the body; count: there is none */
} envelope_shape_t;

/* What is what among count (at least 1) frames of these lengths. */
envelope_shape_t envelope_shape(const size_t *lengths, size_t count);

/* Frames packed into one allocation; starts as zero.  One owner. */
typedef struct {
    qsn_buf_t packed;
    size_t client;              /* who asks, as a number below
                                   ENVELOPE_CLIENTS; several may have one */
} envelope_t;

#define ENVELOPE_CLIENTS     1024

/* 0, or -1: too long, or no memory.  What was added before stays good. */
int envelope_add(envelope_t *envelope, const void *data, size_t length);

/* Walks the frames: 1 and the next one, 0 at the end.  *cursor starts 0. */
int envelope_next(const envelope_t *envelope, size_t *cursor,
    const void **data, size_t *length);

/* Whether the frame that envelope_next() gave is the last. */
int envelope_at_end(const envelope_t *envelope, size_t cursor);

void envelope_free(envelope_t *envelope);

#endif
