#ifndef MAILBOX_H
#define MAILBOX_H

/*
 * How the worker's threads talk: a job is put into another thread's mailbox
 * and with it goes all that it owns; what comes of it is put into the
 * loop's.  Jobs are taken in the order in which they were put.
 *
 * Who owns what:
 *
 *   loop           sockets, connections, the pool of query processes, the
 *                  snapshot served, the page, the clock, worker->stats
 *   parsers        the requests whose bodies they are given (parse.h)
 *   writer         the generation's database and its catalog; while it has
 *                  nothing to do they are the loop's (writer.h)
 *   static writer  the static tables' database (static_writer.h)
 *   sealer         a copy for use_write_db that is whole (write_snapshot.h)
 *
 *   loop --bodies--> parser --requests--> loop --publishes--> writer
 *     ^                                                         |
 *     +-------------------------- answers -----------------------+
 *
 * Threads: any may put, one takes.  The lock order is that there is none:
 * the mutexes of mailboxes, of views.c, of static_store.c's list of tables
 * and of chunks.c are leaves, nothing is locked while one of them is held.
 */

#include <stdint.h>

#include <uv.h>

typedef struct job_s job_t;

struct job_s {
    job_t *next;                /* in whichever mailbox it is */
    void (*run)(job_t *job);    /* on the thread it is put to; NULL where
                                   that thread knows what it is */
    void (*done)(job_t *job);   /* on the loop, afterwards */
};

typedef struct {
    job_t *first;
    job_t **end;
} job_list_t;

typedef struct {
    uv_mutex_t mutex;
    uv_cond_t filled;
    job_list_t jobs;
    int waiting;                /* its thread sleeps, */
    int idle;                   /* and until there is something */
    uv_async_t *wakes;          /* its thread runs a loop; NULL: it waits */
} mailbox_t;

/* A thread that does what is put into its mailbox. */
typedef struct {
    mailbox_t inbox;
    uv_thread_t thread;
    int stopping;               /* as its own last job tells it */
} mailbox_thread_t;

void job_list_init(job_list_t *list);
void job_list_add(job_list_t *list, job_t *job);

/* wakes: the handle on which the loop that takes is woken, or NULL. */
void mailbox_open(mailbox_t *mailbox, uv_async_t *wakes);
void mailbox_close(mailbox_t *mailbox);

/* Puts the whole list and empties it; wakes the taker if it has to. */
void mailbox_put(mailbox_t *mailbox, job_list_t *list);
void mailbox_put_job(mailbox_t *mailbox, job_t *job);

/* Whether its thread sleeps for want of jobs, as it then does until the next
   is put: who alone puts has until then what is the thread's. */
int mailbox_is_idle(mailbox_t *mailbox);

/* Starts a thread: run(arg) takes jobs and runs those that have a ->run,
   until ->stopping.  0 or a libuv error. */
int mailbox_start(mailbox_thread_t *thread, void (*run)(void *arg),
    void *arg);

/* Ends the thread when it has done what waits. */
void mailbox_stop(mailbox_thread_t *thread);

/* All that is there, linked by ->next, or will be in wait_ms at most; NULL:
   nothing.  It is never NULL after MAILBOX_FOREVER. */
#define MAILBOX_FOREVER  UINT64_MAX
job_t *mailbox_take(mailbox_t *mailbox, uint64_t wait_ms);

/* Runs a job, and puts it into answers if it has a ->done.  Returns the one
   that stood behind it. */
job_t *mailbox_run(job_t *job, mailbox_t *answers);

#endif
