#ifndef CHILD_H
#define CHILD_H

/*
 * One child of the launcher and the process group that it leads: started,
 * asked to end, buried, and started again.  When to do which is the
 * supervisor's business.
 *
 * The group matters after a kill -9 of the child: what it had started
 * itself goes on (nginx's workers keep the listening sockets) and has to be
 * gone before the next one starts.
 */

#include <stdint.h>
#include <sys/types.h>

#include "user.h"

#define CHILD_DELAY_MAX_MS  500
#define CHILD_START_MS      60000       /* at most, until it is ready */

typedef struct {
    /* what it is */
    const char *name;           /* for the log */
    char *const *argv;          /* argv[0] is an absolute path */
    const user_t *user;         /* whom it runs as, NULL: as we do */
    const char *stale;          /* file to remove before a start, or NULL */
    const char *inherits_env;   /* says to it which: "6;7;" */
    const int *inherits;        /* listening sockets that it finds open */
    int inherits_count;
    int announces;              /* writes a byte to $QASINO_READY_FD */
    int quit_signal;            /* asks it to end, finishing its work */
    int quit_ms;                /* how long that may take */
    int orphan_signal;          /* for what a dead child leaves behind */

    /* how it is */
    pid_t pid;                  /* 0: not running */
    pid_t group;                /* 0: nothing of it is left */
    int ready_fd;               /* -1: nothing to wait for */
    int ready;
    int starts;
    int64_t since_ms;           /* of the last change: start, ready, end */
    int64_t delay_ms;           /* between the last end and the next start */
    int asked;                  /* signals sent to end it: 0, 1, 2, 3 */
    int64_t asked_ms;           /* when the last one was */
} child_t;

/* Forks and executes.  Returns 0, or -1 with errno.  A program that cannot
   be executed says so in the log and ends with status 127. */
int child_start(child_t *child, int64_t now_ms);

/* Reads the ready byte if it is there.  Returns 1 when child->ready was
   set by it. */
int child_read_ready(child_t *child, int64_t now_ms);

/* To be called while the dead child is still a zombie (its group's number
   can't be anyone else's then), and after it was reaped. */
void child_end_orphans(const child_t *child);
void child_ended(child_t *child, int64_t now_ms);

/* Looks whether the rest of the group is gone; ends it by force when it
   takes too long.  Returns 1 when nothing is left. */
int child_is_gone(child_t *child, int64_t now_ms);

/* The next step of ending it, if its time has come: the quit signal, then
   SIGTERM, then SIGKILL for the group.  hurry cuts the waiting short. */
void child_ask_to_end(child_t *child, int64_t now_ms, int hurry);

/* Whether it should be ready by now, and is not; and the same steps for such a
   one, to the end, though it may become ready on the way. */
int child_is_late(const child_t *child, int64_t now_ms);
void child_end_late(child_t *child, int64_t now_ms);

/*
 * How long to wait before a start: not at all for a child that had been
 * ready for a while, else twice as long as the last time, up to
 * CHILD_DELAY_MAX_MS.  ready_ms is 0 for one that was never ready.
 */
int64_t child_next_delay(int64_t last_delay_ms, int64_t ready_ms);

/* Monotonic milliseconds. */
int64_t child_clock(void);

/* "killed by signal 9 (Killed)" or "exit status 1"; size is enough at 64. */
const char *child_how_ended(int wait_status, char *text, size_t size);

#endif
