/*
 * One copy is made at a time.  A query that comes while one is being made
 * takes it, too: publishes that were acknowledged to its client before were
 * in the generation when the copy was begun, or the loop would have heard of
 * the copy first.
 */

#include "write_snapshot.h"

#include <stdlib.h>

#include "budget.h"
#include "ingest.h"
#include "qsn_clock.h"
#include "seal.h"
#include "sql.h"

#define COPIES_MAX  2           /* each as large as the generation */
#define REST        4           /* times what the last one took */

typedef struct {
    job_t job;
    worker_t *worker;
    seal_info_t info;
    int have_last;              /* the last one is still there */
    uint64_t number;            /* of the generation, as copied */
    char *path;                 /* NULL: the last one is still right */
    uint64_t rest_ms;           /* not 0: not before then */
    unsigned failed;            /* 0, or a status */
    char error[GENERATION_ERROR_SIZE];
} copy_t;

static void run_copy(job_t *job);
static int make_copy(copy_t *copy);
static void on_copied(job_t *job);
static void on_rested(uv_timer_t *timer);
static int keep_copy(copy_t *copy);
static void answer_all(worker_t *worker, unsigned status,
    const char *error);
static int copy_store(sqlite3 *from, const char *to, char *error);


void
write_snapshot_start(worker_t *worker)
{
    (void) uv_timer_init(&worker->loop, &worker->write_rest);
    worker->write_rest.data = worker;
}


void
write_snapshot_ask(exchange_t *exchange, write_snapshot_ready_t *ready)
{
    worker_t *worker = exchange->worker;

    if (worker->write_asked >= (size_t) worker->settings.query_queue) {
        ready(exchange, 503, "Too many queries are waiting (query_queue)");
        return;
    }

    if (worker->write_waiting == NULL) {
        worker->write_waiting_end = &worker->write_waiting;
    }

    exchange->next_waiting = NULL;
    exchange->on_write_snapshot = ready;
    *worker->write_waiting_end = exchange;
    worker->write_waiting_end = &exchange->next_waiting;
    worker->write_asked++;
    write_snapshot_next(worker);
}


/* The last copy may turn out to be still right: then no other is made.  Or to
   have been made too short a time ago. */
void
write_snapshot_next(worker_t *worker)
{
    if (worker->write_waiting == NULL || worker->write_copying
        || worker->write_copies >= COPIES_MAX)
    {
        return;
    }

    copy_t *copy = calloc(1, sizeof(*copy));

    if (copy == NULL || seal_info_gather(worker, &copy->info) != 0) {
        free(copy);
        answer_all(worker, 503, "out of memory");
        return;
    }

    copy->job.run = run_copy;
    copy->job.done = on_copied;
    copy->worker = worker;
    copy->have_last = worker->write_snapshot != NULL;
    worker->write_copying = 1;
    ingest_run(worker, &copy->job);
}


void
write_snapshot_drop(worker_t *worker)
{
    snapshot_put(worker->write_snapshot);
    worker->write_snapshot = NULL;
}


void
write_snapshot_stop(worker_t *worker)
{
    uv_close((uv_handle_t *) &worker->write_rest, NULL);
    write_snapshot_drop(worker);
    answer_all(worker, 503, "The server stops");
}


/* On the writer. */
static void
run_copy(job_t *job)
{
    copy_t *copy = (copy_t *) job;
    writer_t *writer = &copy->worker->writer;
    sqlite3_int64 changes;

    if (writer->generation == NULL) {
        (void) snprintf(copy->error, sizeof(copy->error), "No generation is "
                        "being collected: %.400s", writer->refusing);
        copy->failed = 507;
        return;
    }

    if (writer_carry_rest(writer, copy->error) != 0) {
        copy->failed = 507;
        return;
    }

    copy->number = writer->generation->number;
    changes = sqlite3_total_changes64(writer->generation->store.db);

    uint64_t now = qsn_clock_monotonic_ms();

    if (writer->copied == copy->number) {
        if (copy->have_last && writer->copied_changes == changes) {
            return;
        }

        if (now < writer->copy_from_ms) {
            copy->rest_ms = writer->copy_from_ms - now;
            return;
        }
    }

    copy->failed = make_copy(copy) == 0 ? 0 : 507;
    writer->copied = copy->failed ? 0 : copy->number;
    writer->copied_changes = changes;

    uint64_t end = qsn_clock_monotonic_ms();

    writer->copy_from_ms = end + REST * (end - now);
}


