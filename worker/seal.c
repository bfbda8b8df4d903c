/*
 * What a generation says of itself is counted from the catalog, so sealing
 * takes no longer for its rows.  Its last transaction has the internal tables
 * (internal_tables.h) and the mark that it is sealed.
 */

#include "seal.h"

#include <stdio.h>
#include <stdlib.h>

#include "awaited.h"
#include "direct.h"
#include "internal_tables.h"
#include "next.h"
#include "qsn_clock.h"
#include "qsn_log.h"

static int seal(worker_t *worker, generation_t *generation,
    const seal_info_t *info, const stats_t *published, seal_facts_t *facts,
    char *error);
static void count(seal_facts_t *facts, const catalog_t *catalog);
static void add_stats(stats_t *stats, const stats_t *more);


int
seal_info_gather(worker_t *worker, seal_info_t *info)
{
    direct_count(worker, &worker->stats);
    info->stats = worker->stats;
    info->slow = worker->slow;

    return static_store_tables(worker->statics, &info->statics);
}


void
seal_info_free(seal_info_t *info)
{
    catalog_clear(&info->statics);
}


void
seal_info_give_back(worker_t *worker, const seal_info_t *info)
{
    add_stats(&worker->stats, &info->stats);
    slow_queries_merge(&worker->slow, &info->slow);
}


int
seal_current(worker_t *worker, const seal_info_t *info, seal_facts_t *facts,
    char *error)
{
    writer_t *writer = &worker->writer;

    for (int tries = 0; tries < 2; tries++) {
        int carried = writer_carry_rest(writer, error) == 0;

        budget_lift(&writer->generation->store);

        if (carried
            && seal(worker, writer->generation, info, &writer->stats, facts,
                    error) == 0)
        {
            return 0;
        }

        budget_spend_reserve(&writer->budget);
    }

    budget_limit(&writer->generation->store, writer->budget.max_generation);
    next_refuse(writer, error);

    return -1;
}


int
seal_copy(worker_t *worker, const char *path, uint64_t number,
    const seal_info_t *info, const stats_t *published, char *error)
{
    generation_t *copy = generation_open_path(&worker->settings, path,
                                              number, error);
    seal_facts_t facts;
    int rc = -1;

    if (copy) {
        rc = seal(worker, copy, info, published, &facts, error);
        generation_close(copy);
    }

    return rc;
}


int
seal_empty(worker_t *worker, uint64_t number, seal_facts_t *facts,
    char *error)
{
    generation_t *empty = generation_open(&worker->settings, number, error);
    seal_info_t info;
    int rc = -1;

    if (empty == NULL) {
        return -1;
    }

    if (seal_info_gather(worker, &info) != 0) {
        (void) snprintf(error, SEAL_ERROR_SIZE, "out of memory");
    } else {
        rc = seal(worker, empty, &info, &worker->writer.stats, facts, error);
        seal_info_free(&info);
    }

    generation_close(empty);

    return rc;
}


void
seal_show(worker_t *worker, const seal_facts_t *facts)
{
    qsn_page_state_t *state = &worker->page_state;

    state->start_epoch_us = (uint64_t) (facts->start_epoch * 1e6);
    state->tables = facts->tables;
    state->rows = facts->rows;
    state->publishers = facts->publishers;
}


/* The last transaction of a generation. */
static int
seal(worker_t *worker, generation_t *generation, const seal_info_t *info,
    const stats_t *published, seal_facts_t *facts, char *error)
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

    add_stats(&internal.stats, published);
    facts->start_epoch = internal.start_epoch;
    facts->tables = 0;
    facts->rows = 0;
    facts->publishers = store->catalog.identity_count;
    count(facts, &store->catalog);
    count(facts, &info->statics);

    if (store_begin(store) != 0
        || awaited_remove(store) != 0
        || internal_tables_make(generation, &internal, worker->views) != 0
        || generation_mark_sealed(generation) != 0
        || store_commit(store) != 0)
    {
        (void) snprintf(error, SEAL_ERROR_SIZE, "%s",
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
count(seal_facts_t *facts, const catalog_t *catalog)
{
    facts->tables += catalog->table_count;

    for (size_t i = 0; i < catalog->table_count; i++) {
        facts->rows += catalog->tables[i]->rows;
    }
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
