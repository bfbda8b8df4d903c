/*
 * A query process's life: started, told which snapshot to serve, killed,
 * buried, and started anew.  Its socket is descriptor 3.
 */

#include "query_process_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "priority.h"
#include "qsn_log.h"
#include "qsn_op.h"

#define RESPAWN_DELAY_MS  200
#define SCHEMA_MS         1000  /* past that it is no schema that takes it */

struct query_process_told_s {
    query_process_told_t *next;
    snapshot_t *snapshot;
    uint64_t told_ms;           /* loop time */
    uint64_t last_id;           /* of the queries sent before */
};

static void want(query_process_t *process, snapshot_t *snapshot,
    uint64_t static_version);
static void spawn(query_process_t *process);
static void tell_snapshot(query_process_t *process);
static int put_snapshot(query_process_t *process, enum qsn_op op,
    const snapshot_t *snapshot, uint64_t static_version);
static int is_before_queries(const query_process_t *process,
    const query_process_told_t *told);
static void on_kill_timer(uv_timer_t *timer);
static void on_respawn_timer(uv_timer_t *timer);
static void on_process_exit(subprocess_t *own, int status, int term_signal);
static void close_handles(query_process_t *process);
static int is_crash(int signal);
static void on_process_closed(uv_handle_t *handle);
static void let_go(query_process_t *process);
static qsn_frame_arg_t text_arg(const char *text);


void
query_process_init(query_process_t *process, uv_loop_t *loop,
    const qsn_settings_t *settings, const char *program, char **argv)
{
    process->loop = loop;
    process->settings = settings;
    process->program = program;
    process->argv = argv;
    process->extra_fd = -1;
    outgoing_init(&process->outgoing, (uv_stream_t *) &process->pipe, NULL);
}


void
query_process_serve(query_process_t *process, snapshot_t *snapshot,
    uint64_t static_version)
{
    int first = process->wanted == NULL;

    if (process->stopping) {
        return;
    }

    want(process, snapshot, static_version);

    if (first) {
        spawn(process);

    } else if (process->alive) {
        tell_snapshot(process);
    }
}


int
query_process_prepare(query_process_t *process, snapshot_t *snapshot,
    uint64_t static_version, query_process_prepared_pt done, void *data)
{
    if (!query_process_is_up(process) || process->told || process->preparing
        || process->yields || process->paused
        || put_snapshot(process, QSN_OP_PREPARE, snapshot, static_version)
           != 0)
    {
        return -1;
    }

    process->preparing = snapshot_get(snapshot);
    process->prepared = done;
    process->prepared_data = data;

    return 0;
}


int
query_process_prepares(const query_process_t *process,
    const snapshot_t *snapshot)
{
    return process->preparing == snapshot && !process->paused;
}


int
query_process_is_stuck(const query_process_t *process,
    const snapshot_t *snapshot)
{
    return process->preparing && process->preparing != snapshot
           && process->alive && !process->dying && !process->paused;
}


int
query_process_is_up(const query_process_t *process)
{
    return process->alive && !process->dying && process->confirmed;
}


int
query_process_is_behind(const query_process_t *process, uint64_t ms)
{
    return process->alive && !process->dying && process->told
           && uv_now(process->loop) - process->told->told_ms >= ms;
}


int
query_process_catches_up(const query_process_t *process)
{
    return process->told && process->sent_count > 0 && !process->dying
           && is_before_queries(process, process->told)
           && !query_process_is_behind(process, SCHEMA_MS);
}


int
query_process_ready(const query_process_t *process)
{
    return query_process_is_up(process)
           && process->sent_count < QUERY_PROCESS_AHEAD;
}


uint64_t
query_process_cpu(const query_process_t *process)
{
    clockid_t clock;
    struct timespec time;

    if (!process->alive
        || clock_getcpuclockid((pid_t) process->own.pid, &clock) != 0
        || clock_gettime(clock, &time) != 0)
    {
        return 0;
    }

    return (uint64_t) time.tv_sec * 1000000 + (uint64_t) time.tv_nsec / 1000;
}


void
query_process_end(query_process_t *process)
{
    process->ending = 1;

    if (process->alive) {
        query_process_kill(process);
    }
}


int
query_process_is_on(const query_process_t *process)
{
    return process->wanted && !process->ending;
}


int
query_process_is_off(const query_process_t *process)
{
    return process->wanted == NULL;
}


