/*
 * Which report of a table comes next, and what is noted of it.  A report of
 * many rows goes over in parts: it is noted with the last one.
 */

#include "carry_reports.h"

#include <stdlib.h>

#include "carry_list.h"
#include "qsn_log.h"
#include "sql.h"

#define REPORT_COST  8          /* beside what it changes, in rows */

struct carry_reports_s {
    store_t *store;
    sqlite3 *sealed;            /* of all statements below */
    sqlite3_stmt *next[CARRY_KINDS];    /* report of table ?1 after ?2 */
    sqlite3_stmt *found;        /* that of them which has found one */
    sqlite3_stmt *list;         /* the marks of table ?1 after row ?2 to ?3 */
    sqlite3_stmt *move;         /* rows ?2 to ?3 of table ?1 are at ?4 now */
    sqlite3_stmt *marks;        /* of table ?1 and identity ?2 after row ?3 */
    int has_marks;
    carry_copy_t copy;          /* the table gone on with last */
};

static int prepare(carry_reports_t *carry);
static int list_marks(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit);
static int carry_next_report(carry_reports_t *carry,
    carry_position_t *position, int64_t *limit);
static int carry_report(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit);
static int carry_rows(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit);
static int carry_plain(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit);
static int carry_second(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit);
static int carry_part(carry_reports_t *carry, carry_position_t *position,
    report_t *report, const char *source, sqlite3_int64 first,
    sqlite3_int64 last, int64_t limit);
static int drop_parts(carry_reports_t *carry,
    const carry_position_t *position);
static int note_moved(carry_reports_t *carry, sqlite3_int64 first);
static int carry_updates(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit);
static int carry_row(carry_reports_t *carry, const char *identity,
    report_t *report);
static int is_too_big(const carry_reports_t *carry, int rc);
static const char *identity_of(const carry_reports_t *carry);
static int note_report(carry_reports_t *carry, enum report_kind kind,
    const report_t *report);


int
carry_reports_create(store_t *store, sqlite3 *sealed, carry_reports_t **out)
{
    carry_reports_t *carry = calloc(1, sizeof(*carry));

    *out = carry;

    if (carry == NULL) {
        return -1;
    }

    carry->store = store;
    carry->sealed = sealed;
    carry->has_marks = (int) sql_int64(sealed, "SELECT EXISTS (SELECT 1 "
                                       "FROM main._qasino_updated)", 1);

    return prepare(carry) == 0
           && carry_copy_prepare(&carry->copy, store, sealed) == 0 ? 0 : -1;
}


void
carry_reports_destroy(carry_reports_t *carry)
{
    if (carry == NULL) {
        return;
    }

    for (int kind = 0; kind < CARRY_KINDS; kind++) {
        (void) sqlite3_finalize(carry->next[kind]);
    }

    (void) sqlite3_finalize(carry->list);
    (void) sqlite3_finalize(carry->move);
    (void) sqlite3_finalize(carry->marks);
    carry_copy_free(&carry->copy);
    free(carry);
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

        int rc = position->kind == CARRY_MARKS
                 ? list_marks(carry, position, &limit)
                 : carry_next_report(carry, position, &limit);

        if (rc < 0) {
            return -1;
        }

        if (rc == 0) {
            *position = (carry_position_t) {
                .kind = position->kind + 1,
                .last = position->last
            };
        }
    }

    carry_copy_end(&carry->copy);

    return 1;
}


/* So is the catalog, which ->copy points into.  What is in temp is not: it is
   noted once more where it is done once more. */
void
carry_reports_rolled_back(carry_reports_t *carry)
{
    for (int kind = 0; kind < CARRY_KINDS; kind++) {
        (void) sqlite3_reset(carry->next[kind]);
    }

    (void) sqlite3_reset(carry->marks);
    carry_copy_end(&carry->copy);

    /* to reset what has failed says so once more: that is over */
    (void) sql_exec(carry->sealed, "SELECT 1");
}


