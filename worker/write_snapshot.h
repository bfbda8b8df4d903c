#ifndef WRITE_SNAPSHOT_H
#define WRITE_SNAPSHOT_H

/*
 * "use_write_db": a look into the generation being collected.  The query
 * process gets a sealed copy of the file as it is after some commit, internal
 * tables and all, so that no reader ever holds the writer up.
 *
 * The writer makes the copy between its publishes (write_copy.h), a thread
 * seals it, and all share it who ask before it is whole, or after that before
 * the next publish.  There are two at a time at most, who would need another
 * waits; and none is made of the room that the generation may still need.
 * After a copy the writer has four times as long as it has spent on it before
 * the next one of that generation.
 */

#include "exchange.h"

/* Starts the thread that seals copies: 0 or a libuv error.  Ends it, after the
   writer, when it has done what waits. */
int write_snapshot_start_sealer(worker_t *worker);
void write_snapshot_stop_sealer(worker_t *worker);

/* Once those run. */
void write_snapshot_start(worker_t *worker);

/*
 * Finds exchange->query.snapshot, which has every publish that was
 * acknowledged before this was called and that the generation then being
 * collected has: a copy, or that generation itself if it is sealed meanwhile.
 * Then calls ready on the loop, with 0 or a status and why.  It may do so
 * before this returns.
 */
void write_snapshot_ask(exchange_t *exchange, write_snapshot_ready_t *ready);

/* Has a copy made if somebody waits and there may be another. */
void write_snapshot_next(worker_t *worker);

/* The generation is sealed: who waits has what he asked for in that. */
void write_snapshot_turn(worker_t *worker, snapshot_t *sealed);

/* The server stops: who still waits gets an error. */
void write_snapshot_stop(worker_t *worker);

#endif
