/*
 * A process is starting (told a snapshot, not yet confirmed), idle or busy.
 * It is told of a new snapshot at once and works through what it is told in
 * order, so a query sent after the news runs on the new snapshot.
 */

#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qsn_buf.h"
#include "qsn_log.h"
#include "qsn_op.h"
#include "qsn_reply.h"

#define FRAME_MAX         (8 * 1024 * 1024)     /* a query process's frames */
#define READ_SIZE         (256 * 1024)
#define RESPAWN_DELAY_MS  200
#define GENERATIONS_KEPT  3
#define CHILD_FD          3

typedef struct process_s process_t;

/* What a process was told to serve and has not confirmed yet. */
typedef struct told_s told_t;

struct told_s {
    told_t *next;
    snapshot_t *snapshot;
};

struct process_s {
    pool_t *pool;
    uv_process_t handle;
    uv_pipe_t pipe;
    uv_timer_t timer;           /* kills, or delays the next start */
    unsigned open_handles;
    int alive;
    int paused;
    int overdue;                /* killed for its query's deadline */
    int confirmed;              /* serves a snapshot since its start */
    snapshot_t *serving;
    told_t *told;               /* oldest first */
    query_t *query;
    uint64_t query_id;          /* of its frames */
    qsn_buf_t in;
};

struct pool_s {
    uv_loop_t *loop;
    const qsn_settings_t *settings;
    stats_t *stats;
    const char *program;
    char **argv;
    process_t *processes;
    size_t count;
    snapshot_t *snapshot;
    uint64_t static_version;
    uint64_t turn;              /* counts snapshots */
    query_t *first;             /* the queue */
    query_t *last;
    size_t queued;
    uv_timer_t queue_timer;
    uint64_t next_id;
    char *read_buffer;
    int stopping;
};

typedef struct {
    uv_write_t write;
    uint8_t data[];
} message_t;

static void spawn(process_t *process);
static void tell_snapshot(process_t *process);
static void dispatch(pool_t *pool);
static void send_query(process_t *process, query_t *query);
static int send_frame(process_t *process, qsn_frame_t *frame,
    const qsn_frame_arg_t *args);
