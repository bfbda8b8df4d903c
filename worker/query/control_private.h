#ifndef CONTROL_PRIVATE_H
#define CONTROL_PRIVATE_H

/*
 * The two halves of control.h: control.c has the jobs, the watchdog and its
 * clocks, ear.c what the worker and peers say.
 */

#include <pthread.h>
#include <time.h>

#include "control.h"

struct control {
    int fd;
    outlet_t *outlet;
    peers_t *peers;             /* NULL: has none */
    loader_t *loader;
    uint64_t deadline_ms;
    qsn_buf_t input;            /* belongs to whoever has the ear, */
    int handed_over;            /* as this does: a descriptor, or -1 */
    int done;                   /* eventfd: jobs that were done while the main
                                   thread had no ear.  -1: has no peers */
    clockid_t own;              /* the main thread's time */
    uint64_t own_us;            /* of it when peers were last waited for, */
    uint64_t charged_us;        /* and what jobs took since: main thread's */

    pthread_mutex_t mutex;      /* for all below */
    pthread_cond_t arrived;     /* for the main thread: a job, the ear */
    pthread_cond_t work;        /* for the watchdog: it was asleep */
    int ear_taken;              /* the watchdog reads, not the main thread */
    int asleep;                 /* the watchdog, until there is work */
    uint64_t begun;             /* jobs that were begun */
    control_job_t *first;       /* waiting, in order */
    control_job_t **last;
    control_job_t *running;
    sqlite3 *db;                /* what running uses, while watched */
};

/* Hears the worker, or the worker and peers: waits until there is something.
   The main thread's. */
void control_listen(control_t *control);

/* Hears the worker, who has said something.  Whoever has the ear. */
void control_read_frames(control_t *control);

/* Under the mutex: why the job stops, and interrupts it if it runs. */
void control_stop_job(control_t *control, control_job_t *job,
    enum control_stop stop);

/* What the main thread has done so far is no job's. */
void control_charge_from_now(control_t *control);

/* The main thread's own time, in microseconds. */
uint64_t control_own_us(const control_t *control);

/* Ends the process. */
_Noreturn void control_give_up(const char *why);

#endif
