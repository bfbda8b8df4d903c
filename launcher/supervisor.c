/*
 * A loop around poll(2) with three phases.
 *
 *   STARTING  the first child that is not ready is started or waited for;
 *             any death ends the server with status 1
 *   RUNNING   a child that is not there is started again as soon as its
 *             orphans are gone and its delay is over; one that does not become
 *             ready is ended
 *   STOPPING  the last child that is still there is asked to end
 *
 * While anything is unsettled the loop turns every few milliseconds, so that
 * no step needs a timer of its own; when all is well it sleeps until a
 * signal comes.  Death is always learned from SIGCHLD.  The launcher is the
 * reaper of all orphans below it (PR_SET_CHILD_SUBREAPER).
 */

#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "announce.h"
#include "child.h"
#include "line_socket.h"
#include "listen_ports.h"
#include "nginx_setup.h"
#include "nginx_upgrade.h"
#include "qsn_log.h"
#include "qsn_sockets.h"
#include "upgrade.h"

#define TURN_MS    10           /* of the loop while something is unsettled */
#define NGINX_QUIT_MS   3000    /* a reload waits longer: nginx_setup.c */
#define BRIDGE_QUIT_MS  2000
#define WORKER_QUIT_MS  5000
#define DEMO_QUIT_MS    1000
#define AWAY_MS         2000    /* that lines wait for the next worker */

enum { WORKER, BRIDGE, NGINX, DEMO, CHILDREN };

enum phase { STARTING, RUNNING, STOPPING, STOPPED };

typedef struct {
    const qsn_settings_t *settings;
    const layout_t *layout;
    child_t children[CHILDREN];
    int count;                  /* without the demo there are three */
    enum phase phase;
    upgrade_t bridge;
    upgrade_t nginx;
    int line_socket;
    int64_t away_ms;            /* since when there is no worker; 0: it is */
    int signals;                /* signalfd */
    int hurry;                  /* asked to stop twice */
    int status;
} supervisor_t;

static void signal_set(sigset_t *set);
static int open_signals(void);
static void loop(supervisor_t *s);
static int turn(supervisor_t *s, int64_t now);
static int turn_starting(supervisor_t *s, int64_t now);
static int turn_running(supervisor_t *s, int64_t now);
static int turn_stopping(supervisor_t *s, int64_t now);
static void start(supervisor_t *s, child_t *child, int64_t now);
static void fail(supervisor_t *s, const child_t *child,
    const char *how);
static void look_if_ready(supervisor_t *s, child_t *child, int64_t now);
static void take_signals(supervisor_t *s);
static void reload_nginx(supervisor_t *s);
static void upgrade_all(supervisor_t *s);
static void look_after_lines(supervisor_t *s, int64_t now);
static void reap(supervisor_t *s);
static child_t *find_child(supervisor_t *s, pid_t pid);
static int is_upgrade(supervisor_t *s, pid_t pid);


