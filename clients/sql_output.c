/* Buffered writing that Ctrl-C can end. */

#include "sql_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sql_signal.h"
#include "sql_text.h"

#define PIECE  (64 * 1024)

static int open_command(sql_output_t *output, const char *command);
static void run_command(const char *command, int fd);
static int write_all(int fd, const char *data, size_t length);


void
sql_output_init(sql_output_t *output, int fd)
{
    memset(output, 0, sizeof(*output));
    output->fd = fd;
    output->is_terminal = fd != -1 && isatty(fd);
}


int
sql_output_open(sql_output_t *output, const char *target, char *error)
{
    int rc;

    sql_output_init(output, -1);

    if (target[0] == '|') {
        rc = open_command(output, target + 1);

    } else {
        output->fd = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                          0666);
        rc = output->fd == -1 ? -1 : 0;
        output->is_terminal = rc == 0 && isatty(output->fd);
    }

    if (rc != 0) {
        snprintf(error, SQL_OUTPUT_ERROR_SIZE, "cannot write to %s: %s",
                 target, strerror(errno));
    }

    return rc;
}


int
sql_output_check(sql_output_t *output)
{
    return output->buf.length < PIECE ? 0 : sql_output_flush(output);
}


int
sql_output_flush(sql_output_t *output)
{
    if (output->buf.failed) {
        output->error = output->error ? output->error : ENOMEM;
        qsn_buf_free(&output->buf);
    }

    if (output->fd == -1) {
        return output->error ? -1 : 0;
    }

    if (output->error == 0 && output->buf.length > 0) {
        output->error = write_all(output->fd, output->buf.data,
                                  output->buf.length);
    }

    qsn_buf_clear(&output->buf);

    return output->error ? -1 : 0;
}


void
sql_output_raw(sql_output_t *output, const char *text, size_t length)
{
    if (output->is_terminal) {
        sql_text_put_lines(&output->buf, text, length);
    } else {
        qsn_buf_append(&output->buf, text, length);
    }
}


int
sql_output_close(sql_output_t *output)
{
    int rc = sql_output_flush(output);

    if (output->fd > STDERR_FILENO && close(output->fd) != 0 && rc == 0) {
        output->error = errno;
        rc = -1;
    }

    while (output->child && waitpid(output->child, NULL, 0) == -1
           && errno == EINTR)
    {
        /* Ctrl-C is the command's as well: it ends when it likes */
    }

    output->child = 0;
    output->fd = -1;
    qsn_buf_free(&output->buf);

    return rc;
}


int
sql_output_takes_escapes(void)
{
    const char *term = getenv("TERM");

    return term && *term && strcmp(term, "dumb") != 0;
}


void
sql_output_size(size_t *columns, size_t *rows)
{
    struct winsize size;

    *columns = 0;
    *rows = 0;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}


static int
open_command(sql_output_t *output, const char *command)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return -1;
    }

    output->child = fork();

    if (output->child == -1) {
        int saved = errno;

        output->child = 0;
        close(fds[0]);
        close(fds[1]);
        errno = saved;
        return -1;
    }

    if (output->child == 0) {
        run_command(command, fds[0]);
    }

    close(fds[0]);
    output->fd = fds[1];
    output->is_terminal = isatty(STDOUT_FILENO);

    return 0;
}


static void
run_command(const char *command, int fd)
{
    signal(SIGPIPE, SIG_DFL);
    dup2(fd, STDIN_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *) NULL);
    _exit(127);
}


/* 0, or the errno. */
static int
write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n >= 0) {
            data += n;
            length -= (size_t) n;
            continue;
        }

        if (errno == EAGAIN) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };

            (void) poll(&ready, 1, -1);

        } else if (errno != EINTR) {
            return errno;
        }

        if (sql_signal_interrupted()) {
            return ECANCELED;
        }
    }

    return 0;
}
