/*
 * Rotation, in this order: the writer, when it comes to it among the
 * publishes, puts the internal tables in, seals the file and opens the next
 * one; then it goes on writing, and the loop tells the query processes,
 * publishes the page and sends the signal.  Publishes wait meanwhile, so
 * what can be done before or after is: most publishers are listed before
 * (list_ahead.h), what the file took of memory is freed after (background.h).
 * Killed anywhere in between, the next start finds either an open file to
 * go on with, or a sealed one to serve; never neither.
 *
 * Without room for the next generation there is none for a while: the sealed
 * one is served, publishes are refused, and every ROOM_MS it is tried again.
 * So it is while the reserve (budget.h) is spent, which sealing may do.
 *
 * The clock is the monotonic one.  The wall clock only names generations.
 */

#include "rotate.h"

#include <stdlib.h>
#include <string.h>

#include "background.h"
#include "carry.h"
#include "connection.h"
#include "direct.h"
#include "ingest.h"
#include "internal_tables.h"
#include "leftovers.h"
#include "list_ahead.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "write_snapshot.h"

#define ROOM_MS      200
#define SEAL_MS      1000       /* to the next try */

/* What the page says of a generation that was sealed. */
typedef struct {
    double start_epoch;         /* of its being served */
    uint64_t tables;
    uint64_t rows;
    uint64_t publishers;
} facts_t;

typedef struct {
    job_t job;
    worker_t *worker;
    seal_info_t info;
    uint64_t sealed;            /* numbers; 0: it could not be sealed */
    uint64_t next;
    facts_t facts;              /* of the sealed one */
    generation_t *closing;      /* likewise */
    int refusing;               /* there is no room for what comes next */
} rotation_t;

typedef struct {
    job_t job;
    worker_t *worker;
    uint64_t sealed;            /* carried from, should it have to be */
    int refusing;               /* there is no room yet */
} room_t;

static int make_first_snapshot(worker_t *worker, leftovers_t *found,
    char *error);
static void on_rotation(uv_timer_t *timer);
static void run_rotation(job_t *job);
static void on_rotated(job_t *job);
static void close_generation(void *generation);
static void add_stats(stats_t *stats, const stats_t *more);
static int seal(worker_t *worker, generation_t *generation,
    const seal_info_t *info, facts_t *facts, char *error);
static void count(facts_t *facts, const catalog_t *catalog);
static void show_facts(worker_t *worker, const facts_t *facts);
static int seal_current(worker_t *worker, rotation_t *rotation,
    char *error);
static uint64_t next_number(uint64_t after);
static void begin_next(worker_t *worker, uint64_t sealed, int persists);
static void discard(worker_t *worker);
static void refuse(writer_t *writer, const char *why);
static void look_for_room(worker_t *worker);
static void on_room(uv_timer_t *timer);
static void run_room(job_t *job);
static void on_room_looked(job_t *job);
static int carry_from(worker_t *worker, uint64_t sealed, char *error);
static int serve(worker_t *worker, uint64_t number);
static void publish_page(worker_t *worker, uint64_t left_ms);
static uint64_t remaining_ms(worker_t *worker);


int
rotate_start(worker_t *worker, char *error)
{
    writer_t *writer = &worker->writer;
    leftovers_t found;

    if (leftovers_find(worker, &found, error) != 0) {
        return -1;
    }

    worker->page_state.static_version = worker->statics->version;

    uint64_t left = remaining_ms(worker);

    if (found.served == 0 && make_first_snapshot(worker, &found, error) != 0)
    {
        return -1;
    }

    if (found.collecting > found.served) {
        writer->number = found.collecting;
        writer->generation = generation_open(&worker->settings,
                                             found.collecting, error);
        if (writer->generation == NULL
            || carry_from(worker, found.served, error) != 0)
        {
            return -1;          /* it may hold rows: the next start tries */
        }

        qsn_log("goes on collecting into generation %llu",
                (unsigned long long) found.collecting);

    } else {
        writer->number = next_number(found.highest);
    }

    begin_next(worker, found.served, 1);
    worker->collecting = writer->number;

    if (serve(worker, found.served) != 0) {
        (void) snprintf(error, ROTATE_ERROR_SIZE, "out of memory");
        return -1;
    }

    leftovers_clean_up(worker, &found);
    publish_page(worker, left);
    worker->rotation.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->rotation);
    (void) uv_timer_start(&worker->rotation, on_rotation, left, 0);
    worker->room.data = worker;
    (void) uv_timer_init(&worker->loop, &worker->room);
    list_ahead_start(worker);
    list_ahead_expect(worker, left);

    if (writer->refusing[0]) {
        look_for_room(worker);
    }

    return 0;
}


void
rotate_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->rotation, NULL);
    uv_close((uv_handle_t *) &worker->room, NULL);
    list_ahead_stop(worker);
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


int
rotate_seal_info(worker_t *worker, seal_info_t *info)
{
    direct_count(worker, &worker->stats);
    info->stats = worker->stats;
    info->slow = worker->slow;

    return static_store_tables(worker->statics, &info->statics);
}