int
supervisor_run(const qsn_settings_t *settings, const layout_t *layout,
    const listen_ports_t *ports, const user_t *user, char *const *worker,
    char *const *bridge)
{
    char conf[QSN_RUN_DIR_MAX + sizeof(LAYOUT_NGINX_CONF) + 1];
    char away[QSN_RUN_DIR_MAX + sizeof(LAYOUT_LINE_AWAY) + 1];
    char url[64];
    char *nginx[] = { layout->nginx, "-p", layout->root_dir, "-c", conf,
                      "-e", "stderr", "-g", "daemon off;", NULL };
    char *demo[] = { layout->demo, "--url", url, "--follow", NULL };

    (void) snprintf(conf, sizeof(conf), "%s/%s", layout->root_dir,
                    LAYOUT_NGINX_CONF);
    (void) snprintf(away, sizeof(away), "%s/%s", layout->root_dir,
                    LAYOUT_LINE_AWAY);
    (void) snprintf(url, sizeof(url), "http://127.0.0.1:%d",
                    (int) settings->http_port);

    int line_socket = line_socket_create();
    const int zmq_sockets[] = {
        listen_ports_find(ports, settings->zmq_port),
        listen_ports_find(ports, settings->pubsub_port)
    };
    supervisor_t s = {
        .settings = settings,
        .layout = layout,
        .children = {
            [WORKER] = { .name = "qasino-worker", .argv = worker,
                         .user = user,
                         .announces = 1, .quit_signal = SIGTERM,
                         .quit_ms = WORKER_QUIT_MS,
                         .orphan_signal = SIGKILL,
                         .inherits_env = QSN_SOCKETS_ENV,
                         .inherits = &line_socket, .inherits_count = 1 },
            [BRIDGE] = { .name = "qasino-zmq-bridge", .argv = bridge,
                         .user = user,
                         .announces = 1, .quit_signal = SIGTERM,
                         .quit_ms = BRIDGE_QUIT_MS,
                         .orphan_signal = SIGKILL,
                         .inherits_env = QSN_SOCKETS_ENV,
                         .inherits = zmq_sockets, .inherits_count = 2 },
            /* nginx does not remove its unix socket when it is killed, and
               can't bind one that is there */
            [NGINX] = { .name = "nginx", .argv = nginx, .stale = away,
                        .quit_signal = SIGQUIT, .quit_ms = NGINX_QUIT_MS,
                        .orphan_signal = SIGQUIT,
                        .inherits_env = "NGINX" },
            [DEMO] = { .name = "this-machine", .argv = demo,
                       .user = user,
                       .quit_signal = SIGTERM, .quit_ms = DEMO_QUIT_MS,
                       .orphan_signal = SIGKILL }
        },
        .count = layout->demo ? CHILDREN : DEMO,
        .line_socket = line_socket,
        .bridge.child = &s.children[BRIDGE],
        .nginx.child = &s.children[NGINX],
        .signals = open_signals()
    };

    for (int i = 0; i < CHILDREN; i++) {
        s.children[i].ready_fd = -1;
    }

    if (s.signals == -1 || line_socket == -1
        || prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
    {
        qsn_log("cannot watch over children: %s", strerror(errno));
        return 1;
    }

    loop(&s);
    (void) close(s.signals);
    (void) close(line_socket);

    return s.status;
}


void
supervisor_hold_signals(void)
{
    sigset_t set;

    /* a shell's background job may have been given SIGINT ignored; SIGHUP
       stays as it is, for nohup */
    (void) signal(SIGINT, SIG_DFL);
    (void) signal(SIGTERM, SIG_DFL);
    (void) signal(SIGCHLD, SIG_DFL);
    (void) signal(SIGPIPE, SIG_IGN);

    signal_set(&set);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
}


static void
signal_set(sigset_t *set)
{
    (void) sigemptyset(set);
    (void) sigaddset(set, SIGINT);
    (void) sigaddset(set, SIGTERM);
    (void) sigaddset(set, SIGHUP);
    (void) sigaddset(set, SIGUSR1);
    (void) sigaddset(set, SIGUSR2);
    (void) sigaddset(set, SIGCHLD);
}


static int
open_signals(void)
{
    sigset_t set;

    signal_set(&set);

    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}


static void
loop(supervisor_t *s)
{
    struct pollfd fds[CHILDREN + 1];

    for ( ;; ) {
        int unsettled = turn(s, child_clock());

        if (s->phase == STOPPED) {
            return;
        }

        fds[0] = (struct pollfd) { .fd = s->signals, .events = POLLIN };

        for (int i = 0; i < CHILDREN; i++) {
            fds[i + 1] = (struct pollfd) { .fd = s->children[i].ready_fd,
                                           .events = POLLIN };
        }

        if (poll(fds, CHILDREN + 1, unsettled ? TURN_MS : -1) > 0
            && fds[0].revents)
        {
            take_signals(s);
        }

        reap(s);
    }
}


/* Does what can be done now; returns whether there is more to do soon. */
static int
turn(supervisor_t *s, int64_t now)
{
    for (int i = 0; i < s->count; i++) {
        look_if_ready(s, &s->children[i], now);
    }

    return s->phase == STARTING ? turn_starting(s, now)
           : s->phase == RUNNING ? turn_running(s, now)
           : turn_stopping(s, now);
}


static int
turn_starting(supervisor_t *s, int64_t now)
{
    for (int i = 0; i < DEMO; i++) {
        child_t *child = &s->children[i];

        if (child->ready) {
            continue;
        }

        if (child->starts == 0) {
            start(s, child, now);

        } else if (child_is_late(child, now)) {
            fail(s, child, "not ready after 60 seconds");
        }

        return 1;
    }

    s->phase = RUNNING;
    announce_ready(s->settings);

    return 1;
}


static int
turn_running(supervisor_t *s, int64_t now)
{
    int unsettled = s->nginx.old.pid || s->bridge.old.pid;

    if (s->nginx.old.pid) {
        nginx_upgrade_turn(&s->nginx, s->layout);
    }

    if (s->bridge.old.pid && !s->bridge.asked && s->children[BRIDGE].ready) {
        upgrade_end_old(&s->bridge);
    }

    look_after_lines(s, now);

    for (int i = 0; i < s->count; i++) {
        child_t *child = &s->children[i];

        if (!child_is_gone(child, now)) {
            child_end_late(child, now);
            unsettled |= !child->ready || child->asked;
            continue;
        }

        if (now - child->since_ms >= child->delay_ms) {
            start(s, child, now);
        }

        unsettled = 1;
    }

    return unsettled;
}


static int
turn_stopping(supervisor_t *s, int64_t now)
{
    if (s->nginx.old.pid || s->bridge.old.pid) {
        upgrade_give_up(&s->nginx, s->hurry);
        upgrade_give_up(&s->bridge, s->hurry);
        return 1;
    }

    for (int i = s->count - 1; i >= 0; i--) {
        if (!child_is_gone(&s->children[i], now)) {
            child_ask_to_end(&s->children[i], now, s->hurry);
            return 1;
        }
    }

    s->phase = STOPPED;

    return 0;
}


static void
start(supervisor_t *s, child_t *child, int64_t now)
{
    if (child_start(child, now) == 0) {
        return;
    }

    if (s->phase == STARTING) {
        fail(s, child, strerror(errno));
        return;
    }

    qsn_log("cannot start %s: %s", child->name, strerror(errno));
    child->since_ms = now;
    child->delay_ms = CHILD_DELAY_MAX_MS;
}


/* The server does not come up: the rest is stopped again. */
static void
fail(supervisor_t *s, const child_t *child, const char *how)
{
    qsn_log("cannot start the server: %s failed (%s)", child->name, how);
    s->status = 1;
    s->phase = STOPPING;
}


static void
look_if_ready(supervisor_t *s, child_t *child, int64_t now)
{
    const qsn_settings_t *settings = s->settings;
    int again = child->starts > 1;

    if (child->pid == 0 || child->ready) {
        return;
    }

    if (child->announces) {
        if (!child_read_ready(child, now)) {
            return;
        }

    } else if (child == &s->children[NGINX]) {
        if (!listen_ports_accepting(settings->http_port)
            || !listen_ports_accepting(settings->line_port)
            || (settings->keys_dir
                && !listen_ports_accepting(settings->https_port)))
        {
            return;
        }
    }

    child->ready = 1;
    child->since_ms = now;

    if (again && s->phase == RUNNING) {
        qsn_log("%s (pid %d) is back", child->name, (int) child->pid);
    }
}


static void
take_signals(supervisor_t *s)
{
    struct signalfd_siginfo info;

    while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            continue;
        }

        if (info.ssi_signo == SIGUSR1) {
            reload_nginx(s);
            continue;
        }

        if (info.ssi_signo == SIGUSR2) {
            upgrade_all(s);
            continue;
        }

        if (s->phase == STOPPING) {
            s->hurry = 1;
            continue;
        }

        qsn_log("stopping: signal %d (%s)", (int) info.ssi_signo,
                strsignal((int) info.ssi_signo));
        s->phase = STOPPING;
    }
}


