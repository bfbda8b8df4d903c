/*
 * fork(2) and what follows from it.  Every child gets: a process group of its
 * own, so that a Ctrl-C at the terminal reaches only the launcher, which
 * stops the children in the right order; SIGTERM when the launcher dies, by
 * whatever cause; the launcher's stderr for stdout too, because stdout has
 * exactly one line; nothing to read.
 */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "qsn_log.h"
#include "qsn_settings.h"

#define ORPHAN_MS       300     /* what orphans get to finish their work */
#define TERM_MS         2000    /* between SIGTERM and SIGKILL */
#define HEALTHY_MS      100     /* ready for that long: not a crash loop */
#define FIRST_DELAY_MS  20

static void inherit(const child_t *child);
static void become_child(const child_t *child, pid_t launcher,
    int ready_fd) __attribute__((noreturn));


int
child_start(child_t *child, int64_t now_ms)
{
    int ends[2] = { -1, -1 };
    pid_t launcher = getpid();

    if (child->stale && child->inherits_count == 0) {
        (void) unlink(child->stale);
    }

    if (child->announces && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1) {
        return -1;
    }

    pid_t pid = fork();

    if (pid == 0) {
        become_child(child, launcher, ends[1]);
    }

    int reason = errno;

    if (ends[1] != -1) {
        (void) close(ends[1]);
    }

    if (pid == -1) {
        if (ends[0] != -1) {
            (void) close(ends[0]);
        }

        errno = reason;
        return -1;
    }

    (void) setpgid(pid, pid);   /* both sides do: no one knows who is first */

    child->pid = pid;
    child->group = pid;
    child->ready_fd = ends[0];
    child->ready = 0;
    child->starts++;
    child->since_ms = now_ms;
    child->asked = 0;

    return 0;
}


int
child_read_ready(child_t *child, int64_t now_ms)
{
    char byte;

    if (child->ready_fd == -1) {
        return 0;
    }

    ssize_t n = read(child->ready_fd, &byte, 1);

    if (n == -1) {
        return 0;
    }

    /* at its end without a byte: its death will be told by SIGCHLD */
    (void) close(child->ready_fd);
    child->ready_fd = -1;

    if (n == 1) {
        child->ready = 1;
        child->since_ms = now_ms;
    }

    return n == 1;
}


void
child_end_orphans(const child_t *child)
{
    (void) kill(-child->group, child->orphan_signal);
}


void
child_ended(child_t *child, int64_t now_ms)
{
    child->delay_ms = child_next_delay(child->delay_ms,
        child->ready ? now_ms - child->since_ms : 0);

    if (child->ready_fd != -1) {
        (void) close(child->ready_fd);
        child->ready_fd = -1;
    }

    child->pid = 0;
    child->ready = 0;
    child->since_ms = now_ms;
}


int
child_is_gone(child_t *child, int64_t now_ms)
{
    if (child->pid) {
        return 0;
    }

    if (child->group) {
        int late = now_ms - child->since_ms >= ORPHAN_MS;

        if (kill(-child->group, late ? SIGKILL : 0) == -1) {
            child->group = 0;
        }
    }

    return child->group == 0;
}


void
child_ask_to_end(child_t *child, int64_t now_ms, int hurry)
{
    int64_t waited = now_ms - child->asked_ms;

    if (child->pid == 0) {
        return;
    }

    if (child->asked == 0) {
        (void) kill(child->pid, child->quit_signal);

    } else if (child->asked == 1 && (hurry || waited >= child->quit_ms)) {
        (void) kill(child->pid, SIGTERM);

    } else if (child->asked == 2 && waited >= TERM_MS) {
        qsn_log("%s (pid %d) does not stop: killed", child->name,
                (int) child->pid);
        (void) kill(-child->group, SIGKILL);

    } else {
        return;
    }

    child->asked++;
    child->asked_ms = now_ms;
}


int
child_is_late(const child_t *child, int64_t now_ms)
{
    return child->pid && !child->ready
           && now_ms - child->since_ms > CHILD_START_MS;
}


void
child_end_late(child_t *child, int64_t now_ms)
{
    int late = child_is_late(child, now_ms);

    if (late && child->asked == 0) {
        qsn_log("%s (pid %d) is not ready after %d seconds: it is ended",
                child->name, (int) child->pid, CHILD_START_MS / 1000);
    }

    if (late || child->asked) {
        child_ask_to_end(child, now_ms, 0);
    }
}


int64_t
child_next_delay(int64_t last_delay_ms, int64_t ready_ms)
{
    if (ready_ms >= HEALTHY_MS) {
        return 0;
    }

    if (last_delay_ms == 0) {
        return FIRST_DELAY_MS;
    }

    return last_delay_ms * 2 < CHILD_DELAY_MAX_MS ? last_delay_ms * 2
                                                    : CHILD_DELAY_MAX_MS;
}


int64_t
child_clock(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


const char *
child_how_ended(int wait_status, char *text, size_t size)
{
    if (WIFSIGNALED(wait_status)) {
        (void) snprintf(text, size, "killed by signal %d (%s)",
                        WTERMSIG(wait_status),
                        strsignal(WTERMSIG(wait_status)));
    } else {
        (void) snprintf(text, size, "exit status %d",
                        WEXITSTATUS(wait_status));
    }

    return text;
}


static void
become_child(const child_t *child, pid_t launcher, int ready_fd)
{
    sigset_t none;
    char number[16];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void) setpgid(0, 0);

    /* before the signal is asked for: it goes with a change of user */
    if (user_become(child->user) != 0) {
        qsn_log("cannot run %s as %s: %s", child->name, child->user->name,
                strerror(errno));
        _exit(1);
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);

    if (getppid() != launcher) {
        _exit(1);               /* it died before we asked to be told */
    }

    (void) signal(SIGPIPE, SIG_DFL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    (void) dup2(null, STDIN_FILENO);
    (void) dup2(STDERR_FILENO, STDOUT_FILENO);

    if (ready_fd == -1) {
        (void) unsetenv(QSN_READY_FD_ENV);
    } else {
        (void) fcntl(ready_fd, F_SETFD, 0);
        (void) fcntl(ready_fd, F_SETFL, 0);     /* blocking, as they expect */
        (void) snprintf(number, sizeof(number), "%d", ready_fd);
        (void) setenv(QSN_READY_FD_ENV, number, 1);
    }

    if (child->inherits_count) {
        inherit(child);
    }

    (void) execv(child->argv[0], child->argv);

    qsn_log("cannot run %s: %s", child->argv[0], strerror(errno));
    _exit(127);
}


static void
inherit(const child_t *child)
{
    char text[512];
    size_t length = 0;

    for (int i = 0; i < child->inherits_count; i++) {
        int fd = child->inherits[i];

        (void) fcntl(fd, F_SETFD, 0);
        length += (size_t) snprintf(text + length, sizeof(text) - length,
                                    "%d;", fd);
    }

    (void) setenv(child->inherits_env, text, 1);
}
