#ifndef INGEST_H
#define INGEST_H

/*
 * The loop's side of writing: publishes that are parsed and checked wait
 * here until the turn of the loop is over, then all are written, here or by
 * the writer (the static ones by theirs), and acknowledged.
 *
 * The option publish_memory bounds bodies, three times:
 *
 *   those that wait to be parsed, and those that wait to be written: past it
 *   nothing is read until some are done.  Both drain without another byte of
 *   input, so nobody waits for ever.
 *
 *   those of which more is to come (receiving.h).
 */

#include "exchange.h"

/* Opens the loop's mailbox and starts the parsers and the writers; the
   generation is open.  0 or a libuv error. */
int ingest_start(worker_t *worker);

/* Ends them; all that was given to them is answered. */
void ingest_stop(worker_t *worker);

void ingest_add(worker_t *worker, exchange_t *exchange);

/* A job for the writer, behind the publishes added so far. */
void ingest_run(worker_t *worker, job_t *job);

/* Whether more may be read.  If not, connections are told when. */
int ingest_has_room(worker_t *worker);

#endif
