/*
 * (table, identity) reports once in a generation; the first stands.  What
 * was carried over from the generation before is a default only: a fresh
 * report replaces it.  A report of no rows makes the table, and does not
 * count as the first.
 */

#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "defer.h"
#include "qsn_clock.h"
#include "sql.h"
#include "update.h"

static int check_identity(store_t *store, request_t *request);
static enum report_result apply_plain(store_t *store, request_t *request,
    const report_t *before);
static int drop_carried(store_t *store, const request_t *request,
    catalog_table_t *table, const report_t *before);
static int drop_carried_update(store_t *store, const request_t *request,
    catalog_table_t *table, const report_t *update);
static int insert_rows(store_t *store, const request_t *request,
    catalog_table_t *table, report_t *report);
static sqlite3_stmt *insert_statement(sqlite3 *db, const request_t *request,
    catalog_table_t *table);


enum report_result
report_apply(store_t *store, request_t *request)
{
    report_t before[2];
    enum report_result result;

    if (check_identity(store, request) != 0) {
        return REPORT_REFUSED;
    }

    if (report_find(store, request->table.name.data, request->identity.data,
                    before) != 0)
    {
        return schema_failed(store, request);
    }

    if (request->update) {
        result = update_apply(store, request, before);
    } else {
        result = apply_plain(store, request, before);
    }

    report_free(before);

    return result;
}


int
report_find(store_t *store, const char *table, const char *identity,
    report_t *reports)
{
    sqlite3_stmt *find = store->find_report;
    int rc;

    memset(reports, 0, 2 * sizeof(*reports));

    const catalog_t *catalog = &store->catalog;
    catalog_pair_t *pair = catalog_find_report(catalog,
                                               catalog_find(catalog, table),
                                               identity);

    if (pair == NULL) {
        return 0;
    }

    (void) sqlite3_bind_int64(find, 1, pair->ids[REPORT_PLAIN]);
    (void) sqlite3_bind_int64(find, 2, pair->ids[REPORT_UPDATE]);

    while ((rc = sqlite3_step(find)) == SQLITE_ROW) {
        report_t *report = &reports[sqlite3_column_int(find, 0)
                                    ? REPORT_UPDATE : REPORT_PLAIN];
        const char *columns = (const char *) sqlite3_column_text(find, 7);

        report->found = 1;
        report->rows = sqlite3_column_int64(find, 1);
        report->carried = sqlite3_column_int(find, 2);
        report->updates = sqlite3_column_int64(find, 3);
        report->first = sqlite3_column_int64(find, 4);
        report->last = sqlite3_column_int64(find, 5);
        report->persist = sqlite3_column_int(find, 6);
        qsn_buf_string(&report->columns, columns ? columns : "");
    }

    (void) sqlite3_reset(find);

    return rc == SQLITE_DONE ? 0 : -1;
}


void
report_free(report_t *reports)
{
    qsn_buf_free(&reports[REPORT_PLAIN].columns);
    qsn_buf_free(&reports[REPORT_UPDATE].columns);
}


