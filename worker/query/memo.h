#ifndef MEMO_H
#define MEMO_H

/*
 * The last answers to peers.  When many ask the same at the same moment, as
 * at the turn of a generation, the statement runs once: nginx keeps its
 * answer only from when it has come.  An answer is kept until another takes
 * its place, the snapshot changes, or a static table does.
 *
 * Threads: the main thread.
 */

#include <stdint.h>

#include "qsn_buf.h"
#include "qsn_frame.h"

#define MEMO_BODY_MAX  (32 * 1024)      /* bytes of an answer */

typedef struct memo_s memo_t;

/* What an answer depends on, beside the snapshot. */
typedef struct {
    const qsn_frame_arg_t *sql;
    uint8_t format;             /* enum qsn_format */
    uint16_t flags;             /* enum qsn_frame_flag */
    uint64_t static_version;
} memo_key_t;

/* NULL without memory. */
memo_t *memo_create(void);
void memo_destroy(memo_t *memo);

/* The snapshot changes. */
void memo_clear(memo_t *memo);

/* The answer's body, or NULL. */
const qsn_buf_t *memo_find(const memo_t *memo, const memo_key_t *key);

/* Without memory, or if it is long, it is not kept. */
void memo_keep(memo_t *memo, const memo_key_t *key, const qsn_buf_t *body);

#endif
