#ifndef AGENT_READ_H
#define AGENT_READ_H

/*
 * A source's file, or its command's output, into a draft; the source's state
 * and times follow.  Each returns 1: the draft is to be sent; 0: it is not,
 * and draft->error says why if draft->failed.
 */

#include "agent_source.h"
#include "draft.h"

/* A bad file that has not changed is not read again. */
int agent_read_file(agent_source_t *source, const agent_options_t *options,
    draft_t *draft);

int agent_read_output(agent_source_t *source, draft_t *draft);

#endif
