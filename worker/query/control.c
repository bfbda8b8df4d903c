/*
 * Waking another thread for each request would cost more than a small query
 * does.  So the main thread reads its requests itself while it has nothing
 * to do, and the watchdog only ticks.  When it finds the same job running
 * for a whole tick, it takes the ear over: it then sends what the outlet has
 * gathered, and waits in poll() for frames (a CANCEL, the end) and for
 * deadlines, until the job is done.
 *
 * A stopped job is interrupted again every REPEAT_MS until it is done,
 * because SQLite forgets an interruption that falls between preparing a
 * statement and its first step.
 */

#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "qsn_log.h"
#include "qsn_op.h"

#define TICK_MS     4
#define IDLE_TICKS  50          /* then it sleeps until there is work */
#define REPEAT_MS   10
#define READ_SIZE   (64 * 1024)
#define DEADLINE_MAX  (24 * 3600 * 1000ull)

struct control {
    int fd;
    outlet_t *outlet;
    uint64_t deadline_ms;
    qsn_buf_t input;            /* belongs to whoever has the ear */

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

static void init_conditions(control_t *control);
static void *watchdog(void *data);
static void tick_locked(control_t *control);
static void listen_while_busy(control_t *control);
static int time_to_wait(control_t *control);
static void stop_job(control_t *control, control_job_t *job,
    enum control_stop stop);
static void read_frames(control_t *control);
static size_t take_frame(control_t *control);
static void take_request(control_t *control, const qsn_frame_t *frame,
    const uint8_t *payload);
static void take_cancel(control_t *control, uint64_t id);
static _Noreturn void give_up(const char *why);


control_t *
control_create(int fd, outlet_t *outlet, uint64_t deadline_ms)
{
    control_t *control = calloc(1, sizeof(*control));
    pthread_t thread;
    sigset_t all, before;

    if (control == NULL) {
        return NULL;
    }

    control->fd = fd;
    control->outlet = outlet;
    control->deadline_ms = deadline_ms;
    control->last = &control->first;
    init_conditions(control);

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, NULL, watchdog, control);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (errno) {
        free(control);
        return NULL;
    }

    (void) pthread_detach(thread);

    return control;
}


control_job_t *
control_next(control_t *control)
{
    control_job_t *job;
    int idle;

    (void) pthread_mutex_lock(&control->mutex);
    idle = control->first == NULL;
    (void) pthread_mutex_unlock(&control->mutex);

    outlet_flush(control->outlet, idle);

    (void) pthread_mutex_lock(&control->mutex);

    while (control->first == NULL) {
        if (control->ear_taken) {
            (void) pthread_cond_wait(&control->arrived, &control->mutex);
            continue;
        }

        (void) pthread_mutex_unlock(&control->mutex);
        read_frames(control);
        (void) pthread_mutex_lock(&control->mutex);
    }

    job = control->first;
    control->first = job->next;

    if (control->first == NULL) {
        control->last = &control->first;
    }

    control->running = job;
    control->begun++;

    if (control->asleep) {
        control->asleep = 0;
        (void) pthread_cond_signal(&control->work);
    }

    (void) pthread_mutex_unlock(&control->mutex);

    return job;
}


void
control_done(control_t *control, control_job_t *job)
{
    (void) pthread_mutex_lock(&control->mutex);
    control->running = NULL;
    (void) pthread_mutex_unlock(&control->mutex);

    free(job->bytes);
    free(job);
}


enum control_stop
control_watch(control_t *control, sqlite3 *db)
{
    enum control_stop stop;

    (void) pthread_mutex_lock(&control->mutex);
    control->db = db;
    stop = control->running->stop;
    (void) pthread_mutex_unlock(&control->mutex);

    return stop;
}


enum control_stop
control_unwatch(control_t *control)
{
    return control_watch(control, NULL);
}


enum control_stop
control_stopped(control_t *control)
{
    enum control_stop stop = CONTROL_RUN;

    if (control) {
        (void) pthread_mutex_lock(&control->mutex);
        stop = control->running ? control->running->stop : CONTROL_RUN;
        (void) pthread_mutex_unlock(&control->mutex);
    }

    return stop;
}


uint64_t
control_now_ms(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static void
init_conditions(control_t *control)
{
    pthread_condattr_t monotonic;

    (void) pthread_mutex_init(&control->mutex, NULL);
    (void) pthread_cond_init(&control->arrived, NULL);
    (void) pthread_condattr_init(&monotonic);
    (void) pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&control->work, &monotonic);
    (void) pthread_condattr_destroy(&monotonic);
}


static void *
watchdog(void *data)
{
    control_t *control = data;
    int idle = 0;

    (void) pthread_mutex_lock(&control->mutex);

    for ( ;; ) {
        uint64_t before = control->begun;

        if (idle == IDLE_TICKS) {
            control->asleep = 1;

            while (control->asleep) {
                (void) pthread_cond_wait(&control->work, &control->mutex);
            }
        }

        tick_locked(control);
        idle = control->running == NULL && control->begun == before
               ? idle + 1 : 0;

        if (control->running && control->begun == before) {
            control->ear_taken = 1;
            (void) pthread_mutex_unlock(&control->mutex);
            listen_while_busy(control);
            (void) pthread_mutex_lock(&control->mutex);
            control->ear_taken = 0;
            (void) pthread_cond_signal(&control->arrived);
        }
    }

    return NULL;
}


/* Sleeps for a tick, or until the running job is due. */
static void
tick_locked(control_t *control)
{
    uint64_t until = control_now_ms() + TICK_MS;
    struct timespec at;

    if (control->running && control->running->due < until) {
        until = control->running->due;
    }

    at.tv_sec = (time_t) (until / 1000);
    at.tv_nsec = (long) (until % 1000) * 1000000;
    (void) pthread_cond_timedwait(&control->work, &control->mutex, &at);
}


