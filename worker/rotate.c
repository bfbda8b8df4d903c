/*
 * Rotation, in this order: the writer's queue is flushed, the internal
 * tables go in, the file is sealed and closed, the next one is opened, the
 * query processes are told, the page is published, the signal goes out.
 * Killed anywhere in between, the next start finds either an open file to
 * go on with, or a sealed one to serve; never neither.
 *
 * The clock is the monotonic one.  The wall clock only names generations.
 */

#include "rotate.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "carry.h"
#include "connection.h"
#include "ingest.h"
#include "internal_tables.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "write_snapshot.h"

typedef struct {
    uint64_t served;            /* newest sealed, 0: none */
    uint64_t collecting;        /* newest open one, 0: none */
    uint64_t highest;           /* of all */
} found_t;

static int make_first_snapshot(worker_t *worker, found_t *found,
    char *error);
static int scan(worker_t *worker, found_t *found, char *error);
static int look_at(const char *path, uint64_t number, found_t *found,
    char *error);
static int put_aside(const char *path, char *error);
static void clean_up(worker_t *worker, const found_t *found);
static void on_rotation(uv_timer_t *timer);
static int seal(worker_t *worker, generation_t *generation, char *error);
static void seal_done(worker_t *worker);
static int open_next(worker_t *worker, uint64_t after, char *error);
static int carry(worker_t *worker, uint64_t sealed, char *error);
static int serve(worker_t *worker, uint64_t number);
static void publish_page(worker_t *worker, uint64_t left_ms);
static uint64_t remaining_ms(worker_t *worker);


int
rotate_start(worker_t *worker, char *error)
{
    found_t found = { 0 };

    if (scan(worker, &found, error) != 0) {
        return -1;
    }

    uint64_t left = remaining_ms(worker);

    if (found.served == 0 && make_first_snapshot(worker, &found, error) != 0)
    {
        return -1;
    }

    if (found.collecting > found.served) {
        worker->generation = generation_open(&worker->settings,
                                             found.collecting, error);
        if (worker->generation == NULL) {
            return -1;
        }

        qsn_log("goes on collecting into generation %llu",
                (unsigned long long) found.collecting);

    } else if (open_next(worker, found.highest, error) != 0) {
        return -1;
    }

    if (carry(worker, found.served, error) != 0) {
        return -1;
    }

    if (serve(worker, found.served) != 0) {
        (void) snprintf(error, ROTATE_ERROR_SIZE, "out of memory");
        return -1;
    }

    clean_up(worker, &found);
    publish_page(worker, left);
    worker->rotation.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->rotation);
    (void) uv_timer_start(&worker->rotation, on_rotation, left, 0);

    return 0;
}


void
rotate_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->rotation, NULL);
    write_snapshot_drop(worker);
    generation_close(worker->generation);
    worker->generation = NULL;
    snapshot_put(worker->snapshot);
    worker->snapshot = NULL;
}


void
rotate_static_changed(worker_t *worker)
{
    worker->page_state.static_version = worker->statics->version;
    qsn_page_publish(worker->page, &worker->page_state);
}


int
rotate_seal_copy(worker_t *worker, const char *path, char *error)
{
    generation_t *copy = generation_open_path(&worker->settings, path,
                                              worker->generation->number,
                                              error);
    int rc = -1;

    if (copy) {
        rc = seal(worker, copy, error);
        generation_close(copy);
    }

    return rc;
}


void
rotate_signal(worker_t *worker, const char *first, qsn_buf_t *body)
{
    qsn_buf_printf(body, "{\"%s\", \"identity\": \"", first);
    qsn_buf_json(body, worker->settings.identity);
    qsn_buf_printf(body, "\", \"generation_number\": %llu, "
                   "\"generation_duration_s\": %.10g}",
                   (unsigned long long) worker->generation->number,
                   (double) worker->settings.generation_duration_ms / 1000);
}


/*
 * Readers always have a snapshot, an empty one to begin with.  It comes
 * before the open generation, if there is one: that goes on.
 */