void
rotate_seal_info_free(seal_info_t *info)
{
    catalog_clear(&info->statics);
}


int
rotate_seal_copy(worker_t *worker, const char *path, const seal_info_t *info,
    char *error)
{
    uint64_t number = worker->writer.generation->number;
    generation_t *copy = generation_open_path(&worker->settings, path,
                                              number, error);
    facts_t facts;
    int rc = -1;

    if (copy) {
        rc = seal(worker, copy, info, &facts, error);
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
                   (unsigned long long) worker->collecting,
                   (double) worker->settings.generation_duration_ms / 1000);
}


/*
 * Readers always have a snapshot, an empty one to begin with.  It comes
 * before the open generation, if there is one: that goes on.
 */
static int
make_first_snapshot(worker_t *worker, leftovers_t *found, char *error)
{
    uint64_t number = found->collecting ? found->collecting - 1
                                        : (uint64_t) qsn_clock_epoch();

    generation_t *empty = generation_open(&worker->settings, number, error);
    seal_info_t info;
    facts_t facts;

    if (empty == NULL || rotate_seal_info(worker, &info) != 0
        || seal(worker, empty, &info, &facts, error) != 0)
    {
        return -1;
    }

    rotate_seal_info_free(&info);
    generation_close(empty);
    show_facts(worker, &facts);
    found->served = number;

    if (found->highest < number) {
        found->highest = number;
    }

    return 0;
}


static void
on_rotation(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    uint64_t duration = (uint64_t) worker->settings.generation_duration_ms;
    rotation_t *rotation;

    (void) uv_timer_start(timer, on_rotation, duration, 0);
    list_ahead_expect(worker, duration);

    if (worker->rotating) {
        return;                 /* the last one is not over yet */
    }

    rotation = calloc(1, sizeof(*rotation));

    if (rotation == NULL || rotate_seal_info(worker, &rotation->info) != 0) {
        qsn_log("out of memory at the turn of a generation");
        abort();                /* the next start tries again, loudly */
    }

    memset(&worker->stats, 0, sizeof(worker->stats));
    worker->slow.count = 0;
    rotation->job.run = run_rotation;
    rotation->job.done = on_rotated;
    rotation->worker = worker;
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

    if (seal_current(worker, rotation, error) != 0) {
        /* it stays open and is sealed a little later */
        qsn_log("generation %llu cannot be sealed: %s",
                (unsigned long long) number, error);
        rotation->refusing = 1;
        return;
    }

    int persists = writer->generation->store.persists;

    memset(&writer->stats, 0, sizeof(writer->stats));

    if (generation_unlock(writer->generation) == 0) {
        rotation->closing = writer->generation;
    } else {
        generation_close(writer->generation);
    }

    writer->generation = NULL;
    writer->number = next_number(number);
    begin_next(worker, number, persists);
    rotation->sealed = number;
    rotation->next = writer->number;
    rotation->refusing = writer->refusing[0] != '\0';
}


/* With the reserve's room where there is no other. */
static int
seal_current(worker_t *worker, rotation_t *rotation, char *error)
{
    writer_t *writer = &worker->writer;

    for (int tries = 0; tries < 2; tries++) {
        int carried = writer_carry_rest(writer, error) == 0;

        budget_lift(&writer->generation->store);

        if (carried
            && seal(worker, writer->generation, &rotation->info,
                    &rotation->facts, error) == 0)
        {
            return 0;
        }

        budget_spend_reserve(&writer->budget);
    }

    budget_limit(&writer->generation->store, writer->budget.max_generation);
    refuse(writer, error);

    return -1;
}


/* On the loop. */
static void
on_rotated(job_t *job)
{
    rotation_t *rotation = (rotation_t *) job;
    worker_t *worker = rotation->worker;
    qsn_buf_t body = { 0 };

    worker->rotating = 0;

    if (rotation->refusing) {
        look_for_room(worker);
    }

    if (rotation->sealed == 0) {
        uint64_t duration =
            (uint64_t) worker->settings.generation_duration_ms;

        add_stats(&worker->stats, &rotation->info.stats);
        slow_queries_merge(&worker->slow, &rotation->info.slow);
        (void) uv_timer_start(&worker->rotation, on_rotation,
                              duration < SEAL_MS ? duration : SEAL_MS, 0);

    } else {
        if (rotation->closing) {
            background_run(&worker->loop, close_generation,
                           rotation->closing);
        }

        worker->collecting = rotation->next;
        show_facts(worker, &rotation->facts);
        write_snapshot_drop(worker);

        if (serve(worker, rotation->sealed) != 0) {
            qsn_log("out of memory at the turn of a generation");
            abort();
        }

        publish_page(worker, uv_timer_get_due_in(&worker->rotation));
        rotate_signal(worker, "op\": \"generation_signal", &body);
        connection_event(worker, worker->collecting, body.data, body.length);
        qsn_buf_free(&body);
    }

    rotate_seal_info_free(&rotation->info);
    free(rotation);
}


static void
close_generation(void *generation)
{
    generation_close(generation);
}