static void on_sent(uv_write_t *write, int status);
static void arm_queue_timer(pool_t *pool);
static void on_queue_timer(uv_timer_t *timer);
static void on_kill_timer(uv_timer_t *timer);
static void on_respawn_timer(uv_timer_t *timer);
static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
static void take_frames(process_t *process);
static const char *take_frame(process_t *process, qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void on_snapshot_confirmed(process_t *process,
    const qsn_frame_t *frame, const uint8_t *body);
static void on_process_exit(uv_process_t *handle, int64_t status,
    int term_signal);
static void on_process_closed(uv_handle_t *handle);
static void pass_on(query_t *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void fail(pool_t *pool, query_t *query, unsigned status,
    const char *message);
static query_t *unqueue(pool_t *pool, query_t *query);
static void drop_told(process_t *process);


pool_t *
pool_create(uv_loop_t *loop, const qsn_settings_t *settings, stats_t *stats,
    const char *program, char **argv)
{
    pool_t *pool = calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }

    pool->loop = loop;
    pool->settings = settings;
    pool->stats = stats;
    pool->program = program;
    pool->argv = argv;
    pool->count = settings->query_processes
                  ? (size_t) settings->query_processes
                  : (size_t) uv_available_parallelism();
    pool->processes = calloc(pool->count, sizeof(*pool->processes));
    pool->read_buffer = malloc(READ_SIZE);

    if (pool->processes == NULL || pool->read_buffer == NULL) {
        free(pool->processes);
        free(pool->read_buffer);
        free(pool);
        return NULL;
    }

    (void) uv_timer_init(loop, &pool->queue_timer);
    pool->queue_timer.data = pool;

    return pool;
}


void
pool_destroy(pool_t *pool)
{
    pool->stopping = 1;
    uv_close((uv_handle_t *) &pool->queue_timer, NULL);

    for (size_t i = 0; i < pool->count; i++) {
        process_t *process = &pool->processes[i];

        if (process->alive) {
            (void) uv_process_kill(&process->handle, SIGKILL);
        }
    }

    while (pool->first) {
        fail(pool, unqueue(pool, pool->first), 503, "The server stops");
    }

    /* each exit is seen by the loop, which closes the handles */
    (void) uv_run(pool->loop, UV_RUN_DEFAULT);

    for (size_t i = 0; i < pool->count; i++) {
        qsn_buf_free(&pool->processes[i].in);
    }

    snapshot_put(pool->snapshot);
    free(pool->processes);
    free(pool->read_buffer);
    free(pool);
}


void
pool_serve(pool_t *pool, snapshot_t *snapshot, uint64_t static_version)
{
    snapshot_t *before = pool->snapshot;

    pool->snapshot = snapshot_get(snapshot);
    pool->static_version = static_version;
    pool->turn++;

    for (size_t i = 0; i < pool->count; i++) {
        process_t *process = &pool->processes[i];
        query_t *query = process->query;

        if (process->pool == NULL) {
            process->pool = pool;
            spawn(process);

        } else if (process->alive) {
            tell_snapshot(process);
        }

        if (query && pool->turn - query->turn >= GENERATIONS_KEPT) {
            query->stale = 1;
            pool_cancel(pool, query);
        }
    }

    snapshot_put(before);
}


void
pool_submit(pool_t *pool, query_t *query)
{
    query->next = NULL;
    query->process = NULL;
    query->stale = 0;
    query->answered = 0;
    query->queued_ms = uv_now(pool->loop);
    pool->stats->sql_received++;

    if (pool->queued >= (size_t) pool->settings->query_queue) {
        fail(pool, query, 503, "Too many queries are waiting (query_queue)");
        return;
    }

    if (pool->last) {
        pool->last->next = query;
    } else {
        pool->first = query;
    }

    pool->last = query;
    pool->queued++;
    dispatch(pool);
    arm_queue_timer(pool);
}


void
pool_cancel(pool_t *pool, query_t *query)
{
    if (query->process == NULL) {
        (void) unqueue(pool, query);
        fail(pool, query, 503, "The query was cancelled");
        return;
    }

    process_t *process = query->process;
    qsn_frame_t frame = {
        .type = QSN_FRAME_CANCEL,
        .id = process->query_id
    };

    pool_resume(query);         /* its last frame must come through */

    if (process->query == query) {
        (void) send_frame(process, &frame, NULL);
    }
}


void
pool_pause(query_t *query)
{
    process_t *process = query->process;

    if (process && !process->paused) {
        process->paused = 1;
        (void) uv_read_stop((uv_stream_t *) &process->pipe);
    }
}


void
pool_resume(query_t *query)
{
    process_t *process = query->process;

    if (process && process->paused) {
        process->paused = 0;
        (void) uv_read_start((uv_stream_t *) &process->pipe, on_alloc,
                             on_read);
        /* what is here already; it may answer the query, or pause again */
        take_frames(process);
    }
}


static void
spawn(process_t *process)
{
    pool_t *pool = process->pool;
    uv_stdio_container_t stdio[CHILD_FD + 1] = {
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
          .data.stream = (uv_stream_t *) &process->pipe }
    };
    uv_process_options_t options = {
        .file = pool->program,
        .args = pool->argv,
        .stdio = stdio,
        .stdio_count = CHILD_FD + 1,
        .exit_cb = on_process_exit
    };

    (void) uv_pipe_init(pool->loop, &process->pipe, 0);
    (void) uv_timer_init(pool->loop, &process->timer);
    process->handle.data = process;
    process->pipe.data = process;
    process->timer.data = process;
    process->open_handles = 3;
    process->paused = 0;
    process->overdue = 0;
    process->confirmed = 0;
    qsn_buf_clear(&process->in);

    int rc = uv_spawn(pool->loop, &process->handle, &options);

    if (rc != 0) {
        qsn_log("cannot start %s: %s", pool->program, uv_strerror(rc));
        on_process_exit(&process->handle, 0, 0);
        return;
    }

    process->alive = 1;
    (void) uv_read_start((uv_stream_t *) &process->pipe, on_alloc, on_read);
    tell_snapshot(process);
}