static int
prepare(carry_reports_t *carry)
{
    sqlite3 *db = carry->sealed;

    carry->next[CARRY_PLAIN] = sql_prepare(db,
        "SELECT id, identity, epoch, columns, first_rowid, last_rowid "
        "FROM temp." CARRY_LIST " r WHERE tablename = ?1 AND is_update = 0 "
        "AND id > ?2 AND NOT EXISTS (SELECT 1 FROM main._qasino_next n "
        "WHERE n.tablename = ?1 AND n.identity = r.identity) "
        "ORDER BY id LIMIT 1");
    carry->next[CARRY_SECOND] = sql_prepare(db,
        "SELECT id, identity, epoch, columns, source "
        "FROM temp." CARRY_LIST_SECOND " WHERE tablename = ?1 AND id > ?2 "
        "ORDER BY id LIMIT 1");
    carry->next[CARRY_UPDATES] = sql_prepare(db,
        "SELECT id, identity, epoch, columns FROM temp." CARRY_LIST " "
        "WHERE tablename = ?1 AND is_update = 1 AND id > ?2 "
        "ORDER BY id LIMIT 1");
    carry->move = sql_prepare(db,
        "INSERT OR REPLACE INTO temp." CARRY_LIST_MOVED " VALUES(?1, ?2, ?3, ?4)");
    carry->list = sql_prepare(db,
        "INSERT OR IGNORE INTO temp." CARRY_LIST_MARKS " "
        "SELECT tablename, identity, row_id FROM main._qasino_updated "
        "WHERE tablename = ?1 AND row_id > ?2 AND row_id <= ?3");
    carry->marks = sql_prepare(db,
        "SELECT row_id, (SELECT CASE WHEN row_id <= last_rowid "
        "THEN moved_to + row_id - first_rowid END "
        "FROM temp." CARRY_LIST_MOVED " WHERE tablename = ?1 "
        "AND first_rowid <= row_id ORDER BY first_rowid DESC LIMIT 1) "
        "FROM temp." CARRY_LIST_MARKS " WHERE tablename = ?1 "
        "AND identity = ?2 AND row_id > ?3 ORDER BY row_id");

    return carry->next[CARRY_PLAIN] && carry->next[CARRY_SECOND]
           && carry->next[CARRY_UPDATES] && carry->move && carry->list
           && carry->marks ? 0 : -1;
}


/* 1: some of the table's, 0: that was the last of them, -1. */
static int
list_marks(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit)
{
    sqlite3 *db = carry->sealed;
    const char *table = carry->copy.name;

    if (!carry->has_marks) {
        return 0;
    }

    sqlite3_int64 last = sql_int64f(db, INT64_MAX, "SELECT row_id FROM "
                                    "main._qasino_updated WHERE tablename "
                                    "= %Q AND row_id > %lld ORDER BY row_id "
                                    "LIMIT 1 OFFSET %lld", table,
                                    (long long) position->after,
                                    (long long) *limit);

    (void) sqlite3_bind_text(carry->list, 1, table, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(carry->list, 2, position->after);
    (void) sqlite3_bind_int64(carry->list, 3, last);

    if (sql_run(carry->list) != SQLITE_OK) {
        return -1;
    }

    /* those of a transaction that was rolled back are there already */
    *limit = last < INT64_MAX ? 0 : *limit - sqlite3_changes64(db);
    position->after = last;

    return last < INT64_MAX;
}


/* 1: there was one, 0: there is none, -1. */
static int
carry_next_report(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit)
{
    sqlite3_stmt *next = carry->next[position->kind];

    (void) sqlite3_bind_text(next, 1, carry->copy.name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(next, 2, position->after);

    int rc = sqlite3_step(next);

    carry->found = next;

    if (rc == SQLITE_ROW && carry_report(carry, position, limit) != 0) {
        rc = SQLITE_ERROR;
    }

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return -1;              /* a reset would lose the error */
    }

    (void) sqlite3_reset(next);

    return rc == SQLITE_ROW;
}


/* The report that ->found has, or more of it. */
static int
carry_report(carry_reports_t *carry, carry_position_t *position,
    int64_t *limit)
{
    const char *columns = (const char *) sqlite3_column_text(carry->found, 3);
    const char *source = position->kind == CARRY_SECOND
                         ? (const char *) sqlite3_column_text(carry->found, 4)
                         : NULL;
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
            .after = sqlite3_column_int64(carry->found, 0),
            .last = report.last ? report.last : position->last
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
        return carry_second(carry, position, report, limit);

    default:
        return carry_updates(carry, position, report, limit);
    }
}


static int
carry_plain(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit)
{
    sqlite3_int64 first = sqlite3_column_int64(carry->found, 4);
    sqlite3_int64 last = sqlite3_column_int64(carry->found, 5);

    if (last == 0) {
        return 1;
    }

    int whole = carry_part(carry, position, report, NULL, first, last, limit);

    return whole == 1 && report->rows
           && note_moved(carry, report->first) != 0 ? -1 : whole;
}


