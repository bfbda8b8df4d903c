/*
 * qasino-query: where SQL from outside runs.
 *
 * The worker starts a pool of these, each with one end of a socket pair as
 * descriptor 3, and sends frames (docs/protocol.md).  Some others
 * have connections of nginx, too, and count what they answer there in memory
 * that they share with the worker: descriptor 4.  Reading order:
 *
 *   confine.c    what the process as a whole can't do, ever
 *   control.c    a thread: deadlines, cancelling; ear.c: frames in
 *   peers.c      connections that come from nginx
 *   loader.c     a thread: the next snapshot, beside the one that is served
 *   serve.c      one request after the other; memo.c: the last answers
 *   statement.c  what the user's text asks for
 *   reader.c     the sealed generation; policy.c: what may be done with it;
 *                functions.c: functions that would never end, bounded;
 *                heap.c: what they may take of memory
 *   execute.c    SQLite's steps, rendered by render_*.c
 *   answer.c     frames out, gathered by outlet.c
 *
 * The process holds nothing of value and may be killed at any time.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <sqlite3.h>

#include "clock.h"
#include "confine.h"
#include "control.h"
#include "heap.h"
#include "loader.h"
#include "qsn_log.h"
#include "qsn_settings.h"
#include "serve.h"

#define WORKER_FD  3
#define COUNTS_FD  4

#define OOM_SCORE      500l     /* of the memory there is, in thousandths */
#define OOM_SCORE_MAX  1000l    /* that the kernel takes */

static void go_first(void);
static int check_socket(void);
static int start_sqlite(const qsn_settings_t *settings);


int
main(int argc, char **argv)
{
    char error[QSN_SETTINGS_ERROR_SIZE];
    qsn_settings_t settings;
    serve_t serve;
    outlet_t *outlet;
    qsn_counts_t *counts;
    peers_t *peers = NULL;
    loader_t *loader;
    control_t *control = NULL;

    qsn_log_open("qasino-query");
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void) signal(SIGPIPE, SIG_IGN);
    go_first();

    switch (qsn_settings_load(&settings, argc, argv, error)) {
    case QSN_SETTINGS_OK:
        break;
    case QSN_SETTINGS_DONE:
        return 0;
    default:
        qsn_log("%s", error);
        return 1;
    }

    if (check_socket() == -1 || start_sqlite(&settings) == -1) {
        return 1;
    }

    outlet = outlet_create(WORKER_FD, 1);
    counts = qsn_counts_map(COUNTS_FD);

    if (counts) {
        peers = peers_create(counts);
    }

    loader = outlet ? loader_create(&settings, outlet) : NULL;

    if (loader && (counts == NULL || peers)) {
        control = control_create(WORKER_FD, outlet, peers, loader,
                                 (uint64_t) settings.query_deadline_ms);
    }

    if (control == NULL
        || serve_init(&serve, &settings, control, loader, counts) == -1)
    {
        qsn_log("can't start: %s", strerror(errno));
        return 1;
    }

    confine_process(&settings);

    for ( ;; ) {
        control_job_t *job = control_next(control);

        serve_run(&serve, job);
        control_done(control, job);
    }
}


/* When there is no memory left the kernel is to take us, not the worker, whose
   value we begin with.  Where that cannot be said we go on all the same. */
static void
go_first(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "r+e");
    char text[16] = "";
    long value;

    if (file == NULL) {
        return;
    }

    if (fgets(text, sizeof(text), file)) {
        value = strtol(text, NULL, 10) + OOM_SCORE;
        rewind(file);
        (void) fprintf(file, "%ld", value < OOM_SCORE_MAX ? value
                                                          : OOM_SCORE_MAX);
    }

    (void) fclose(file);
}


/* The worker's socket, made blocking: waiting is how we slow down. */
static int
check_socket(void)
{
    int type;
    socklen_t size = sizeof(type);

    if (getsockopt(WORKER_FD, SOL_SOCKET, SO_TYPE, &type, &size) == -1) {
        qsn_log("descriptor %d is no socket: this program is started by "
                "qasino-worker", WORKER_FD);
        return -1;
    }

    int flags = fcntl(WORKER_FD, F_GETFL);

    (void) fcntl(WORKER_FD, F_SETFL, flags & ~O_NONBLOCK);
    (void) fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC);

    return 0;
}


/* No connection is used by two threads at a time.  Memory is counted, so that
   a query can't take more than its share. */
static int
start_sqlite(const qsn_settings_t *settings)
{
    if (sqlite3_config(SQLITE_CONFIG_MULTITHREAD) != SQLITE_OK
        || heap_start() == -1 || sqlite3_initialize() != SQLITE_OK || clock_start() == -1)
    {
        qsn_log("can't start SQLite %s", sqlite3_libversion());
        return -1;
    }

    heap_limit((size_t) settings->query_heap);

    return 0;
}
