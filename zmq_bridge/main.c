/*
 * qasino-zmq-bridge: old and new ZeroMQ clients on one side, the worker's
 * socket on the other.  Start reading at bridge.c.
 *
 * It takes the same command line and the same file as the worker, and uses
 * of them: identity, run_dir, zmq_port, pubsub_port and the zmq_* options.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge.h"
#include "curve.h"
#include "qsn_log.h"
#include "qsn_settings.h"

static int open_signal_fd(void);
static int take_ready_fd(void);
static void raise_descriptor_limit(void);


int
main(int argc, char **argv)
{
    qsn_settings_t settings;
    char error[QSN_SETTINGS_ERROR_SIZE];
    int status = 1;

    qsn_log_open("qasino-zmq-bridge");
    (void) umask(077);
    (void) prctl(PR_SET_NAME, "qasino-zmq-bridge");     /* 15 bytes stay */

    if (argc == 3 && strcmp(argv[1], "--make-key") == 0) {
        return curve_make_key(argv[2]) == 0 ? 0 : 1;
    }

    switch (qsn_settings_load(&settings, argc, argv, error)) {

    case QSN_SETTINGS_DONE:
        status = 0;
        break;

    case QSN_SETTINGS_ERROR:
        (void) fprintf(stderr, "qasino-zmq-bridge: %s\n", error);
        break;

    case QSN_SETTINGS_OK:
        raise_descriptor_limit();
        qsn_log_limit();

        int signal_fd = open_signal_fd();

        if (signal_fd == -1) {
            qsn_log("cannot watch for signals: %s", strerror(errno));
        } else {
            status = bridge_run(&settings, signal_fd, take_ready_fd());
            (void) close(signal_fd);
        }
    }

    qsn_settings_free(&settings);

    return status;
}


/*
 * The signals that end it as something to poll.  They are blocked before
 * libzmq starts its threads, so one that comes at any instant waits for the
 * loop.
 */

static int
open_signal_fd(void)
{
    sigset_t set;

    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGQUIT);

    if (sigprocmask(SIG_BLOCK, &set, NULL) == -1) {
        return -1;
    }

    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}


/* The descriptor that the launcher waits on, or -1. */

static int
take_ready_fd(void)
{
    const char *text = getenv(QSN_READY_FD_ENV);
    char *end;

    if (text == NULL) {
        return -1;
    }

    errno = 0;
    long fd = strtol(text, &end, 10);

    if (errno || end == text || *end || fd < 0 || fd > 65535) {
        qsn_log("%s is not a descriptor: %s", QSN_READY_FD_ENV, text);
        return -1;
    }

    (void) unsetenv(QSN_READY_FD_ENV);

    return (int) fd;
}


/* A client is a descriptor, and the usual soft limit is 1024. */

static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}
