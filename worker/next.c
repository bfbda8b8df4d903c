/*
 * Without room for the next generation there is none for a while: the sealed
 * one is served, publishes are refused, and every ROOM_MS it is tried again.
 * So it is while the reserve (budget.h) is spent, which sealing may do.
 */

#include "next.h"

#include <stdio.h>
#include <stdlib.h>

#include "carry.h"
#include "closing.h"
#include "ingest.h"
#include "qsn_clock.h"
#include "qsn_log.h"

#define ROOM_MS   200
#define CARRY_MS  10            /* whom the turn has woken goes first */

typedef struct {
    job_t job;
    worker_t *worker;
    int refusing;               /* there is no room yet */
} room_t;

static generation_t *open_file(worker_t *worker, generation_t **spare,
    char *error);
static void close_sealed(void *data, generation_t *generation);
static void discard(worker_t *worker);
static void on_room(uv_timer_t *timer);
static void run_room(job_t *job);
static void on_room_looked(job_t *job);


/* Numbers are epoch seconds, and strictly increasing whatever the clock. */
uint64_t
next_number(uint64_t after)
{
    uint64_t number = (uint64_t) qsn_clock_epoch();

    return number > after ? number : after + 1;
}


void
next_begin(worker_t *worker, generation_t **sealed, generation_t **spare)
{
    writer_t *writer = &worker->writer;
    char error[GENERATION_ERROR_SIZE] = "no room";

    writer->carry_waits = 0;

    if (writer->generation == NULL) {
        writer->generation = open_file(worker, spare, error);

        if (writer->generation == NULL
            || next_carry(worker, sealed, error) != 0)
        {
            discard(worker);
            next_refuse(writer, error);
            return;
        }
    }

    budget_limit(&writer->generation->store, writer->budget.max_generation);

    if (!writer->budget.reserved && budget_make_reserve(&writer->budget) != 0)
    {
        next_refuse(writer, "the file system of db_dir is full");
    }
}


int
next_carry(worker_t *worker, generation_t **sealed, char *error)
{
    writer_t *writer = &worker->writer;
    char *path = generation_path(worker->settings.db_dir, writer->sealed);
    int rc = -1;

    if (path == NULL) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");

    } else if (sealed) {
        carry_source_t source = { *sealed, close_sealed, worker };

        rc = carry_expect(writer->generation, path, &(*sealed)->store.catalog,
                          &source, &writer->carry, error);

        if (writer->carry) {
            *sealed = NULL;
        }

        writer->carry_from_ms = qsn_clock_monotonic_ms() + CARRY_MS;
    } else {
        rc = carry_begin(writer->generation, path, &writer->carry, error);
    }

    free(path);

    return rc;
}


void
next_refuse(writer_t *writer, const char *why)
{
    if (writer->refusing[0] == '\0') {
        qsn_log("publishes are refused for now: %s", why);
    }

    (void) snprintf(writer->refusing, sizeof(writer->refusing), "%s", why);
}


void
next_start(worker_t *worker)
{
    worker->room.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->room);

    if (worker->writer.refusing[0]) {
        next_look_for_room(worker);
    }
}


void
next_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->room, NULL);
}


void
next_look_for_room(worker_t *worker)
{
    if (!uv_is_active((uv_handle_t *) &worker->room)) {
        (void) uv_timer_start(&worker->room, on_room, ROOM_MS, 0);
    }
}


static generation_t *
open_file(worker_t *worker, generation_t **spare, char *error)
{
    uint64_t number = worker->writer.number;
    generation_t *generation = spare ? *spare : NULL;

    if (generation) {
        *spare = NULL;

        if (generation_name(generation, &worker->settings, number, error)
            == 0)
        {
            return generation;
        }

        generation_discard(generation);
    }

    return generation_open(&worker->settings, number, error);
}


static void
close_sealed(void *data, generation_t *generation)
{
    worker_t *worker = data;

    closing_later(&worker->loop, worker->writer.answers, generation);
}


/* Nothing has been published into it. */
static void
discard(worker_t *worker)
{
    writer_t *writer = &worker->writer;
    char *path = generation_path(worker->settings.db_dir, writer->number);

    carry_stop(writer->carry);
    writer->carry = NULL;
    generation_close(writer->generation);
    writer->generation = NULL;

    if (path) {
        generation_unlink(path);
    }

    free(path);
}


static void
on_room(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    room_t *room = calloc(1, sizeof(*room));

    if (room == NULL) {
        next_look_for_room(worker);
        return;
    }

    pool_drop_retired(worker->pool);
    room->job.run = run_room;
    room->job.done = on_room_looked;
    room->worker = worker;
    ingest_run(worker, &room->job);
}


/* On the writer. */
static void
run_room(job_t *job)
{
    room_t *room = (room_t *) job;
    writer_t *writer = &room->worker->writer;

    if (writer->generation == NULL) {
        next_begin(room->worker, NULL, NULL);
    }

    if (writer->generation && budget_make_reserve(&writer->budget) == 0) {
        writer->refusing[0] = '\0';
        writer->carry_waits = 0;
        qsn_log("there is room again: collects into generation %llu",
                (unsigned long long) writer->number);
    }

    room->refusing = writer->refusing[0] != '\0';
}


/* On the loop. */
static void
on_room_looked(job_t *job)
{
    room_t *room = (room_t *) job;

    if (room->refusing) {
        next_look_for_room(room->worker);
    }

    free(room);
}
