/* What is there, and what it looks like. */

#include "sql_catalog.h"

#include <stdlib.h>
#include <string.h>

#include "sql_signal.h"
#include "sql_text.h"

#define GAP            2
#define WIDTH_DEFAULT  80

typedef struct {
    const char **names;
    size_t count;
    size_t widest;
} names_t;

static int add_names(names_t *names, const sql_answer_t *answer);
static void put_names(sql_session_t *session, const names_t *names);
static int compare(const void *a, const void *b);
static void put_schema(sql_session_t *session, const char *name,
    int is_view);
static void put_table(sql_session_t *session, const char *name,
    const sql_answer_t *columns);
static void put_view(sql_session_t *session, const char *name,
    const sql_answer_t *view);


void
sql_catalog_tables(sql_session_t *session, const char *pattern)
{
    sql_answer_t tables, views;
    names_t names = { 0 };

    sql_catalog_names(session, session->connection, 0, pattern, &tables);
    sql_session_judge(session, &tables);

    if (tables.end == SQL_QUERY_OK) {
        sql_catalog_names(session, session->connection, 1, pattern, &views);

        if (add_names(&names, &tables) != 0 || add_names(&names, &views) != 0)
        {
            sql_session_error(session, "out of memory");
        } else if (names.count > 0) {
            put_names(session, &names);
        }

        sql_answer_free(&views);
    }

    free(names.names);
    sql_answer_free(&tables);
}


void
sql_catalog_schema(sql_session_t *session, const char *table)
{
    sql_answer_t names;
    unsigned found = 0;

    for (int is_view = 0; is_view < 2; is_view++) {
        sql_catalog_names(session, session->connection, is_view, NULL,
                          &names);

        if (names.end != SQL_QUERY_OK) {
            sql_session_judge(session, &names);
            sql_answer_free(&names);
            return;
        }

        for (size_t i = 0; i < names.result.rows; i++) {
            const char *name = sql_answer_text(&names, i, 0);

            if (sql_signal_interrupted()) {
                break;
            }

            if (table == NULL || strcasecmp(table, name) == 0) {
                put_schema(session, name, is_view);
                found++;
            }
        }

        sql_answer_free(&names);
    }

    if (table && found == 0) {
        sql_session_error(session, "Table %s not found", table);
    }
}


void
sql_catalog_names(sql_session_t *session, connection_t *connection,
    int is_view, const char *pattern, sql_answer_t *answer)
{
    qsn_buf_t sql = { 0 };

    qsn_buf_string(&sql, is_view
        ? "SELECT DISTINCT viewname FROM qasino_server_views"
        : "SELECT DISTINCT tablename FROM qasino_server_tables");

    if (pattern) {
        qsn_buf_string(&sql, is_view ? " WHERE viewname LIKE "
                                     : " WHERE tablename LIKE ");
        sql_query_quote(&sql, pattern, '\'');
    }

    qsn_buf_string(&sql, " ORDER BY 1;");
    sql_query_ask(answer, connection, qsn_buf_text(&sql), sql.length,
                  session->options->identity, session->use_write_db);
    qsn_buf_free(&sql);
}


static int
add_names(names_t *names, const sql_answer_t *answer)
{
    size_t rows = answer->has_result ? answer->result.rows : 0;
    const char **grown = realloc(names->names,
                                 (names->count + rows + 1) * sizeof(char *));

    if (grown == NULL) {
        return -1;
    }

    names->names = grown;

    for (size_t i = 0; i < rows; i++) {
        const char *name = sql_answer_text(answer, i, 0);
        size_t width = sql_text_width(name, strlen(name));

        grown[names->count++] = name;
        names->widest = width > names->widest ? width : names->widest;
    }

    return 0;
}


/* Sorted down the columns, as ls(1) does; one name a line in a file. */
static void
put_names(sql_session_t *session, const names_t *names)
{
    qsn_buf_t *out = &session->out.buf;
    size_t width = 0, height;

    qsort(names->names, names->count, sizeof(char *), compare);

    if (sql_session_on_terminal(session)) {
        sql_output_size(&width, &height);
        width = width ? width : WIDTH_DEFAULT;
    }

    size_t columns = (width + GAP) / (names->widest + GAP);

    columns = columns ? columns : 1;

    size_t lines = (names->count + columns - 1) / columns;

    for (size_t line = 0; line < lines; line++) {
        for (size_t i = line; i < names->count; i += lines) {
            const char *name = names->names[i];
            size_t used = sql_text_put(out, name, strlen(name),
                                       SQL_TEXT_NO_LIMIT);

            if (i + lines < names->count) {
                qsn_buf_fill(out, ' ', names->widest + GAP - used);
            }
        }

        qsn_buf_byte(out, '\n');
    }
}


static int
compare(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *) a, *(const char *const *) b);
}


static void
put_schema(sql_session_t *session, const char *name, int is_view)
{
    qsn_buf_t sql = { 0 };
    sql_answer_t answer;

    qsn_buf_string(&sql, is_view ? "DESC VIEW " : "DESC ");
    qsn_buf_string(&sql, name);         /* bare: the original knows no " */
    qsn_buf_byte(&sql, ';');
    sql_session_ask(session, &answer, qsn_buf_text(&sql), sql.length);
    qsn_buf_free(&sql);

    if (answer.end != SQL_QUERY_OK) {
        sql_session_judge(session, &answer);
    } else if (is_view) {
        put_view(session, name, &answer);
    } else {
        put_table(session, name, &answer);
    }

    sql_answer_free(&answer);
}


static void
put_table(sql_session_t *session, const char *name,
    const sql_answer_t *columns)
{
    qsn_buf_t text = { 0 };

    qsn_buf_string(&text, "CREATE TABLE ");
    sql_query_quote(&text, name, '"');
    qsn_buf_string(&text, " (");

    for (size_t i = 0; i < columns->result.rows; i++) {
        qsn_buf_string(&text, i ? ",\n    " : "\n    ");
        sql_query_quote(&text, sql_answer_text(columns, i, 0), '"');
        qsn_buf_byte(&text, ' ');
        qsn_buf_string(&text, sql_answer_text(columns, i, 1));
    }

    qsn_buf_string(&text, "\n);\n");
    sql_output_raw(&session->out, qsn_buf_text(&text), text.length);
    qsn_buf_free(&text);
}


/* A view's definition is whatever its author wrote. */
static void
put_view(sql_session_t *session, const char *name, const sql_answer_t *view)
{
    const char *text = sql_answer_text(view, 0, 0);
    size_t length = strlen(text);

    while (length > 0 && strchr("; \n\t\r", text[length - 1])) {
        length--;
    }

    if (strncasecmp(text, "create", 6) != 0) {
        qsn_buf_t head = { 0 };

        qsn_buf_string(&head, "CREATE VIEW ");
        sql_query_quote(&head, name, '"');
        qsn_buf_string(&head, " AS\n");
        sql_output_raw(&session->out, qsn_buf_text(&head), head.length);
        qsn_buf_free(&head);
    }

    sql_output_raw(&session->out, text, length);
    qsn_buf_string(&session->out.buf, ";\n");
}
