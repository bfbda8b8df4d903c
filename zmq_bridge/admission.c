/*
 * The kernel gives the lowest number that is free, so a client's descriptor
 * says how many there are.  Those that are kept back are for the two queues
 * of connections that may be accepted before we notice, and for ourselves.
 */

#include "admission.h"

#include <sys/resource.h>
#include <unistd.h>

#include "qsn_log.h"

#define OWN_DESCRIPTORS  64

static void hold(admission_t *admission, int held);
static int lowest_free(const admission_t *admission);


void
admission_open(admission_t *admission, zmq_listen_t *requests,
    zmq_listen_t *signals)
{
    rlim_t kept = (rlim_t) (ADMISSION_LISTENERS * zmq_listen_backlog()
                            + OWN_DESCRIPTORS);
    struct rlimit limit;

    *admission = (admission_t) { .listeners = { requests, signals } };

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_cur != RLIM_INFINITY)
    {
        admission->most = (int) (limit.rlim_cur > 2 * kept
                                 ? limit.rlim_cur - kept
                                 : limit.rlim_cur / 2);
    }
}


void
admission_look(admission_t *admission)
{
    for (int i = 0; i < ADMISSION_LISTENERS; i++) {
        enum zmq_listen_event event;
        int fd = -1;

        while ((event = zmq_listen_next(admission->listeners[i], &fd))
               != ZMQ_LISTEN_IDLE)
        {
            if (event == ZMQ_LISTEN_CAME && admission->most
                && fd >= admission->most && !admission->held)
            {
                qsn_log("too many clients for the limit on open files: new "
                        "ones wait");
                hold(admission, 1);
            }
        }
    }

    if (admission->held
        && lowest_free(admission) < admission->most)
    {
        hold(admission, 0);
    }
}


void
admission_leave(admission_t *admission)
{
    admission->most = 0;

    if (admission->held) {
        hold(admission, 0);
    }
}


static void
hold(admission_t *admission, int held)
{
    admission->held = held;

    for (int i = 0; i < ADMISSION_LISTENERS; i++) {
        if (admission->listeners[i]->socket) {
            zmq_listen_hold(admission->listeners[i], held);
        }
    }
}


static int
lowest_free(const admission_t *admission)
{
    int fd = dup(admission->listeners[0]->fd);

    if (fd == -1) {
        return admission->most;
    }

    (void) close(fd);

    return fd;
}
