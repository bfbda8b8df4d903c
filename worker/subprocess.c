/*
 * posix_spawn(3), and a look at each child whenever one of them has changed:
 * there are few.
 *
 * The look is all that the loop does.  To reap a process of low priority whose
 * /proc somebody has read can take the kernel 100 ms, in which it waits for
 * another such process to let go of a directory entry, on the core.
 */

#include "subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"

#define SOCKET_FD  3
#define EXTRA_FD   4

static int run(subprocess_t *process, const char *program, char *const *argv,
    int socket, int extra_fd);
static int set_files(posix_spawn_file_actions_t *files, int socket,
    int extra_fd);
static int set_signals(posix_spawnattr_t *attributes);
static void on_signal(uv_signal_t *exits, int number);
static void reap(void *pid);


int
subprocess_start(subprocess_t *process, uv_loop_t *loop, const char *program,
    char *const *argv, uv_pipe_t *pipe, int extra_fd)
{
    uv_os_sock_t ends[2];

    (void) uv_signal_init(loop, &process->exits);

    int rc = uv_socketpair(SOCK_STREAM, 0, ends, UV_NONBLOCK_PIPE, 0);

    if (rc != 0) {
        return rc;
    }

    rc = uv_pipe_open(pipe, ends[0]);

    if (rc != 0) {
        (void) close(ends[0]);

    } else if ((rc = uv_signal_start(&process->exits, on_signal, SIGCHLD))
               == 0)
    {
        rc = run(process, program, argv, ends[1], extra_fd);
    }

    (void) close(ends[1]);

    return rc;
}


void
subprocess_kill(subprocess_t *process)
{
    (void) kill(process->pid, SIGKILL);
}


static int
run(subprocess_t *process, const char *program, char *const *argv, int socket,
    int extra_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;

    (void) posix_spawn_file_actions_init(&files);
    (void) posix_spawnattr_init(&attributes);

    int rc = set_files(&files, socket, extra_fd);

    rc = rc ? rc : set_signals(&attributes);
    rc = rc ? rc : posix_spawnp(&process->pid, program, &files, &attributes,
                                argv, environ);
    (void) posix_spawn_file_actions_destroy(&files);
    (void) posix_spawnattr_destroy(&attributes);

    if (rc != 0) {
        (void) uv_signal_stop(&process->exits);
    }

    return uv_translate_sys_error(rc);
}


static int
set_files(posix_spawn_file_actions_t *files, int socket, int extra_fd)
{
    int rc = posix_spawn_file_actions_adddup2(files, socket, SOCKET_FD);

    if (rc == 0 && extra_fd != -1) {
        rc = posix_spawn_file_actions_adddup2(files, extra_fd, EXTRA_FD);
    }

    rc = rc ? rc : posix_spawn_file_actions_addopen(files, STDIN_FILENO,
                                                    "/dev/null", O_RDONLY, 0);

    return rc ? rc : posix_spawn_file_actions_adddup2(files, STDERR_FILENO,
                                                      STDOUT_FILENO);
}


/* None is ours: not those that we ignore, nor those that we handle. */
static int
set_signals(posix_spawnattr_t *attributes)
{
    sigset_t all, none;

    (void) sigfillset(&all);
    (void) sigemptyset(&none);
    (void) posix_spawnattr_setsigdefault(attributes, &all);
    (void) posix_spawnattr_setsigmask(attributes, &none);

    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF
                                                | POSIX_SPAWN_SETSIGMASK);
}


static void
on_signal(uv_signal_t *exits, int number)
{
    subprocess_t *process = (subprocess_t *) exits;
    siginfo_t end = { .si_pid = 0 };

    (void) number;

    if (waitid(P_PID, (id_t) process->pid, &end, WEXITED | WNOHANG | WNOWAIT)
        == 0 && end.si_pid == process->pid)
    {
        int exited = end.si_code == CLD_EXITED;

        /* NOLINTNEXTLINE(performance-no-int-to-ptr): nobody follows it */
        void *pid = (void *) (intptr_t) process->pid;

        (void) uv_signal_stop(exits);
        background_run(exits->loop, reap, NULL, pid);
        process->on_exit(process, exited ? end.si_status : 0,
                         exited ? 0 : end.si_status);
    }
}


static void
reap(void *pid)
{
    (void) waitpid((pid_t) (intptr_t) pid, NULL, 0);
}
