/*
 * The new table has the columns that its persisted reports have and those
 * that persisted updates have set, in whoever's rows: no others.  Columns
 * are merged report by report, in the order of the reports, so that of many
 * that do not fit all together those come that do.
 */

#include "carry_reports.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_log.h"
#include "report.h"
#include "sealed_columns.h"
#include "sql.h"

#define LIST   CARRY_REPORTS_LIST
#define MARKS  "_qasino_marks_to_carry"         /* by identity */

struct carry_reports_s {
    store_t *store;
    sqlite3_stmt *reports;      /* of table ?1, updates last */
    sqlite3_stmt *updates;      /* columns that they have set in table ?1 */
    sqlite3_stmt *info;         /* SEALED_COLUMNS_SQL */
    sqlite3_stmt *move;         /* report ?2 begins at rowid ?1 now */
    sqlite3_stmt *marks;        /* of table ?1 and identity ?2 */
    uint64_t merges;            /* so far; a column has seen this one once
                                   it is taken */

    /* the table that is carried */
    catalog_table_t *table;
    sealed_columns_t sealed;
    qsn_buf_t updated;          /* what updates have set, "a,b" */
    qsn_buf_t merged;           /* the report merged last had these, "a,b" */
    sqlite3_stmt *copy;         /* its columns of sealed rows ?1 to ?2 */
};

static int list_reports(store_t *store);
static int begin_table(carry_reports_t *carry, const char *table);
static void end_table(carry_reports_t *carry);
static int add_updated(carry_reports_t *carry, const char *names);
static int carry_report(carry_reports_t *carry);
static enum report_result merge(carry_reports_t *carry, const char *name,
    const char *source, const char *names);
static int take_columns(carry_reports_t *carry, request_t *request,
    const sealed_columns_t *own, const char *names);
static int prepare_copy(carry_reports_t *carry, const table_t *merged,
    const char *names);
static int carry_plain(carry_reports_t *carry, sqlite3_int64 id,
    report_t *report);
static int carry_deferred(carry_reports_t *carry, const char *source,
    report_t *report);
static void note_rows(sqlite3 *db, report_t *report);
static void quote_names(qsn_buf_t *out, const char *names);
static int carry_updates(carry_reports_t *carry, const char *identity,
    report_t *report);
static int carry_row(carry_reports_t *carry, const char *identity,
    report_t *report);
static int is_too_big(const carry_reports_t *carry);
static int copy_rows(carry_reports_t *carry, sqlite3_int64 first,
    sqlite3_int64 last);


int
carry_reports_create(store_t *store, carry_reports_t **out)
{
    carry_reports_t *carry = calloc(1, sizeof(*carry));

    *out = carry;

    if (carry == NULL) {
        return -1;
    }

    carry->store = store;

    if (list_reports(store) != 0) {
        return -1;
    }

    carry->reports = sql_prepare(store->db,
        "WITH carried AS (SELECT tablename, identity, is_update, "
        "first_rowid, last_rowid, epoch, columns, NULL AS source, id "
        "FROM temp." LIST " r WHERE tablename = ?1 AND (is_update OR "
        "NOT EXISTS (SELECT 1 FROM sealed._qasino_next n WHERE "
        "n.tablename = r.tablename AND n.identity = r.identity)) "
        "UNION ALL SELECT tablename, identity, 0, 0, 0, epoch, columns, "
        "source, NULL FROM sealed._qasino_next WHERE tablename = ?1 "
        "AND source IS NOT NULL) "
        "SELECT tablename, identity, is_update, first_rowid, last_rowid, "
        "epoch, columns, source, id FROM carried ORDER BY is_update");
    carry->updates = sql_prepare(store->db,
        "SELECT columns FROM temp." LIST " WHERE is_update "
        "AND tablename = ?1 AND columns IS NOT NULL "
        "GROUP BY columns ORDER BY min(id)");
    carry->info = sql_prepare(store->db, SEALED_COLUMNS_SQL);
    carry->move = sql_prepare(store->db,
        "UPDATE temp." LIST " SET moved_to = ?1 WHERE id = ?2");
    carry->marks = sql_prepare(store->db,
        "SELECT row_id, (SELECT CASE WHEN row_id <= last_rowid "
        "THEN moved_to + row_id - first_rowid END "
        "FROM temp." LIST " WHERE tablename = ?1 AND is_update = 0 "
        "AND first_rowid <= row_id ORDER BY first_rowid DESC LIMIT 1) "
        "FROM temp." MARKS " WHERE tablename = ?1 "
        "AND identity = ?2 ORDER BY row_id");

    return carry->reports && carry->updates && carry->info && carry->move
           && carry->marks ? 0 : -1;
}


