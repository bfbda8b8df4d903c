/* Listening, who may connect, and the one read buffer of the loop. */

#include "unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "qsn_log.h"

#define BACKLOG        4096     /* requests that begin in one moment */
#define READ_SIZE      (256 * 1024)
#define FDS_KEPT       64
#define FDS_A_PROCESS  4        /* of a query process, while one is started */

static int launchers_socket(int fd, const char *path);
static int not_ours(int fd);
static int leads_somewhere(const char *path);
static int set_access(const char *path, const char *group);
static int find_group(const char *name, gid_t *gid);
static int descriptors_left(int fd);
static int is_welcome(const worker_t *worker, int fd);


int
unix_socket_listen(worker_t *worker, uv_pipe_t *listener, const char *name,
    enum handover_kind kind, uv_connection_cb on_connection)
{
    char path[QSN_RUN_DIR_MAX + 32];
    int inherited = handover_listener(kind);
    int rc;

    (void) snprintf(path, sizeof(path), "%s/%s", worker->settings.run_dir,
                    name);
    (void) uv_pipe_init(&worker->loop, listener, 0);
    listener->data = worker;

    if (inherited == -1 && kind == HANDOVER_LINES_LISTENER) {
        inherited = launchers_socket(worker->line_socket, path);
    }

    if (inherited == -1) {
        (void) unlink(path);
        rc = uv_pipe_bind(listener, path);
    } else {
        rc = uv_pipe_open(listener, inherited);
    }

    if (rc == 0) {
        rc = set_access(path, worker->settings.socket_group);
    }

    if (rc == 0) {
        rc = uv_listen((uv_stream_t *) listener, BACKLOG, on_connection);
    }

    return rc;
}


/* Closing removes the name; open for nothing else it holds up no loop. */
void
unix_socket_unlisten(worker_t *worker, uv_pipe_t *listener)
{
    if (worker->draining) {
        uv_unref((uv_handle_t *) listener);
    } else {
        uv_close((uv_handle_t *) listener, NULL);
    }
}


int
unix_socket_accept(const worker_t *worker, uv_stream_t *listener,
    uv_pipe_t *pipe)
{
    uv_os_fd_t fd;

    if (uv_accept(listener, (uv_stream_t *) pipe) != 0
        || uv_fileno((uv_handle_t *) pipe, &fd) != 0)
    {
        return -1;
    }

    return descriptors_left(fd) && is_welcome(worker, fd) ? 0 : -1;
}


void
unix_socket_buffer(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    static char shared[READ_SIZE];

    (void) handle;
    (void) hint;

    *buf = uv_buf_init(shared, sizeof(shared));
}


/* The launcher has made it, and the first worker gives it its name.  -1:
   there is none, or somebody has taken the name away. */
static int
launchers_socket(int fd, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct sockaddr_un own;
    socklen_t size = sizeof(own);

    if (fd == -1 || getsockname(fd, (struct sockaddr *) &own, &size) == -1) {
        return -1;
    }

    if (size == sizeof(own.sun_family)) {
        (void) unlink(path);
        memccpy(address.sun_path, path, 0, sizeof(address.sun_path) - 1);
        return bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0
               ? fd : not_ours(fd);
    }

    return leads_somewhere(path) ? fd : not_ours(fd);
}


static int
not_ours(int fd)
{
    (void) close(fd);

    return -1;
}


/* Whether somebody listens behind the name.  Our own socket does, workers or
   not; one that a worker made in its place died with it. */
static int
leads_somewhere(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    memccpy(address.sun_path, path, 0, sizeof(address.sun_path) - 1);
    rc = connect(fd, (struct sockaddr *) &address, sizeof(address));
    rc = rc == 0 || errno == EAGAIN;            /* its queue is full */
    (void) close(fd);

    return rc;
}


/* Whoever may write to a socket's file may connect. */
static int
set_access(const char *path, const char *group)
{
    gid_t gid;

    if (group == NULL) {
        return chmod(path, 0600) == -1 ? uv_translate_sys_error(errno) : 0;
    }

    if (find_group(group, &gid) != 0) {
        qsn_log("socket_group %s: no such group", group);
        return UV_EINVAL;
    }

    return chown(path, (uid_t) -1, gid) == -1 || chmod(path, 0660) == -1
           ? uv_translate_sys_error(errno) : 0;
}


static int
find_group(const char *name, gid_t *gid)
{
    struct group *group = getgrnam(name);

    if (group) {
        *gid = group->gr_gid;
    }

    return group ? 0 : -1;
}


/* The kernel gives the lowest number that is free. */
static int
descriptors_left(int fd)
{
    static rlim_t most;

    if (most == 0) {
        struct rlimit limit;
        rlim_t kept = FDS_KEPT + FDS_A_PROCESS
                                 * (rlim_t) uv_available_parallelism();

        if (getrlimit(RLIMIT_NOFILE, &limit) == -1
            || limit.rlim_cur == RLIM_INFINITY)
        {
            most = RLIM_INFINITY;
        } else {
            most = limit.rlim_cur > 2 * kept ? limit.rlim_cur - kept
                                             : limit.rlim_cur / 2;
        }
    }

    if ((rlim_t) fd < most) {
        return 1;
    }

    qsn_log("too many connections for the limit on open files: some are "
            "turned away");

    return 0;
}


static int
is_welcome(const worker_t *worker, int fd)
{
    const char *group = worker->settings.socket_group;
    struct ucred peer;
    socklen_t size = sizeof(peer);
    gid_t gid;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1) {
        return 0;
    }

    if (peer.uid == 0 || peer.uid == geteuid()
        || (group && find_group(group, &gid) == 0 && peer.gid == gid))
    {
        return 1;
    }

    qsn_log("process %d of user %d may not connect (socket_group)",
            (int) peer.pid, (int) peer.uid);

    return 0;
}