static int
make_first_snapshot(worker_t *worker, found_t *found, char *error)
{
    uint64_t number = found->collecting ? found->collecting - 1
                                        : (uint64_t) qsn_clock_epoch();

    worker->generation = generation_open(&worker->settings, number, error);

    if (worker->generation == NULL
        || seal(worker, worker->generation, error) != 0)
    {
        return -1;
    }

    seal_done(worker);
    generation_close(worker->generation);
    worker->generation = NULL;
    found->served = number;

    if (found->highest < number) {
        found->highest = number;
    }

    return 0;
}


/* What a former worker left in db_dir. */
static int
scan(worker_t *worker, found_t *found, char *error)
{
    DIR *dir = opendir(worker->settings.db_dir);
    struct dirent *entry;
    int rc = 0;

    if (dir == NULL) {
        (void) snprintf(error, ROTATE_ERROR_SIZE, "cannot read db_dir %s: %s",
                        worker->settings.db_dir, strerror(errno));
        return -1;
    }

    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number = generation_number_of(entry->d_name);
        char *path = number ? generation_path(worker->settings.db_dir,
                                              number) : NULL;

        if (path) {
            rc = look_at(path, number, found, error);
        }

        free(path);
    }

    (void) closedir(dir);

    return rc;
}


/* A file that may hold rows is never deleted for being unreadable. */
static int
look_at(const char *path, uint64_t number, found_t *found, char *error)
{
    if (number > found->highest) {
        found->highest = number;
    }

    switch (generation_probe(path, error)) {

    case GENERATION_SEALED:
        if (number > found->served) {
            found->served = number;
        }

        return 0;

    case GENERATION_OPEN:
        if (number > found->collecting) {
            found->collecting = number;
        }

        return 0;

    case GENERATION_EMPTY:
        generation_unlink(path);
        return 0;

    case GENERATION_DAMAGED:
        qsn_log("%s: put aside as %s.damaged", error, path);
        return put_aside(path, error);

    case GENERATION_UNREADABLE:
        return -1;
    }

    return -1;
}


static int
put_aside(const char *path, char *error)
{
    char aside[PATH_MAX];

    (void) snprintf(aside, sizeof(aside), "%s.damaged", path);

    if (rename(path, aside) == -1) {
        (void) snprintf(error, ROTATE_ERROR_SIZE, "cannot rename %s: %s",
                        path, strerror(errno));
        return -1;
    }

    return 0;
}


/* Files of older generations: nobody reads them any more. */
static void
clean_up(worker_t *worker, const found_t *found)
{
    DIR *dir = opendir(worker->settings.db_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        uint64_t number = generation_number_of(entry->d_name);
        int copy = strncmp(entry->d_name, WRITE_SNAPSHOT_PREFIX,
                           sizeof(WRITE_SNAPSHOT_PREFIX) - 1) == 0;
        char *path = NULL;

        if ((!copy && (number == 0 || number == found->served
                       || number == worker->generation->number))
            || asprintf(&path, "%s/%s", worker->settings.db_dir,
                        entry->d_name) == -1)
        {
            continue;
        }

        if (copy) {
            generation_unlink(path);
        } else {
            snapshot_dispose(&worker->loop, &worker->settings, path);
        }

        free(path);
    }

    if (dir) {
        (void) closedir(dir);
    }
}


static void
on_rotation(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    uint64_t duration = (uint64_t) worker->settings.generation_duration_ms;
    uint64_t number = worker->generation->number;
    char error[ROTATE_ERROR_SIZE];
    qsn_buf_t body = { 0 };

    (void) uv_timer_start(timer, on_rotation, duration, 0);
    ingest_flush(worker);

    write_snapshot_drop(worker);

    if (seal(worker, worker->generation, error) != 0) {
        /* it stays open and is sealed, one generation longer, next time */
        qsn_log("generation %llu cannot be sealed: %s",
                (unsigned long long) number, error);
        return;
    }

    seal_done(worker);
    generation_close(worker->generation);

    if (open_next(worker, number, error) != 0
        || carry(worker, number, error) != 0)
    {
        qsn_log("the next generation cannot be opened: %s", error);
        abort();                /* the next start tries again, loudly */
    }

    if (serve(worker, number) != 0) {
        qsn_log("out of memory at the turn of a generation");
        abort();
    }

    publish_page(worker, duration);
    rotate_signal(worker, "op\": \"generation_signal", &body);
    connection_event(worker, worker->generation->number, body.data,
                     body.length);
    qsn_buf_free(&body);
}


