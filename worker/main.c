/*
 * qasino-worker: the process that collects, rotates and hands out.
 *
 * A reader who follows one publish goes from connection.c (a client) and
 * incoming.c (bytes to frames) through exchange.c (a request's life), parse.c
 * and request_json.c (its body) to dispatch.c, ingest.c, writer.c (the group
 * commit) and report.c (into the file), and one turn later through rotate.c
 * to pool.c and the query processes, which have a folder of their own.  Which
 * thread has what stands in mailbox.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "background.h"
#include "connection.h"
#include "direct.h"
#include "handover.h"
#include "ingest.h"
#include "line.h"
#include "log_timer.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "qsn_sockets.h"
#include "rotate.h"
#include "write_snapshot.h"

#define QUERY_PROGRAM  "qasino-query"
#define OWN_PROGRAM    "qasino-worker"
#define SIGNALS        3
#define UPGRADE        2        /* of these */
#define LOCK_FILE      ".qasino-worker.lock"

static int start(worker_t *worker, char **argv);
static int lock_directory(const char *dir);
static int open_page(worker_t *worker);
static char *find_program(const char *name);
static int ready_fd(void);
static void say_ready(int fd);
static void hold_upgrades(int how);
static void on_signal(uv_signal_t *handle, int number);
static void on_late_upgrade(uv_signal_t *handle, int number);
static void stop(worker_t *worker);

static worker_t worker;
static uv_signal_t signals[SIGNALS];
static char *query_program;
static char *own_program;       /* as it was when this one started */


int
main(int argc, char **argv)
{
    char error[QSN_SETTINGS_ERROR_SIZE];

    qsn_log_open("qasino-worker");

    (void) umask(077);

    /* a client that leaves is a failed write, not a signal */
    (void) signal(SIGPIPE, SIG_IGN);

    /* nor is one that opens a file while removal.c sees that nobody has it */
    (void) signal(SIGIO, SIG_IGN);

    hold_upgrades(SIG_BLOCK);

    switch (qsn_settings_load(&worker.settings, argc, argv, error)) {

    case QSN_SETTINGS_OK:
        break;

    case QSN_SETTINGS_DONE:
        return 0;

    default:
        qsn_log("%s", error);
        qsn_settings_free(&worker.settings);
        return 1;
    }

    /* a database is one thread's: no mutexes, nor memory statistics, which
       would be behind one that all share */
    (void) sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void) uv_loop_init(&worker.loop);

    int ready = ready_fd();

    qsn_log_limit();

    if (start(&worker, argv) != 0) {
        return 1;
    }

    say_ready(ready);
    handover_adopt(&worker);
    (void) uv_run(&worker.loop, UV_RUN_DEFAULT);

    if (worker.draining) {
        /* a signal that is here already is still this program's */
        (void) uv_run(&worker.loop, UV_RUN_NOWAIT);
    }

    stop(&worker);

    if (worker.draining) {
        handover_execute(&worker, own_program, argv);
        return 1;
    }

    free(own_program);

    return 0;
}


static int
start(worker_t *w, char **argv)
{
    const qsn_settings_t *settings = &w->settings;
    char error[ROTATE_ERROR_SIZE];
    int rc;

    w->limits.max_cell = (size_t) settings->max_cell;
    w->limits.max_columns = (size_t) settings->max_columns;
    w->limits.max_sql = (size_t) settings->query_max_sql;
    w->limits.max_rows = (uint64_t) settings->max_rows;

    if (lock_directory(settings->db_dir) != 0 || open_page(w) != 0) {
        return -1;
    }

    handover_read();

    if (qsn_sockets_take(&w->line_socket, 1) != 1) {
        w->line_socket = -1;
    }

    query_program = find_program(QUERY_PROGRAM);
    own_program = find_program(OWN_PROGRAM);
    argv[0] = (char *) QUERY_PROGRAM;

    if (query_program && own_program) {
        w->pool = pool_create(&w->loop, settings, &w->stats, &w->slow,
                              query_program, argv);
    }

    if (w->pool) {
        w->direct = direct_create(w, query_program, argv);
    }

    if (w->direct == NULL) {
        qsn_log("out of memory");
        return -1;
    }

    w->views = views_create(&w->loop, settings->views_file);

    if (w->views == NULL) {
        qsn_log("out of memory");
        return -1;
    }

    w->statics = static_store_open(settings, error);

    budget_open(&w->writer.budget, settings);

    if (w->statics == NULL || rotate_start(w, error) != 0) {
        qsn_log("%s", error);
        return -1;
    }

    if ((rc = ingest_start(w)) != 0) {
        qsn_log("cannot start threads: %s", uv_strerror(rc));
        return -1;
    }

    write_snapshot_start(w);

    if ((rc = connection_listen(w)) != 0 || (rc = line_listen(w)) != 0
        || (rc = direct_listen(w)) != 0)
    {
        qsn_log("cannot listen in run_dir %s: %s", settings->run_dir,
                uv_strerror(rc));
        return -1;
    }

    log_timer_start(w);

    static const int numbers[] = { SIGTERM, SIGINT, [UPGRADE] = SIGUSR2 };

    for (size_t i = 0; i < SIGNALS; i++) {
        (void) uv_signal_init(&w->loop, &signals[i]);
        (void) uv_signal_start(&signals[i], on_signal, numbers[i]);
    }

    hold_upgrades(SIG_UNBLOCK);

    return 0;
}


