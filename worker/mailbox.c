/*
 * Whoever takes takes everything, so that a busy thread pays for one lock
 * and one wake-up a batch, not a job.
 */

#include "mailbox.h"

#include <stdlib.h>

typedef struct {
    job_t job;
    mailbox_thread_t *thread;
} stop_t;

static void on_stop(job_t *job);


void
job_list_init(job_list_t *list)
{
    list->first = NULL;
    list->end = &list->first;
}


void
job_list_add(job_list_t *list, job_t *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}


void
mailbox_open(mailbox_t *mailbox, uv_async_t *wakes)
{
    if (uv_mutex_init(&mailbox->mutex) != 0
        || uv_cond_init(&mailbox->filled) != 0)
    {
        abort();
    }

    job_list_init(&mailbox->jobs);
    mailbox->waiting = 0;
    mailbox->idle = 0;
    mailbox->wakes = wakes;
}


void
mailbox_close(mailbox_t *mailbox)
{
    uv_cond_destroy(&mailbox->filled);
    uv_mutex_destroy(&mailbox->mutex);
}


void
mailbox_put(mailbox_t *mailbox, job_list_t *list)
{
    if (list->first == NULL) {
        return;
    }

    uv_mutex_lock(&mailbox->mutex);

    int was_empty = mailbox->jobs.first == NULL;
    int waiting = mailbox->waiting;

    *mailbox->jobs.end = list->first;
    mailbox->jobs.end = list->end;
    uv_mutex_unlock(&mailbox->mutex);

    job_list_init(list);

    if (waiting) {
        uv_cond_signal(&mailbox->filled);
    }

    if (was_empty && mailbox->wakes) {
        (void) uv_async_send(mailbox->wakes);
    }
}


void
mailbox_put_job(mailbox_t *mailbox, job_t *job)
{
    job_list_t list;

    job_list_init(&list);
    job_list_add(&list, job);
    mailbox_put(mailbox, &list);
}


int
mailbox_is_idle(mailbox_t *mailbox)
{
    uv_mutex_lock(&mailbox->mutex);

    int idle = mailbox->idle && mailbox->jobs.first == NULL;

    uv_mutex_unlock(&mailbox->mutex);

    return idle;
}


job_t *
mailbox_take(mailbox_t *mailbox, uint64_t wait_ms)
{
    int rc = 0;

    uv_mutex_lock(&mailbox->mutex);
    mailbox->waiting = wait_ms > 0;
    mailbox->idle = wait_ms == MAILBOX_FOREVER;

    while (mailbox->waiting && mailbox->jobs.first == NULL && rc == 0) {
        if (mailbox->idle) {
            uv_cond_wait(&mailbox->filled, &mailbox->mutex);
        } else {
            rc = uv_cond_timedwait(&mailbox->filled, &mailbox->mutex,
                                   wait_ms * 1000000);
        }
    }

    mailbox->waiting = 0;
    mailbox->idle = 0;

    job_t *first = mailbox->jobs.first;

    job_list_init(&mailbox->jobs);
    uv_mutex_unlock(&mailbox->mutex);

    return first;
}


job_t *
mailbox_run(job_t *job, mailbox_t *answers)
{
    job_t *next = job->next;

    job->run(job);

    if (job->done) {
        mailbox_put_job(answers, job);
    }

    return next;
}


int
mailbox_start(mailbox_thread_t *thread, void (*run)(void *arg), void *arg)
{
    mailbox_open(&thread->inbox, NULL);

    return uv_thread_create(&thread->thread, run, arg);
}


void
mailbox_stop(mailbox_thread_t *thread)
{
    stop_t stop = { .job.run = on_stop, .thread = thread };

    mailbox_put_job(&thread->inbox, &stop.job);
    (void) uv_thread_join(&thread->thread);
    mailbox_close(&thread->inbox);
}


static void
on_stop(job_t *job)
{
    ((stop_t *) job)->thread->stopping = 1;
}
