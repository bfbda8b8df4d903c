#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>


int
thread_start(void *(*run)(void *data), void *data)
{
    pthread_t thread;
    sigset_t all, before;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, NULL, run, data);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (errno) {
        return -1;
    }

    (void) pthread_detach(thread);

    return 0;
}