void
carry_reports_destroy(carry_reports_t *carry)
{
    if (carry) {
        (void) sqlite3_finalize(carry->reports);
        (void) sqlite3_finalize(carry->updates);
        (void) sqlite3_finalize(carry->info);
        (void) sqlite3_finalize(carry->move);
        (void) sqlite3_finalize(carry->marks);
        (void) sql_exec(carry->store->db, "DROP TABLE IF EXISTS temp." LIST
                        ";DROP TABLE IF EXISTS temp." MARKS);
        free(carry);
    }
}


int
carry_reports_copy(carry_reports_t *carry, const char *table)
{
    int rc = begin_table(carry, table) == 0 ? SQLITE_ROW : SQLITE_ERROR;

    (void) sqlite3_bind_text(carry->reports, 1, table, -1, SQLITE_STATIC);

    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(carry->reports);

        if (rc == SQLITE_ROW && carry_report(carry) != 0) {
            rc = SQLITE_ERROR;
        }
    }

    (void) sqlite3_reset(carry->reports);
    end_table(carry);

    return rc == SQLITE_DONE ? 0 : -1;
}


/* moved_to: the first rowid that a report has in its new place. */
static int
list_reports(store_t *store)
{
    return sql_exec(store->db, "CREATE TEMP TABLE " LIST "(id INTEGER "
                    "PRIMARY KEY, tablename TEXT COLLATE NOCASE, identity, "
                    "is_update, first_rowid, last_rowid, epoch, columns, "
                    "moved_to);"
                    "INSERT INTO temp." LIST " SELECT NULL, tablename, "
                    "identity, is_update, first_rowid, last_rowid, epoch, "
                    "columns, NULL FROM sealed._qasino_reports "
                    "WHERE persist;"
                    "CREATE INDEX temp." LIST "_of ON " LIST
                    "(tablename, is_update, first_rowid);"
                    "CREATE TEMP TABLE " MARKS "(tablename TEXT "
                    "COLLATE NOCASE, identity TEXT, row_id INTEGER, "
                    "PRIMARY KEY(tablename, identity, row_id)) "
                    "WITHOUT ROWID;"
                    "INSERT INTO temp." MARKS " SELECT tablename, identity, "
                    "row_id FROM sealed._qasino_updated")
           == SQLITE_OK ? 0 : -1;
}


static int
begin_table(carry_reports_t *carry, const char *table)
{
    int rc = sealed_columns_load(&carry->sealed, carry->info, table) == 0
             ? SQLITE_ROW : SQLITE_ERROR;

    carry->merges++;
    (void) sqlite3_bind_text(carry->updates, 1, table, -1, SQLITE_STATIC);

    while (rc == SQLITE_ROW
           && (rc = sqlite3_step(carry->updates)) == SQLITE_ROW)
    {
        if (add_updated(carry, (const char *)
                        sqlite3_column_text(carry->updates, 0)) != 0)
        {
            rc = SQLITE_ERROR;
        }
    }

    (void) sqlite3_reset(carry->updates);

    return rc == SQLITE_DONE ? 0 : -1;
}


static void
end_table(carry_reports_t *carry)
{
    (void) sqlite3_finalize(carry->copy);
    carry->copy = NULL;
    carry->table = NULL;
    qsn_buf_free(&carry->updated);
    qsn_buf_free(&carry->merged);
    sealed_columns_free(&carry->sealed);
}


/* Each of "a,b" that is not in the list yet. */
static int
add_updated(carry_reports_t *carry, const char *names)
{
    while (*names) {
        size_t length = strcspn(names, ",");
        sealed_column_t *column = sealed_columns_find(&carry->sealed, names,
                                                      length);

        if (column == NULL) {
            return -1;
        }

        if (column->seen != carry->merges) {
            column->seen = carry->merges;
            qsn_buf_string(&carry->updated,
                           carry->updated.length ? "," : "");
            qsn_buf_append(&carry->updated, names, length);
        }

        names += length + (names[length] == ',');
    }

    return carry->updated.failed ? -1 : 0;
}