static int
make_copy(copy_t *copy)
{
    static uint64_t serial;
    worker_t *worker = copy->worker;
    const store_t *store = &worker->writer.generation->store;
    char *path;

    if (budget_check_copy(&worker->writer.budget, store, copy->error,
                          sizeof(copy->error)) != 0)
    {
        return -1;
    }

    if (asprintf(&path, "%s/" WRITE_SNAPSHOT_PREFIX "%llu.db",
                 worker->settings.db_dir, (unsigned long long) ++serial)
        == -1)
    {
        (void) snprintf(copy->error, GENERATION_ERROR_SIZE, "out of memory");
        return -1;
    }

    if (copy_store(store->db, path, copy->error) == 0
        && seal_copy(worker, path, &copy->info, copy->error) == 0)
    {
        copy->path = path;
        return 0;
    }

    generation_unlink(path);
    free(path);

    return -1;
}


/* On the loop. */
static void
on_copied(job_t *job)
{
    copy_t *copy = (copy_t *) job;
    worker_t *worker = copy->worker;

    if (copy->rest_ms) {
        (void) uv_timer_start(&worker->write_rest, on_rested, copy->rest_ms,
                              0);
        seal_info_free(&copy->info);
        free(copy);
        return;
    }

    worker->write_copying = 0;

    if (copy->path && keep_copy(copy) != 0) {
        (void) snprintf(copy->error, sizeof(copy->error), "out of memory");
        copy->failed = 503;
    }

    if (copy->failed) {
        write_snapshot_drop(worker);    /* it is an old one, and takes room */
    }

    answer_all(worker, copy->failed, copy->error);
    seal_info_free(&copy->info);
    free(copy);
}


static void
on_rested(uv_timer_t *timer)
{
    worker_t *worker = timer->data;

    worker->write_copying = 0;
    write_snapshot_next(worker);
}


static int
keep_copy(copy_t *copy)
{
    worker_t *worker = copy->worker;

    write_snapshot_drop(worker);
    worker->write_snapshot = snapshot_create(&worker->loop, &worker->settings,
                                             copy->number, copy->path);

    if (worker->write_snapshot == NULL) {
        generation_unlink(copy->path);
        free(copy->path);
        return -1;
    }

    worker->write_snapshot->copies = &worker->write_copies;
    worker->write_copies++;

    return 0;
}


static void
answer_all(worker_t *worker, unsigned status, const char *error)
{
    exchange_t *exchange = worker->write_waiting;

    worker->write_waiting = NULL;
    worker->write_asked = 0;

    while (exchange) {
        exchange_t *next = exchange->next_waiting;

        if (status == 0) {
            exchange->query.snapshot = snapshot_get(worker->write_snapshot);
        }

        exchange->on_write_snapshot(exchange, status, error);
        exchange = next;
    }
}


/* By SQLite itself, page by page: closing a descriptor of our own on the
   file would drop the locks SQLite holds on it. */
static int
copy_store(sqlite3 *from, const char *to, char *error)
{
    sqlite3_backup *backup = NULL;
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE
                                      | SQLITE_OPEN_CREATE
                                      | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        rc = sql_exec(db, "PRAGMA synchronous = OFF;"
                          "PRAGMA journal_mode = OFF;");
    }

    if (rc == SQLITE_OK) {
        backup = sqlite3_backup_init(db, "main", from, "main");
        rc = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
        (void) sqlite3_backup_finish(backup);
    }

    if (rc != SQLITE_DONE) {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "the generation cannot be copied: %s",
                        db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    }

    (void) sqlite3_close(db);

    return rc == SQLITE_DONE ? 0 : -1;
}
