/*
 * Which report of a table comes next, and what is noted of it.  A plain
 * report of many rows goes over in parts: it is noted with the last one.
 */

#include "carry_reports.h"

#include <stdlib.h>

#include "qsn_log.h"
#include "sql.h"

#define LIST         CARRY_LIST
#define MARKS        "_qasino_marks_to_carry"   /* by identity */
#define REPORT_COST  8          /* beside what it changes, in rows */

struct carry_reports_s {
    store_t *store;
    sqlite3_stmt *next;         /* report of table ?1 and kind ?2 after ?3 */
    sqlite3_stmt *move;         /* report ?2 begins at rowid ?1 now */
    sqlite3_stmt *marks;        /* of table ?1 and identity ?2 */
    carry_copy_t copy;          /* of the table gone on with last */
};

static int list_reports(store_t *store);
static int prepare(carry_reports_t *carry);
static int carry_report(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit);
static int carry_rows(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit);
static int carry_plain(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit);
static int drop_parts(carry_reports_t *carry,
    const carry_position_t *position);
static int note_moved(carry_reports_t *carry, sqlite3_int64 first);
static int carry_second(carry_reports_t *carry, report_t *report);
static int carry_updates(carry_reports_t *carry, report_t *report);
static int carry_row(carry_reports_t *carry, const char *identity,
    report_t *report);
static int is_too_big(const carry_reports_t *carry);
static const char *identity_of(const carry_reports_t *carry);
static int note_report(carry_reports_t *carry, enum report_kind kind,
    const report_t *report);


int
carry_reports_create(store_t *store, carry_reports_t **out)
{
    carry_reports_t *carry = calloc(1, sizeof(*carry));

    *out = carry;

    if (carry == NULL) {
        return -1;
    }

    carry->store = store;

    return list_reports(store) == 0 && prepare(carry) == 0
           && carry_copy_prepare(&carry->copy, store) == 0 ? 0 : -1;
}


void
carry_reports_destroy(carry_reports_t *carry)
{
    if (carry) {
        (void) sqlite3_finalize(carry->next);
        (void) sqlite3_finalize(carry->move);
        (void) sqlite3_finalize(carry->marks);
        carry_copy_free(&carry->copy);
        (void) sql_exec(carry->store->db, "DROP TABLE IF EXISTS temp." LIST
                        ";DROP TABLE IF EXISTS temp." MARKS);
        free(carry);
    }
}


int
carry_reports_copy(carry_reports_t *carry, const char *table,
    carry_position_t *position, int64_t limit)
{
    if (carry->copy.name != table) {
        carry_copy_end(&carry->copy);

        if (carry_copy_begin(&carry->copy, table) != 0) {
            return -1;
        }
    }

    while (position->kind < CARRY_KINDS) {
        if (limit <= 0) {
            return 0;
        }

        (void) sqlite3_bind_text(carry->next, 1, table, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int(carry->next, 2, (int) position->kind);
        (void) sqlite3_bind_int64(carry->next, 3, position->after);

        int rc = sqlite3_step(carry->next);

        if (rc == SQLITE_ROW
            && carry_report(carry, position, &limit) != 0)
        {
            rc = SQLITE_ERROR;

        } else if (rc == SQLITE_DONE) {
            *position = (carry_position_t) { .kind = position->kind + 1 };
        }

        if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
            return -1;          /* a reset would lose the error */
        }

        (void) sqlite3_reset(carry->next);
    }

    carry_copy_end(&carry->copy);

    return 1;
}


/* So is the catalog, which ->copy points into. */
void
carry_reports_rolled_back(carry_reports_t *carry)
{
    (void) sqlite3_reset(carry->next);
    (void) sqlite3_reset(carry->marks);
    carry_copy_end(&carry->copy);
}


