/*
 * Which report of a table comes next, and what is noted of it.  A plain
 * report of many rows goes over in parts: it is noted with the last one.
 *
 * Nothing is listed before it begins but second reports, which are few: as
 * many as there are publishers would take a while, in which none of them is
 * listened to.
 */

#include "carry_reports.h"

#include <stdlib.h>

#include "qsn_log.h"
#include "sql.h"

#define LIST         CARRY_LIST
#define SECOND       "_qasino_second_to_carry"
#define MOVED        "_qasino_moved"            /* plain reports */
#define MARKS        "_qasino_marks_to_carry"   /* of a table, by identity */
#define REPORT_COST  8          /* beside what it changes, in rows */

struct carry_reports_s {
    store_t *store;
    sqlite3_stmt *next[CARRY_KINDS];    /* report of table ?1 after ?2 */
    sqlite3_stmt *found;        /* that of them which has found one */
    sqlite3_stmt *list;         /* the marks of table ?1 */
    sqlite3_stmt *move;         /* sealed rows ?2 to ?3 of table ?1 are at ?4 */
    sqlite3_stmt *marks;        /* of table ?1 and identity ?2 */
    int has_marks;
    int listed;                 /* those of the table that ->copy has */
    carry_copy_t copy;          /* the table gone on with last */
};

static int make_list(store_t *store);
static int make_tables(store_t *store);
static int prepare(carry_reports_t *carry);
static int add_tables(sqlite3 *db, const char *sql, catalog_t *tables);
static int list_marks(carry_reports_t *carry);
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
    carry->has_marks = (int) sql_int64(store->db, "SELECT EXISTS (SELECT 1 "
                                       "FROM sealed._qasino_updated)", 1);

    return make_list(store) == 0 && make_tables(store) == 0
           && prepare(carry) == 0
           && carry_copy_prepare(&carry->copy, store) == 0 ? 0 : -1;
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
    (void) sql_exec(carry->store->db, "DROP VIEW IF EXISTS temp." LIST);
    (void) sql_exec(carry->store->db, "DROP TABLE IF EXISTS temp." LIST);
    (void) sql_exec(carry->store->db, "DROP TABLE IF EXISTS temp." SECOND
                    ";DROP TABLE IF EXISTS temp." MOVED
                    ";DROP TABLE IF EXISTS temp." MARKS);
    free(carry);
}


int
carry_reports_tables(carry_reports_t *carry, catalog_t *tables)
{
    /* from one to the next: there may be many reports of each */
    return add_tables(carry->store->db, "WITH RECURSIVE n(name) AS (SELECT "
                      "min(tablename) FROM temp." LIST " UNION ALL SELECT "
                      "(SELECT min(tablename) FROM temp." LIST " WHERE "
                      "tablename > name) FROM n WHERE name IS NOT NULL) "
                      "SELECT name FROM n WHERE name IS NOT NULL", tables) == 0
           ? add_tables(carry->store->db, "SELECT DISTINCT tablename "
                        "FROM temp." SECOND, tables) : -1;
}


int
carry_reports_copy(carry_reports_t *carry, const char *table,
    carry_position_t *position, int64_t limit)
{
    if (carry->copy.name != table) {
        carry_copy_end(&carry->copy);
        carry->listed = 0;

        if (carry_copy_begin(&carry->copy, table) != 0) {
            return -1;
        }
    }

    while (position->kind < CARRY_KINDS) {
        sqlite3_stmt *next = carry->next[position->kind];

        if (limit <= 0) {
            return 0;
        }

        if (position->kind == CARRY_UPDATES && list_marks(carry) != 0) {
            return -1;
        }

        (void) sqlite3_bind_text(next, 1, table, -1, SQLITE_STATIC);
        (void) sqlite3_bind_int64(next, 2, position->after);

        int rc = sqlite3_step(next);

        carry->found = next;

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

        (void) sqlite3_reset(next);
    }

    carry_copy_end(&carry->copy);

    return 1;
}


/* So are the catalog, which ->copy points into, and what is in temp. */
void
carry_reports_rolled_back(carry_reports_t *carry)
{
    for (int kind = 0; kind < CARRY_KINDS; kind++) {
        (void) sqlite3_reset(carry->next[kind]);
    }

    (void) sqlite3_reset(carry->marks);
    carry_copy_end(&carry->copy);
}


/* A former worker's file has no index for it: copied once, it has one. */
static int
make_list(store_t *store)
{
    static const char reports[] =
        "SELECT id, tablename, identity, is_update, first_rowid, last_rowid, "
        "epoch, columns FROM sealed._qasino_reports WHERE persist";

    if (sql_int64(store->db, "SELECT count(*) FROM sealed.sqlite_schema "
                  "WHERE name = '" STORE_PERSISTING "'", 0))
    {
        return sql_execf(store->db, "CREATE TEMP VIEW " LIST " AS %s",
                         reports) == SQLITE_OK ? 0 : -1;
    }

    return sql_exec(store->db, "CREATE TEMP TABLE " LIST "(id INTEGER "
                    "PRIMARY KEY, tablename TEXT COLLATE NOCASE, identity, "
                    "is_update, first_rowid, last_rowid, epoch, columns)")
           == SQLITE_OK
           && sql_execf(store->db, "INSERT INTO temp." LIST " %s", reports)
              == SQLITE_OK
           && sql_exec(store->db, "CREATE INDEX temp." LIST "_of ON " LIST
                       "(tablename, is_update)") == SQLITE_OK ? 0 : -1;
}


