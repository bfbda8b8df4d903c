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

#include "control_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "qsn_log.h"
#include "thread.h"

#define TICK_MS     4
#define IDLE_TICKS  50          /* then it sleeps until there is work */
#define REPEAT_MS   10
#define PEER_MS     20          /* then a peer's job is interrupted, */
#define PEER_KILL_MS  50        /* of its own time, or */
#define PEER_LATE_MS  2000      /* of anybody's: if it has not ended, we end */
#define DOUBT_US      100       /* others may have had the core */
#define PEER_OPCODES  250       /* between two looks at the clock */

static void init_conditions(control_t *control);
static void *watchdog(void *data);
static void tick_locked(control_t *control);
static void listen_while_busy(control_t *control);
static int time_to_wait(control_t *control);
static int does_not_end(control_t *control, control_job_t *job,
    uint64_t now_ms);
static void watch_peer_job(control_t *control, sqlite3 *db);
static int is_past_its_time(void *data);
static uint64_t now_us(clockid_t clock);


control_t *
control_create(int fd, outlet_t *outlet, peers_t *peers, loader_t *loader,
    uint64_t deadline_ms)
{
    control_t *control = calloc(1, sizeof(*control));

    if (control == NULL) {
        return NULL;
    }

    control->fd = fd;
    control->outlet = outlet;
    control->peers = peers;
    control->loader = loader;
    control->handed_over = -1;
    control->done = peers ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    (void) pthread_getcpuclockid(pthread_self(), &control->own);
    control->deadline_ms = deadline_ms;
    control->last = &control->first;
    init_conditions(control);

    if (thread_start(watchdog, control) == -1) {
        free(control);
        return NULL;
    }

    return control;
}


control_job_t *
control_next(control_t *control)
{
    control_job_t *job;
    int idle, all_of_peers;

    (void) pthread_mutex_lock(&control->mutex);
    idle = control->first == NULL;
    all_of_peers = idle || !control->first->direct;
    (void) pthread_mutex_unlock(&control->mutex);

    outlet_flush(control->outlet, idle);

    if (control->peers) {
        /* what is not a peer's may take its time */
        peers_flush(control->peers, all_of_peers);
    }

    (void) pthread_mutex_lock(&control->mutex);

    while (control->first == NULL) {
        if (control->ear_taken) {
            (void) pthread_cond_wait(&control->arrived, &control->mutex);
            continue;
        }

        (void) pthread_mutex_unlock(&control->mutex);
        control_listen(control);
        (void) pthread_mutex_lock(&control->mutex);
    }

    job = control->first;
    control->first = job->next;

    if (control->first == NULL) {
        control->last = &control->first;
    }

    control->running = job;
    control->begun++;

    if (job->direct) {
        job->begun_us = control_now_us();
        job->due = job->begun_us / 1000 + PEER_MS;
    }

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
    int ear_taken;

    (void) pthread_mutex_lock(&control->mutex);
    control->running = NULL;
    ear_taken = control->ear_taken;
    (void) pthread_mutex_unlock(&control->mutex);

    if (control->peers && !job->direct) {
        control_charge_from_now(control);
    }

    /* the watchdog hears the worker alone: peers wait for the ear */
    if (ear_taken && control->peers) {
        (void) eventfd_write(control->done, 1);
    }

    control_free_job(job);
}


enum control_stop
control_watch(control_t *control, sqlite3 *db)
{
    enum control_stop stop;
    control_job_t *job;

    (void) pthread_mutex_lock(&control->mutex);
    job = control->running;
    stop = job->stop;

    if (job->direct) {
        watch_peer_job(control, db);
    }

    control->db = db;
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


void
control_move(control_t *control)
{
    (void) pthread_mutex_lock(&control->mutex);
    control->running->stop = CONTROL_MOVED;
    (void) pthread_mutex_unlock(&control->mutex);
}


uint64_t
control_now_ms(void)
{
    return control_now_us() / 1000;
}


uint64_t
control_now_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}