static void
listen_while_busy(control_t *control)
{
    struct pollfd ready = { .fd = control->fd };
    int busy = 1;

    while (busy) {
        /* answers of jobs before this one do not wait for it */
        ready.events = outlet_nudge(control->outlet) ? POLLIN | POLLOUT
                                                     : POLLIN;

        int n = poll(&ready, 1, time_to_wait(control));

        if (n > 0 && (ready.revents & ~POLLOUT)) {
            read_frames(control);
        } else if (n == -1 && errno != EINTR) {
            give_up(strerror(errno));
        }

        (void) pthread_mutex_lock(&control->mutex);
        busy = control->running != NULL;
        (void) pthread_mutex_unlock(&control->mutex);
    }
}


/* Stops what is due, and says in how many ms something else will be. */
static int
time_to_wait(control_t *control)
{
    uint64_t now = control_now_ms();
    uint64_t next = UINT64_MAX;
    control_job_t *job;

    (void) pthread_mutex_lock(&control->mutex);

    job = control->running ? control->running : control->first;

    while (job) {
        if (job->stop == CONTROL_RUN && job->due <= now) {
            job->stop = CONTROL_DEADLINE;
        }

        if (job->stop == CONTROL_RUN && job->due < next) {
            next = job->due;
        }

        if (job == control->running) {
            if (job->stop != CONTROL_RUN) {
                stop_job(control, job, job->stop);
                next = now + REPEAT_MS;
            }

            job = control->first;

        } else {
            job = job->next;
        }
    }

    (void) pthread_mutex_unlock(&control->mutex);

    return next == UINT64_MAX ? -1 : (int) (next - now);
}


/* Under the mutex. */
static void
stop_job(control_t *control, control_job_t *job, enum control_stop stop)
{
    if (job->stop == CONTROL_RUN) {
        job->stop = stop;
    }

    if (job == control->running && control->db) {
        sqlite3_interrupt(control->db);
    }
}


static void
read_frames(control_t *control)
{
    qsn_buf_t *input = &control->input;
    char *room = qsn_buf_reserve(input, READ_SIZE);

    if (room == NULL) {
        give_up("out of memory");
    }

    ssize_t n = read(control->fd, room, READ_SIZE);

    if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }

    if (n <= 0) {
        _exit(0);
    }

    qsn_buf_commit(input, (size_t) n);

    for ( ;; ) {
        size_t used = take_frame(control);

        if (used == 0) {
            return;
        }

        qsn_buf_consume(input, used);
    }
}


/* The bytes of the first frame in the input, 0 while it is not whole. */
static size_t
take_frame(control_t *control)
{
    const uint8_t *data = (const uint8_t *) control->input.data;
    size_t length = control->input.length;
    qsn_frame_t frame;

    if (length < QSN_FRAME_HEADER_SIZE) {
        return 0;
    }

    const char *wrong = qsn_frame_decode(data, &frame);

    if (wrong) {
        give_up(wrong);
    }

    uint64_t size = QSN_FRAME_HEADER_SIZE + frame.args_length
                    + frame.body_length;

    if (length < size) {
        return 0;
    }

    if (frame.type == QSN_FRAME_REQUEST) {
        take_request(control, &frame, data + QSN_FRAME_HEADER_SIZE);
    } else if (frame.type == QSN_FRAME_CANCEL) {
        take_cancel(control, frame.id);
    } else {
        give_up("neither a request nor a cancel");
    }

    return size;
}


/* The body is not kept: all that a query process needs is arguments. */
static void
take_request(control_t *control, const qsn_frame_t *frame,
    const uint8_t *payload)
{
    control_job_t *job = calloc(1, sizeof(*job));

    if (job) {
        job->bytes = malloc(frame->args_length + 1u);
    }

    if (job == NULL || job->bytes == NULL) {
        give_up("out of memory");
    }

    memcpy(job->bytes, payload, frame->args_length);
    job->frame = *frame;

    const char *wrong = qsn_frame_parse_args(job->bytes, frame->args_length,
                                             job->args);

    if (wrong) {
        give_up(wrong);
    }

    job->deadline_ms = qsn_frame_arg_u64(&job->args[QSN_ARG_DEADLINE_MS],
                                         control->deadline_ms);

    if (job->deadline_ms > DEADLINE_MAX) {
        job->deadline_ms = DEADLINE_MAX;
    }

    job->due = control_now_ms() + job->deadline_ms;

    if (frame->op == QSN_OP_SNAPSHOT) {
        job->due = UINT64_MAX;  /* not a user's: it takes what it takes */
    }

    (void) pthread_mutex_lock(&control->mutex);
    *control->last = job;
    control->last = &job->next;
    (void) pthread_cond_signal(&control->arrived);
    (void) pthread_mutex_unlock(&control->mutex);
}


static void
take_cancel(control_t *control, uint64_t id)
{
    (void) pthread_mutex_lock(&control->mutex);

    if (control->running && control->running->frame.id == id) {
        stop_job(control, control->running, CONTROL_CANCELLED);
    }

    for (control_job_t *job = control->first; job; job = job->next) {
        if (job->frame.id == id) {
            stop_job(control, job, CONTROL_CANCELLED);
        }
    }

    (void) pthread_mutex_unlock(&control->mutex);
}


static _Noreturn void
give_up(const char *why)
{
    qsn_log("the worker's connection is of no further use: %s", why);
    _exit(1);
}
