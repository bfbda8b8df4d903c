#ifndef SUBSCRIPTION_H
#define SUBSCRIPTION_H

/*
 * The generation signal: what the server publishes on its pub/sub port each
 * time a generation is done.  ZeroMQ connects by itself, and again when the
 * server comes back; who has heard nothing for long calls
 * subscription_renew(), which starts over (a connection can be dead without
 * anybody having said so).
 *
 * Threads: belongs to one thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "connection.h"

typedef struct {
    char identity[256];         /* of the server */
    int64_t generation_number;  /* that begins to collect */
    double generation_duration_s;
} subscription_signal_t;

typedef struct subscription_s subscription_t;

/* To the server that options name, which must outlive it.  NULL, with the
   reason in error (CONNECTION_ERROR_SIZE bytes), for a hostname that is none
   or keys that are not there.  port 0: 15596. */
subscription_t *subscription_create(const connection_options_t *options,
    int port, char *error);
void subscription_destroy(subscription_t *subscription);

/* 0, or -1 (then the old connection stays). */
int subscription_renew(subscription_t *subscription);

/* A descriptor for poll(): readable means that it is worth to call
   subscription_take() until it returns 0.  It changes with a renewal, and
   is edge-triggered: take once before the first poll(). */
int subscription_fd(const subscription_t *subscription);

/* 1: *signal is the next one; 0: there is none now.  Never blocks. */
int subscription_take(subscription_t *subscription,
    subscription_signal_t *signal);

/* Waits for a signal, at most timeout_ms (-1: for ever): 1, 0, or -1 when a
   system call was interrupted by a signal handler. */
int subscription_wait(subscription_t *subscription,
    subscription_signal_t *signal, int timeout_ms);

/* Reads a message as it is on the wire; 0, or -1: it is none.  Pure. */
int subscription_parse(const void *data, size_t length,
    subscription_signal_t *signal);

#endif
