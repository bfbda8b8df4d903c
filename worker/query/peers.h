#ifndef PEERS_H
#define PEERS_H

/*
 * Connections that come straight from nginx, in the process that has them
 * (worker/direct.h): the worker hands each over as it is accepted.  Nobody
 * waits for one that does not read its answers: they are kept, and nothing
 * more is read from it until they are gone.
 *
 * Threads: the main thread, except peers_add() and peers_nudge().
 */

#include "outlet.h"
#include "qsn_buf.h"
#include "qsn_counts.h"

typedef struct peers_s peers_t;

typedef struct {
    int fd;
    qsn_buf_t input;            /* read, and not taken yet */
    outlet_t *outlet;
    int broken;                 /* it is of no further use */
} peer_t;

/* NULL without memory.  counts->ended is kept. */
peers_t *peers_create(qsn_counts_t *counts);

/* From any thread: fd belongs to the peers from here on. */
void peers_add(peers_t *peers, int fd);

/*
 * Waits until the worker (whose descriptor fd is) or a peer has said
 * something; what a peer has said is in its ->input, and take is called with
 * it.  No job of a peer may be left: those that are broken are closed.
 * 1 if there is something to read from fd.
 */
int peers_wait(peers_t *peers, int fd,
    void (*take)(void *data, peer_t *peer), void *data);

/* Sends what is gathered, as outlet_flush(); nudge: all of it, from another
   thread while the main thread is in none of these. */
void peers_flush(peers_t *peers, int all);
void peers_nudge(peers_t *peers);

#endif