uint64_t
control_spent_us(control_t *control)
{
    uint64_t spent = control_now_us() - control->running->begun_us;

    /* the thread's own clock is a call to the system: jobs before this one
       have been charged already */
    if (spent > DOUBT_US) {
        uint64_t own = control_own_us(control) - control->own_us;

        own = own > control->charged_us ? own - control->charged_us : 0;
        spent = own < spent ? own : spent;
    }

    control->charged_us += spent;

    return spent;
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
    struct pollfd ready[] = {
        { .fd = control->fd },
        { .fd = control->done, .events = POLLIN }
    };
    int busy = 1;

    while (busy) {
        eventfd_t count;

        /* answers of jobs before this one do not wait for it */
        ready[0].events = outlet_nudge(control->outlet) ? POLLIN | POLLOUT
                                                        : POLLIN;

        int n = poll(ready, 2, time_to_wait(control));

        if (n > 0 && ready[1].revents) {
            (void) eventfd_read(control->done, &count);
        }

        if (n > 0 && (ready[0].revents & ~POLLOUT)) {
            control_read_frames(control);
        } else if (n == -1 && errno != EINTR) {
            control_give_up(strerror(errno));
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
    uint64_t next = control->peers ? now + TICK_MS : UINT64_MAX;
    control_job_t *job;

    (void) pthread_mutex_lock(&control->mutex);

    if (control->peers && control->running) {
        peers_nudge(control->peers);    /* nor do those of peers */
    }

    job = control->running ? control->running : control->first;

    while (job) {
        if (job->stop == CONTROL_RUN && job->due <= now) {
            job->stop = job->direct ? CONTROL_MOVED : CONTROL_DEADLINE;
        }

        if (job->stop == CONTROL_RUN && job->due < next) {
            next = job->due;
        }

        if (job == control->running) {
            if (job->direct && does_not_end(control, job, now)) {
                qsn_log("a query that should be quick does not end: the "
                        "process does instead");
                _exit(1);
            }

            if (job->stop != CONTROL_RUN) {
                control_stop_job(control, job, job->stop);
                next = next < now + REPEAT_MS ? next : now + REPEAT_MS;
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
void
control_stop_job(control_t *control, control_job_t *job, enum control_stop stop)
{
    if (job->stop == CONTROL_RUN) {
        job->stop = stop;
    }

    if (job == control->running && control->db) {
        sqlite3_interrupt(control->db);
    }
}


/* Under the mutex.  A job that waits for a core or a disk has its time. */
static int
does_not_end(control_t *control, control_job_t *job, uint64_t now_ms)
{
    uint64_t own_us = control_own_us(control);

    if (job->seen_us == 0) {
        job->seen_us = own_us;
    }

    return now_ms >= job->due + PEER_LATE_MS
           || own_us >= job->seen_us + PEER_KILL_MS * 1000;
}


/* Under the mutex, as others look at the job.  db: NULL when it is done. */
static void
watch_peer_job(control_t *control, sqlite3 *db)
{
    if (db) {
        sqlite3_progress_handler(db, PEER_OPCODES, is_past_its_time, control);

    } else if (control->db) {
        sqlite3_progress_handler(control->db, 0, NULL, NULL);
    }
}


/* Time that others had the core is not the query's: so there is a second look
   at what it uses itself. */
static int
is_past_its_time(void *data)
{
    control_t *control = data;
    control_job_t *job = control->running;

    if (job->limit_us == 0) {
        if (control_now_us() - job->begun_us >= CONTROL_PEER_US) {
            job->limit_us = control_own_us(control) + CONTROL_PEER_US;
        }

        return 0;
    }

    if (control_own_us(control) < job->limit_us) {
        return 0;
    }

    control_move(control);

    return 1;
}


void
control_charge_from_now(control_t *control)
{
    control->own_us = control_own_us(control);
    control->charged_us = 0;
}


uint64_t
control_own_us(const control_t *control)
{
    return now_us(control->own);
}


static uint64_t
now_us(clockid_t clock)
{
    struct timespec now;

    (void) clock_gettime(clock, &now);

    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}
