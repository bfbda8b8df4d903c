#ifndef CONTROL_H
#define CONTROL_H

/*
 * The ear of a query process, and its watchdog: a thread that listens while
 * the main thread is deep in SQLite.  Requests queue; the running one is
 * stopped at its deadline or when it is cancelled.  When the worker closes
 * its end, or sends what is no frame, the process ends at once: there is
 * nobody left to answer, and the main thread may be in an opcode for a while.
 *
 * Jobs of peers, if the process has any, queue with the others.  They have
 * CONTROL_PEER_US, and as much again of their own time; one that cannot even
 * be stopped ends the process.
 *
 * A snapshot that is to be prepared is no job in that queue: the loader has it
 * at once, whatever runs.
 *
 * Threads: all functions are the main thread's, but for those that take a job
 * alone.  What both threads touch is inside control_t, under its one mutex; a
 * job belongs to the main thread from control_next() to control_done(), but
 * for ->stop.
 */

#include <stdint.h>

#include <sqlite3.h>

#include "outlet.h"
#include "peers.h"
#include "qsn_buf.h"
#include "qsn_frame.h"

enum control_stop {
    CONTROL_RUN = 0,    /* nothing stops it */
    CONTROL_DEADLINE,
    CONTROL_CANCELLED,
    CONTROL_MOVED       /* a peer's: it is to be run elsewhere */
};

/* What a job of a peer may take; then it is moved.  The others wait. */
#define CONTROL_PEER_US  500

typedef struct control_job control_job_t;

struct control_job {
    qsn_frame_t frame;
    qsn_frame_arg_t args[QSN_FRAME_TAGS];       /* into ->bytes */
    uint8_t *bytes;
    uint64_t deadline_ms;       /* what it may take, from when it came */
    uint64_t due;               /* the same as CLOCK_MONOTONIC */
    enum control_stop stop;     /* under the mutex */
    outlet_t *outlet;           /* where its answer goes */
    int direct;                 /* from a peer */
    uint64_t begun_us;          /* direct ones, CLOCK_MONOTONIC */
    uint64_t limit_us;          /* of the thread's own time; 0: not yet */
    uint64_t seen_us;           /* its own time when the watchdog first saw
                                   the job run; 0: not yet */
    control_job_t *next;
};

typedef struct control control_t;
typedef struct loader loader_t;         /* loader.h */

/* Starts the thread.  peers: NULL where there are none.  NULL with errno
   set. */
control_t *control_create(int fd, outlet_t *outlet, peers_t *peers,
    loader_t *loader, uint64_t deadline_ms);

/* The next request; where there is none, what the outlet has gathered goes
   out and we wait.  control_done() is due. */
control_job_t *control_next(control_t *control);
void control_done(control_t *control, control_job_t *job);
void control_free_job(control_job_t *job);

/* An argument as a string; NULL where absent, with a NUL inside, or without
   memory. */
char *control_job_text(const control_job_t *job, enum qsn_frame_tag tag);

/*
 * Between these two calls db is interrupted when the current job has to
 * stop, and at no other time.  control_watch() says whether it has to
 * already.  Afterwards db may still believe to be interrupted:
 * reader_settle().
 */
enum control_stop control_watch(control_t *control, sqlite3 *db);
enum control_stop control_unwatch(control_t *control);

/* Whether the current job has to stop.  control may be NULL: never. */
enum control_stop control_stopped(control_t *control);

/* The current job, a peer's, is to be run elsewhere. */
void control_move(control_t *control);

/* What it has taken, in microseconds, without what others had of the core.
   Once for each job. */
uint64_t control_spent_us(control_t *control);

uint64_t control_now_ms(void);
uint64_t control_now_us(void);

#endif
