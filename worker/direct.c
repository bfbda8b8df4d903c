#include "direct.h"

#include <stdlib.h>
#include <unistd.h>

#include "qsn_counts.h"
#include "qsn_log.h"
#include "query_process.h"
#include "unix_socket.h"

#define HANGS_MS  1000          /* without a word of the last snapshot */

struct direct_s {
    query_process_t process;
    uv_pipe_t listener;
    uv_prepare_t before_poll;
    qsn_counts_t *counts;
    uint64_t completed;         /* of them, taken over */
    uint64_t errors;
};

static void on_before_poll(uv_prepare_t *prepare);
static void on_connection(uv_stream_t *listener, int status);
static void on_closed(uv_handle_t *pipe);
static uint64_t take_over(uint64_t *before, _Atomic uint64_t *now);


direct_t *
direct_create(worker_t *worker, const char *program, char **argv)
{
    direct_t *direct = calloc(1, sizeof(*direct));

    if (direct == NULL) {
        return NULL;
    }

    query_process_init(&direct->process, &worker->loop, &worker->settings,
                       program, argv);
    direct->process.extra_fd = qsn_counts_create(&direct->counts);

    if (direct->process.extra_fd == -1) {
        free(direct);
        return NULL;
    }

    (void) uv_prepare_init(&worker->loop, &direct->before_poll);
    (void) uv_prepare_start(&direct->before_poll, on_before_poll);
    direct->before_poll.data = direct;

    return direct;
}


int
direct_listen(worker_t *worker)
{
    return unix_socket_listen(worker, &worker->direct->listener,
                              QSN_QUERY_SOCKET, HANDOVER_NOTHING,
                              on_connection);
}


void
direct_stop(worker_t *worker)
{
    direct_t *direct = worker->direct;

    query_process_stop(&direct->process);
    uv_close((uv_handle_t *) &direct->listener, NULL);
    uv_close((uv_handle_t *) &direct->before_poll, NULL);
}


void
direct_free(worker_t *worker)
{
    direct_t *direct = worker->direct;

    query_process_free(&direct->process);
    (void) close(direct->process.extra_fd);
    qsn_counts_unmap(direct->counts);
    free(direct);
}


/* One that has not even begun with the last would keep all of them. */
void
direct_serve(worker_t *worker, snapshot_t *snapshot, uint64_t static_version)
{
    query_process_t *process = &worker->direct->process;

    if (query_process_is_behind(process, HANGS_MS)) {
        qsn_log("query process %d hangs: killed", process->own.pid);
        query_process_kill(process);
    }

    query_process_serve(process, snapshot, static_version);
}


void
direct_count(worker_t *worker, stats_t *stats)
{
    direct_t *direct = worker->direct;
    uint64_t completed = take_over(&direct->completed,
                                   &direct->counts->completed);
    uint64_t errors = take_over(&direct->errors, &direct->counts->errors);

    stats->sql_received += completed + errors;
    stats->sql_completed += completed;
    stats->sql_errors += errors;
}


static void
on_before_poll(uv_prepare_t *prepare)
{
    direct_t *direct = prepare->data;

    query_process_flush(&direct->process);
}


static void
on_connection(uv_stream_t *listener, int status)
{
    worker_t *worker = listener->data;
    uv_pipe_t *pipe;
    uv_os_fd_t fd;

    if (status < 0 || (pipe = malloc(sizeof(*pipe))) == NULL) {
        qsn_log("cannot accept a connection for queries: %s",
                uv_strerror(status < 0 ? status : UV_ENOMEM));
        return;
    }

    (void) uv_pipe_init(&worker->loop, pipe, 0);

    if (unix_socket_accept(worker, listener, pipe) == 0
        && uv_fileno((uv_handle_t *) pipe, &fd) == 0)
    {
        query_process_give(&worker->direct->process, fd);
    }

    uv_close((uv_handle_t *) pipe, on_closed);
}


static void
on_closed(uv_handle_t *pipe)
{
    free(pipe);
}


static uint64_t
take_over(uint64_t *before, _Atomic uint64_t *now)
{
    uint64_t count = atomic_load_explicit(now, memory_order_relaxed);
    uint64_t new = count - *before;

    *before = count;

    return new;
}
