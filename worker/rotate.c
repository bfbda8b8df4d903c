/*
 * One rotation, in this order:
 *
 *   ahead   the next file is made (spare.h), most publishers are listed in
 *           this one (ahead.h)
 *   loop    the time has come: what the server says of itself is gathered
 *   writer  when it comes to it among the publishes it ends a copy for
 *           use_write_db (write_copy.h), seals the file (seal.h), opens the
 *           next one and finds what is to be carried into that (next.h,
 *           carry.h); then it goes on writing
 *   loop    hears of it: who waits for a copy has the sealed file, and the
 *           query processes read its schema (preparation.h)
 *   loop    they are told to serve it, the page is published, the signal sent
 *   later   what persists is carried over, and what the file took of memory is
 *           freed (closing.h)
 *
 * Publishes wait while the writer is at it, so what can be done before or
 * after is.  Queries wait for nothing: until all processes are told the last
 * snapshot is served, and the new one to nobody.
 *
 * Killed anywhere in between, the next start finds either an open file to go
 * on with, or a sealed one to serve; never neither (recovery.h).
 *
 * The clock is the monotonic one.  The wall clock only names generations.
 */

#include "rotate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carry.h"
#include "closing.h"
#include "connection.h"
#include "direct.h"
#include "ingest.h"
#include "ahead.h"
#include "next.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "recovery.h"
#include "seal.h"
#include "write_copy.h"
#include "write_snapshot.h"

#define SEAL_MS      1000       /* to the next try */
#define PREPARED_MS  900        /* what the last snapshot is good for meanwhile:
                                   in nginx, no cache behind it keeps that */

struct rotation_s {
    job_t job;
    worker_t *worker;
    seal_info_t info;
    generation_t *spare;        /* NULL: none, or it is in use */
    uint64_t sealed;            /* numbers; 0: it could not be sealed */
    uint64_t next;
    seal_facts_t facts;         /* of the sealed one */
    generation_t *closing;      /* likewise; NULL: it is carried from first */
    snapshot_t *snapshot;       /* the sealed one */
    int refusing;               /* there is no room for what comes next */
};

static void on_rotation(uv_timer_t *timer);
static void run_rotation(job_t *job);
static void on_rotated(job_t *job);
static void take_turn(worker_t *worker);
static void rotation_free(rotation_t *rotation);
static snapshot_t *snapshot_of(worker_t *worker, uint64_t number);
static void serve(worker_t *worker, snapshot_t *snapshot);
static void publish_page(worker_t *worker, uint64_t left_ms);


int
rotate_start(worker_t *worker, char *error)
{
    leftovers_t found;
    uint64_t left;

    worker->page_state.static_version = worker->statics->version;

    if (recovery_run(worker, &found, &left, error) != 0) {
        return -1;
    }

    snapshot_t *snapshot = snapshot_of(worker, found.served);

    if (snapshot == NULL) {
        (void) snprintf(error, ROTATE_ERROR_SIZE, "out of memory");
        return -1;
    }

    serve(worker, snapshot);
    leftovers_clean_up(worker, &found);
    publish_page(worker, left);
    worker->rotation.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->rotation);
    (void) uv_timer_start(&worker->rotation, on_rotation, left, 0);
    preparation_start(worker);
    ahead_start(worker);
    ahead_expect(worker, left);
    next_start(worker);

    return 0;
}


void
rotate_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->rotation, NULL);
    preparation_stop(worker);

    if (worker->turn) {
        snapshot_put(worker->turn->snapshot);
        rotation_free(worker->turn);
    }

    next_stop(worker);
    ahead_stop(worker);
    spare_stop(&worker->spare);
    carry_stop(worker->writer.carry);
    generation_close(worker->writer.generation);
    worker->writer.generation = NULL;
    snapshot_put(worker->snapshot);
    worker->snapshot = NULL;
}


void
rotate_static_changed(worker_t *worker, uint64_t version)
{
    if (worker->page_state.static_version != version) {
        worker->page_state.static_version = version;
        qsn_page_publish(worker->page, &worker->page_state);
        pool_static_changed(worker->pool);
    }
}


void
rotate_signal(worker_t *worker, const char *first, qsn_buf_t *body)
{
    qsn_buf_printf(body, "{\"%s\", \"identity\": \"", first);
    qsn_buf_json(body, worker->settings.identity);
    qsn_buf_printf(body, "\", \"generation_number\": %llu, "
                   "\"generation_duration_s\": %.10g}",
                   (unsigned long long) worker->collecting,
                   (double) worker->settings.generation_duration_ms / 1000);
}


