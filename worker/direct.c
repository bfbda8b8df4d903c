#include "direct.h"

#include <stdlib.h>
#include <unistd.h>

#include "pool.h"
#include "qsn_counts.h"
#include "qsn_log.h"
#include "query_process.h"
#include "unix_socket.h"

#define HANGS_MS  1000          /* without a word of the last snapshot */

typedef struct {
    query_process_t process;
    worker_t *worker;
    qsn_counts_t *counts;
    uint64_t completed;         /* of them, taken over */
    uint64_t errors;
    uint64_t begun;             /* connections, of which ->counts says how
                                   many have ended */
} asked_t;

struct direct_s {
    asked_t *asked;
    size_t count;
    size_t last;                /* that was given a connection */
    uv_pipe_t listener;
    uv_prepare_t before_poll;
};

static void on_ready(query_process_t *process);
static void on_death(query_process_t *process, int overdue);
static int asked_init(asked_t *asked, worker_t *worker, const char *program,
    char **argv);
static void asked_free(asked_t *asked);
static void free_all(direct_t *direct);
static void on_before_poll(uv_prepare_t *prepare);
static void on_connection(uv_stream_t *listener, int status);
static void give(direct_t *direct, int fd);
static uint64_t connections(const asked_t *asked);
static uint64_t ended(const asked_t *asked);
static void on_closed(uv_handle_t *pipe);
static uint64_t take_over(uint64_t *before, _Atomic uint64_t *now);

static const query_process_events_t events = {
    .on_ready = on_ready,
    .on_death = on_death            /* and no queries are sent */
};


direct_t *
direct_create(worker_t *worker, const char *program, char **argv)
{
    direct_t *direct = calloc(1, sizeof(*direct));
    size_t most = pool_per_core(worker->settings.query_processes);
    size_t count = pool_per_core(worker->settings.nginx_workers);

    if (direct == NULL) {
        return NULL;
    }

    count = count < most ? count : most;
    direct->asked = calloc(count, sizeof(*direct->asked));

    while (direct->asked && direct->count < count
           && asked_init(&direct->asked[direct->count], worker, program, argv)
              == 0)
    {
        direct->count++;
    }

    if (direct->asked == NULL || direct->count < count) {
        free_all(direct);
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

    for (size_t i = 0; i < direct->count; i++) {
        query_process_stop(&direct->asked[i].process);
    }

    uv_close((uv_handle_t *) &direct->listener, NULL);
    uv_close((uv_handle_t *) &direct->before_poll, NULL);
}


void
direct_free(worker_t *worker)
{
    free_all(worker->direct);
}


/* One that has not even begun with the last would keep all of them. */
void
direct_serve(worker_t *worker, snapshot_t *snapshot, uint64_t static_version)
{
    direct_t *direct = worker->direct;

    for (size_t i = 0; i < direct->count; i++) {
        query_process_t *process = &direct->asked[i].process;

        if (query_process_is_behind(process, HANGS_MS)
            || query_process_is_stuck(process, snapshot))
        {
            qsn_log("query process %d hangs: killed", process->own.pid);
            query_process_kill(process);
        }

        query_process_serve(process, snapshot, static_version);
    }
}


size_t
direct_processes(const worker_t *worker)
{
    return worker->direct->count;
}


query_process_t *
direct_process(const worker_t *worker, size_t i)
{
    return &worker->direct->asked[i].process;
}


void
direct_count(worker_t *worker, stats_t *stats)
{
    direct_t *direct = worker->direct;

    for (size_t i = 0; i < direct->count; i++) {
        asked_t *asked = &direct->asked[i];
        uint64_t completed = take_over(&asked->completed,
                                       &asked->counts->completed);
        uint64_t errors = take_over(&asked->errors, &asked->counts->errors);

        stats->sql_received += completed + errors;
        stats->sql_completed += completed;
        stats->sql_errors += errors;
    }
}


/* Queries come to it without us. */
static void
on_ready(query_process_t *process)
{
    (void) process;
}


/* Its connections have ended with it. */
static void
on_death(query_process_t *process, int overdue)
{
    asked_t *asked = process->owner;

    (void) overdue;

    asked->begun = ended(asked);
}


static int
asked_init(asked_t *asked, worker_t *worker, const char *program, char **argv)
{
    query_process_init(&asked->process, &worker->loop, &worker->settings,
                       program, argv);
    asked->worker = worker;
    asked->process.owner = asked;
    asked->process.events = &events;
    asked->process.extra_fd = qsn_counts_create(&asked->counts);

    return asked->process.extra_fd == -1 ? -1 : 0;
}


static void
asked_free(asked_t *asked)
{
    query_process_free(&asked->process);
    (void) close(asked->process.extra_fd);
    qsn_counts_unmap(asked->counts);
}


static void
free_all(direct_t *direct)
{
    for (size_t i = 0; i < direct->count; i++) {
        asked_free(&direct->asked[i]);
    }

    free(direct->asked);
    free(direct);
}


static void
on_before_poll(uv_prepare_t *prepare)
{
    direct_t *direct = prepare->data;

    for (size_t i = 0; i < direct->count; i++) {
        query_process_flush(&direct->asked[i].process);
    }
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
        give(worker->direct, fd);
    }

    uv_close((uv_handle_t *) pipe, on_closed);
}


/*
 * To the one with the fewest; of several to the one whose turn it is, as the
 * others may have some that are about to end.  If it has only begun nginx
 * comes again: with another the connection would stay for ever.  Not to one
 * that cannot even begin.
 */
static void
give(direct_t *direct, int fd)
{
    size_t least = direct->count;

    for (size_t n = 1; n <= direct->count; n++) {
        size_t i = (direct->last + n) % direct->count;

        if (direct->asked[i].process.alive
            && (least == direct->count
                || connections(&direct->asked[i])
                   < connections(&direct->asked[least])))
        {
            least = i;
        }
    }

    if (least < direct->count
        && query_process_give(&direct->asked[least].process, fd) == 0)
    {
        direct->asked[least].begun++;
        direct->last = least;
    }
}


static uint64_t
connections(const asked_t *asked)
{
    uint64_t gone = ended(asked);

    return asked->begun > gone ? asked->begun - gone : 0;
}


static uint64_t
ended(const asked_t *asked)
{
    return atomic_load_explicit(&asked->counts->ended, memory_order_relaxed);
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