int
report_put(store_t *store, catalog_table_t *table, const char *identity,
    enum report_kind kind, const report_t *report, double epoch,
    const report_t *before)
{
    sqlite3_stmt *put = store->put_report;
    catalog_identity_t *entry = catalog_identity(&store->catalog, identity);

    catalog_pair_t *pair = entry == NULL ? NULL
                           : catalog_add_report(&store->catalog, table,
                                                entry);

    if (pair == NULL || report->columns.failed) {
        return -1;
    }

    (void) sqlite3_bind_text(put, 1, table->name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(put, 2, identity, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int(put, 3, kind);
    (void) sqlite3_bind_int64(put, 4, report->rows);
    (void) sqlite3_bind_int64(put, 5, report->first);
    (void) sqlite3_bind_int64(put, 6, report->last);
    (void) sqlite3_bind_double(put, 7, epoch);
    (void) sqlite3_bind_int(put, 8, report->persist);
    (void) sqlite3_bind_int(put, 9, report->carried);
    (void) sqlite3_bind_int64(put, 10, report->updates);
    (void) sqlite3_bind_text(put, 11, report->columns.data,
                             (int) report->columns.length, SQLITE_STATIC);

    if (pair->ids[kind]) {
        (void) sqlite3_bind_int64(put, 12, pair->ids[kind]);
    } else {
        (void) sqlite3_bind_null(put, 12);      /* the next number */
    }

    if (sql_run(put) != SQLITE_OK) {
        return -1;
    }

    pair->ids[kind] = sqlite3_last_insert_rowid(store->db);
    table->persists |= report->persist;
    table->rows += (uint64_t) (report->rows - before[kind].rows);
    table->updates += (uint64_t) (report->updates - before[kind].updates);
    entry->tables += !before[REPORT_PLAIN].found
                     && !before[REPORT_UPDATE].found;

    if (epoch > table->last_update) {
        table->last_update = epoch;
    }

    if (epoch > entry->last_update) {
        entry->last_update = epoch;
    }

    catalog_unlist(&store->catalog, entry);

    return 0;
}


void
report_insert_sql(qsn_buf_t *sql, const char *table,
    const text_list_t *names)
{
    qsn_buf_string(sql, "INSERT INTO ");
    sql_quote(sql, table);
    qsn_buf_byte(sql, '(');
    schema_columns(sql, names);
    qsn_buf_string(sql, ") ");
    rows_vtab_select(sql, names->count);
}


void
report_add_columns(report_t *report, const text_list_t *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i].data;
        const char *at = qsn_buf_text(&report->columns);
        int found = 0;

        while (!found && *at) {
            size_t length = strcspn(at, ",");

            found = length == names->items[i].length
                    && strncasecmp(at, name, length) == 0;
            at += length + (at[length] == ',');
        }

        if (!found) {
            qsn_buf_string(&report->columns,
                           report->columns.length ? "," : "");
            qsn_buf_string(&report->columns, name);
        }
    }
}


static int
check_identity(store_t *store, request_t *request)
{
    const catalog_t *catalog = &store->catalog;
    int64_t limit = store->settings->max_identities;

    if ((int64_t) catalog->identity_count < limit
        || catalog_find_identity(catalog, request->identity.data))
    {
        return 0;
    }

    return request_fail(request, 507, "Identity '%.100s' would be one more "
                        "than max_identities (%lld)", request->identity.data,
                        (long long) limit);
}


static enum report_result
apply_plain(store_t *store, request_t *request, const report_t *before)
{
    const report_t *first = &before[REPORT_PLAIN];
    report_t report = { .persist = request->persist, .updates = 1 };
    catalog_table_t *table = NULL;

    if (first->found && !first->carried && first->rows > 0) {
        return defer_report(store, request, first) == 0
               ? REPORT_DUPLICATE : schema_failed(store, request);
    }

    enum report_result result = schema_merge(store, request, &request->table,
                                             &table);

    if (result != REPORT_TAKEN) {
        return result;
    }

    if (request->persist) {
        report_add_columns(&report, &request->table.column_names);
    }

    if (drop_carried(store, request, table, before) != 0
        || insert_rows(store, request, table, &report) != 0
        || report_put(store, table, request->identity.data, REPORT_PLAIN,
                      &report, qsn_clock_epoch(), before) != 0)
    {
        result = schema_failed(store, request);
    }

    qsn_buf_free(&report.columns);

    return result;
}


/* A plain report also ends what the identity's updates had persisted. */
static int
drop_carried(store_t *store, const request_t *request,
    catalog_table_t *table, const report_t *before)
{
    const report_t *plain = &before[REPORT_PLAIN];
    const report_t *update = &before[REPORT_UPDATE];

    if (plain->carried && plain->rows
        && (sql_execf(store->db, "DELETE FROM \"%w\" WHERE _rowid_ BETWEEN "
                      "%lld AND %lld", table->name, (long long) plain->first,
                      (long long) plain->last) != SQLITE_OK
            || sql_execf(store->db, "DELETE FROM _qasino_updated WHERE "
                         "tablename = %Q AND row_id BETWEEN %lld AND %lld",
                         table->name, (long long) plain->first,
                         (long long) plain->last) != SQLITE_OK))
    {
        return -1;
    }

    if (!update->found) {
        return 0;
    }

    if (update->carried
        && drop_carried_update(store, request, table, update) != 0)
    {
        return -1;
    }

    return update_end_persistence(store, table, request->identity.data);
}