/* moved_to: the first rowid that a plain report has in its new place. */
static int
list_reports(store_t *store)
{
    return sql_exec(store->db, "CREATE TEMP TABLE " LIST "(id INTEGER "
                    "PRIMARY KEY, tablename TEXT COLLATE NOCASE, identity, "
                    "kind, first_rowid, last_rowid, epoch, columns, source, "
                    "moved_to)") == SQLITE_OK
           && sql_execf(store->db, "INSERT INTO temp." LIST " "
                        "SELECT NULL, tablename, identity, "
                        "iif(is_update, %d, %d), first_rowid, last_rowid, "
                        "epoch, columns, NULL, NULL "
                        "FROM sealed._qasino_reports r WHERE persist "
                        "AND (is_update OR NOT EXISTS (SELECT 1 "
                        "FROM sealed._qasino_next n WHERE n.tablename = "
                        "r.tablename AND n.identity = r.identity))",
                        CARRY_UPDATES, CARRY_PLAIN) == SQLITE_OK
           && sql_execf(store->db, "INSERT INTO temp." LIST " "
                        "SELECT NULL, tablename, identity, %d, 0, 0, epoch, "
                        "columns, source, NULL FROM sealed._qasino_next "
                        "WHERE source IS NOT NULL", CARRY_SECOND)
              == SQLITE_OK
           && sql_exec(store->db, "CREATE INDEX temp." LIST "_of ON " LIST
                       "(tablename, kind);"
                       "CREATE TEMP TABLE " MARKS "(tablename TEXT "
                       "COLLATE NOCASE, identity TEXT, row_id INTEGER, "
                       "PRIMARY KEY(tablename, identity, row_id)) "
                       "WITHOUT ROWID;"
                       "INSERT INTO temp." MARKS " SELECT tablename, "
                       "identity, row_id FROM sealed._qasino_updated")
              == SQLITE_OK
           && (sql_int64(store->db, "SELECT EXISTS (SELECT 1 FROM temp."
                         MARKS ")", 1) == 0
               || sql_exec(store->db, "CREATE INDEX temp." LIST "_at ON "
                           LIST "(tablename, kind, first_rowid)")
                  == SQLITE_OK) ? 0 : -1;
}


static int
prepare(carry_reports_t *carry)
{
    sqlite3 *db = carry->store->db;

    carry->next = sql_prepare(db,
        "SELECT id, identity, epoch, columns, first_rowid, last_rowid, "
        "source FROM temp." LIST " INDEXED BY " LIST "_of "
        "WHERE tablename = ?1 AND kind = ?2 AND id > ?3 "
        "ORDER BY id LIMIT 1");
    carry->move = sql_prepare(db,
        "UPDATE temp." LIST " SET moved_to = ?1 WHERE id = ?2");
    carry->marks = sql_prepare(db,
        "SELECT row_id, (SELECT CASE WHEN row_id <= last_rowid "
        "THEN moved_to + row_id - first_rowid END "
        "FROM temp." LIST " WHERE tablename = ?1 AND kind = ?3 "
        "AND first_rowid <= row_id ORDER BY first_rowid DESC LIMIT 1) "
        "FROM temp." MARKS " WHERE tablename = ?1 "
        "AND identity = ?2 ORDER BY row_id");

    return carry->next && carry->move && carry->marks ? 0 : -1;
}


/* The report that ->next has found, or more of it. */
static int
carry_report(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit)
{
    const char *columns = (const char *) sqlite3_column_text(carry->next, 3);
    const char *source = (const char *) sqlite3_column_text(carry->next, 6);
    report_t report = { .persist = 1, .carried = 1, .updates = 1 };
    sqlite3_int64 before = sqlite3_total_changes64(carry->store->db);
    enum report_result result = REPORT_FAILED;
    int whole = 1;              /* nothing of it is left to do */

    qsn_buf_string(&report.columns, columns ? columns : "");

    if (!report.columns.failed) {
        result = carry_copy_merge(&carry->copy, source,
                                  qsn_buf_text(&report.columns));
    }

    if (result == REPORT_TAKEN) {
        whole = carry_rows(carry, position, &report, *limit);

        if (whole < 0
            || (whole && note_report(carry, position->kind == CARRY_UPDATES
                                     ? REPORT_UPDATE : REPORT_PLAIN, &report)
                         != 0))
        {
            result = REPORT_FAILED;
        }
    }                           /* one that is refused is no reason to stop */

    *limit -= REPORT_COST + sqlite3_total_changes64(carry->store->db)
              - before;

    if (whole) {
        *position = (carry_position_t) {
            .kind = position->kind,
            .after = sqlite3_column_int64(carry->next, 0)
        };
    }

    qsn_buf_free(&report.columns);

    return result == REPORT_FAILED ? -1 : 0;
}


/* 1: these are all its rows, and ->rows, ->first and ->last are set; 0: there
   are more; -1. */
static int
carry_rows(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit)
{
    switch (position->kind) {

    case CARRY_PLAIN:
        return carry_plain(carry, position, report, limit);

    case CARRY_SECOND:
        return carry_second(carry, report);

    default:
        return carry_updates(carry, report);
    }
}


