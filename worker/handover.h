#ifndef HANDOVER_H
#define HANDOVER_H

/*
 * Another program in the place of this one, without a client noticing more
 * than a wait: SIGUSR2 makes the worker finish what it has begun, stay where
 * the requests in its connections end, and become (execve) the program that
 * now stands where its own came from.  Sockets are inherited; what was read
 * from them and not looked at yet travels in a memory file.
 *
 * Threads: the worker's loop only.
 */

#include "worker.h"

enum handover_kind {
    HANDOVER_NOTHING = 0,       /* the next program makes it anew */
    HANDOVER_FRAMES = 1,        /* a connection */
    HANDOVER_LINES = 2,
    HANDOVER_FRAMES_LISTENER = 3,
    HANDOVER_LINES_LISTENER = 4
};

typedef struct {
    int32_t kind;               /* enum handover_kind */
    int32_t fd;
    int32_t subscribed;
    uint32_t length;            /* of what was read, which follows */
    uint64_t subscription;
} handover_item_t;

/* Starts finishing, if program, which must outlive this, is one that runs;
   ->draining is then set, and when all is finished or has had its time the
   loop is stopped. */
void handover_begin(worker_t *worker, const char *program);

/* The worker stops: nothing of that any more. */
void handover_cancel(worker_t *worker);

/* After the loop has ended: keeps the descriptor from being closed with its
   handle, and notes it.  0, or -1 and it is left out. */
int handover_keep(const uv_pipe_t *pipe, const handover_item_t *item,
    const void *data);

/* A connection that comes while sockets are being noted: 1 if it was taken
   over and is nobody's here any more. */
int handover_accepts(worker_t *worker, uv_stream_t *listener,
    enum handover_kind kind);

/* Becomes program; returns only if that is impossible. */
void handover_execute(worker_t *worker, const char *program, char **argv);

/* In the new program: reads what is left for it, if anything is. */
void handover_read(void);

/* The listening socket of that kind, -1: none was left. */
int handover_listener(enum handover_kind kind);

/* Goes on with the connections.  Once, after listening has begun. */
void handover_adopt(worker_t *worker);

#endif
