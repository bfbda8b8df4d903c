#ifndef QUERY_PROCESS_PRIVATE_H
#define QUERY_PROCESS_PRIVATE_H

/*
 * A query process, between its two halves: query_process.c has its life,
 * query_process_frames.c what is said to it and what it says.
 */

#include "query_process.h"

/* Queues a frame; args is by tag, NULL: none.  0, or -1 without memory: then
   it is killed. */
int query_process_put(query_process_t *process, qsn_frame_t *frame,
    const qsn_frame_arg_t *args);

/* Begins, or goes on, to read what it says. */
void query_process_listen(query_process_t *process);

/* Its answer to a snapshot it was told: NULL, or what is wrong with it. */
const char *query_process_confirmed(query_process_t *process,
    const qsn_frame_t *frame, const uint8_t *body);

/* It has prepared a snapshot, or cannot: likewise. */
const char *query_process_prepared(query_process_t *process);

/* Sees to it that it is killed in time; kill_ms: what the query may take. */
void query_process_limit(query_process_t *process, uint64_t kill_ms);

#endif
