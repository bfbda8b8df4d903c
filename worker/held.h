#ifndef HELD_H
#define HELD_H

/*
 * Answers that are too long for a shared connection (QSN_FLAG_WHOLE): they
 * are announced there under a token, wait, and go on where they are claimed.
 *
 * A held answer keeps its query process waiting.  So it is dropped after
 * HELD_MS, and after HELD_BUSY_MS where other queries wait for a process.
 *
 * Threads: the worker's loop only.
 */

#include "exchange.h"

#define HELD_MS       10000
#define HELD_BUSY_MS  1000

void held_start(worker_t *worker);

/* Drops all; the loop closes what is left. */
void held_stop(worker_t *worker);

/*
 * The first frame of exchange's answer, to be held back: announces it and
 * takes the exchange off its connection.  Where too much is held already
 * the answer is 503.
 */
void held_keep(exchange_t *exchange, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);

/* Another frame of an answer that is held. */
void held_add(exchange_t *exchange, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);

/* claim asks for the answer of that token: it goes on in its place. */
void held_claim(exchange_t *claim, uint64_t token);

/* Nobody will claim them: that of one request, all of a connection. */
void held_cancel(worker_t *worker, const connection_t *connection,
    uint64_t id);
void held_leave(worker_t *worker, const connection_t *connection);

#endif
