/*
 * Group commit.  Should one publish of a group fail inside SQLite, the group
 * is rolled back and each goes in by itself, so that it fails alone.
 *
 * A group is what came while the one before was written, up to a size at
 * which a commit costs nothing any more: the first of it should not wait
 * for the last.
 *
 * To wake a thread and be woken by it costs more than a few small publishes
 * do.  While the writer sleeps the loop writes those itself, if it is sure
 * that they are quick, and leaves whatever goes wrong to the writer.
 */

#include "writer.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "exchange.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "report.h"
#include "write_copy.h"

#define GROUP_BYTES  (4 * 1024 * 1024)
#define HERE_BYTES   (512 * 1024)       /* a group of about half a ms, */
#define HERE_ROWS    2000       /* and of small rows, too */

static void run(void *arg);
static uint64_t patience(const writer_t *writer);
static void work_when_idle(writer_t *writer);
static void open_carry(writer_t *writer, const job_t *first);
static int carry_before(writer_t *writer, request_t *request);
static job_t *take_group(writer_t *writer, job_t *first);
static void finish_group(writer_t *writer, const job_list_t *group);
static int is_quick(const writer_t *writer, const job_list_t *publishes);
static int only_adds_rows(const catalog_t *catalog,
    const request_t *request);
static int write_group(writer_t *writer, job_t *first);
static void refuse(writer_t *writer, exchange_t *exchange);
static void write_alone(writer_t *writer, exchange_t *exchange);
static enum report_result apply(writer_t *writer, exchange_t *exchange);
static void count(stats_t *stats, const request_t *request);


int
writer_start(writer_t *writer, mailbox_t *answers)
{
    writer->answers = answers;

    return mailbox_start(&writer->thread, run, writer);
}


void
writer_stop(writer_t *writer)
{
    mailbox_stop(&writer->thread);
}


int
writer_write_here(writer_t *writer, const job_list_t *publishes)
{
    if (!mailbox_is_idle(&writer->thread.inbox)
        || !is_quick(writer, publishes))
    {
        return -1;
    }

    if (write_group(writer, publishes->first) != 0) {
        writer->failed_here = 1;
        return -1;
    }

    finish_group(writer, publishes);

    return 0;
}


static void
run(void *arg)
{
    writer_t *writer = arg;

    (void) pthread_setname_np(pthread_self(), "qasino-writer");

    while (!writer->thread.stopping) {
        job_t *job = mailbox_take(&writer->thread.inbox, patience(writer));

        if (job == NULL) {
            work_when_idle(writer);
        }

        if (writer->failed_here) {
            writer_rollback(writer);
            writer->failed_here = 0;
        }

        while (job) {
            job = job->run ? mailbox_run(job, writer->answers)
                           : take_group(writer, job);

            if (writer->copy) {
                write_copy_step(writer, 1);
            }
        }
    }

    write_copy_stop(writer);
}


int
writer_carry_rest(writer_t *writer, char *error)
{
    while (writer->carry) {
        if (writer_carry_some(writer, error) != 0) {
            return -1;
        }
    }

    return 0;
}


/* In ms: how long it waits for something to do before it copies or carries. */
static uint64_t
patience(const writer_t *writer)
{
    if (writer->copy) {
        return 0;
    }

    if (writer->carry == NULL || writer->carry_waits) {
        return MAILBOX_FOREVER;
    }

    uint64_t now = qsn_clock_monotonic_ms();

    return carry_is_open(writer->carry) || now >= writer->carry_from_ms
           ? 0 : writer->carry_from_ms - now;
}


/* Between two steps go those who have become ready on this core meanwhile,
   the loop first of all: it has just been told of the new generation. */
static void
work_when_idle(writer_t *writer)
{
    char error[GENERATION_ERROR_SIZE];

    (void) sched_yield();

    if (writer->copy) {
        write_copy_step(writer, 0);

    } else if (writer_carry_some(writer, error) != 0) {
        qsn_log("%s: tried again before the generation is sealed", error);
        writer->carry_waits = 1;
    }
}


/* What was published before has its room whatever is published now. */
int
writer_carry_some(writer_t *writer, char *error)
{
    store_t *store = &writer->generation->store;

    budget_lift(store);

    int rc = carry_next(&writer->carry, error);

    if (rc != 0) {
        writer_rollback(writer);
    }

    budget_limit(store, writer->budget.max_generation);

    return rc;
}


/* What is to be carried is not looked at before a publish has to know, or
   there is time. */
static void
open_carry(writer_t *writer, const job_t *first)
{
    const store_t *store = &writer->generation->store;
    size_t limit = (size_t) store->settings->max_tables;
    size_t tables = store->catalog.table_count + store->promised;
    char error[GENERATION_ERROR_SIZE];
    int has = 0;

    for (const job_t *job = first; job && !has; job = job->next) {
        const exchange_t *exchange = (const exchange_t *) job;

        has = ++tables > limit      /* fewer are carried than was promised */
              || carry_has(writer->carry, exchange->request.table.name.data);
    }

    if (has && writer_carry_some(writer, error) != 0) {
        qsn_log("%s", error);
    }
}


