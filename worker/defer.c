/*
 * The rows wait in a table of their own, whose name users cannot have;
 * _qasino_next says whose they are.  No source table: nothing persists.
 */

#include "defer.h"

#include "qsn_clock.h"
#include "sql.h"

static int drop_earlier(store_t *store, const request_t *request);
static int keep_rows(store_t *store, const request_t *request,
    const char *source);
static int put_next(store_t *store, const request_t *request,
    const char *source);


int
defer_report(store_t *store, const request_t *request, const report_t *first)
{
    char source[64];
    sqlite3_uint64 serial;

    if (drop_earlier(store, request) != 0) {
        return -1;
    }

    if (!request->persist) {
        return first->persist ? put_next(store, request, NULL) : 0;
    }

    catalog_find(&store->catalog, request->table.name.data)->persists = 1;
    sqlite3_randomness(sizeof(serial), &serial);
    (void) sqlite3_snprintf(sizeof(source), source, "_qasino_next_%llx",
                            serial);

    return keep_rows(store, request, source) == 0
           && put_next(store, request, source) == 0 ? 0 : -1;
}


static int
drop_earlier(store_t *store, const request_t *request)
{
    sqlite3_stmt *find = store->find_next;
    char *drop = NULL;

    (void) sqlite3_bind_text(find, 1, request->table.name.data, -1,
                             SQLITE_STATIC);
    (void) sqlite3_bind_text(find, 2, request->identity.data, -1,
                             SQLITE_STATIC);

    int rc = sqlite3_step(find);

    if (rc == SQLITE_ROW && sqlite3_column_text(find, 0)) {
        drop = sqlite3_mprintf("DROP TABLE \"%w\"",
                               sqlite3_column_text(find, 0));
        rc = drop ? SQLITE_ROW : SQLITE_NOMEM;
    }

    (void) sqlite3_reset(find);

    if (drop) {
        rc = sql_exec(store->db, drop) == SQLITE_OK ? SQLITE_ROW
                                                    : SQLITE_ERROR;
        sqlite3_free(drop);
    }

    if (rc == SQLITE_ROW) {
        rc = sql_execf(store->db, "DELETE FROM _qasino_next WHERE "
                       "tablename = %Q AND identity = %Q",
                       request->table.name.data, request->identity.data)
             == SQLITE_OK ? SQLITE_DONE : SQLITE_ERROR;
    }

    return rc == SQLITE_DONE ? 0 : -1;
}


static int
keep_rows(store_t *store, const request_t *request, const char *source)
{
    qsn_buf_t sql = { 0 };
    int rc = schema_create(store->db, source, &request->table);

    report_insert_sql(&sql, source, &request->table.column_names);

    if (rc == 0 && request->table.rows) {
        store->rows.table = &request->table;
        rc = !sql.failed && sql_exec(store->db, qsn_buf_text(&sql))
                            == SQLITE_OK ? 0 : -1;
        store->rows.table = NULL;
    }

    qsn_buf_free(&sql);

    return rc;
}


static int
put_next(store_t *store, const request_t *request, const char *source)
{
    report_t report = { 0 };    /* for its list of columns */

    report_add_columns(&report, &request->table.column_names);

    int rc = report.columns.failed
             || sql_execf(store->db, "INSERT INTO _qasino_next "
                          "VALUES(%Q, %Q, %Q, %Q, %!.20g)",
                          request->table.name.data, request->identity.data,
                          source, qsn_buf_text(&report.columns),
                          qsn_clock_epoch()) != SQLITE_OK ? -1 : 0;

    qsn_buf_free(&report.columns);

    return rc;
}