static void
tell_snapshot(process_t *process)
{
    pool_t *pool = process->pool;
    const char *path = pool->snapshot->path;
    const char *static_db = pool->settings->static_db;
    qsn_frame_arg_t args[QSN_FRAME_TAGS] = { { 0 } };
    qsn_frame_t frame = {
        .type = QSN_FRAME_REQUEST,
        .op = QSN_OP_SNAPSHOT
    };
    uint8_t number[8];
    uint8_t version[8];
    told_t *told = calloc(1, sizeof(*told));
    told_t **end = &process->told;

    qsn_frame_store_u64(number, pool->snapshot->number);
    qsn_frame_store_u64(version, pool->static_version);
    args[QSN_ARG_SNAPSHOT] = (qsn_frame_arg_t) { (const uint8_t *) path,
                                                 strlen(path) };
    args[QSN_ARG_STATIC_DB] = (qsn_frame_arg_t) {
        (const uint8_t *) static_db, strlen(static_db) };
    args[QSN_ARG_GENERATION] = (qsn_frame_arg_t) { number, 8 };
    args[QSN_ARG_STATIC_VERSION] = (qsn_frame_arg_t) { version, 8 };

    if (told == NULL || send_frame(process, &frame, args) != 0) {
        /* a process that serves an old snapshot for ever is worse */
        free(told);
        (void) uv_process_kill(&process->handle, SIGKILL);
        return;
    }

    told->snapshot = snapshot_get(pool->snapshot);

    while (*end) {
        end = &(*end)->next;
    }

    *end = told;
}


static void
dispatch(pool_t *pool)
{
    for (size_t i = 0; i < pool->count && pool->first; i++) {
        process_t *process = &pool->processes[i];

        if (process->alive && process->confirmed && process->query == NULL) {
            send_query(process, unqueue(pool, pool->first));
        }
    }
}


static void
send_query(process_t *process, query_t *query)
{
    pool_t *pool = process->pool;
    uint64_t deadline = (uint64_t) pool->settings->query_deadline_ms;
    qsn_frame_arg_t args[QSN_FRAME_TAGS] = { { 0 } };
    uint8_t milliseconds[8];
    qsn_frame_t frame = {
        .type = QSN_FRAME_REQUEST,
        .op = query->op,
        .format = query->format,
        .flags = query->flags,
        .id = ++pool->next_id
    };

    qsn_frame_store_u64(milliseconds, deadline);
    args[QSN_ARG_SQL] = (qsn_frame_arg_t) { (const uint8_t *) query->sql,
                                            query->sql_length };
    args[QSN_ARG_DEADLINE_MS] = (qsn_frame_arg_t) { milliseconds, 8 };

    if (query->snapshot) {
        args[QSN_ARG_SNAPSHOT] = (qsn_frame_arg_t) {
            (const uint8_t *) query->snapshot->path,
            strlen(query->snapshot->path) };
    }

    query->process = process;
    query->turn = pool->turn;
    process->query = query;
    process->query_id = frame.id;

    if (send_frame(process, &frame, args) != 0) {
        process->query = NULL;
        fail(pool, query, 503, "out of memory");
        return;
    }

    (void) uv_timer_start(&process->timer, on_kill_timer, 2 * deadline, 0);
}


/* args is by tag, NULL: none.  0, or -1 without memory. */
static int
send_frame(process_t *process, qsn_frame_t *frame,
    const qsn_frame_arg_t *args)
{
    size_t length = 0;

    for (int tag = 0; args && tag < QSN_FRAME_TAGS; tag++) {
        length += args[tag].data ? qsn_frame_arg_size(args[tag].length) : 0;
    }

    message_t *message = malloc(sizeof(*message) + QSN_FRAME_HEADER_SIZE
                                + length);

    if (message == NULL) {
        return -1;
    }

    uint8_t *out = message->data + QSN_FRAME_HEADER_SIZE;

    frame->args_length = (uint32_t) length;
    qsn_frame_encode(message->data, frame);

    for (int tag = 0; args && tag < QSN_FRAME_TAGS; tag++) {
        if (args[tag].data) {
            out = qsn_frame_put_arg(out, (enum qsn_frame_tag) tag,
                                    args[tag].data, args[tag].length);
        }
    }

    uv_buf_t buf = uv_buf_init((char *) message->data,
                               (unsigned) (out - message->data));

    if (uv_write(&message->write, (uv_stream_t *) &process->pipe, &buf, 1,
                 on_sent) != 0)
    {
        free(message);          /* it has died: its exit is on the way */
    }

    return 0;
}


static void
on_sent(uv_write_t *write, int status)
{
    (void) status;

    free(write);                /* first member of its message */
}


