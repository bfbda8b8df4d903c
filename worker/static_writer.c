/* One commit, and so one wait for the disk, for all that came meanwhile. */

#include "static_writer.h"

#include <pthread.h>

#include "exchange.h"

static void run(void *arg);
static void write_group(static_writer_t *writer, job_list_t *group);


int
static_writer_start(static_writer_t *writer, static_store_t *statics,
    mailbox_t *answers)
{
    writer->statics = statics;
    writer->answers = answers;

    return mailbox_start(&writer->thread, run, writer);
}


void
static_writer_stop(static_writer_t *writer)
{
    mailbox_stop(&writer->thread);
}


static void
run(void *arg)
{
    static_writer_t *writer = arg;

    (void) pthread_setname_np(pthread_self(), "qasino-statics");

    while (!writer->thread.stopping) {
        job_t *job = mailbox_take(&writer->thread.inbox,
                                  MAILBOX_FOREVER);
        job_list_t group;

        job_list_init(&group);

        while (job) {
            job_t *next = job->next;

            if (job->run) {
                job->run(job);
            } else {
                job_list_add(&group, job);
            }

            job = next;
        }

        write_group(writer, &group);
    }
}


/* All at once, or, where one of them cannot be had, each by itself. */
static void
write_group(static_writer_t *writer, job_list_t *group)
{
    static_store_t *statics = writer->statics;
    int alone = 0;

    if (group->first == NULL) {
        return;
    }

    alone = static_store_begin(statics) != 0;

    for (job_t *job = group->first; job && !alone; job = job->next) {
        alone = static_store_apply(statics, &exchange_of(job)->request)
                != REPORT_TAKEN;
    }

    alone = alone || static_store_commit(statics) != 0;

    if (alone) {
        static_store_rollback(statics);
    }

    for (job_t *job = group->first; job; job = job->next) {
        exchange_t *exchange = exchange_of(job);

        if (alone) {
            exchange->request.status = 0;   /* of the try in the group */
            (void) static_store_write(statics, &exchange->request);
        }

        exchange->static_version = statics->version;
    }

    mailbox_put(writer->answers, group);
    static_store_shorten_log(statics);
}
