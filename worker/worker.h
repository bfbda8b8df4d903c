#ifndef WORKER_H
#define WORKER_H

/*
 * The worker as a whole: what its parts share.  main.c makes it, rotate.c
 * turns its generations, connection.c and line.c bring requests,
 * dispatch.c decides what each one is, ingest.c and pool.c do it.
 *
 * Threads: everything here belongs to the one loop.
 */

#include <uv.h>

#include "generation.h"
#include "pool.h"
#include "qsn_page.h"
#include "qsn_settings.h"
#include "request.h"
#include "snapshot.h"
#include "static_store.h"
#include "stats.h"
#include "views.h"

typedef struct connection_s connection_t;
typedef struct exchange_s exchange_t;
typedef struct held_s held_t;

typedef struct {
    uv_loop_t loop;
    qsn_settings_t settings;
    request_limits_t limits;
    stats_t stats;

    generation_t *generation;   /* being collected */
    snapshot_t *snapshot;       /* being served */
    snapshot_t *write_snapshot; /* copy of ->generation, NULL: none */
    sqlite3_int64 write_changes;        /* of the generation, as copied */
    views_t *views;
    static_store_t *statics;
    pool_t *pool;
    qsn_page_t *page;
    qsn_page_state_t page_state;
    uv_timer_t rotation;

    exchange_t *publishes;      /* parsed, waiting to be written */
    exchange_t **publishes_end;
    uv_check_t after_poll;      /* writes them, once a turn of the loop */

    uv_pipe_t listener;
    uv_pipe_t line_listener;
    connection_t *connections;
    connection_t *unflushed;    /* have output to send at the turn's end */
    uv_prepare_t before_poll;

    held_t *held_first;         /* answers that wait to be claimed */
    held_t *held_last;
    size_t held_bytes;
    uv_timer_t held_timer;
} worker_t;

#endif
