#ifndef WRITE_SNAPSHOT_H
#define WRITE_SNAPSHOT_H

/*
 * "use_write_db": a look into the generation being collected.  The query
 * process gets a sealed copy of the file as it is after the last commit,
 * internal tables and all, so that no reader ever holds the writer up.
 *
 * The writer makes the copy, in time proportional to the generation's size
 * (memory speed on a tmpfs), and all share it who ask before the next
 * publish.  There are two at a time at most, who would need another waits;
 * and none is made of the room that the generation may still need.  After a
 * copy the writer has four times as long for publishes before the next one of
 * that generation: who only asks does not hold up all who publish.
 */

#include "exchange.h"

/* Names of copies for use_write_db; left-overs are removed at start-up. */
#define WRITE_SNAPSHOT_PREFIX  "qasino_write_snapshot_"

/* Once the writer runs. */
void write_snapshot_start(worker_t *worker);

/*
 * Finds exchange->query.snapshot, a copy that has every publish which was
 * acknowledged before this was called; then calls ready on the loop, with 0
 * or a status and why.  It may do so before this returns.
 */
void write_snapshot_ask(exchange_t *exchange, write_snapshot_ready_t *ready);

/* Has a copy made if somebody waits and there may be another. */
void write_snapshot_next(worker_t *worker);

/* Forgets the copy: its generation is over. */
void write_snapshot_drop(worker_t *worker);

/* The server stops: who still waits gets an error. */
void write_snapshot_stop(worker_t *worker);

#endif