void
query_process_stop(query_process_t *process)
{
    process->stopping = 1;

    if (process->alive) {
        query_process_kill(process);

    } else if (process->open_handles == 0 && process->wanted) {
        /* it waits for its next start */
        (void) uv_timer_stop(&process->timer);
        on_respawn_timer(&process->timer);
    }
}


void
query_process_free(query_process_t *process)
{
    snapshot_put(process->wanted);
    qsn_buf_free(&process->in);
    outgoing_free(&process->outgoing);
}


void
query_process_kill(query_process_t *process)
{
    process->dying = 1;
    subprocess_kill(&process->own);
}


void
query_process_limit(query_process_t *process, uint64_t kill_ms)
{
    /* it goes off at times for nothing: cheaper than a timer a query */
    if (!uv_is_active((uv_handle_t *) &process->timer)) {
        (void) uv_timer_start(&process->timer, on_kill_timer, kill_ms, 0);
    }
}


void
query_process_give_way(query_process_t *process, int way)
{
    process->gives_way = way;

    if (way) {
        priority_give_way(process->own.pid,
                          (size_t) process->settings->query_slow_cores);
    } else {
        priority_usual(process->own.pid);
    }
}


void
query_process_yield(query_process_t *process, int niceness)
{
    priority_yield(process->own.pid, niceness,
                   (size_t) process->settings->query_slow_cores);
}


const char *
query_process_confirmed(query_process_t *process, const qsn_frame_t *frame,
    const uint8_t *body)
{
    query_process_told_t *told = process->told;

    if (told == NULL) {
        return "confirms a snapshot it was not told";
    }

    process->told = told->next;

    if (frame->status == 200) {
        snapshot_put(process->serving);
        process->serving = told->snapshot;

        if (!process->confirmed && !process->yields) {
            priority_usual_all(process->own.pid);
            process->gives_way = 0;
        }

        process->confirmed = 1;

        /* what waited for it begins now */
        if (process->sent_count > 0 && is_before_queries(process, told)) {
            process->since_ms = uv_now(process->loop);
        }

    } else {
        qsn_log("query process %d cannot serve %s: %.*s", process->own.pid,
                told->snapshot->path, (int) frame->body_length,
                (const char *) body);
        snapshot_put(told->snapshot);

        /* one that serves an old snapshot for ever is worse than none */
        if (process->told == NULL) {
            query_process_kill(process);
        }
    }

    free(told);

    if (query_process_ready(process)) {
        process->events->on_ready(process);
    }

    return NULL;
}


const char *
query_process_prepared(query_process_t *process)
{
    snapshot_t *snapshot = process->preparing;

    if (snapshot == NULL) {
        return "has prepared what it was not told to";
    }

    process->preparing = NULL;
    process->prepared(process->prepared_data, snapshot);
    snapshot_put(snapshot);

    return NULL;
}


static void
want(query_process_t *process, snapshot_t *snapshot, uint64_t static_version)
{
    snapshot_put(process->wanted);
    process->wanted = snapshot_get(snapshot);
    process->static_version = static_version;
}


static void
spawn(query_process_t *process)
{
    (void) uv_pipe_init(process->loop, &process->pipe, 0);
    (void) uv_timer_init(process->loop, &process->timer);
    process->own.exits.data = process;
    process->own.on_exit = on_process_exit;
    process->pipe.data = process;
    process->timer.data = process;
    process->open_handles = 3;
    process->paused = 0;
    process->yields = 0;
    process->killed = 0;
    process->ending = 0;
    process->overdue = 0;
    process->at_fault = 0;
    process->dying = 0;
    process->confirmed = 0;
    process->sent_count = 0;
    qsn_buf_clear(&process->in);
    qsn_buf_clear(&process->outgoing.queued);

    int rc = subprocess_start(&process->own, process->loop, process->program,
                              process->argv, &process->pipe,
                              process->extra_fd);

    if (rc != 0) {
        qsn_log("cannot start %s: %s", process->program, uv_strerror(rc));
        close_handles(process);
        return;
    }

    process->alive = 1;
    query_process_give_way(process, 1);
    query_process_listen(process);
    tell_snapshot(process);
}


static void
tell_snapshot(query_process_t *process)
{
    snapshot_t *snapshot = process->wanted;
    query_process_told_t *told = calloc(1, sizeof(*told));
    query_process_told_t **end = &process->told;

    if (told == NULL
        || put_snapshot(process, QSN_OP_SNAPSHOT, snapshot,
                        process->static_version) != 0)
    {
        /* a process that serves an old snapshot for ever is worse */
        free(told);
        query_process_kill(process);
        return;
    }

    told->snapshot = snapshot_get(snapshot);
    told->told_ms = uv_now(process->loop);
    told->last_id = process->next_id;

    while (*end) {
        end = &(*end)->next;
    }

    *end = told;
}