static void
on_rotation(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    uint64_t duration = (uint64_t) worker->settings.generation_duration_ms;
    rotation_t *rotation;

    (void) uv_timer_start(timer, on_rotation, duration, 0);
    ahead_expect(worker, duration);

    if (worker->rotating || worker->turn) {
        return;                 /* the last one is not over yet */
    }

    rotation = calloc(1, sizeof(*rotation));

    if (rotation == NULL || seal_info_gather(worker, &rotation->info) != 0) {
        qsn_log("out of memory at the turn of a generation");
        abort();                /* the next start tries again, loudly */
    }

    memset(&worker->stats, 0, sizeof(worker->stats));
    worker->slow.count = 0;
    rotation->job.run = run_rotation;
    rotation->job.done = on_rotated;
    rotation->worker = worker;
    rotation->spare = spare_take(&worker->spare);
    worker->rotating = 1;
    ingest_run(worker, &rotation->job);
}


/* On the writer. */
static void
run_rotation(job_t *job)
{
    rotation_t *rotation = (rotation_t *) job;
    worker_t *worker = rotation->worker;
    writer_t *writer = &worker->writer;
    uint64_t number = writer->number;
    char error[ROTATE_ERROR_SIZE];

    if (writer->generation == NULL) {
        rotation->refusing = 1; /* there is no room for one yet */
        return;
    }

    write_copy_stop(writer);    /* the sealed file has all of it */

    if (seal_current(worker, &rotation->info, &rotation->facts, error) != 0) {
        /* it stays open and is sealed a little later */
        qsn_log("generation %llu cannot be sealed: %s",
                (unsigned long long) number, error);
        rotation->refusing = 1;
        return;
    }

    generation_t *sealed = writer->generation;
    int locked = generation_unlock(sealed) != 0;

    memset(&writer->stats, 0, sizeof(writer->stats));
    writer->generation = NULL;
    writer->sealed = number;
    writer->number = next_number(number);
    next_begin(worker, &sealed, &rotation->spare);

    if (locked) {
        generation_close(sealed);
    } else {
        rotation->closing = sealed;
    }

    rotation->sealed = number;
    rotation->next = writer->number;
    rotation->refusing = writer->refusing[0] != '\0';
}


/* On the loop. */
static void
on_rotated(job_t *job)
{
    rotation_t *rotation = (rotation_t *) job;
    worker_t *worker = rotation->worker;

    worker->rotating = 0;
    spare_put(&worker->spare, rotation->spare);

    if (rotation->refusing) {
        spare_drop(&worker->spare);
        next_look_for_room(worker);
    }

    if (rotation->sealed == 0) {
        uint64_t duration =
            (uint64_t) worker->settings.generation_duration_ms;

        seal_info_give_back(worker, &rotation->info);
        (void) uv_timer_start(&worker->rotation, on_rotation,
                              duration < SEAL_MS ? duration : SEAL_MS, 0);
        rotation_free(rotation);
        return;
    }

    if (rotation->closing) {
        closing_begin(&worker->loop, rotation->closing);
    }

    rotation->snapshot = snapshot_of(worker, rotation->sealed);

    if (rotation->snapshot == NULL) {
        qsn_log("out of memory at the turn of a generation");
        abort();
    }

    worker->turn = rotation;
    worker->collecting = rotation->next;
    write_snapshot_turn(worker, rotation->snapshot);
    publish_page(worker, PREPARED_MS);
    preparation_begin(worker, rotation->snapshot, take_turn);
}


static void
take_turn(worker_t *worker)
{
    rotation_t *rotation = worker->turn;
    qsn_buf_t body = { 0 };

    worker->turn = NULL;
    seal_show(worker, &rotation->facts);
    serve(worker, rotation->snapshot);
    publish_page(worker, uv_timer_get_due_in(&worker->rotation));
    rotate_signal(worker, "op\": \"generation_signal", &body);
    connection_event(worker, worker->collecting, body.data, body.length);
    qsn_buf_free(&body);
    rotation_free(rotation);
}


static void
rotation_free(rotation_t *rotation)
{
    seal_info_free(&rotation->info);
    free(rotation);
}


static snapshot_t *
snapshot_of(worker_t *worker, uint64_t number)
{
    char *path = generation_path(worker->settings.db_dir, number);
    snapshot_t *snapshot = path ? snapshot_create(&worker->loop,
                                                  &worker->settings, number,
                                                  path) : NULL;

    if (snapshot == NULL) {
        free(path);
    }

    return snapshot;
}


/* From here on it is the worker's. */
static void
serve(worker_t *worker, snapshot_t *snapshot)
{
    snapshot_t *before = worker->snapshot;

    worker->snapshot = snapshot;

    if (before) {
        before->retired = 1;
    }

    pool_serve(worker->pool, snapshot, worker->page_state.static_version);
    direct_serve(worker, snapshot, worker->page_state.static_version);
    snapshot_put(before);
    worker->page_state.generation_number = snapshot->number;
}


static void
publish_page(worker_t *worker, uint64_t left_ms)
{
    qsn_page_state_t *state = &worker->page_state;

    state->duration_ms = (uint64_t) worker->settings.generation_duration_ms;
    state->expires_ms = qsn_clock_monotonic_ms() + left_ms;
    qsn_page_publish(worker->page, state);
}