/* The last transaction of a generation. */
static int
seal(worker_t *worker, generation_t *generation, char *error)
{
    store_t *store = &generation->store;
    internal_info_t info = {
        .identity = worker->settings.identity,
        .duration_s = (double) worker->settings.generation_duration_ms
                      / 1000,
        .start_epoch = qsn_clock_epoch(),
        .stats = worker->stats,
        .statics = &worker->statics->store.catalog
    };

    if (store_begin(store) != 0
        || internal_tables_make(generation, &info, worker->views) != 0
        || generation_mark_sealed(generation) != 0
        || store_commit(store) != 0)
    {
        (void) snprintf(error, ROTATE_ERROR_SIZE, "%s",
                        sqlite3_errmsg(store->db));

        if (store_rollback(store) != 0) {
            qsn_log("rollback failed: the worker starts anew");
            abort();
        }

        return -1;
    }

    return 0;
}


/* Counts and times of the generation that is now to be served. */
static void
seal_done(worker_t *worker)
{
    memset(&worker->stats, 0, sizeof(worker->stats));
    worker->page_state.start_epoch_us = (uint64_t) (qsn_clock_epoch() * 1e6);
}


/* Numbers are epoch seconds, and strictly increasing whatever the clock. */
static int
open_next(worker_t *worker, uint64_t after, char *error)
{
    uint64_t number = (uint64_t) qsn_clock_epoch();

    if (number <= after) {
        number = after + 1;
    }

    worker->generation = generation_open(&worker->settings, number, error);

    return worker->generation ? 0 : -1;
}


static int
carry(worker_t *worker, uint64_t sealed, char *error)
{
    char *path = generation_path(worker->settings.db_dir, sealed);
    int rc = -1;

    if (path) {
        rc = carry_persisted(worker->generation, path, error);
    }

    free(path);

    return rc;
}


static int
serve(worker_t *worker, uint64_t number)
{
    snapshot_t *before = worker->snapshot;
    char *path = generation_path(worker->settings.db_dir, number);

    if (path == NULL) {
        return -1;
    }

    worker->snapshot = snapshot_create(&worker->loop, &worker->settings,
                                       number, path);

    if (worker->snapshot == NULL) {
        free(path);
        return -1;
    }

    if (before) {
        before->retired = 1;
    }

    pool_serve(worker->pool, worker->snapshot, worker->statics->version);
    snapshot_put(before);
    worker->page_state.generation_number = number;

    return 0;
}


static void
publish_page(worker_t *worker, uint64_t left_ms)
{
    qsn_page_state_t *state = &worker->page_state;

    state->duration_ms = (uint64_t) worker->settings.generation_duration_ms;
    state->expires_ms = qsn_clock_monotonic_ms() + left_ms;
    state->static_version = worker->statics->version;
    qsn_page_publish(worker->page, state);
}


/* What the former worker's page says is left, so that one that is killed
   again and again still rotates. */
static uint64_t
remaining_ms(worker_t *worker)
{
    uint64_t duration = (uint64_t) worker->settings.generation_duration_ms;
    uint64_t now = qsn_clock_monotonic_ms();
    qsn_page_state_t before;

    if (qsn_page_read(worker->page, &before) != 0) {
        return duration;
    }

    worker->page_state.start_epoch_us = before.start_epoch_us;

    if (before.expires_ms > now + duration) {
        return duration;        /* another boot's, or another duration */
    }

    return before.expires_ms > now ? before.expires_ms - now : 0;
}
