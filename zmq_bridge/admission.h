#ifndef ADMISSION_H
#define ADMISSION_H

/*
 * Clients are let in while there are descriptors for them.  Without one left
 * libzmq would try to accept the next client for ever, and the bridge could
 * not connect to another worker.
 */

#include <sys/resource.h>

#include "zmq_listen.h"

#define ADMISSION_LISTENERS  2

typedef struct {
    zmq_listen_t *listeners[ADMISSION_LISTENERS];
    size_t most;                /* clients; 0: any number */
    int held;                   /* new clients wait */
    struct rlimit all;          /* descriptors that the process may have */
    rlim_t fewer;               /* while clients come in */
} admission_t;

void admission_open(admission_t *admission, zmq_listen_t *requests,
    zmq_listen_t *signals);

/* To be called when a monitor of the listeners can be read. */
void admission_look(admission_t *admission);

/* Who comes is no longer ours to let in. */
void admission_leave(admission_t *admission);

#endif