/* nginx checks it first: with a wrong one it goes on as before. */
static void
reload_nginx(supervisor_t *s)
{
    char error[QSN_SETTINGS_ERROR_SIZE];
    const child_t *nginx = &s->children[NGINX];

    if (s->phase != RUNNING || nginx->pid == 0) {
        return;                 /* it reads it when it starts */
    }

    if (nginx_setup_write(s->settings, s->layout, error) != 0) {
        qsn_log("nginx goes on with its configuration: %s", error);
        return;
    }

    qsn_log("nginx (pid %d) takes its configuration anew", (int) nginx->pid);
    (void) kill(nginx->pid, SIGHUP);
}


/* The worker sees to it itself. */
static void
upgrade_all(supervisor_t *s)
{
    if (s->phase != RUNNING) {
        return;
    }

    if (s->children[WORKER].ready) {
        (void) kill(s->children[WORKER].pid, SIGUSR2);
    }

    if (s->children[BRIDGE].ready) {
        (void) upgrade_begin(&s->bridge, s->children[BRIDGE].inherits,
                             s->children[BRIDGE].inherits_count);
    }

    if (s->children[NGINX].ready) {
        nginx_upgrade_begin(&s->nginx);
    }
}


/* Without a worker for long, those who wait for the next are told. */
static void
look_after_lines(supervisor_t *s, int64_t now)
{
    if (s->children[WORKER].ready) {
        s->away_ms = 0;

    } else if (s->away_ms == 0) {
        s->away_ms = now;

    } else if (now - s->away_ms >= AWAY_MS) {
        line_socket_turn_away(s->line_socket);
    }
}


