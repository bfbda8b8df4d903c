/* Handlers that set flags, nothing else. */

#include "sql_signal.h"

#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t ending;
static volatile sig_atomic_t resized;
static volatile sig_atomic_t continued;

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT };

#define CAUGHT  (sizeof(caught) / sizeof(caught[0]))

static void on_signal(int signo);


void
sql_signal_init(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;

    for (size_t i = 0; i < CAUGHT; i++) {
        sigaction(caught[i], &action, NULL);
    }

    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}


int
sql_signal_interrupted(void)
{
    return interrupted || ending;
}


void
sql_signal_clear(void)
{
    interrupted = 0;
}


int
sql_signal_ending(void)
{
    return ending;
}


int
sql_signal_resized(void)
{
    int was = resized;

    resized = 0;

    return was;
}


int
sql_signal_continued(void)
{
    int was = continued;

    continued = 0;

    return was;
}


void
sql_signal_hold(sigset_t *previous)
{
    sigset_t mask;

    sigemptyset(&mask);

    for (size_t i = 0; i < CAUGHT; i++) {
        sigaddset(&mask, caught[i]);
    }

    sigprocmask(SIG_BLOCK, &mask, previous);
}


void
sql_signal_release(const sigset_t *previous)
{
    sigprocmask(SIG_SETMASK, previous, NULL);
}


int
sql_signal_waiting(void *ctx)
{
    (void) ctx;

    return sql_signal_interrupted();
}


void
sql_signal_die(int signo)
{
    signal(signo, SIG_DFL);
    kill(getpid(), signo);
}


static void
on_signal(int signo)
{
    if (signo == SIGINT) {
        interrupted = 1;
    } else if (signo == SIGWINCH) {
        resized = 1;
    } else if (signo == SIGCONT) {
        continued = 1;
    } else {
        ending = signo;
    }
}
