#ifndef PARSE_H
#define PARSE_H

/*
 * Large bodies are parsed by threads of their own, piece by piece as they
 * arrive, so that the loop goes on moving frames and the writer writing.
 * A body stays with one parser; its request is the parser's from the first
 * piece until what follows parse_end() is called on the loop.
 *
 * A small body costs less to parse than to hand over: the loop does it.
 *
 * Threads: all calls are the loop's.
 */

#include "exchange.h"

#define PARSE_HERE_MAX  (16 * 1024)     /* bytes of a body: no thread */

/* 0 or a libuv error. */
int parse_start(worker_t *worker);

/* Ends the threads when they have parsed what they were given. */
void parse_stop(worker_t *worker);

/* A piece of a body, copied.  0, or -1 without memory. */
int parse_piece(exchange_t *exchange, const void *data, size_t length);

/* What came so far is freed, more is not to come: only the end.  0, or -1
   without memory, and all is kept until the end. */
int parse_discard(exchange_t *exchange);

/* There are no more pieces.  wanted: exchange_parsed() is called when all
   are parsed; otherwise, the client having gone, exchange_drop(). */
void parse_end(exchange_t *exchange, int wanted);

/* Whether the pieces that wait are within the bound. */
int parse_has_room(worker_t *worker);

#endif