/* Buries the dead.  A child of ours is still a zombie while its orphans are
   told to end, so that the number of its group can be no one else's. */
static void
reap(supervisor_t *s)
{
    siginfo_t info = { 0 };

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0
           && info.si_pid)
    {
        child_t *child = find_child(s, info.si_pid);
        char how[64];
        int status = 0;

        if (child) {
            child_end_orphans(child);
        }

        if (is_upgrade(s, info.si_pid)) {
            child = NULL;
        }

        (void) waitpid(info.si_pid, &status, 0);

        if (child) {
            (void) child_how_ended(status, how, sizeof(how));
            (void) child_read_ready(child, child_clock());
            child_ended(child, child_clock());

            if (s->phase == STARTING) {
                fail(s, child, how);

            } else if (s->phase == RUNNING) {
                qsn_log("%s (pid %d) died: %s; starting it again",
                        child->name, (int) info.si_pid, how);
            }
        }

        info.si_pid = 0;
    }
}


static child_t *
find_child(supervisor_t *s, pid_t pid)
{
    for (int i = 0; i < s->count; i++) {
        if (s->children[i].pid == pid) {
            return &s->children[i];
        }
    }

    return NULL;
}


/* Whether it is a matter of an upgrade that this one has died. */
static int
is_upgrade(supervisor_t *s, pid_t pid)
{
    enum upgrade_end end = upgrade_died(&s->bridge, pid);

    if (end != UPGRADE_NONE) {
        return 1;
    }

    end = upgrade_died(&s->nginx, pid);

    if (end == UPGRADE_DONE) {
        nginx_upgrade_ended(&s->nginx);

    } else if (pid == s->children[NGINX].pid) {
        nginx_upgrade_died(&s->nginx);
    }

    return end != UPGRADE_NONE;
}
