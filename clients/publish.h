#ifndef PUBLISH_H
#define PUBLISH_H

/*
 * One table to the server, and what became of it: the original's clients
 * took every answer for a success, so here each way it can end has a name.
 */

#include "connection.h"
#include "draft.h"
#include "reply.h"

#define PUBLISH_TEXT_SIZE  768

enum publish_result {
    PUBLISH_TAKEN,
    PUBLISH_DUPLICATE,          /* the first report of this generation
                                   stands, this one was dropped */
    PUBLISH_REFUSED,            /* the server said no */
    PUBLISH_INVALID,            /* nothing was sent: draft->error */
    PUBLISH_NO_ANSWER,
    PUBLISH_STOPPED
};

typedef struct {
    char text[PUBLISH_TEXT_SIZE];       /* the reason, unless it was taken */
    int64_t generation_number;          /* -1: the server did not say */
} publish_outcome_t;

/*
 * Checks and sends the draft, which has no rows afterwards.  identity is for
 * a draft that has none.
 */
enum publish_result publish_send(connection_t *connection, draft_t *draft,
    const char *identity, publish_outcome_t *outcome);

/* What a reply means; again: it may answer a request sent twice.  Pure. */
enum publish_result publish_judge(const reply_t *reply, int again,
    publish_outcome_t *outcome);

#endif
