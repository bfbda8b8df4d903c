/*
 * How long a step takes is measured, a few pages at a time.  Beside jobs it
 * is as long as they were, at most STEP_NS: so the writer is theirs for half
 * of the time.  While there is nothing to do it is half as long as that has
 * been so: who publishes in a closed loop waits half as long again at most.
 *
 * A copy ends whatever is published: each step first copies as many pages as
 * the generation has got since the last one, which takes less than it took to
 * fill them.
 *
 * If SQLite cannot undo a transaction from its cache (an error in writing the
 * file, mostly that it has no room) it begins the copy anew.  That might go on
 * for ever, so it is the copy's end.
 */

#include "write_copy.h"

#include <stdio.h>

#include "qsn_clock.h"
#include "sql.h"

#define CHUNK    8              /* pages: 0.1 ms */
#define STEP_NS  2000000
#define REST     4              /* times what the last one took */
#define MS_NS    1000000

/* Of the copy: few pages are left to be written in the last step. */
static const char pragmas[] =
    "PRAGMA synchronous = OFF;"
    "PRAGMA journal_mode = OFF;"
    "PRAGMA cache_size = -256;";

static void run_begin(job_t *job);
static int advance(writer_t *writer, write_copy_t *copy);
static int begin(writer_t *writer, write_copy_t *copy);
static int has_room(writer_t *writer, write_copy_t *copy);
static int open_copy(writer_t *writer, write_copy_t *copy);
static int copy_pages(writer_t *writer, write_copy_t *copy);
static int made(writer_t *writer, write_copy_t *copy);
static int fail(write_copy_t *copy, const char *why);
static int close_copy(write_copy_t *copy);
static void end(writer_t *writer, enum write_copy_end how);


void
write_copy_init(write_copy_t *copy)
{
    copy->job.run = run_begin;
}


void
write_copy_step(writer_t *writer, int busy)
{
    write_copy_t *copy = writer->copy;
    uint64_t from = uv_hrtime();

    if (busy) {
        copy->worked_ns = from;
    }

    uint64_t share = busy ? from - copy->stepped_ns
                          : (from - copy->worked_ns) / 2;
    uint64_t until = from + (share < STEP_NS ? share : STEP_NS);
    int over;

    do {
        over = advance(writer, copy);
        copy->stepped_ns = uv_hrtime();
    } while (!over && copy->stepped_ns < until);

    copy->spent_ns += copy->stepped_ns - from;

    if (over) {
        end(writer, copy->end);
    }
}


void
write_copy_stop(writer_t *writer)
{
    if (writer->copy) {
        (void) close_copy(writer->copy);
        end(writer, WRITE_COPY_OVER);
    }
}


/* Nobody hears of it before the end: a job without ->done. */
static void
run_begin(job_t *job)
{
    write_copy_t *copy = (write_copy_t *) job;

    copy->stepped_ns = uv_hrtime();
    copy->writer->copy = copy;
}


/* Some more of it: 0, or 1 and it ends as ->end says. */
static int
advance(writer_t *writer, write_copy_t *copy)
{
    if (writer->carry == NULL) {
        return copy->backup ? copy_pages(writer, copy) : begin(writer, copy);
    }

    if (writer_carry_some(writer, copy->error) == 0) {
        return 0;
    }

    copy->end = WRITE_COPY_FAILED;

    return 1;
}


static int
begin(writer_t *writer, write_copy_t *copy)
{
    if (writer->generation == NULL) {
        (void) snprintf(copy->error, sizeof(copy->error), "No generation is "
                        "being collected: %.400s", writer->refusing);
        copy->end = WRITE_COPY_FAILED;
        return 1;
    }

    sqlite3 *db = writer->generation->store.db;
    uint64_t now = qsn_clock_monotonic_ms();

    copy->number = writer->generation->number;
    copy->spent_ns = 0;         /* on what persists */

    if (writer->copied == copy->number) {
        if (copy->have_last
            && writer->copied_changes == sqlite3_total_changes64(db))
        {
            copy->end = WRITE_COPY_SAME;
            return 1;
        }

        if (now < writer->copy_from_ms) {
            copy->rest_ms = writer->copy_from_ms - now;
            copy->end = WRITE_COPY_RESTS;
            return 1;
        }
    }

    copy->pages = (int) sql_int64(db, "PRAGMA page_count", 0);

    return has_room(writer, copy) ? open_copy(writer, copy) : 1;
}


