#ifndef OUTGOING_H
#define OUTGOING_H

/* What a non-blocking socket has still to send. */

#include <sys/uio.h>

#define OUTGOING_PARTS  3

typedef struct {
    struct iovec parts[OUTGOING_PARTS];
    int count;                  /* of the parts that are left */
} outgoing_t;

/* The parts (OUTGOING_PARTS at most) must stay where they are until count
   is 0. */
void outgoing_set(outgoing_t *outgoing, const struct iovec *parts, int count);

/* Sends what goes now.  0, or -1: the connection is gone. */
int outgoing_write(outgoing_t *outgoing, int fd);

#endif
