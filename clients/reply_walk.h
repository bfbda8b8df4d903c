#ifndef REPLY_WALK_H
#define REPLY_WALK_H

/*
 * A walk through the JSON of a reply, for reply.c: each value of which
 * something is wanted, with where it stands.
 */

#include "reply.h"

enum reply_place {
    REPLY_ELSEWHERE,            /* never given */
    REPLY_RESPONSE_OP,
    REPLY_IDENTITY,
    REPLY_ERROR_MESSAGE,
    REPLY_WARNING,
    REPLY_MESSAGE,
    REPLY_GENERATION_NUMBER,
    REPLY_ROWS_TAKEN,
    REPLY_TRUNCATED_BY,
    REPLY_TABLE,                /* begins: no value */
    REPLY_COLUMN_NAME,
    REPLY_WIDTH,                /* of the column of that index */
    REPLY_CELL,
    REPLY_ROW_END               /* no value */
};

typedef struct {
    enum reply_place place;
    size_t index;
    enum reply_kind kind;
    const char *text;           /* valid during the call; a number's has a
                                   NUL behind it */
    size_t length;
} reply_value_t;

/* 0 ends the walk. */
typedef int (*reply_take_t)(void *ctx, const reply_value_t *value);

/* 0, or -1 with the reason in error (REPLY_ERROR_SIZE). */
int reply_walk(const char *text, size_t length, reply_take_t take, void *ctx,
    char *error);

#endif