/* For what it still gets, and for the generation. */
static int
has_room(writer_t *writer, write_copy_t *copy)
{
    if (budget_check_copy(&writer->budget, copy->pages,
                          copy->pages - copy->copied, copy->error,
                          sizeof(copy->error)) == 0)
    {
        return 1;
    }

    (void) close_copy(copy);
    copy->end = WRITE_COPY_FAILED;

    return 0;
}


/* By SQLite itself, page by page: closing a descriptor of our own on the
   generation's file would drop the locks SQLite holds on it. */
static int
open_copy(writer_t *writer, write_copy_t *copy)
{
    static uint64_t serial;

    if (asprintf(&copy->path, "%s/" WRITE_COPY_PREFIX "%llu.db",
                 writer->budget.settings->db_dir,
                 (unsigned long long) ++serial) == -1)
    {
        copy->path = NULL;
        return fail(copy, "out of memory");
    }

    int rc = sqlite3_open_v2(copy->path, &copy->db, SQLITE_OPEN_READWRITE
                                                    | SQLITE_OPEN_CREATE
                                                    | SQLITE_OPEN_NOMUTEX,
                             NULL);

    if (rc == SQLITE_OK) {
        rc = sql_exec(copy->db, pragmas);
    }

    if (rc == SQLITE_OK) {
        copy->backup = sqlite3_backup_init(copy->db, "main",
                                           writer->generation->store.db,
                                           "main");
        rc = copy->backup ? SQLITE_OK : sqlite3_errcode(copy->db);
    }

    return rc == SQLITE_OK ? 0 : fail(copy, sqlite3_errstr(rc));
}


static int
copy_pages(writer_t *writer, write_copy_t *copy)
{
    int before = copy->pages;
    int copied = copy->copied;

    if (!has_room(writer, copy)) {
        return 1;
    }

    int rc = sqlite3_backup_step(copy->backup, CHUNK);
    int more = sqlite3_backup_pagecount(copy->backup) - before;

    if (rc == SQLITE_OK && more > 0) {
        rc = sqlite3_backup_step(copy->backup, more);
    }

    copy->pages = sqlite3_backup_pagecount(copy->backup);
    copy->copied = copy->pages - sqlite3_backup_remaining(copy->backup);

    if (rc == SQLITE_DONE) {
        return made(writer, copy);
    }

    if (rc != SQLITE_OK) {
        return fail(copy, sqlite3_errstr(rc));
    }

    return copy->copied >= copied ? 0
           : fail(copy, "its file could not be written meanwhile");
}


static int
made(writer_t *writer, write_copy_t *copy)
{
    int rc = close_copy(copy);

    if (rc != SQLITE_OK) {
        return fail(copy, sqlite3_errstr(rc));
    }

    copy->stats = writer->stats;
    copy->end = WRITE_COPY_MADE;
    writer->copied = copy->number;
    writer->copied_changes =
        sqlite3_total_changes64(writer->generation->store.db);

    return 1;
}


static int
fail(write_copy_t *copy, const char *why)
{
    (void) close_copy(copy);
    (void) snprintf(copy->error, sizeof(copy->error), "the generation cannot "
                    "be copied: %s", why);
    copy->end = WRITE_COPY_FAILED;

    return 1;
}


/* SQLITE_OK or an SQLite error: what has failed since the last step, too. */
static int
close_copy(write_copy_t *copy)
{
    int rc = sqlite3_backup_finish(copy->backup);

    (void) sqlite3_close(copy->db);
    copy->backup = NULL;
    copy->db = NULL;

    return rc;
}


static void
end(writer_t *writer, enum write_copy_end how)
{
    write_copy_t *copy = writer->copy;

    if (how == WRITE_COPY_MADE) {
        writer->copy_from_ms = qsn_clock_monotonic_ms()
                               + REST * copy->spent_ns / MS_NS;
    }

    copy->end = how;
    copy->job.done = copy->done;
    writer->copy = NULL;
    mailbox_put_job(writer->answers, &copy->job);
}
