/*
 * libzmq's own thread accepts any number of clients before we hear of the
 * first.  So while they come in the process may open fewer descriptors than
 * it was given: whom that turns away waits in the kernel, and when nobody is
 * let in any more all may be opened.  Those that are kept back are for whom
 * the two queues of the kernel have by then, and for ourselves.
 */

#include "admission.h"

#include <unistd.h>

#include "qsn_log.h"

#define OWN_DESCRIPTORS  64     /* at most */

static rlim_t count_own(const admission_t *admission,
    const struct rlimit *all);
static size_t count_clients(const admission_t *admission);
static void hold(admission_t *admission, int held);
static void limit_descriptors(const admission_t *admission, rlim_t limit);


void
admission_open(admission_t *admission, zmq_listen_t *requests,
    zmq_listen_t *signals)
{
    /* the kernel queues one more than it is told */
    rlim_t queued = (rlim_t) (ADMISSION_LISTENERS
                              * (zmq_listen_backlog() + 1));
    rlim_t kept = queued + OWN_DESCRIPTORS;
    struct rlimit all;

    *admission = (admission_t) { .listeners = { requests, signals } };

    if (getrlimit(RLIMIT_NOFILE, &all) == 0 && all.rlim_cur != RLIM_INFINITY)
    {
        rlim_t most = all.rlim_cur > 2 * kept ? all.rlim_cur - kept
                                              : all.rlim_cur / 2;
        rlim_t own = count_own(admission, &all);

        admission->all = all;
        admission->fewer = most + (all.rlim_cur - most - queued) / 2;
        admission->most = most > own ? (size_t) (most - own) : 1;
        limit_descriptors(admission, admission->fewer);
    }
}


/* All below the lowest number that is free, but for the clients who are
   there by now. */
static rlim_t
count_own(const admission_t *admission, const struct rlimit *all)
{
    int lowest = dup(admission->listeners[0]->fd);
    rlim_t used = lowest == -1 ? all->rlim_cur : (rlim_t) lowest;
    rlim_t clients = (rlim_t) count_clients(admission);

    if (lowest != -1) {
        (void) close(lowest);
    }

    return used > clients ? used - clients : 0;
}


void
admission_look(admission_t *admission)
{
    size_t clients = count_clients(admission);
    int full = admission->most && clients >= admission->most;

    if (full == admission->held) {
        return;
    }

    if (!admission->held) {
        qsn_log("too many clients for the limit on open files: new ones "
                "wait");
    }

    hold(admission, !admission->held);
}


void
admission_leave(admission_t *admission)
{
    if (admission->held) {
        hold(admission, 0);
    }

    if (admission->most) {
        limit_descriptors(admission, admission->all.rlim_cur);
        admission->most = 0;
    }
}


static size_t
count_clients(const admission_t *admission)
{
    size_t clients = 0;

    for (int i = 0; i < ADMISSION_LISTENERS; i++) {
        zmq_listen_count(admission->listeners[i]);
        clients += admission->listeners[i]->connections;
    }

    return clients;
}


static void
hold(admission_t *admission, int held)
{
    admission->held = held;

    if (!held) {
        limit_descriptors(admission, admission->fewer);
    }

    for (int i = 0; i < ADMISSION_LISTENERS; i++) {
        if (admission->listeners[i]->socket) {
            zmq_listen_hold(admission->listeners[i], held);
        }
    }

    if (held) {
        limit_descriptors(admission, admission->all.rlim_cur);
    }
}


static void
limit_descriptors(const admission_t *admission, rlim_t limit)
{
    const struct rlimit limits = {
        .rlim_cur = limit, .rlim_max = admission->all.rlim_max
    };

    (void) setrlimit(RLIMIT_NOFILE, &limits);
}
