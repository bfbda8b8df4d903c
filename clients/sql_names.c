/* Three statements a generation, and one that asks which it is. */

#include "sql_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_clock.h"
#include "sql_catalog.h"

#define TIMEOUT_MS  2000
#define TRUST_MS    1000        /* not asked more often */

static const char generation_sql[] =
    "SELECT generation_number FROM qasino_server_info;";
static const char columns_sql[] =
    "SELECT t.tablename, c.name"
    " FROM (SELECT DISTINCT tablename FROM qasino_server_tables) t,"
    " pragma_table_info(t.tablename) c"
    " UNION ALL SELECT v.viewname, c.name"
    " FROM qasino_server_views v, pragma_table_info(v.viewname) c;";

static int is_current(sql_names_t *names);
static void forget(sql_names_t *names);
static void collect(sql_names_t *names, const sql_answer_t *answer,
    int has_columns);
static int is_harmless(const char *name);


void
sql_names_init(sql_names_t *names, sql_session_t *session)
{
    char error[CONNECTION_ERROR_SIZE];
    connection_options_t options = session->options->connection;

    if (options.timeout_ms > TIMEOUT_MS) {
        options.timeout_ms = TIMEOUT_MS;
    }

    if (options.connect_timeout_ms > TIMEOUT_MS) {
        options.connect_timeout_ms = TIMEOUT_MS;
    }

    options.retries = 0;
    memset(names, 0, sizeof(*names));
    names->session = session;
    names->connection = connection_create(&options, error);
}


void
sql_names_free(sql_names_t *names)
{
    forget(names);
    connection_destroy(names->connection);
    memset(names, 0, sizeof(*names));
}


const sql_name_list_t *
sql_names_get(sql_names_t *names)
{
    uint64_t now = qsn_clock_monotonic_ms();
    size_t most;

    if (names->connection == NULL
        || (names->asked_ms && now - names->asked_ms < TRUST_MS)
        || is_current(names))
    {
        return &names->list;
    }

    forget(names);
    sql_catalog_names(names->session, names->connection, 0, NULL,
                      &names->tables);

    /* the first that fails is the last that is asked */
    if (names->tables.end == SQL_QUERY_OK) {
        sql_catalog_names(names->session, names->connection, 1, NULL,
                          &names->views);
        sql_query_ask(&names->columns, names->connection, columns_sql,
                      sizeof(columns_sql) - 1,
                      names->session->options->identity,
                      names->session->use_write_db);
    }

    most = names->tables.result.rows + names->views.result.rows
           + names->columns.result.rows;
    names->list.names = calloc(most + 1, sizeof(sql_name_t));

    if (names->list.names) {
        collect(names, &names->tables, 0);
        collect(names, &names->views, 0);
        collect(names, &names->columns, 1);
    }

    names->asked_ms = qsn_clock_monotonic_ms();

    return &names->list;
}


/* 1: what is known is of the generation that is served. */
static int
is_current(sql_names_t *names)
{
    sql_answer_t answer;
    const char *number;
    int is_same;

    sql_query_ask(&answer, names->connection, generation_sql,
                  sizeof(generation_sql) - 1,
                  names->session->options->identity, 0);
    number = sql_answer_text(&answer, 0, 0);
    is_same = names->list.names != NULL
              && (*number == '\0' || strcmp(number, names->generation) == 0);
    snprintf(names->generation, sizeof(names->generation), "%s", number);
    names->asked_ms = qsn_clock_monotonic_ms();

    /* a server that is away is not asked three times more */
    is_same |= answer.end != SQL_QUERY_OK;
    sql_answer_free(&answer);

    return is_same;
}


static void
forget(sql_names_t *names)
{
    sql_answer_free(&names->tables);
    sql_answer_free(&names->views);
    sql_answer_free(&names->columns);
    free(names->list.names);
    names->list.names = NULL;
    names->list.count = 0;
}


static void
collect(sql_names_t *names, const sql_answer_t *answer, int has_columns)
{
    for (size_t i = 0; i < answer->result.rows; i++) {
        sql_name_t *name = &names->list.names[names->list.count];

        name->table = sql_answer_text(answer, i, 0);
        name->column = has_columns ? sql_answer_text(answer, i, 1) : NULL;

        if (is_harmless(name->table)
            && (!has_columns || is_harmless(name->column)))
        {
            names->list.count++;
        }
    }
}


/* A name goes into the line that is edited: nothing that the terminal would
   obey, nothing that would have to be quoted. */
static int
is_harmless(const char *name)
{
    const char *p = name;

    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_'
           || (p > name && *p >= '0' && *p <= '9'))
    {
        p++;
    }

    return p > name && *p == '\0';
}
