#ifndef INGEST_H
#define INGEST_H

/*
 * The writer: publishes that are parsed and checked wait here until the
 * turn of the loop is over, then all go in in one transaction, and only
 * after its commit is any of them acknowledged.  Static reports go into
 * their own database, each in a transaction of its own.
 */

#include "exchange.h"

/* Starts the writer on the worker's loop. */
void ingest_start(worker_t *worker);
void ingest_stop(worker_t *worker);

void ingest_add(worker_t *worker, exchange_t *exchange);

/* Writes and acknowledges all that wait, now: before a rotation. */
void ingest_flush(worker_t *worker);

#endif
