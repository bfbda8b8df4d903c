#ifndef QUERY_PROCESS_H
#define QUERY_PROCESS_H

/*
 * One query process, seen from the worker: started, told which snapshot to
 * serve, sent one query at a time, killed when it does not stop, and started
 * anew whenever it dies.
 *
 * It is told of a new snapshot at once and works through what it is told in
 * order, so a query sent after the news runs on the new snapshot.
 *
 * Threads: the worker's loop only.
 */

#include <stdint.h>
#include <uv.h>

#include "qsn_buf.h"
#include "qsn_frame.h"
#include "snapshot.h"

typedef struct query_process_s query_process_t;

/* What the owner is told.  Any of them may start the next query. */
typedef struct {
    /* it can take a query */
    void (*on_ready)(query_process_t *process);

    /* a frame that answers its query; NULL, or what is wrong with it: then
       the process is killed */
    const char *(*on_frame)(query_process_t *process,
        const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);

    /* it died; overdue: killed for its query's deadline */
    void (*on_death)(query_process_t *process, int overdue);
} query_process_events_t;

/* What it was told to serve and has not confirmed yet. */
typedef struct query_process_told_s query_process_told_t;

struct query_process_s {
    void *owner;
    const query_process_events_t *events;
    void *query;                /* the owner's, NULL: idle */
    uint64_t query_id;          /* of its frames */

    /* below: its own */
    uv_loop_t *loop;
    const char *program;
    char **argv;
    uv_process_t handle;
    uv_pipe_t pipe;
    uv_timer_t timer;           /* kills, or delays the next start */
    unsigned open_handles;
    int alive;
    int stopping;
    int paused;
    int overdue;                /* killed for its query's deadline */
    int at_fault;               /* it died of the statement it ran */
    int dying;                  /* killed, its exit not seen yet */
    int confirmed;              /* serves a snapshot since its start */
    snapshot_t *wanted;         /* what a new start is told first */
    const char *static_db;
    uint64_t static_version;
    snapshot_t *serving;
    query_process_told_t *told; /* oldest first */
    qsn_buf_t in;
};

/* Fills in a zeroed process.  program and argv are not copied. */
void query_process_init(query_process_t *process, uv_loop_t *loop,
    const char *program, char **argv, const char *static_db);

/* Tells it a snapshot; the first call starts it. */
void query_process_serve(query_process_t *process, snapshot_t *snapshot,
    uint64_t static_version);

/* 1 if a query can be sent. */
int query_process_idle(const query_process_t *process);

/*
 * Sends a query: frame and arguments by tag.  It is killed unless its last
 * frame has come after kill_ms.  0, or -1 without memory.
 */
int query_process_send(query_process_t *process, qsn_frame_t *frame,
    const qsn_frame_arg_t *args, uint64_t kill_ms);

/* Its query's last frame has come: the clock stops. */
void query_process_done(query_process_t *process);

void query_process_cancel(query_process_t *process);

/* Between these no frames are handed out. */
void query_process_pause(query_process_t *process);
void query_process_resume(query_process_t *process);

/* Kills it for good; the loop closes its handles, then free. */
void query_process_stop(query_process_t *process);
void query_process_free(query_process_t *process);

#endif