static int
carry_plain(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit)
{
    sqlite3_int64 first = sqlite3_column_int64(carry->next, 4);
    sqlite3_int64 last = sqlite3_column_int64(carry->next, 5);
    sqlite3_int64 from = first + position->copied;
    sqlite3_int64 to = last - from < limit ? last : from + limit - 1;

    if (last == 0) {
        return 1;
    }

    if (carry_copy_rows(&carry->copy, from, to) != SQLITE_OK) {
        return is_too_big(carry) && drop_parts(carry, position) == 0 ? 1 : -1;
    }

    sqlite3_int64 rows = sqlite3_changes64(carry->store->db);

    if (position->rows == 0) {
        position->first = sqlite3_last_insert_rowid(carry->store->db)
                          - rows + 1;
    }

    position->rows += rows;
    position->copied += to - from + 1;

    if (to < last) {
        return 0;
    }

    report->rows = position->rows;

    if (report->rows == 0) {
        return 1;
    }

    report->first = position->first;
    report->last = position->first + report->rows - 1;

    return note_moved(carry, report->first) == 0 ? 1 : -1;
}


/* Of a report that does not go over. */
static int
drop_parts(carry_reports_t *carry, const carry_position_t *position)
{
    return position->rows == 0
           || sql_execf(carry->store->db, "DELETE FROM main.\"%w\" WHERE "
                        "_rowid_ >= %lld", carry->copy.table->name,
                        (long long) position->first) == SQLITE_OK ? 0 : -1;
}


static int
note_moved(carry_reports_t *carry, sqlite3_int64 first)
{
    (void) sqlite3_bind_int64(carry->move, 1, first);
    (void) sqlite3_bind_int64(carry->move, 2,
                              sqlite3_column_int64(carry->next, 0));

    return sql_run(carry->move) == SQLITE_OK ? 0 : -1;
}


/* Out of its own table. */
static int
carry_second(carry_reports_t *carry, report_t *report)
{
    sqlite3 *db = carry->store->db;
    const char *source = (const char *) sqlite3_column_text(carry->next, 6);

    if (carry_copy_source(&carry->copy, source,
                          qsn_buf_text(&report->columns)) != SQLITE_OK)
    {
        return -1;
    }

    report->rows = sqlite3_changes64(db);

    if (report->rows) {
        report->last = sqlite3_last_insert_rowid(db);
        report->first = report->last - report->rows + 1;
    }

    return 1;
}


/*
 * One at a time: each row's mark needs the rowid it gets here.  A row inside
 * a persisted plain report is here already, and only marked again.
 */
static int
carry_updates(carry_reports_t *carry, report_t *report)
{
    const char *identity = identity_of(carry);
    sqlite3_stmt *marks = carry->marks;
    int rc = SQLITE_OK;

    (void) sqlite3_bind_text(marks, 1, carry->copy.table->name, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_text(marks, 2, identity, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int(marks, 3, CARRY_PLAIN);

    while (rc == SQLITE_OK && (rc = sqlite3_step(marks)) == SQLITE_ROW) {
        rc = carry_row(carry, identity, report);
    }

    if (rc != SQLITE_DONE) {
        return -1;
    }

    (void) sqlite3_reset(marks);

    return 1;
}


static int
carry_row(carry_reports_t *carry, const char *identity, report_t *report)
{
    sqlite3_stmt *mark = carry->store->mark_row;
    int owned = sqlite3_column_type(carry->marks, 1) == SQLITE_NULL;
    sqlite3_int64 row_id = sqlite3_column_int64(carry->marks, 1);

    if (owned) {
        sqlite3_int64 sealed = sqlite3_column_int64(carry->marks, 0);
        int rc = carry_copy_rows(&carry->copy, sealed, sealed);

        if (rc != SQLITE_OK) {
            return is_too_big(carry) ? SQLITE_OK : rc;
        }

        row_id = sqlite3_last_insert_rowid(carry->store->db);
        report->rows++;
    }

    (void) sqlite3_bind_text(mark, 1, carry->copy.table->name, -1,
                             SQLITE_STATIC);
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
            carry->copy.table->name);

    return 1;
}


static const char *
identity_of(const carry_reports_t *carry)
{
    return (const char *) sqlite3_column_text(carry->next, 1);
}


static int
note_report(carry_reports_t *carry, enum report_kind kind,
    const report_t *report)
{
    const char *identity = identity_of(carry);
    report_t before[2] = { { 0 } };
    int rc = report_find(carry->store, carry->copy.table->name, identity,
                         before);

    if (rc == 0) {
        rc = report_put(carry->store, carry->copy.table, identity, kind,
                        report, sqlite3_column_double(carry->next, 2),
                        before);
    }

    report_free(before);

    return rc;
}