static void
add_stats(stats_t *stats, const stats_t *more)
{
    stats->sql_received += more->sql_received;
    stats->sql_completed += more->sql_completed;
    stats->sql_errors += more->sql_errors;
    stats->inserts_received += more->inserts_received;
    stats->inserts_completed += more->inserts_completed;
    stats->updates_received += more->updates_received;
    stats->updates_completed += more->updates_completed;
    stats->update_errors += more->update_errors;
}


/* The last transaction of a generation. */
static int
seal(worker_t *worker, generation_t *generation, const seal_info_t *info,
    facts_t *facts, char *error)
{
    store_t *store = &generation->store;
    internal_info_t internal = {
        .identity = worker->settings.identity,
        .duration_s = (double) worker->settings.generation_duration_ms
                      / 1000,
        .start_epoch = qsn_clock_epoch(),
        .stats = info->stats,
        .slow = &info->slow,
        .statics = &info->statics
    };

    add_stats(&internal.stats, &worker->writer.stats);
    facts->start_epoch = internal.start_epoch;
    facts->tables = 0;
    facts->rows = 0;
    facts->publishers = store->catalog.identity_count;
    count(facts, &store->catalog);
    count(facts, &info->statics);

    if (store_begin(store) != 0
        || internal_tables_make(generation, &internal, worker->views) != 0
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


static void
count(facts_t *facts, const catalog_t *catalog)
{
    facts->tables += catalog->table_count;

    for (size_t i = 0; i < catalog->table_count; i++) {
        facts->rows += catalog->tables[i]->rows;
    }
}


static void
show_facts(worker_t *worker, const facts_t *facts)
{
    qsn_page_state_t *state = &worker->page_state;

    state->start_epoch_us = (uint64_t) (facts->start_epoch * 1e6);
    state->tables = facts->tables;
    state->rows = facts->rows;
    state->publishers = facts->publishers;
}


/* Numbers are epoch seconds, and strictly increasing whatever the clock. */
static uint64_t
next_number(uint64_t after)
{
    uint64_t number = (uint64_t) qsn_clock_epoch();

    return number > after ? number : after + 1;
}


/* Opens the writer's generation, if there is none to go on with, and finds
   what is to be carried into it; persists: there may be something. */
static void
begin_next(worker_t *worker, uint64_t sealed, int persists)
{
    writer_t *writer = &worker->writer;
    char error[ROTATE_ERROR_SIZE] = "no room";

    writer->carry_waits = 0;

    if (writer->generation == NULL) {
        writer->generation = generation_open(&worker->settings,
                                             writer->number, error);

        if (writer->generation == NULL
            || (persists ? carry_from(worker, sealed, error)
                         : carry_nothing(writer->generation)) != 0)
        {
            discard(worker);
            refuse(writer, error);
            return;
        }
    }

    budget_limit(&writer->generation->store, writer->budget.max_generation);

    if (!writer->budget.reserved && budget_make_reserve(&writer->budget) != 0)
    {
        refuse(writer, "the file system of db_dir is full");
    }
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
refuse(writer_t *writer, const char *why)
{
    if (writer->refusing[0] == '\0') {
        qsn_log("publishes are refused for now: %s", why);
    }

    (void) snprintf(writer->refusing, sizeof(writer->refusing), "%s", why);
}


static void
look_for_room(worker_t *worker)
{
    if (!uv_is_active((uv_handle_t *) &worker->room)) {
        (void) uv_timer_start(&worker->room, on_room, ROOM_MS, 0);
    }
}


static void
on_room(uv_timer_t *timer)
{
    worker_t *worker = timer->data;
    room_t *room = calloc(1, sizeof(*room));

    if (room == NULL) {
        look_for_room(worker);
        return;
    }

    pool_drop_retired(worker->pool);
    room->job.run = run_room;
    room->job.done = on_room_looked;
    room->worker = worker;
    room->sealed = worker->snapshot->number;
    ingest_run(worker, &room->job);
}


/* On the writer. */
static void
run_room(job_t *job)
{
    room_t *room = (room_t *) job;
    writer_t *writer = &room->worker->writer;

    if (writer->generation == NULL) {
        begin_next(room->worker, room->sealed, 1);
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
        look_for_room(room->worker);
    }

    free(room);
}


static int
carry_from(worker_t *worker, uint64_t sealed, char *error)
{
    char *path = generation_path(worker->settings.db_dir, sealed);
    int rc = -1;

    if (path) {
        rc = carry_begin(worker->writer.generation, path,
                         &worker->writer.carry, error);
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

    pool_serve(worker->pool, worker->snapshot,
               worker->page_state.static_version);
    direct_serve(worker, worker->snapshot, worker->page_state.static_version);
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
    worker->page_state.tables = before.tables;
    worker->page_state.rows = before.rows;
    worker->page_state.publishers = before.publishers;

    if (before.expires_ms > now + duration) {
        return duration;        /* another boot's, or another duration */
    }

    return before.expires_ms > now ? before.expires_ms - now : 0;
}
