/*
 * Output comes through pipes that are read whenever there is something, up
 * to a limit.  The end of the command is the end of its shell: a daemon that
 * it left behind may hold the pipes open for ever.
 */

#include "agent_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qsn_clock.h"

#define GRACE_MS    1000
#define CHUNK_SIZE  16384

static int open_pipes(int out[2], int err[2]);
static void run(const char *text, const char *directory, int out, int err)
    __attribute__((noreturn));
static void read_out(agent_command_t *command);
static void read_err(agent_command_t *command);
static void end_in_time(agent_command_t *command);
static void judge(agent_command_t *command, int status);
static void close_fd(int *fd);


void
agent_command_init(agent_command_t *command)
{
    memset(command, 0, sizeof(*command));
    command->out_fd = -1;
    command->err_fd = -1;
}


void
agent_command_free(agent_command_t *command)
{
    if (command->pid) {
        (void) kill(-command->pid, SIGKILL);

        while (waitpid(command->pid, NULL, 0) == -1 && errno == EINTR) {
            continue;
        }
    }

    close_fd(&command->out_fd);
    close_fd(&command->err_fd);
    qsn_buf_free(&command->out);
    command->pid = 0;
}


int
agent_command_start(agent_command_t *command, const char *text,
    const char *directory, unsigned timeout_ms, size_t max_size)
{
    int out[2] = { -1, -1 };
    int err[2] = { -1, -1 };
    pid_t pid = -1;

    agent_command_free(command);
    agent_command_init(command);

    if (open_pipes(out, err) == 0) {
        pid = fork();
    }

    if (pid == 0) {
        run(text, directory, out[1], err[1]);
    }

    int saved = errno;

    close_fd(&out[1]);
    close_fd(&err[1]);

    if (pid == -1) {
        close_fd(&out[0]);
        close_fd(&err[0]);
        command->failed = 1;
        (void) snprintf(command->error, sizeof(command->error),
                        "cannot run the command: %s", strerror(saved));
        return -1;
    }

    /* here too: the group has to exist before anybody may kill it */
    (void) setpgid(pid, pid);
    (void) fcntl(out[0], F_SETFL, O_NONBLOCK);
    (void) fcntl(err[0], F_SETFL, O_NONBLOCK);
    command->pid = pid;
    command->out_fd = out[0];
    command->err_fd = err[0];
    command->started_ms = qsn_clock_monotonic_ms();
    command->deadline_ms = command->started_ms + timeout_ms;
    command->timeout_ms = timeout_ms;
    command->max_size = max_size;

    return 0;
}


int
agent_command_pump(agent_command_t *command)
{
    int status;

    if (command->pid == 0) {
        return 0;
    }

    end_in_time(command);

    /* first whether it has ended, then what it wrote until then */
    pid_t pid = waitpid(command->pid, &status, WNOHANG);

    read_out(command);
    read_err(command);

    if (pid != command->pid) {
        return 0;
    }

    /* what it left running in its group has nobody to talk to */
    (void) kill(-command->pid, SIGKILL);
    command->pid = 0;
    close_fd(&command->out_fd);
    close_fd(&command->err_fd);
    judge(command, status);

    return 1;
}


int
agent_command_is_running(const agent_command_t *command)
{
    return command->pid != 0;
}


void
agent_command_forget(agent_command_t *command)
{
    qsn_buf_free(&command->out);
}


static int
open_pipes(int out[2], int err[2])
{
    if (pipe2(out, O_CLOEXEC) != 0) {
        return -1;
    }

    if (pipe2(err, O_CLOEXEC) != 0) {
        int saved = errno;

        close_fd(&out[0]);
        close_fd(&out[1]);
        errno = saved;
        return -1;
    }

    return 0;
}


/* In the child; only async-signal-safe calls, there are other threads. */
static void
run(const char *text, const char *directory, int out, int err)
{
    static const int defaults[] = { SIGPIPE, SIGIO, SIGINT, SIGTERM, SIGHUP };
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);

    (void) setpgid(0, 0);
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void) sigemptyset(&none);

    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        (void) signal(defaults[i], SIG_DFL);
    }

    (void) sigprocmask(SIG_SETMASK, &none, NULL);

    if (null != -1 && dup2(null, STDIN_FILENO) != -1
        && dup2(out, STDOUT_FILENO) != -1 && dup2(err, STDERR_FILENO) != -1
        && chdir(directory) == 0 && close_range(3, ~0U, 0) == 0)
    {
        (void) execl("/bin/sh", "sh", "-c", text, (char *) NULL);
    }

    _exit(127);
}


static void
read_out(agent_command_t *command)
{
    while (command->out_fd != -1) {
        char *room = qsn_buf_reserve(&command->out, CHUNK_SIZE);
        ssize_t length = room ? read(command->out_fd, room, CHUNK_SIZE) : 0;

        if (length > 0) {
            qsn_buf_commit(&command->out, (size_t) length);

            if (command->out.length > command->max_size) {
                command->too_large = 1;
                command->deadline_ms = 1;       /* end it */
                close_fd(&command->out_fd);
            }

        } else if (length == -1 && (errno == EAGAIN || errno == EINTR)) {
            return;

        } else {
            close_fd(&command->out_fd);
        }
    }
}


static void
read_err(agent_command_t *command)
{
    while (command->err_fd != -1) {
        char data[1024];
        ssize_t length = read(command->err_fd, data, sizeof(data));

        if (length > 0) {
            size_t room = sizeof(command->err) - 1 - command->err_length;
            size_t part = (size_t) length < room ? (size_t) length : room;

            memcpy(command->err + command->err_length, data, part);
            command->err_length += part;

        } else if (length == -1 && (errno == EAGAIN || errno == EINTR)) {
            return;

        } else {
            close_fd(&command->err_fd);
        }
    }
}


static void
end_in_time(agent_command_t *command)
{
    uint64_t now = qsn_clock_monotonic_ms();

    if (command->ending == 0 && now >= command->deadline_ms) {
        (void) kill(-command->pid, SIGTERM);
        command->ending = 1;
        command->deadline_ms = now + GRACE_MS;

    } else if (command->ending == 1 && now >= command->deadline_ms) {
        (void) kill(-command->pid, SIGKILL);
        command->ending = 2;
        command->deadline_ms = UINT64_MAX;
    }
}


static void
judge(agent_command_t *command, int status)
{
    char *error = command->error;
    size_t size = sizeof(command->error);

    command->err[command->err_length] = '\0';
    command->err[strcspn(command->err, "\r\n")] = '\0';
    command->failed = 1;

    if (command->too_large) {
        (void) snprintf(error, size, "the command printed more than %zu "
                        "bytes", command->max_size);

    } else if (command->ending) {
        (void) snprintf(error, size, "the command was killed after %g s",
                        command->timeout_ms / 1e3);

    } else if (command->out.failed) {
        (void) snprintf(error, size, "out of memory");

    } else if (WIFSIGNALED(status)) {
        (void) snprintf(error, size, "the command died of signal %d",
                        WTERMSIG(status));

    } else if (WEXITSTATUS(status) != 0) {
        (void) snprintf(error, size, "the command exited with %d%s%s",
                        WEXITSTATUS(status), command->err[0] ? ": " : "",
                        command->err);
    } else {
        command->failed = 0;
    }
}


static void
close_fd(int *fd)
{
    if (*fd != -1) {
        (void) close(*fd);
        *fd = -1;
    }
}
