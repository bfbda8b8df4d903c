/* The list of tables as JSON, numbers as numbers. */

#include "listing.h"

#include <string.h>

static void put_text(qsn_buf_t *out, const char *text, size_t length);
static void put_number(qsn_buf_t *out, sqlite3_stmt *row, int column);

static const char select_tables[] =
    "SELECT tablename, nr_updates, nr_rows, last_update_epoch"
    " FROM main.qasino_server_tables WHERE NOT static ORDER BY tablename";


void
listing_head(qsn_buf_t *out, const char *identity)
{
    qsn_buf_string(out, "{\"response_op\": \"tables_list\", "
                        "\"identity\": \"");
    put_text(out, identity, strlen(identity));
    qsn_buf_byte(out, '"');
}


int
listing_tables(qsn_buf_t *out, const execute_t *execute, failure_t *failure)
{
    static const char *const keys[] = {
        "\": {\"updates\": ", ", \"nr_rows\": ", ", \"last_update_epoch\": "
    };
    sqlite3_stmt *prepared = NULL;
    int rc;

    policy_begin(&execute->reader->policy);
    rc = sqlite3_prepare_v2(execute->reader->db, select_tables, -1,
                            &prepared, NULL);

    qsn_buf_byte(out, '{');

    for (int rows = 0; rc == SQLITE_OK || rc == SQLITE_ROW; rows++) {
        rc = sqlite3_step(prepared);

        if (rc != SQLITE_ROW) {
            break;
        }

        const char *name = (const char *) sqlite3_column_text(prepared, 0);

        qsn_buf_string(out, rows ? ", \"" : "\"");
        put_text(out, name ? name : "",
                 (size_t) sqlite3_column_bytes(prepared, 0));

        for (int i = 0; i < 3; i++) {
            qsn_buf_string(out, keys[i]);
            put_number(out, prepared, i + 1);
        }

        qsn_buf_byte(out, '}');
    }

    qsn_buf_byte(out, '}');

    if (rc != SQLITE_DONE) {
        execute_failure(execute, rc, failure);
    } else if (out->failed) {
        execute_failure(execute, SQLITE_NOMEM, failure);
    }

    (void) sqlite3_finalize(prepared);

    return failure->status ? -1 : 0;
}


static void
put_text(qsn_buf_t *out, const char *text, size_t length)
{
    size_t ignored = 0;

    for (size_t done = 0; done < length; /* void */) {
        done += render_json_text(out, text + done, length - done, &ignored);
    }
}


static void
put_number(qsn_buf_t *out, sqlite3_stmt *row, int column)
{
    cell_t cell;

    if (cell_load(&cell, sqlite3_column_value(row, column)) == 0
        && cell.kind == CELL_NUMBER)
    {
        qsn_buf_append(out, cell.data, cell.length);
    } else {
        qsn_buf_string(out, "null");
    }
}