static int
carry_report(carry_reports_t *carry)
{
    sqlite3_stmt *row = carry->reports;
    const char *name = (const char *) sqlite3_column_text(row, 0);
    const char *identity = (const char *) sqlite3_column_text(row, 1);
    const char *columns = (const char *) sqlite3_column_text(row, 6);
    const char *source = (const char *) sqlite3_column_text(row, 7);
    enum report_kind kind = sqlite3_column_int(row, 2) ? REPORT_UPDATE
                                                       : REPORT_PLAIN;
    report_t report = { .persist = 1, .carried = 1, .updates = 1 };
    report_t before[2] = { { 0 } };
    int rc = -1;

    report.first = sqlite3_column_int64(row, 3);
    report.last = sqlite3_column_int64(row, 4);
    qsn_buf_string(&report.columns, columns ? columns : "");

    enum report_result result = merge(carry, name, source,
                                      qsn_buf_text(&report.columns));

    if (result == REPORT_REFUSED) {
        rc = 0;                 /* that is no reason to stop */

    } else if (result == REPORT_TAKEN
               && (kind == REPORT_UPDATE
                   ? carry_updates(carry, identity, &report)
                   : source ? carry_deferred(carry, source, &report)
                   : carry_plain(carry, sqlite3_column_int64(row, 8),
                                 &report)) == 0
               && report_find(carry->store, name, identity, before) == 0)
    {
        rc = report_put(carry->store, carry->table, identity, kind, &report,
                        sqlite3_column_double(row, 5), before);
    }

    report_free(before);
    qsn_buf_free(&report.columns);

    return rc;
}


/* source: where a second report waits, or NULL.  After a report of the same
   columns the table has them, and ->copy is right. */
static enum report_result
merge(carry_reports_t *carry, const char *name, const char *source,
    const char *names)
{
    static const request_limits_t no_limits;
    enum report_result result = REPORT_FAILED;
    sealed_columns_t own = { 0 };
    request_t request;

    if (source == NULL && carry->copy
        && strcmp(names, qsn_buf_text(&carry->merged)) == 0)
    {
        return REPORT_TAKEN;
    }

    request_init(&request, &no_limits);
    carry->merges++;

    if ((source == NULL
         || sealed_columns_load(&own, carry->info, source) == 0)
        && request_set_text(&request, &request.table.name, name,
                            strlen(name)) == 0
        && take_columns(carry, &request, &own, names) == 0)
    {
        result = schema_merge(carry->store, &request, &request.table,
                              &carry->table);
    }

    if (result == REPORT_REFUSED) {
        qsn_log("persisted rows of '%s' are dropped: %s", name,
                request.error);

    } else if (result == REPORT_TAKEN && source == NULL
               && prepare_copy(carry, &request.table, names) != 0)
    {
        result = REPORT_FAILED;
    }

    sealed_columns_free(&own);
    request_free(&request);

    return result;
}


/* The report's columns and those that updates have set, each once: as its
   own table has them, if it has one, or else as the sealed one has. */
static int
take_columns(carry_reports_t *carry, request_t *request,
    const sealed_columns_t *own, const char *names)
{
    const char *lists[] = { names, qsn_buf_text(&carry->updated) };
    table_t *table = &request->table;

    table->types = arena_alloc(&request->arena,
                               (own->count + carry->sealed.count)
                               * sizeof(*table->types));

    if (table->types == NULL) {
        return -1;
    }

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (const char *at = lists[i]; *at; /* void */) {
            size_t length = strcspn(at, ",");
            sealed_column_t *column = sealed_columns_find(own, at, length);

            if (column == NULL) {
                column = sealed_columns_find(&carry->sealed, at, length);
            }

            if (column == NULL) {
                return -1;
            }

            if (column->seen != carry->merges) {
                column->seen = carry->merges;
                table->types[table->column_names.count] = column->type;

                if (request_add_text(request, &table->column_names,
                                     column->name.data, length) != 0)
                {
                    return -1;
                }
            }

            at += length + (at[length] == ',');
        }
    }

    return 0;
}


/* Both kinds of reports copy by it: most of a table's have the same
   columns. */
static int
prepare_copy(carry_reports_t *carry, const table_t *merged,
    const char *names)
{
    qsn_buf_t columns = { 0 };
    qsn_buf_t sql = { 0 };

    schema_columns(&columns, &merged->column_names);
    qsn_buf_string(&sql, "INSERT INTO main.");
    sql_quote(&sql, carry->table->name);
    qsn_buf_printf(&sql, "(%s) SELECT %s FROM sealed.",
                   qsn_buf_text(&columns), qsn_buf_text(&columns));
    sql_quote(&sql, merged->name.data);
    qsn_buf_string(&sql, " WHERE _rowid_ BETWEEN ?1 AND ?2 "
                   "ORDER BY _rowid_");

    qsn_buf_clear(&carry->merged);
    qsn_buf_string(&carry->merged, names);
    (void) sqlite3_finalize(carry->copy);
    carry->copy = columns.failed || sql.failed || carry->merged.failed
                  ? NULL : sql_prepare(carry->store->db, qsn_buf_text(&sql));

    qsn_buf_free(&columns);
    qsn_buf_free(&sql);

    return carry->copy ? 0 : -1;
}