/* 0, or -1 with the reason in the request. */
static int
carry_before(writer_t *writer, request_t *request)
{
    store_t *store = &writer->generation->store;
    const char *table = request->table.name.data;
    int rc = 0;

    if (writer->carry == NULL || !carry_has(writer->carry, table)) {
        return 0;
    }

    if (!carry_is_open(writer->carry)) {
        (void) request_fail(request, 507, "Table '%s' has rows that persist, "
                            "and they cannot be carried for the moment",
                            table);
        return -1;
    }

    budget_lift(store);

    if (carry_table(writer->carry, table) != 0) {
        (void) schema_failed_in(carry_failed(writer->carry), store, request);
        rc = -1;
    }

    budget_limit(store, writer->budget.max_generation);

    return rc;
}


/* Publishes up to the next job that is none, or to the size of a group.
   Returns what comes behind them. */
static job_t *
take_group(writer_t *writer, job_t *first)
{
    job_list_t group;
    job_t *rest = first;
    size_t bytes = 0;

    job_list_init(&group);

    do {
        job_t *next = rest->next;

        bytes += exchange_of(rest)->unwritten;
        job_list_add(&group, rest);
        rest = next;
    } while (rest && rest->run == NULL && bytes < GROUP_BYTES);

    int refused = writer->refusing[0] != '\0';

    if (!refused && writer->carry && !carry_is_open(writer->carry)) {
        open_carry(writer, group.first);
    }

    int alone = !refused && write_group(writer, group.first) != 0;

    if (alone) {
        writer_rollback(writer);
    }

    writer->had_trouble = refused || alone;

    for (job_t *job = group.first; job; job = job->next) {
        if (refused) {
            refuse(writer, exchange_of(job));

        } else if (alone) {
            write_alone(writer, exchange_of(job));
        }
    }

    finish_group(writer, &group);
    mailbox_put(writer->answers, &group);

    return rest;
}


static void
finish_group(writer_t *writer, const job_list_t *group)
{
    for (job_t *job = group->first; job; job = job->next) {
        exchange_t *exchange = exchange_of(job);

        exchange->generation = writer->number;
        count(&writer->stats, &exchange->request);
    }
}


/* Whether they are few, and nothing is known that would make them slow. */
static int
is_quick(const writer_t *writer, const job_list_t *publishes)
{
    size_t bytes = 0;
    uint64_t rows = 0;

    if (writer->carry || writer->had_trouble || writer->refusing[0]) {
        return 0;
    }

    for (job_t *job = publishes->first; job; job = job->next) {
        if (job->run) {
            return 0;
        }

        bytes += exchange_of(job)->unwritten;
        rows += exchange_of(job)->request.table.rows;

        if (bytes > HERE_BYTES || rows > HERE_ROWS
            || !only_adds_rows(&writer->generation->store.catalog,
                               &exchange_of(job)->request))
        {
            return 0;
        }
    }

    return 1;
}


/* To a table that has the columns and no index, from an identity that has
   none there. */
static int
only_adds_rows(const catalog_t *catalog, const request_t *request)
{
    const catalog_table_t *table = catalog_find(catalog,
                                                request->table.name.data);

    return table && !table->has_index && !request->update
           && schema_same_columns(table, &request->table.column_names)
           && catalog_find_report(catalog, table, request->identity.data)
              == NULL;
}


/* 0: committed, each exchange knows its result.  -1: to be rolled back. */
static int
write_group(writer_t *writer, job_t *first)
{
    store_t *store = &writer->generation->store;

    if (store_begin(store) != 0) {
        return -1;
    }

    for (job_t *job = first; job; job = job->next) {
        if (apply(writer, exchange_of(job)) == REPORT_FAILED) {
            return -1;
        }
    }

    if (store_commit(store) != 0) {
        qsn_log("commit failed: %s", sqlite3_errmsg(store->db));
        return -1;
    }

    return 0;
}


static void
refuse(writer_t *writer, exchange_t *exchange)
{
    (void) request_fail(&exchange->request, 507, "Nothing can be published "
                        "for the moment: %s", writer->refusing);
}


static void
write_alone(writer_t *writer, exchange_t *exchange)
{
    store_t *store = &writer->generation->store;
    request_t *request = &exchange->request;

    if (store_begin(store) != 0) {
        (void) schema_failed(store, request);
        return;
    }

    if (apply(writer, exchange) == REPORT_FAILED) {
        writer_rollback(writer);
        return;
    }

    if (store_commit(store) != 0) {
        (void) schema_failed(store, request);
        writer_rollback(writer);
    }
}


static enum report_result
apply(writer_t *writer, exchange_t *exchange)
{
    store_t *store = &writer->generation->store;
    request_t *request = &exchange->request;
    enum report_result result;

    request->status = 0;        /* of a try before in a group */
    exchange->duplicate = 0;

    if (carry_before(writer, request) != 0) {
        return REPORT_FAILED;
    }

    result = report_apply(store, request);

    exchange->duplicate = result == REPORT_DUPLICATE;

    return result;
}


static void
count(stats_t *stats, const request_t *request)
{
    if (request->update) {
        stats->updates_received++;
        stats->updates_completed += request->status == 0;
        stats->update_errors += request->status != 0;

    } else {
        stats->inserts_received++;
        stats->inserts_completed += request->status == 0;
    }
}


void
writer_rollback(writer_t *writer)
{
    store_t *store = &writer->generation->store;

    if (store_rollback(store) != 0
        || (writer->carry && carry_rolled_back(writer->carry) != 0))
    {
        /* the catalog would lie from here on: start anew from the file */
        qsn_log("rollback failed: %s: the worker starts anew",
                sqlite3_errmsg(store->db));
        abort();
    }
}
