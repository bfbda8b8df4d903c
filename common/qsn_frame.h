#ifndef QSN_FRAME_H
#define QSN_FRAME_H

/*
 * Frames: what travels on the worker's socket, between the worker and its
 * query processes, and nowhere else.  docs/protocol.md is the byte layout in
 * prose; this header and that page change together.
 *
 * A frame is a fixed header, then args_length bytes of arguments, then
 * body_length bytes of body.  Numbers are little-endian.  The codec is pure:
 * it allocates nothing, so nginx can use it on its own buffers.
 */

#include <stddef.h>
#include <stdint.h>

#define QSN_FRAME_MAGIC        0x464e5351u      /* "QSNF" on the wire */
#define QSN_FRAME_VERSION      1
#define QSN_FRAME_HEADER_SIZE  32
#define QSN_FRAME_ARG_SIZE     8                /* tag, reserved, length */
#define QSN_FRAME_ARGS_MAX     (256 * 1024)     /* bytes of all arguments */
#define QSN_FRAME_BODY_MAX     (1024ull * 1024 * 1024)
#define QSN_FRAME_WHOLE_MAX    (256 * 1024)     /* body, with FLAG_WHOLE */
#define QSN_FRAME_REQUESTS_MAX 1024     /* of a connection, worked on at once */

/* Not by this way: the same request is to be sent to the worker. */
#define QSN_STATUS_MOVED       421

enum qsn_frame_type {
    QSN_FRAME_REQUEST = 1,      /* client to worker: op, arguments, body */
    QSN_FRAME_RESPONSE = 2,     /* worker to client: status, first body */
    QSN_FRAME_DATA = 3,         /* either way: more body of the same id */
    QSN_FRAME_CANCEL = 4,       /* client to worker: nobody waits for id */
    QSN_FRAME_EVENT = 5,        /* worker to subscriber: a new generation */
    QSN_FRAME_ASKER = 6         /* client to worker: CLIENT asks past it */
};

enum qsn_frame_flag {
    QSN_FLAG_MORE = 1,          /* DATA frames of the same id follow */
    QSN_FLAG_ABORT = 2,         /* last DATA: the result is not whole */
    QSN_FLAG_WRITE_DB = 4,      /* query the generation being collected */
    QSN_FLAG_NATIVE = 8,        /* cells as JSON numbers and null */
    QSN_FLAG_PARTS = 16,        /* get_table_list: a frame per document */
    QSN_FLAG_FROZEN = 32,       /* query: 'now' is the generation's start */
    QSN_FLAG_WHOLE = 64         /* no DATA here: what is longer is claimed */
};

enum qsn_frame_tag {
    /* requests */
    QSN_ARG_IDENTITY = 1,       /* asserted by the front, body can't differ */
    QSN_ARG_CLIENT = 2,         /* the client's address, text */
    QSN_ARG_SQL = 3,
    QSN_ARG_NAME = 4,           /* name_value_update: "table.column" */
    QSN_ARG_VALUE = 5,
    QSN_ARG_CLAIMED_IDENTITY = 6,       /* identity= of the query string */
    QSN_ARG_ALLOW = 7,          /* u64, enum qsn_class or-ed; absent: all */
    /* worker to query process */
    QSN_ARG_SNAPSHOT = 10,      /* path of a sealed generation file */
    QSN_ARG_STATIC_DB = 11,     /* path of the static database */
    QSN_ARG_DEADLINE_MS = 12,   /* u64, milliseconds from now */
    /* claim, and the response that asks for it */
    QSN_ARG_CLAIM = 13,         /* u64, which answer */
    /* responses */
    QSN_ARG_GENERATION = 16,    /* u64, what the answer was computed on */
    QSN_ARG_STATIC_VERSION = 17,        /* u64 */
    QSN_ARG_MAX_AGE_MS = 18,    /* u64, cacheable that long; absent: not */
    QSN_ARG_RETRY_AFTER = 19,   /* u64, seconds */
    QSN_ARG_COST_US = 20        /* u64, what the query took; to peers only */
};

typedef struct {
    uint8_t type;               /* enum qsn_frame_type */
    uint8_t op;                 /* enum qsn_op; echoed in responses */
    uint8_t format;             /* enum qsn_format */
    uint16_t flags;             /* enum qsn_frame_flag, or-ed */
    uint16_t status;            /* responses: the HTTP status */
    uint64_t id;                /* chosen by the client, echoed */
    uint32_t args_length;
    uint64_t body_length;
} qsn_frame_t;

typedef struct {
    const uint8_t *data;        /* into the caller's bytes */
    size_t length;
} qsn_frame_arg_t;

/* Writes QSN_FRAME_HEADER_SIZE bytes. */
void qsn_frame_encode(uint8_t *out, const qsn_frame_t *frame);

/*
 * Reads a header of QSN_FRAME_HEADER_SIZE bytes and checks magic, version,
 * type, and both lengths.  Returns NULL, or a static sentence that says what
 * is wrong: the connection is then of no further use.
 */
const char *qsn_frame_decode(const uint8_t *in, qsn_frame_t *frame);

/* Size an argument of length bytes takes. */
size_t qsn_frame_arg_size(size_t length);

/* Writes one argument, returns the byte after it. */
uint8_t *qsn_frame_put_arg(uint8_t *out, enum qsn_frame_tag tag,
    const void *data, size_t length);
uint8_t *qsn_frame_put_u64(uint8_t *out, enum qsn_frame_tag tag,
    uint64_t value);

/* The 8 bytes of a number argument. */
void qsn_frame_store_u64(uint8_t *out, uint64_t value);

/*
 * Walks args_length bytes of arguments: each tag's value lands in
 * found[tag] (data NULL where absent; the first one counts).  found has
 * QSN_FRAME_TAGS entries.  Returns NULL, or what is wrong: a length past
 * the end or a tag this version does not know.
 */
#define QSN_FRAME_TAGS  32
const char *qsn_frame_parse_args(const uint8_t *args, size_t length,
    qsn_frame_arg_t *found);

/* The value of a u64 argument; fallback where absent or not 8 bytes. */
uint64_t qsn_frame_arg_u64(const qsn_frame_arg_t *arg, uint64_t fallback);

#endif