static int
carry_plain(carry_reports_t *carry, sqlite3_int64 id, report_t *report)
{
    sqlite3_stmt *move = carry->move;

    if (report->last == 0) {
        return 0;
    }

    if (copy_rows(carry, report->first, report->last) != SQLITE_OK) {
        report->rows = 0;
        return is_too_big(carry) ? 0 : -1;
    }

    note_rows(carry->store->db, report);

    if (report->rows == 0) {
        return 0;
    }

    (void) sqlite3_bind_int64(move, 1, report->first);
    (void) sqlite3_bind_int64(move, 2, id);

    return sql_run(move) == SQLITE_OK ? 0 : -1;
}


/* A second report, out of its own table. */
static int
carry_deferred(carry_reports_t *carry, const char *source, report_t *report)
{
    sqlite3 *db = carry->store->db;
    qsn_buf_t columns = { 0 };

    quote_names(&columns, qsn_buf_text(&report->columns));

    int rc = sql_execf(db, "INSERT INTO main.\"%w\"(%s) SELECT %s FROM "
                       "sealed.\"%w\" ORDER BY _rowid_", carry->table->name,
                       qsn_buf_text(&columns), qsn_buf_text(&columns),
                       source);

    qsn_buf_free(&columns);

    if (rc != SQLITE_OK) {
        return -1;
    }

    note_rows(db, report);

    return 0;
}


/* Where the rows of the last insertion are: they have consecutive rowids. */
static void
note_rows(sqlite3 *db, report_t *report)
{
    report->rows = sqlite3_changes64(db);

    if (report->rows) {
        report->last = sqlite3_last_insert_rowid(db);
        report->first = report->last - report->rows + 1;
    }
}


/* "a,b" to "\"a\",\"b\"". */
static void
quote_names(qsn_buf_t *out, const char *names)
{
    qsn_buf_byte(out, '"');

    for (/* void */; *names; names++) {
        if (*names == ',') {
            qsn_buf_string(out, "\",\"");
        } else {
            qsn_buf_byte(out, *names);
        }
    }

    qsn_buf_byte(out, '"');
}


/*
 * One at a time: each row's mark needs the rowid it gets here.  A row inside
 * a persisted plain report is here already, and only marked again.
 */
static int
carry_updates(carry_reports_t *carry, const char *identity,
    report_t *report)
{
    sqlite3_stmt *marks = carry->marks;
    int rc = SQLITE_OK;

    (void) sqlite3_bind_text(marks, 1, carry->table->name, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_text(marks, 2, identity, -1, SQLITE_STATIC);

    while (rc == SQLITE_OK && (rc = sqlite3_step(marks)) == SQLITE_ROW) {
        rc = carry_row(carry, identity, report);
    }

    (void) sqlite3_reset(marks);

    return rc == SQLITE_DONE ? 0 : -1;
}


static int
carry_row(carry_reports_t *carry, const char *identity, report_t *report)
{
    sqlite3_stmt *mark = carry->store->mark_row;
    int owned = sqlite3_column_type(carry->marks, 1) == SQLITE_NULL;
    sqlite3_int64 row_id = sqlite3_column_int64(carry->marks, 1);

    if (owned) {
        sqlite3_int64 sealed = sqlite3_column_int64(carry->marks, 0);
        int rc = copy_rows(carry, sealed, sealed);

        if (rc != SQLITE_OK) {
            return is_too_big(carry) ? SQLITE_OK : rc;
        }

        row_id = sqlite3_last_insert_rowid(carry->store->db);
        report->rows++;
    }

    (void) sqlite3_bind_text(mark, 1, carry->table->name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(mark, 2, row_id);
    (void) sqlite3_bind_text(mark, 3, identity, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int(mark, 4, owned);

    return sql_run(mark);
}


/* max_cell is lower than it was: the rows that do not fit it are dropped, or
   no generation would be sealed any more. */
static int
is_too_big(const carry_reports_t *carry)
{
    if (sqlite3_errcode(carry->store->db) != SQLITE_TOOBIG) {
        return 0;
    }

    qsn_log("persisted rows of '%s' are dropped: larger than max_cell",
            carry->table->name);

    return 1;
}


/* SQLITE_OK, or SQLite's error. */
static int
copy_rows(carry_reports_t *carry, sqlite3_int64 first, sqlite3_int64 last)
{
    (void) sqlite3_bind_int64(carry->copy, 1, first);
    (void) sqlite3_bind_int64(carry->copy, 2, last);

    return sql_run(carry->copy);
}
