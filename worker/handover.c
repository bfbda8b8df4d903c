/*
 * The memory file is a row of items, each with its bytes behind it; its
 * descriptor is in $QASINO_HANDOVER_FD.  Both programs run on one machine,
 * one after the other, so numbers are as they are in memory; MAGIC changes
 * with the layout, and a program that does not know it starts anew.
 */

#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "connection.h"
#include "line.h"
#include "qsn_buf.h"
#include "qsn_log.h"
#include "unix_socket.h"

#define FD_ENV     "QASINO_HANDOVER_FD"
#define MAGIC      "QSNH0001"
#define MAGIC_SIZE 8
#define LOOK_MS    2
#define TRIAL_MS   5000         /* for a program to say its version */

typedef struct {
    worker_t *worker;
    const char *program;
    uv_process_t process;
    uv_timer_t timer;
    int open;                   /* handles */
} trial_t;

static int try(worker_t *worker, const char *program);
static void on_slow_trial(uv_timer_t *timer);
static void on_tried(uv_process_t *process, int64_t status, int number);
static void end_trial(void);
static void on_trial_closed(uv_handle_t *handle);
static void on_look(uv_timer_t *timer);
static void on_pipe_closed(uv_handle_t *pipe);
static int keep_fd(int fd);
static size_t padded(size_t length);
static const handover_item_t *next_item(const qsn_buf_t *left, size_t *at);

static trial_t *trial;          /* NULL: none is on */
static uv_timer_t look;
static uint64_t deadline_ms;    /* loop time */
static qsn_buf_t noted;         /* by the old program, then read by the new */


void
handover_begin(worker_t *worker, const char *program)
{
    if (worker->draining || trial) {
        return;
    }

    int rc = try(worker, program);

    if (rc != 0) {
        qsn_log("%s does not run (%s): this program stays", program,
                uv_strerror(rc));
    }
}


void
handover_cancel(worker_t *worker)
{
    worker->draining = 0;

    if (trial) {
        (void) uv_process_kill(&trial->process, SIGKILL);
        end_trial();
    }
}


int
handover_keep(const uv_pipe_t *pipe, const handover_item_t *item,
    const void *data)
{
    static const char padding[8];
    handover_item_t own = *item;
    uv_os_fd_t fd;

    if (uv_fileno((const uv_handle_t *) pipe, &fd) != 0
        || (own.fd = keep_fd(fd)) == -1)
    {
        return -1;
    }

    qsn_buf_append(&noted, &own, sizeof(own));
    qsn_buf_append(&noted, data, own.length);
    qsn_buf_append(&noted, padding, padded(own.length) - own.length);

    return 0;
}


int
handover_accepts(worker_t *worker, uv_stream_t *listener,
    enum handover_kind kind)
{
    handover_item_t item = { .kind = kind };
    uv_pipe_t *pipe;

    if (worker->draining < 2) {
        return 0;
    }

    pipe = calloc(1, sizeof(*pipe));

    if (pipe == NULL) {
        return 0;
    }

    (void) uv_pipe_init(&worker->loop, pipe, 0);

    if (unix_socket_accept(worker, listener, pipe) == 0
        && handover_keep(pipe, &item, NULL) != 0)
    {
        qsn_log("a connection is lost to the new program");
    }

    uv_close((uv_handle_t *) pipe, on_pipe_closed);

    return 1;
}


void
handover_execute(worker_t *worker, const char *program, char **argv)
{
    const struct {
        uv_pipe_t *listener;
        enum handover_kind kind;
    } listeners[] = {
        { &worker->listener, HANDOVER_FRAMES_LISTENER },
        { &worker->line_listener, HANDOVER_LINES_LISTENER }
    };
    int fd = memfd_create("qasino-handover", 0);
    char text[16];

    for (size_t i = 0; i < 2; i++) {
        handover_item_t item = { .kind = listeners[i].kind };

        (void) handover_keep(listeners[i].listener, &item, NULL);
    }

    (void) snprintf(text, sizeof(text), "%d", fd);

    if (fd == -1 || noted.failed || setenv(FD_ENV, text, 1) == -1
        || write(fd, MAGIC, MAGIC_SIZE) != MAGIC_SIZE
        || write(fd, noted.data, noted.length) != (ssize_t) noted.length)
    {
        qsn_log("cannot leave its connections to the new program: %s",
                strerror(errno));
        return;
    }

    argv[0] = (char *) program;
    (void) execv(program, argv);
    qsn_log("cannot become %s: %s", program, strerror(errno));
}


void
handover_read(void)
{
    const char *text = getenv(FD_ENV);
    int fd = text ? atoi(text) : -1;
    char magic[MAGIC_SIZE] = "";
    char bytes[65536];
    ssize_t n;
    off_t at = MAGIC_SIZE;

    if (fd == -1) {
        return;
    }

    (void) unsetenv(FD_ENV);

    if (pread(fd, magic, MAGIC_SIZE, 0) != MAGIC_SIZE
        || memcmp(magic, MAGIC, MAGIC_SIZE) != 0)
    {
        qsn_log("what the program before left is of another version");
        (void) close(fd);
        return;
    }

    while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
        qsn_buf_append(&noted, bytes, (size_t) n);
        at += n;
    }

    (void) close(fd);

    /* before there are children */
    const handover_item_t *item;
    size_t next = 0;

    while ((item = next_item(&noted, &next)) != NULL) {
        (void) fcntl(item->fd, F_SETFD, FD_CLOEXEC);
    }
}


