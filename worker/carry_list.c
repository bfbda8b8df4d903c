/*
 * Nothing is copied for it but second reports, which are few: to list as many
 * as there are publishers takes a while, in which none of them is listened
 * to.
 */

#include "carry_list.h"

#include "sql.h"
#include "store.h"

static int make_list(sqlite3 *sealed);
static int make_tables(sqlite3 *sealed);
static int add_tables(sqlite3 *db, const char *sql, catalog_t *tables);


int
carry_list_make(sqlite3 *sealed, catalog_t *tables)
{
    /* from one to the next: there may be many reports of each */
    return make_list(sealed) == 0 && make_tables(sealed) == 0
           && add_tables(sealed, "WITH RECURSIVE n(name) AS (SELECT "
                         "min(tablename) FROM temp." CARRY_LIST " UNION ALL "
                         "SELECT (SELECT min(tablename) FROM temp."
                         CARRY_LIST " WHERE tablename > name) FROM n "
                         "WHERE name IS NOT NULL) "
                         "SELECT name FROM n WHERE name IS NOT NULL",
                         tables) == 0
           && add_tables(sealed, "SELECT DISTINCT tablename FROM temp."
                         CARRY_LIST_SECOND, tables) == 0 ? 0 : -1;
}


/* A former worker's file has no index for it, and a very old one's reports no
   id: copied once, they have both. */
static int
make_list(sqlite3 *sealed)
{
    static const char reports[] =
        "tablename, identity, is_update, first_rowid, last_rowid, epoch, "
        "columns FROM main._qasino_reports WHERE persist";

    if (sql_int64(sealed, "SELECT count(*) FROM main.sqlite_schema "
                  "WHERE name = '" STORE_PERSISTING "'", 0))
    {
        return sql_execf(sealed, "CREATE TEMP VIEW " CARRY_LIST " AS "
                         "SELECT id, %s", reports) == SQLITE_OK ? 0 : -1;
    }

    return sql_exec(sealed, "CREATE TEMP TABLE " CARRY_LIST "(id INTEGER "
                    "PRIMARY KEY, tablename TEXT COLLATE NOCASE, identity, "
                    "is_update, first_rowid, last_rowid, epoch, columns)")
           == SQLITE_OK
           && sql_execf(sealed, "INSERT INTO temp." CARRY_LIST " "
                        "SELECT NULL, %s", reports) == SQLITE_OK
           && sql_exec(sealed, "CREATE INDEX temp." CARRY_LIST "_of ON "
                       CARRY_LIST "(tablename, is_update)") == SQLITE_OK
           ? 0 : -1;
}


static int
make_tables(sqlite3 *sealed)
{
    return sql_exec(sealed, "CREATE TEMP TABLE " CARRY_LIST_SECOND "("
                    "id INTEGER PRIMARY KEY, tablename TEXT COLLATE NOCASE, "
                    "identity, epoch, columns, source);"
                    "INSERT INTO temp." CARRY_LIST_SECOND " SELECT NULL, "
                    "tablename, identity, epoch, columns, source "
                    "FROM main._qasino_next WHERE source IS NOT NULL;"
                    "CREATE INDEX temp." CARRY_LIST_SECOND "_of ON "
                    CARRY_LIST_SECOND "(tablename);"
                    "CREATE TEMP TABLE " CARRY_LIST_MOVED "(tablename TEXT "
                    "COLLATE NOCASE, first_rowid, last_rowid, moved_to, "
                    "PRIMARY KEY(tablename, first_rowid)) WITHOUT ROWID;"
                    "CREATE TEMP TABLE " CARRY_LIST_MARKS "(tablename TEXT "
                    "COLLATE NOCASE, identity TEXT, row_id INTEGER, "
                    "PRIMARY KEY(tablename, identity, row_id)) "
                    "WITHOUT ROWID") == SQLITE_OK ? 0 : -1;
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