/* The first in the queue has waited longest. */
static void
arm_queue_timer(pool_t *pool)
{
    uint64_t patience = (uint64_t) pool->settings->query_deadline_ms;

    if (pool->first == NULL) {
        (void) uv_timer_stop(&pool->queue_timer);
        return;
    }

    uint64_t waited = uv_now(pool->loop) - pool->first->queued_ms;

    (void) uv_timer_start(&pool->queue_timer, on_queue_timer,
                          waited < patience ? patience - waited : 0, 0);
}


static void
on_queue_timer(uv_timer_t *timer)
{
    pool_t *pool = timer->data;
    uint64_t patience = (uint64_t) pool->settings->query_deadline_ms;

    while (pool->first
           && uv_now(pool->loop) - pool->first->queued_ms >= patience)
    {
        fail(pool, unqueue(pool, pool->first), 503, "All query processes "
             "were busy for as long as a query may take (query_deadline)");
    }

    arm_queue_timer(pool);
}


static void
on_kill_timer(uv_timer_t *timer)
{
    process_t *process = timer->data;

    qsn_log("query process %d did not stop at its deadline: killed",
            process->handle.pid);
    process->overdue = 1;
    (void) uv_process_kill(&process->handle, SIGKILL);
}


static void
on_respawn_timer(uv_timer_t *timer)
{
    process_t *process = timer->data;

    process->open_handles = 1;
    uv_close((uv_handle_t *) timer, on_process_closed);
}


static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    pool_t *pool = ((process_t *) handle->data)->pool;

    (void) hint;

    *buf = uv_buf_init(pool->read_buffer, READ_SIZE);
}


static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    process_t *process = stream->data;

    if (n < 0) {
        (void) uv_read_stop(stream);    /* its exit is on the way */
        return;
    }

    qsn_buf_append(&process->in, buf->base, (size_t) n);
    take_frames(process);
}


static void
take_frames(process_t *process)
{
    size_t at = 0;
    const char *wrong = process->in.failed ? "out of memory" : NULL;

    while (!process->paused && wrong == NULL
           && process->in.length - at >= QSN_FRAME_HEADER_SIZE)
    {
        const uint8_t *head = (uint8_t *) process->in.data + at;
        qsn_frame_t frame;

        wrong = qsn_frame_decode(head, &frame);

        if (wrong == NULL && frame.body_length > FRAME_MAX) {
            wrong = "frame is too long";
        }

        if (wrong) {
            break;
        }

        size_t size = QSN_FRAME_HEADER_SIZE + frame.args_length
                      + (size_t) frame.body_length;

        if (process->in.length - at < size) {
            break;
        }

        wrong = take_frame(process, &frame, head + QSN_FRAME_HEADER_SIZE,
                           head + QSN_FRAME_HEADER_SIZE + frame.args_length);
        at += size;
    }

    qsn_buf_consume(&process->in, at);

    if (wrong) {
        qsn_log("query process %d: %s: killed", process->handle.pid, wrong);
        (void) uv_read_stop((uv_stream_t *) &process->pipe);
        (void) uv_process_kill(&process->handle, SIGKILL);
    }
}


static const char *
take_frame(process_t *process, qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    pool_t *pool = process->pool;
    query_t *query = process->query;

    if (frame->type == QSN_FRAME_RESPONSE && frame->op == QSN_OP_SNAPSHOT) {
        if (process->told == NULL) {
            return "confirms a snapshot it was not told";
        }

        on_snapshot_confirmed(process, frame, body);
        return NULL;
    }

    if (query == NULL || frame->id != process->query_id
        || frame->type != (query->answered ? QSN_FRAME_DATA
                                           : QSN_FRAME_RESPONSE))
    {
        return "answers what was not asked";
    }

    if (frame->flags & QSN_FLAG_MORE) {
        query->answered = 1;
        pass_on(query, frame, args, body);
        return NULL;
    }

    process->query = NULL;
    (void) uv_timer_stop(&process->timer);

    if (query->stale && frame->status != 200 && !query->answered) {
        fail(pool, query, 504, "The query was still running three "
             "generations later");

    } else {
        int good = query->answered ? !(frame->flags & QSN_FLAG_ABORT)
                                   : frame->status == 200;

        pool->stats->sql_completed += good;
        pool->stats->sql_errors += !good;
        pass_on(query, frame, args, body);
    }

    dispatch(pool);
    arm_queue_timer(pool);

    return NULL;
}