static int
make_tables(store_t *store)
{
    return sql_exec(store->db, "CREATE TEMP TABLE " SECOND "(id INTEGER "
                    "PRIMARY KEY, tablename TEXT COLLATE NOCASE, identity, "
                    "epoch, columns, source);"
                    "INSERT INTO temp." SECOND " SELECT NULL, tablename, "
                    "identity, epoch, columns, source "
                    "FROM sealed._qasino_next WHERE source IS NOT NULL;"
                    "CREATE INDEX temp." SECOND "_of ON " SECOND
                    "(tablename);"
                    "CREATE TEMP TABLE " MOVED "(tablename TEXT "
                    "COLLATE NOCASE, first_rowid, last_rowid, moved_to, "
                    "PRIMARY KEY(tablename, first_rowid)) WITHOUT ROWID;"
                    "CREATE TEMP TABLE " MARKS "(identity TEXT, "
                    "row_id INTEGER, PRIMARY KEY(identity, row_id)) "
                    "WITHOUT ROWID") == SQLITE_OK ? 0 : -1;
}


static int
prepare(carry_reports_t *carry)
{
    sqlite3 *db = carry->store->db;

    carry->next[CARRY_PLAIN] = sql_prepare(db,
        "SELECT id, identity, epoch, columns, first_rowid, last_rowid "
        "FROM temp." LIST " r WHERE tablename = ?1 AND is_update = 0 "
        "AND id > ?2 AND NOT EXISTS (SELECT 1 FROM sealed._qasino_next n "
        "WHERE n.tablename = ?1 AND n.identity = r.identity) "
        "ORDER BY id LIMIT 1");
    carry->next[CARRY_SECOND] = sql_prepare(db,
        "SELECT id, identity, epoch, columns, source FROM temp." SECOND " "
        "WHERE tablename = ?1 AND id > ?2 ORDER BY id LIMIT 1");
    carry->next[CARRY_UPDATES] = sql_prepare(db,
        "SELECT id, identity, epoch, columns FROM temp." LIST " "
        "WHERE tablename = ?1 AND is_update = 1 AND id > ?2 "
        "ORDER BY id LIMIT 1");
    carry->move = sql_prepare(db,
        "INSERT INTO temp." MOVED " VALUES(?1, ?2, ?3, ?4)");
    carry->list = sql_prepare(db,
        "INSERT INTO temp." MARKS " SELECT identity, row_id "
        "FROM sealed._qasino_updated WHERE tablename = ?1");
    carry->marks = sql_prepare(db,
        "SELECT row_id, (SELECT CASE WHEN row_id <= last_rowid "
        "THEN moved_to + row_id - first_rowid END "
        "FROM temp." MOVED " WHERE tablename = ?1 AND first_rowid <= row_id "
        "ORDER BY first_rowid DESC LIMIT 1) "
        "FROM temp." MARKS " WHERE identity = ?2 ORDER BY row_id");

    for (int kind = 0; kind < CARRY_KINDS; kind++) {
        if (carry->next[kind] == NULL) {
            return -1;
        }
    }

    return carry->move && carry->list && carry->marks ? 0 : -1;
}


static int
add_tables(sqlite3 *db, const char *sql, catalog_t *tables)
{
    sqlite3_stmt *statement = sql_prepare(db, sql);
    int rc = statement ? SQLITE_ROW : SQLITE_ERROR;

    while (rc == SQLITE_ROW && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *) sqlite3_column_text(statement, 0);

        if (name == NULL
            || (catalog_find(tables, name) == NULL
                && catalog_add(tables, name) == NULL))
        {
            rc = SQLITE_NOMEM;
        }
    }

    (void) sqlite3_finalize(statement);

    return rc == SQLITE_DONE ? 0 : -1;
}


/* The rows of ->copy's table that updates have set. */
static int
list_marks(carry_reports_t *carry)
{
    if (carry->listed || !carry->has_marks) {
        return 0;
    }

    (void) sqlite3_bind_text(carry->list, 1, carry->copy.name, -1,
                             SQLITE_STATIC);

    if (sql_exec(carry->store->db, "DELETE FROM temp." MARKS) != SQLITE_OK
        || sql_run(carry->list) != SQLITE_OK)
    {
        return -1;
    }

    carry->listed = 1;

    return 0;
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
            .after = sqlite3_column_int64(carry->found, 0)
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
    sqlite3_int64 first = sqlite3_column_int64(carry->found, 4);
    sqlite3_int64 last = sqlite3_column_int64(carry->found, 5);
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


/* Out of its own table. */
static int
carry_second(carry_reports_t *carry, report_t *report)
{
    sqlite3 *db = carry->store->db;
    const char *source = (const char *) sqlite3_column_text(carry->found, 4);

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