/* Out of its own table. */
static int
carry_second(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit)
{
    const char *source = (const char *) sqlite3_column_text(carry->found, 4);
    sqlite3_int64 last = sql_int64f(carry->sealed, -1, "SELECT "
                                    "max(_rowid_) FROM main.\"%w\"",
                                    source);

    return last > 0 ? carry_part(carry, position, report, source, 1, last,
                                 limit)
           : last == 0 ? 1 : -1;
}


/* source: of a second report, else NULL. */
static int
carry_part(carry_reports_t *carry, carry_position_t *position,
    report_t *report, const char *source, sqlite3_int64 first,
    sqlite3_int64 last, int64_t limit)
{
    sqlite3_int64 from = first + position->copied;
    sqlite3_int64 to = last - from < limit ? last : from + limit - 1;
    int rc = source ? carry_copy_source(&carry->copy, source,
                                        qsn_buf_text(&report->columns),
                                        from, to, &position->rows)
                    : carry_copy_rows(&carry->copy, from, to,
                                      &position->rows);

    if (rc != SQLITE_OK) {
        return is_too_big(carry, rc) && drop_parts(carry, position) == 0
               ? 1 : -1;
    }

    position->copied += to - from + 1;

    if (to < last) {
        return 0;
    }

    report->rows = position->rows;

    if (report->rows) {
        report->first = position->last + 1;
        report->last = position->last + report->rows;
    }

    return 1;
}


/* Of a report that does not go over. */
static int
drop_parts(carry_reports_t *carry, const carry_position_t *position)
{
    return sql_execf(carry->store->db, "DELETE FROM main.\"%w\" WHERE "
                     "_rowid_ > %lld", carry->copy.table->name,
                     (long long) position->last) == SQLITE_OK ? 0 : -1;
}


static int
note_moved(carry_reports_t *carry, sqlite3_int64 first)
{
    sqlite3_stmt *move = carry->move;

    if (!carry->has_marks) {
        return 0;
    }

    (void) sqlite3_bind_text(move, 1, carry->copy.name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(move, 2, sqlite3_column_int64(carry->found, 4));
    (void) sqlite3_bind_int64(move, 3, sqlite3_column_int64(carry->found, 5));
    (void) sqlite3_bind_int64(move, 4, first);

    return sql_run(move) == SQLITE_OK ? 0 : -1;
}


/*
 * One at a time: each row's mark needs the rowid it gets here.  A row inside
 * a persisted plain report is here already, and only marked again.
 */
static int
carry_updates(carry_reports_t *carry, carry_position_t *position,
    report_t *report, int64_t limit)
{
    const char *identity = identity_of(carry);
    sqlite3_stmt *marks = carry->marks;
    int rc = SQLITE_OK;

    (void) sqlite3_bind_text(marks, 1, carry->copy.table->name, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_text(marks, 2, identity, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(marks, 3, position->copied);
    report->rows = position->rows;

    while (rc == SQLITE_OK && limit-- > 0
           && (rc = sqlite3_step(marks)) == SQLITE_ROW)
    {
        position->copied = sqlite3_column_int64(marks, 0);
        rc = carry_row(carry, identity, report);
    }

    if (rc != SQLITE_DONE && rc != SQLITE_OK) {
        return -1;
    }

    (void) sqlite3_reset(marks);
    position->rows = report->rows;

    return rc == SQLITE_DONE;
}


static int
carry_row(carry_reports_t *carry, const char *identity, report_t *report)
{
    sqlite3_stmt *mark = carry->store->mark_row;
    int owned = sqlite3_column_type(carry->marks, 1) == SQLITE_NULL;
    sqlite3_int64 row_id = sqlite3_column_int64(carry->marks, 1);

    if (owned) {
        sqlite3_int64 sealed = sqlite3_column_int64(carry->marks, 0);
        sqlite3_int64 rows = 0;
        int rc = carry_copy_rows(&carry->copy, sealed, sealed, &rows);

        if (rc != SQLITE_OK) {
            return is_too_big(carry, rc) ? SQLITE_OK : rc;
        }

        row_id = sqlite3_last_insert_rowid(carry->store->db);
        report->rows += rows;
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
is_too_big(const carry_reports_t *carry, int rc)
{
    if (rc != SQLITE_TOOBIG) {
        return 0;
    }

    qsn_log("persisted rows of '%s' are dropped: larger than max_cell",
            carry->copy.table->name);

    return 1;
}


static const char *
identity_of(const carry_reports_t *carry)
{
    return (const char *) sqlite3_column_text(carry->found, 1);
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
                        report, sqlite3_column_double(carry->found, 2),
                        before);
    }

    report_free(before);

    return rc;
}