/* Rows that others' updates have set since are theirs now, and counted with
   one of them: what reports count is what the table has. */
static int
drop_carried_update(store_t *store, const request_t *request,
    catalog_table_t *table, const report_t *update)
{
    const char *identity = request->identity.data;
    catalog_pair_t *pair = catalog_find_report(&store->catalog, table,
                                               identity);

    if (pair == NULL
        || sql_execf(store->db, "DELETE FROM \"%w\" WHERE _rowid_ IN "
                     "(SELECT row_id FROM _qasino_updated WHERE tablename = "
                     "%Q AND identity = %Q AND owned)", table->name,
                     table->name, identity) != SQLITE_OK)
    {
        return -1;
    }

    int64_t gone = sqlite3_changes64(store->db);

    if (sql_execf(store->db, "DELETE FROM _qasino_reports WHERE id = %lld",
                  (long long) pair->ids[REPORT_UPDATE]) != SQLITE_OK
        || (gone < update->rows
            && sql_execf(store->db, "UPDATE _qasino_reports SET nr_rows = "
                         "nr_rows + %lld WHERE id = (SELECT r.id FROM "
                         "_qasino_updated u JOIN _qasino_reports r "
                         "ON r.tablename = u.tablename AND r.identity = "
                         "u.identity AND r.is_update = 1 WHERE r.persist "
                         "AND u.tablename = %Q AND u.owned "
                         "AND u.identity <> %Q LIMIT 1)",
                         (long long) (update->rows - gone), table->name,
                         identity) != SQLITE_OK))
    {
        return -1;
    }

    table->rows -= (uint64_t) gone;
    table->updates -= (uint64_t) update->updates;
    pair->ids[REPORT_UPDATE] = 0;

    return 0;
}


/* All rows in one statement; they get consecutive rowids. */
static int
insert_rows(store_t *store, const request_t *request, catalog_table_t *table,
    report_t *report)
{
    if (request->table.rows == 0) {
        return 0;
    }

    sqlite3_stmt *insert = insert_statement(store->db, request, table);

    if (insert == NULL) {
        return -1;
    }

    store->rows.table = &request->table;
    int rc = sql_run(insert);
    store->rows.table = NULL;

    if (rc != SQLITE_OK) {
        return -1;
    }

    report->rows = sqlite3_changes64(store->db);
    report->last = sqlite3_last_insert_rowid(store->db);
    report->first = report->last - report->rows + 1;

    return 0;
}


/* A table's publishers mostly send the same columns: its last statement is
   kept. */
static sqlite3_stmt *
insert_statement(sqlite3 *db, const request_t *request,
    catalog_table_t *table)
{
    const text_list_t *names = &request->table.column_names;
    qsn_buf_t sql = { 0 };

    if (schema_same_columns(table, names)) {
        return table->insert;
    }

    (void) sqlite3_finalize(table->insert);
    free(table->insert_columns);
    table->insert = NULL;
    table->insert_count = 0;
    table->insert_columns = calloc(names->count,
                                   sizeof(*table->insert_columns));

    report_insert_sql(&sql, table->name, names);

    if (!sql.failed && table->insert_columns) {
        table->insert = sql_prepare(db, qsn_buf_text(&sql));
    }

    for (size_t i = 0; table->insert && i < names->count; i++) {
        table->insert_columns[i] = catalog_find_column(table,
                                                       names->items[i].data);
        table->insert_count++;
    }

    qsn_buf_free(&sql);

    return table->insert;
}