static void
on_snapshot_confirmed(process_t *process, const qsn_frame_t *frame,
    const uint8_t *body)
{
    told_t *told = process->told;

    process->told = told->next;

    if (frame->status == 200) {
        snapshot_put(process->serving);
        process->serving = told->snapshot;
        process->confirmed = 1;

    } else {
        qsn_log("query process %d cannot serve %s: %.*s", process->handle.pid,
                told->snapshot->path, (int) frame->body_length,
                (const char *) body);
        snapshot_put(told->snapshot);

        if (!process->confirmed && process->told == NULL) {
            (void) uv_process_kill(&process->handle, SIGKILL);
        }
    }

    free(told);
    dispatch(process->pool);
    arm_queue_timer(process->pool);
}


static void
on_process_exit(uv_process_t *handle, int64_t status, int term_signal)
{
    process_t *process = handle->data;
    pool_t *pool = process->pool;
    query_t *query = process->query;

    process->alive = 0;
    process->query = NULL;
    (void) uv_timer_stop(&process->timer);

    if (!pool->stopping && process->open_handles && !process->overdue) {
        qsn_log("query process %d died (status %d, signal %d)", handle->pid,
                (int) status, term_signal);
    }

    drop_told(process);
    uv_close((uv_handle_t *) &process->handle, on_process_closed);
    uv_close((uv_handle_t *) &process->pipe, on_process_closed);
    uv_close((uv_handle_t *) &process->timer, on_process_closed);

    if (query && process->overdue) {
        fail(pool, query, 504, "The query did not stop at its deadline "
             "(query_deadline): its process was killed");
    } else if (query) {
        fail(pool, query, 500, "The query's process died");
    }
}


/* All three are closed: start the next one, later if this one never lived. */
static void
on_process_closed(uv_handle_t *handle)
{
    process_t *process = handle->data;
    pool_t *pool = process->pool;

    if (--process->open_handles || pool->stopping) {
        return;
    }

    if (!process->confirmed) {
        process->confirmed = 1;
        (void) uv_timer_init(pool->loop, &process->timer);
        process->timer.data = process;
        (void) uv_timer_start(&process->timer, on_respawn_timer,
                              RESPAWN_DELAY_MS, 0);
        return;
    }

    spawn(process);
}


static void
pass_on(query_t *query, const qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    if (!(frame->flags & QSN_FLAG_MORE)) {
        query->process = NULL;
    }

    query->on_frame(query, frame, args, body);
}


/* The last frame of a query, made here. */
static void
fail(pool_t *pool, query_t *query, unsigned status, const char *message)
{
    size_t length = strlen(message);
    qsn_frame_t frame = {
        .type = QSN_FRAME_RESPONSE,
        .op = query->op,
        .format = query->format,
        .status = (uint16_t) status
    };

    pool->stats->sql_errors++;

    if (query->answered) {
        frame.type = QSN_FRAME_DATA;
        frame.status = 0;
        frame.flags = QSN_FLAG_ABORT;
        frame.body_length = length;
        pass_on(query, &frame, NULL, (const uint8_t *) message);
        return;
    }

    const char *identity = pool->settings->identity;
    size_t size = qsn_reply_error_size(query->format, identity, message,
                                       length);
    uint8_t *body = malloc(size);

    if (body) {
        (void) qsn_reply_error((char *) body, query->format, identity,
                               message, length);
        frame.body_length = size;
    }

    pass_on(query, &frame, NULL, body);
    free(body);
}


static query_t *
unqueue(pool_t *pool, query_t *query)
{
    query_t **at = &pool->first;
    query_t *before = NULL;

    while (*at != query) {
        before = *at;
        at = &before->next;
    }

    *at = query->next;

    if (pool->last == query) {
        pool->last = before;
    }

    pool->queued--;

    return query;
}


/* Also lets go of what it served: a dead process reads nothing. */
static void
drop_told(process_t *process)
{
    while (process->told) {
        told_t *told = process->told;

        process->told = told->next;
        snapshot_put(told->snapshot);
        free(told);
    }

    snapshot_put(process->serving);
    process->serving = NULL;
}