static int
put_snapshot(query_process_t *process, enum qsn_op op,
    const snapshot_t *snapshot, uint64_t static_version)
{
    qsn_frame_arg_t args[QSN_FRAME_TAGS] = { { 0 } };
    qsn_frame_t frame = { .type = QSN_FRAME_REQUEST, .op = (uint8_t) op };
    uint8_t number[8];
    uint8_t version[8];

    qsn_frame_store_u64(number, snapshot->number);
    qsn_frame_store_u64(version, static_version);
    args[QSN_ARG_SNAPSHOT] = text_arg(snapshot->path);
    args[QSN_ARG_STATIC_DB] = text_arg(process->settings->static_db);
    args[QSN_ARG_GENERATION] = (qsn_frame_arg_t) { number, 8 };
    args[QSN_ARG_STATIC_VERSION] = (qsn_frame_arg_t) { version, 8 };

    return query_process_put(process, &frame, args);
}


/* All that it has to do, which is something, came after it. */
static int
is_before_queries(const query_process_t *process,
    const query_process_told_t *told)
{
    return process->sent[0].id > told->last_id;
}


static void
on_kill_timer(uv_timer_t *timer)
{
    query_process_t *process = timer->data;

    if (process->sent_count == 0) {
        return;
    }

    uint64_t ran = uv_now(process->loop) - process->since_ms;

    if (ran < process->sent[0].kill_ms) {
        (void) uv_timer_start(timer, on_kill_timer,
                              process->sent[0].kill_ms - ran, 0);
        return;
    }

    qsn_log("query process %d did not stop at its deadline: killed",
            process->own.pid);
    process->overdue = 1;
    process->at_fault = !process->paused;   /* else its client is slow */
    query_process_kill(process);
}


static void
on_respawn_timer(uv_timer_t *timer)
{
    query_process_t *process = timer->data;

    process->open_handles = 1;
    uv_close((uv_handle_t *) timer, on_process_closed);
}


static void
on_process_exit(subprocess_t *own, int status, int term_signal)
{
    query_process_t *process = own->exits.data;

    process->alive = 0;
    process->at_fault |= is_crash(term_signal);
    process->killed = process->at_fault || process->dying ? 0 : term_signal;
    (void) uv_timer_stop(&process->timer);

    if (!process->stopping && !process->overdue && !process->ending) {
        qsn_log("query process %d died (status %d, signal %d)", own->pid,
                status, term_signal);
    }

    close_handles(process);

    process->events->on_death(process, process->overdue);

    process->sent_count = 0;
    (void) query_process_prepared(process);
}


static void
close_handles(query_process_t *process)
{
    let_go(process);
    uv_close((uv_handle_t *) &process->own.exits, on_process_closed);
    uv_close((uv_handle_t *) &process->pipe, on_process_closed);
    uv_close((uv_handle_t *) &process->timer, on_process_closed);
}


/* Not SIGKILL: that comes from outside, be it for what the process does. */
static int
is_crash(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT
           || signal == SIGFPE || signal == SIGILL || signal == SIGSYS;
}


/* All three are closed: start the next one, later if this one never lived. */
static void
on_process_closed(uv_handle_t *handle)
{
    query_process_t *process = handle->data;

    if (--process->open_handles || process->stopping) {
        return;
    }

    if (process->ending) {
        snapshot_put(process->wanted);
        process->wanted = NULL;
        return;
    }

    if (!process->confirmed) {
        process->confirmed = 1;
        (void) uv_timer_init(process->loop, &process->timer);
        process->timer.data = process;
        (void) uv_timer_start(&process->timer, on_respawn_timer,
                              RESPAWN_DELAY_MS, 0);
        return;
    }

    spawn(process);
}


/* Also lets go of what it served: a dead process reads nothing. */
static void
let_go(query_process_t *process)
{
    while (process->told) {
        query_process_told_t *told = process->told;

        process->told = told->next;
        snapshot_put(told->snapshot);
        free(told);
    }

    snapshot_put(process->serving);
    process->serving = NULL;
}


static qsn_frame_arg_t
text_arg(const char *text)
{
    return (qsn_frame_arg_t) { (const uint8_t *) text, strlen(text) };
}