int
handover_listener(enum handover_kind kind)
{
    const handover_item_t *item;
    size_t at = 0;

    while ((item = next_item(&noted, &at)) != NULL) {
        if (item->kind == (int32_t) kind) {
            return item->fd;
        }
    }

    return -1;
}


void
handover_adopt(worker_t *worker)
{
    const handover_item_t *item;
    size_t at = 0;
    int count = 0;

    while ((item = next_item(&noted, &at)) != NULL) {
        const char *data = (const char *) item + sizeof(*item);

        if (item->kind == HANDOVER_FRAMES) {
            connection_adopt(worker, item, data);
            count++;

        } else if (item->kind == HANDOVER_LINES) {
            line_adopt(worker, item, data);
            count++;
        }
    }

    if (noted.length) {
        qsn_log("goes on with %d connections of the program before", count);
    }

    qsn_buf_free(&noted);
}


/* One that cannot even say its version would take the server down. */
static int
try(worker_t *worker, const char *program)
{
    char *argv[] = { (char *) program, (char *) "--version", NULL };
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = 2 }
    };
    uv_process_options_t options = {
        .exit_cb = on_tried,
        .file = program,
        .args = argv,
        .stdio = stdio,
        .stdio_count = 3
    };

    trial = calloc(1, sizeof(*trial));

    if (trial == NULL) {
        return UV_ENOMEM;
    }

    trial->worker = worker;
    trial->program = program;
    trial->process.data = trial;
    trial->timer.data = trial;
    (void) uv_timer_init(&worker->loop, &trial->timer);

    int rc = uv_spawn(&worker->loop, &trial->process, &options);

    if (rc != 0) {
        end_trial();
        return rc;
    }

    (void) uv_timer_start(&trial->timer, on_slow_trial, TRIAL_MS, 0);
    uv_unref((uv_handle_t *) &trial->timer);
    uv_unref((uv_handle_t *) &trial->process);

    return 0;
}


static void
on_slow_trial(uv_timer_t *timer)
{
    trial_t *slow = timer->data;

    qsn_log("%s --version takes more than %d s", slow->program,
            TRIAL_MS / 1000);
    (void) uv_process_kill(&slow->process, SIGKILL);
}


static void
on_tried(uv_process_t *process, int64_t status, int number)
{
    trial_t *tried = process->data;
    worker_t *worker = tried->worker;
    const char *program = tried->program;

    end_trial();

    if (status != 0 || number != 0) {
        qsn_log("%s does not run: this program stays", program);
        return;
    }

    qsn_log("goes over to %s", program);
    worker->draining = 1;
    deadline_ms = uv_now(&worker->loop)
                  + 2 * (uint64_t) worker->settings.query_deadline_ms;
    look.data = worker;
    (void) uv_timer_init(&worker->loop, &look);
    (void) uv_timer_start(&look, on_look, 0, LOOK_MS);
    uv_unref((uv_handle_t *) &look);    /* a stop meanwhile is a stop */
    connection_balance_all(worker);
}


static void
end_trial(void)
{
    trial->open = 2;
    uv_close((uv_handle_t *) &trial->timer, on_trial_closed);
    uv_close((uv_handle_t *) &trial->process, on_trial_closed);
    trial = NULL;
}


static void
on_trial_closed(uv_handle_t *handle)
{
    trial_t *ended = handle->data;

    if (--ended->open == 0) {
        free(ended);
    }
}


static void
on_look(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    int late = uv_now(&worker->loop) >= deadline_ms;

    if (worker->draining == 0) {
        uv_close((uv_handle_t *) timer, NULL);  /* stopped meanwhile */
        return;
    }

    if (!late && (worker->held_first || !connection_all_quiet(worker)
                  || !line_all_quiet()))
    {
        return;
    }

    if (late) {
        qsn_log("some requests have not ended: they end with this program");
    }

    worker->draining = 2;
    uv_close((uv_handle_t *) timer, NULL);
    uv_stop(&worker->loop);
}


static void
on_pipe_closed(uv_handle_t *pipe)
{
    free(pipe);
}


/* A duplicate, which exec does not close. */
static int
keep_fd(int fd)
{
    return fcntl(fd, F_DUPFD, 3);
}


static const handover_item_t *
next_item(const qsn_buf_t *left, size_t *at)
{
    const handover_item_t *item;

    if (left->length - *at < sizeof(*item)) {
        return NULL;
    }

    item = (const handover_item_t *) (left->data + *at);

    if (left->length - *at - sizeof(*item) < padded(item->length)) {
        return NULL;
    }

    *at += sizeof(*item) + padded(item->length);

    return item;
}


/* Items stay aligned. */
static size_t
padded(size_t length)
{
    return (length + 7) / 8 * 8;
}
