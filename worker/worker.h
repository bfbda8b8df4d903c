#ifndef WORKER_H
#define WORKER_H

/*
 * The worker as a whole: what its parts share.  main.c makes it, rotate.c
 * turns its generations, connection.c and line.c bring requests,
 * dispatch.c decides what each one is, ingest.c and pool.c do it.
 *
 * Threads: everything here belongs to the loop, but for the writers, the
 * parsers and the mailbox (mailbox.h says who has what), the statics, which
 * are the static writer's, the settings, which nobody changes, and what is
 * atomic.
 */

#include <stdatomic.h>

#include <uv.h>

#include "mailbox.h"
#include "pool.h"
#include "preparation.h"
#include "qsn_page.h"
#include "qsn_settings.h"
#include "request.h"
#include "slow_queries.h"
#include "snapshot.h"
#include "spare.h"
#include "static_writer.h"
#include "stats.h"
#include "views.h"
#include "writer.h"

typedef struct connection_s connection_t;
typedef struct direct_s direct_t;
typedef struct rotation_s rotation_t;   /* rotate.c */
typedef struct exchange_s exchange_t;
typedef struct held_s held_t;
typedef struct parser_s parser_t;

#define PARSERS_MAX  4

/* Bodies that have begun and not ended, receiving.h. */
#define RECEIVING_CLIENTS  256

typedef struct {
    size_t bytes;
    size_t of[RECEIVING_CLIENTS];       /* clients, by their hashes */
    exchange_t *first;          /* whose body came on longest ago */
    exchange_t *last;
} receiving_t;

typedef struct worker_s {
    uv_loop_t loop;
    qsn_settings_t settings;
    request_limits_t limits;
    stats_t stats;
    slow_queries_t slow;        /* of this generation */

    uint64_t collecting;        /* number of the open generation */
    snapshot_t *snapshot;       /* being served */
    snapshot_t *write_snapshot; /* copy of the open one, NULL: none */
    size_t write_copies;        /* of those that are there */
    exchange_t *write_waiting;  /* queries that wait for a copy */
    exchange_t **write_waiting_end;
    size_t write_asked;         /* how many they are */
    int write_copying;          /* one is being made, or that is rested from */
    uv_timer_t write_rest;
    mailbox_thread_t write_sealer;      /* seals them */
    views_t *views;
    static_store_t *statics;
    pool_t *pool;
    direct_t *direct;
    qsn_page_t *page;
    qsn_page_state_t page_state;
    uv_timer_t rotation;
    preparation_t preparation;  /* of the next snapshot */
    uv_timer_t room;            /* looks for it while publishes are refused */
    uv_timer_t ahead;           /* of the turn, ahead.h */
    spare_t spare;              /* file of the next generation */

    int rotating;               /* the writer has been told to, and we have
                                   not heard of it */
    rotation_t *turn;           /* we have: the sealed one is being prepared */

    writer_t writer;
    static_writer_t static_writer;
    parser_t *parsers[PARSERS_MAX];
    size_t parser_count;

    job_list_t publishes;       /* parsed, given to the writer once a turn */
    job_list_t static_publishes;
    uv_prepare_t hand_over;     /* of ->publishes, once a turn */
    mailbox_t inbox;            /* what the threads have done */
    uv_async_t wake;
    receiving_t receiving;      /* bodies that are not whole yet */
    size_t unwritten;           /* bytes of publishes that are written */
    atomic_size_t unparsed;     /* bytes of pieces that are parsed */
    atomic_int waits_for_parser;
    int stalled;                /* some connection is not read for those */

    int draining;               /* 1: for another program; 2: nothing is
                                   left to be done but to become it */
    uv_pipe_t listener;
    uv_pipe_t line_listener;
    int line_socket;            /* the launcher's for it, -1: none */
    connection_t *connections;
    connection_t *unflushed;    /* have output to send at the turn's end */
    uv_prepare_t before_poll;

    held_t *held_first;         /* answers that wait to be claimed */
    held_t *held_last;
    size_t held_bytes;
    uv_timer_t held_timer;

    uv_prepare_t log_prepare;   /* log_timer.h */
    uv_timer_t log_timer;
} worker_t;

#endif
