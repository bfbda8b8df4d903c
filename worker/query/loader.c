/*
 * What is asked for in vain (another snapshot is served) is closed as soon as
 * it is open: a file that nobody needs would keep its room.
 */

#include "loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "thread.h"

struct loader {
    const qsn_settings_t *settings;
    policy_limits_t limits;
    outlet_t *outlet;

    pthread_mutex_t mutex;      /* for all below */
    pthread_cond_t work;        /* for the thread */
    pthread_cond_t loaded;      /* for who waits for ->job */
    control_job_t *job;         /* until it is done */
    uint64_t served;            /* what is older is of no use */
    reader_t *ready;
    reader_t *closing;          /* by ->next */
};

static uint64_t generation_of(const control_job_t *job);
static void *run(void *data);
static reader_t *next_to_close_locked(loader_t *loader);
static void load(loader_t *loader, control_job_t *job);
static void keep(loader_t *loader, reader_t *reader);
static void close_later_locked(loader_t *loader, reader_t *reader);


reader_t *
loader_open(const control_job_t *job, const qsn_settings_t *settings,
    const policy_limits_t *limits, failure_t *failure)
{
    char *path = control_job_text(job, QSN_ARG_SNAPSHOT);
    char *static_path = control_job_text(job, QSN_ARG_STATIC_DB);
    reader_t *reader = NULL;

    if (path == NULL) {
        failure_set(failure, 500, "a snapshot needs a path");
    } else {
        reader = reader_open(path, static_path ? static_path
                                               : settings->static_db,
                             limits, failure);
    }

    free(path);
    free(static_path);

    if (reader) {
        reader->generation = generation_of(job);
        reader->static_version =
            qsn_frame_arg_u64(&job->args[QSN_ARG_STATIC_VERSION], 0);
    }

    return reader;
}


loader_t *
loader_create(const qsn_settings_t *settings, outlet_t *outlet)
{
    loader_t *loader = calloc(1, sizeof(*loader));

    if (loader == NULL) {
        return NULL;
    }

    loader->settings = settings;
    loader->limits = policy_limits(settings);
    loader->outlet = outlet;
    (void) pthread_mutex_init(&loader->mutex, NULL);
    (void) pthread_cond_init(&loader->work, NULL);
    (void) pthread_cond_init(&loader->loaded, NULL);

    if (thread_start(run, loader) == -1) {
        free(loader);
        return NULL;
    }

    return loader;
}


int
loader_begin(loader_t *loader, control_job_t *job)
{
    int rc = -1;

    (void) pthread_mutex_lock(&loader->mutex);

    if (loader->job == NULL) {
        loader->job = job;
        rc = 0;
        (void) pthread_cond_signal(&loader->work);
    }

    (void) pthread_mutex_unlock(&loader->mutex);

    return rc;
}


reader_t *
loader_take(loader_t *loader, const control_job_t *job)
{
    uint64_t generation = generation_of(job);
    reader_t *reader;

    (void) pthread_mutex_lock(&loader->mutex);

    while (loader->job && generation_of(loader->job) == generation) {
        (void) pthread_cond_wait(&loader->loaded, &loader->mutex);
    }

    reader = loader->ready;
    loader->ready = NULL;
    loader->served = generation;

    if (reader && reader->generation != generation) {
        close_later_locked(loader, reader);
        reader = NULL;
    }

    (void) pthread_mutex_unlock(&loader->mutex);

    return reader;
}


void
loader_close(loader_t *loader, reader_t *reader)
{
    if (reader) {
        (void) pthread_mutex_lock(&loader->mutex);
        close_later_locked(loader, reader);
        (void) pthread_mutex_unlock(&loader->mutex);
    }
}


static uint64_t
generation_of(const control_job_t *job)
{
    return qsn_frame_arg_u64(&job->args[QSN_ARG_GENERATION], 0);
}


static void *
run(void *data)
{
    loader_t *loader = data;

    (void) pthread_mutex_lock(&loader->mutex);

    for ( ;; ) {
        reader_t *old = next_to_close_locked(loader);
        control_job_t *job = loader->job;

        if (old == NULL && job == NULL) {
            (void) pthread_cond_wait(&loader->work, &loader->mutex);
            continue;
        }

        (void) pthread_mutex_unlock(&loader->mutex);

        if (old) {
            reader_close(old);
        } else {
            load(loader, job);
        }

        (void) pthread_mutex_lock(&loader->mutex);
    }

    return NULL;
}


static reader_t *
next_to_close_locked(loader_t *loader)
{
    reader_t *reader = loader->closing;

    if (reader) {
        loader->closing = reader->next;
    }

    return reader;
}


/* The next one may be asked for as soon as this is answered. */
static void
load(loader_t *loader, control_job_t *job)
{
    failure_t failure = { .plain = 1 };
    answer_t answer = { .outlet = loader->outlet, .identity = "" };
    reader_t *reader = loader_open(job, loader->settings, &loader->limits,
                                   &failure);

    answer_begin(&answer, &job->frame);
    keep(loader, reader);
    control_free_job(job);

    if (reader) {
        answer_finish(&answer);
    } else {
        answer_fail(&answer, &failure);
    }

    outlet_flush(loader->outlet, 1);
    answer_free(&answer);
    failure_free(&failure);
}


static void
keep(loader_t *loader, reader_t *reader)
{
    (void) pthread_mutex_lock(&loader->mutex);
    loader->job = NULL;
    (void) pthread_cond_signal(&loader->loaded);

    if (reader && reader->generation <= loader->served) {
        close_later_locked(loader, reader);

    } else if (reader) {
        close_later_locked(loader, loader->ready);
        loader->ready = reader;
    }

    (void) pthread_mutex_unlock(&loader->mutex);
}


static void
close_later_locked(loader_t *loader, reader_t *reader)
{
    if (reader) {
        reader->next = loader->closing;
        loader->closing = reader;
        (void) pthread_cond_signal(&loader->work);
    }
}
