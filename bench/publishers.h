#ifndef PUBLISHERS_H
#define PUBLISHERS_H

/*
 * A share of a simulated fleet, in a process of its own (a process has only
 * so many descriptors, and each publisher takes two).
 *
 * A publisher does what qasino-csvpublisher does.  It subscribes to the
 * generation signal on a connection of its own; at each signal it waits for
 * a random time, up to 15 s and half a generation; then it publishes its
 * tables one after the other, the next when the one before is acknowledged.
 *
 * Threads: none.  publishers_shared_t is memory that the process shares with
 * the one that started it: it writes all but "measuring" and "stopping", the
 * other reads at any time.
 */

#include <stdint.h>

#include "latency.h"

#define PUBLISHERS_TABLES       64
#define PUBLISHERS_GENERATIONS  64

typedef struct {
    unsigned first;             /* number of the first publisher */
    unsigned count;
    unsigned tables;
    unsigned rows;              /* of a table, from one publisher */
    unsigned port;              /* HTTP, or ZeroMQ if use_zmq */
    unsigned pubsub_port;
    int use_zmq;
    unsigned connects_per_s;
    unsigned delay_max_ms;
} publishers_options_t;

/* What was acknowledged into a generation. */
typedef struct {
    uint64_t number;            /* 0: unused */
    uint64_t acked[PUBLISHERS_TABLES];
} publishers_generation_t;

typedef struct {
    volatile int measuring;     /* count from now on */
    volatile int stopping;
    uint64_t connected;         /* publishers, with both connections */
    uint64_t acked;             /* what follows: while measuring */
    uint64_t refused;           /* answered, but not with a plain ok */
    uint64_t failed;            /* not answered: the connection broke */
    uint64_t late;              /* still busy at the next signal */
    latency_t publish;
    latency_t signal;           /* after the first of the process has it */
    publishers_generation_t generations[PUBLISHERS_GENERATIONS];
    char first_error[256];
} publishers_shared_t;

/* Until shared->stopping.  Exits if it cannot go on. */
void publishers_run(const publishers_options_t *options,
    publishers_shared_t *shared);

/* Acknowledged into a generation's table; 0 if there was nothing. */
uint64_t publishers_acked(const publishers_shared_t *shared, uint64_t number,
    unsigned table);

/* The number after "key": in a JSON text; 0: none. */
double publishers_json_number(const char *text, const char *key);

#endif