/* Two workers in one directory would ruin each other's files.  The lock
   goes with the process, however it ends; children do not inherit it. */
static int
lock_directory(const char *dir)
{
    char path[PATH_MAX];
    int fd;

    (void) snprintf(path, sizeof(path), "%s/" LOCK_FILE, dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd == -1) {
        qsn_log("cannot use db_dir %s: %s", dir, strerror(errno));
        return -1;
    }

    if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
        qsn_log("db_dir %s is in use by another qasino-worker", dir);
        (void) close(fd);
        return -1;
    }

    return 0;
}


static int
open_page(worker_t *w)
{
    char path[QSN_RUN_DIR_MAX + 32];

    (void) snprintf(path, sizeof(path), "%s/" QSN_PAGE_FILE,
                    w->settings.run_dir);
    w->page = qsn_page_create(path);

    if (w->page == NULL) {
        qsn_log("cannot make the generation page %s: %s", path,
                strerror(errno));
        return -1;
    }

    (void) snprintf(w->page_state.identity, sizeof(w->page_state.identity),
                    "%s", w->settings.identity);
    w->page_state.frame_types = QSN_FRAME_ASKER;
    w->page_state.worker_start_id = ((uint64_t) getpid() << 32)
                                    ^ qsn_clock_monotonic_ms();

    return 0;
}


/* Beside this very binary. */
static char *
find_program(const char *name)
{
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *path;

    if (length <= 0) {
        return strdup(name);
    }

    own[length] = '\0';
    *strrchr(own, '/') = '\0';

    return asprintf(&path, "%s/%s", own, name) == -1 ? NULL : path;
}


/* The launcher's descriptor, kept from the query processes; -1: none. */
static int
ready_fd(void)
{
    const char *text = getenv(QSN_READY_FD_ENV);
    int fd = text ? atoi(text) : -1;

    if (fd >= 0) {
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void) unsetenv(QSN_READY_FD_ENV);
    }

    return fd;
}


static void
say_ready(int fd)
{
    if (fd >= 0) {
        if (write(fd, "\n", 1) == -1) {
            qsn_log("nobody waits for this worker to be ready");
        }

        (void) close(fd);
    }
}


/* One that is asked for between two programs waits for the second: execve()
   keeps what is blocked. */
static void
hold_upgrades(int how)
{
    sigset_t set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGUSR2);
    (void) pthread_sigmask(how, &set, NULL);
}


static void
on_signal(uv_signal_t *handle, int number)
{
    if (number == SIGUSR2) {
        handover_begin(&worker, own_program);
        return;
    }

    handover_cancel(&worker);
    uv_stop(handle->loop);
}


static void
on_late_upgrade(uv_signal_t *handle, int number)
{
    (void) handle;
    (void) number;
}


/* What was acknowledged is in the files; the next start goes on with them. */
static void
stop(worker_t *w)
{
    hold_upgrades(SIG_BLOCK);

    for (size_t i = 0; i < SIGNALS; i++) {
        if (i == UPGRADE) {
            /* other threads still get it, and without a handler it would end
               the process */
            (void) uv_signal_start(&signals[i], on_late_upgrade, SIGUSR2);
            uv_unref((uv_handle_t *) &signals[i]);
        } else {
            uv_close((uv_handle_t *) &signals[i], NULL);
        }
    }

    log_timer_stop(w);
    background_hurry();
    ingest_stop(w);
    write_snapshot_stop(w);
    connection_close_all(w);
    line_close_all(w);
    rotate_stop(w);
    views_stop(w->views);
    direct_stop(w);
    pool_destroy(w->pool);
    direct_free(w);
    static_store_close(w->statics);
    views_destroy(w->views);
    qsn_page_close(w->page);
    free(query_program);
    qsn_settings_free(&w->settings);
    qsn_log_flush();
}
