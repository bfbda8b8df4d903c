#ifndef QUERY_PROCESS_H
#define QUERY_PROCESS_H

/*
 * One query process, seen from the worker: started, told which snapshot to
 * serve, sent queries, killed when it does not stop, and started anew
 * whenever it dies.
 *
 * It works through what it is told in order: so a query sent after the news
 * of a snapshot runs on it, and queries may be sent while another runs.
 * What is sent in one turn of the loop goes in one write.
 *
 * Threads: the worker's loop only.
 */

#include <stdint.h>
#include <uv.h>

#include "outgoing.h"
#include "qsn_buf.h"
#include "qsn_frame.h"
#include "qsn_settings.h"
#include "snapshot.h"
#include "subprocess.h"

#define QUERY_PROCESS_AHEAD  8          /* queries it has at most */

typedef struct query_process_s query_process_t;

/* What the owner is told.  Any of them may send queries. */
typedef struct {
    /* it can take queries */
    void (*on_ready)(query_process_t *process);

    /* a frame that answers this query, the last if it has no MORE */
    void (*on_frame)(query_process_t *process, void *query,
        const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);

    /* it died; ->sent is what it leaves behind.  overdue: killed because its
       first query did not stop */
    void (*on_death)(query_process_t *process, int overdue);
} query_process_events_t;

/* snapshot: only to be compared. */
typedef void (*query_process_prepared_pt)(void *data,
    const snapshot_t *snapshot);

/* What it was told to serve and has not confirmed yet. */
typedef struct query_process_told_s query_process_told_t;

typedef struct {
    void *query;                /* the owner's; NULL: nobody waits for it */
    uint64_t id;                /* of its frames */
    uint64_t kill_ms;           /* how long it may run */
    uint32_t cost_us;           /* what it may take, a guess */
    int answered;               /* its RESPONSE has come */
} query_process_sent_t;

struct query_process_s {
    void *owner;
    const query_process_events_t *events;

    /* what it has to do, in order: it runs the first */
    query_process_sent_t sent[QUERY_PROCESS_AHEAD];
    size_t sent_count;
    uint64_t since_ms;          /* when the first became that, loop time */
    uint64_t ran_ms;            /* how long the one before it took */
    int paused;
    int alive;
    int yields;                 /* see query_process_yield() */
    int gives_way;              /* see query_process_give_way() */
    int killed;                 /* by a signal that nobody here sent: which */

    /* below: its own */
    uv_loop_t *loop;
    int extra_fd;               /* that it has, too; -1: none */
    const char *program;
    char **argv;
    subprocess_t own;
    uv_pipe_t pipe;
    uv_timer_t timer;           /* kills, or delays the next start */
    unsigned open_handles;
    int stopping;
    int ending;                 /* not to be started again for now */
    int taking;                 /* frames are being taken out of ->in */
    int overdue;                /* killed for its query's deadline */
    int at_fault;               /* it died of the statement it ran */
    int dying;                  /* killed, its exit not seen yet */
    int confirmed;              /* serves a snapshot since its start */
    snapshot_t *wanted;         /* what a new start is told first */
    const qsn_settings_t *settings;
    uint64_t static_version;
    snapshot_t *serving;
    query_process_told_t *told; /* oldest first */
    snapshot_t *preparing;      /* NULL: none */
    query_process_prepared_pt prepared;
    void *prepared_data;
    uint64_t next_id;
    qsn_buf_t in;
    outgoing_t outgoing;
};

/* Fills in a zeroed process.  Nothing is copied. */
void query_process_init(query_process_t *process, uv_loop_t *loop,
    const qsn_settings_t *settings, const char *program, char **argv);

/* Tells it a snapshot; the first call, and the first after its end, start
   it. */
void query_process_serve(query_process_t *process, snapshot_t *snapshot,
    uint64_t static_version);

/*
 * It reads the schema of a snapshot that it will be told to serve, beside what
 * it does.  0, and done is called later, once, when it has or when it cannot;
 * -1 if there is no use in it: it is not up, hangs, is paused, or is for slow
 * queries.
 */
int query_process_prepare(query_process_t *process, snapshot_t *snapshot,
    uint64_t static_version, query_process_prepared_pt done, void *data);

/* 1 if it does so still, and its answer can be heard; or if it has not even
   answered for an earlier one, which it never will. */
int query_process_prepares(const query_process_t *process,
    const snapshot_t *snapshot);
int query_process_is_stuck(const query_process_t *process,
    const snapshot_t *snapshot);

/* 1 if it serves a snapshot. */
int query_process_is_up(const query_process_t *process);

/* 1 if it has not confirmed a snapshot that it was told so long ago. */
int query_process_is_behind(const query_process_t *process, uint64_t ms);

/* 1 if it reads the schema of a snapshot, and what it has to do waits for
   that. */
int query_process_catches_up(const query_process_t *process);

/* 1 if another query can be sent. */
int query_process_ready(const query_process_t *process);

/*
 * Sends a query: frame (but for its id) and arguments by tag.  The process
 * is killed unless the query's last frame has come kill_ms after that of
 * the one before.  cost_us: how long it may take.  0, or -1 without memory.
 */
int query_process_send(query_process_t *process, void *query,
    qsn_frame_t *frame, const qsn_frame_arg_t *args, uint64_t kill_ms,
    uint32_t cost_us);

/* How long it may be busy with what it has, in microseconds. */
uint64_t query_process_load(const query_process_t *process);

/* Processor time that it has taken, in microseconds; 0 if nobody knows. */
uint64_t query_process_cpu(const query_process_t *process);

/* From here on what comes of query is heir's. */
void query_process_replace(query_process_t *process, const void *query,
    void *heir);

/* Nobody waits for this query any more: it is stopped and what still comes
   of it is swallowed. */
void query_process_forget(query_process_t *process, const void *query);

/* Whether whoever wakes up goes before it, and it runs on query_slow_cores only;
   one that begins does. */
void query_process_give_way(query_process_t *process, int way);

/* It does so for good, with the share of that niceness. */
void query_process_yield(query_process_t *process, int niceness);

/* Between these no frames are handed out. */
void query_process_pause(query_process_t *process);
void query_process_resume(query_process_t *process);

/* Hands it a connection, of which it gets a descriptor of its own: 0; -1 if it
   is not there or busy. */
int query_process_give(query_process_t *process, int fd);

/* Writes what was sent; due once a turn of the loop. */
void query_process_flush(query_process_t *process);

/* It takes nothing from here on, though its death is seen only later; then it
   begins anew. */
void query_process_kill(query_process_t *process);

/* Ends it, until it is served a snapshot again. */
void query_process_end(query_process_t *process);

/* It runs, or will again by itself; it does not, and can be started.  While
   it ends it is neither. */
int query_process_is_on(const query_process_t *process);
int query_process_is_off(const query_process_t *process);

/* Kills it for good, whatever it is served afterwards; the loop closes its
   handles, then free. */
void query_process_stop(query_process_t *process);
void query_process_free(query_process_t *process);

#endif
