/*
 * Three steps: the text is whole (UTF-8, no NUL, every quote closed, one
 * statement); its first word says what it is; a shortcut becomes SQL.
 *
 * A statement in parentheses, which SQLite's grammar does not know, is run
 * without them: they are overwritten by blanks, so that positions in error
 * messages stay true.
 */

#include "statement.h"

#include <string.h>

#include "qsn_reply.h"
#include "scan.h"

#define DATETIME(epoch) \
    "strftime('%Y-%m-%d %H:%M:%f UTC', " epoch ", 'unixepoch')"

#define TABLES_COLUMNS \
    "SELECT tablename, nr_rows, nr_updates, last_update_epoch, static, " \
    DATETIME("last_update_epoch") " AS last_update_datetime" \
    " FROM main.qasino_server_tables"
#define TABLES_ORDER  " ORDER BY tablename, static"

static const char show_tables[] = TABLES_COLUMNS TABLES_ORDER;
static const char show_tables_like[] =
    TABLES_COLUMNS " WHERE tablename LIKE ?1" TABLES_ORDER;
static const char show_info[] =
    "SELECT generation_number, generation_duration_s,"
    " generation_start_epoch, " DATETIME("generation_start_epoch")
    " AS generation_start_datetime FROM main.qasino_server_info";
static const char show_connections[] =
    "SELECT identity, nr_tables, last_update_epoch, "
    DATETIME("last_update_epoch") " AS last_update_datetime"
    " FROM main.qasino_server_connections ORDER BY identity";
static const char show_views[] =
    "SELECT viewname, loaded, errormsg FROM main.qasino_server_views"
    " ORDER BY viewname";
static const char desc_view[] =
    "SELECT view FROM main.qasino_server_views"
    " WHERE viewname = ?1 COLLATE NOCASE";
static const char desc_table[] =
    "SELECT name AS column_name, type AS column_type"
    " FROM temp.pragma_table_info(?1, ?2) ORDER BY cid";

static const struct {
    const char *word;
    const char *sql;
} shows[] = {
    { "tables", show_tables },
    { "info", show_info },
    { "connections", show_connections },
    { "views", show_views }
};

static int check_bytes(const char *text, size_t length, failure_t *failure);
static int check_one(const char *text, size_t length, failure_t *failure);
static int is_known(const scan_token_t *first);
static int parse_words(statement_t *statement, scan_t scan);
static int parse_show(statement_t *statement, scan_t *scan);
static int parse_desc(statement_t *statement, scan_t *scan);
static int parse_name(scan_t *scan, qsn_buf_t *name);
static int parse_end(scan_t *scan);
static int is_query(scan_t *scan, const scan_token_t *first);
static void strip_parentheses(qsn_buf_t *sql);
static void unrecognized(const char *text, size_t length,
    failure_t *failure);


int
statement_parse(statement_t *statement, const char *text, size_t length,
    size_t max, failure_t *failure)
{
    memset(statement, 0, sizeof(*statement));

    if (length > max) {
        failure_set(failure, 413, "The statement has %zu bytes, more than "
                    "the %zu that option query_max_sql allows", length, max);
        return -1;
    }

    if (check_bytes(text, length, failure) == -1
        || check_one(text, length, failure) == -1)
    {
        return -1;
    }

    if (parse_words(statement, (scan_t) { text, text + length }) == 0) {
        return 0;
    }

    statement->kind = STATEMENT_SQL;
    qsn_buf_clear(&statement->sql);
    qsn_buf_append(&statement->sql, text, length);
    (void) qsn_buf_text(&statement->sql);       /* never NULL from here on */

    if (statement->sql.failed) {
        failure_set(failure, 503, "out of memory");
        return -1;
    }

    strip_parentheses(&statement->sql);

    scan_t scan = { statement->sql.data,
                    statement->sql.data + statement->sql.length };
    scan_token_t first;

    scan_next(&scan, &first);

    if (!is_query(&scan, &first)) {
        unrecognized(text, length, failure);
        return -1;
    }

    return 0;
}


void
statement_free(statement_t *statement)
{
    qsn_buf_free(&statement->sql);
    qsn_buf_free(&statement->value);
    qsn_buf_free(&statement->schema);
}


static int
check_bytes(const char *text, size_t length, failure_t *failure)
{
    for (size_t i = 0; i < length; /* void */) {
        size_t size = qsn_utf8_size(text + i, length - i);

        if (text[i] == '\0') {
            failure_set(failure, 400,
                        "The statement has a NUL at byte %zu", i);
            return -1;
        }

        if (size == 0) {
            failure_set(failure, 400,
                        "The statement is not UTF-8 at byte %zu", i);
            return -1;
        }

        i += size;
    }

    return 0;
}


/* Every quote and comment is closed, nothing follows the first ';'. */
static int
check_one(const char *text, size_t length, failure_t *failure)
{
    scan_t scan = { text, text + length };
    scan_token_t first, token;
    const char *second = NULL;
    int ended = 0;

    scan_next(&scan, &first);
    token = first;

    while (token.kind != SCAN_END && token.kind != SCAN_OPEN) {
        if (scan_is_mark(&token, ';')) {
            ended = 1;
        } else if (ended && second == NULL) {
            second = token.start;
        }

        scan_next(&scan, &token);
    }

    if (token.kind == SCAN_OPEN) {
        failure_set(failure, 400, "Incomplete sql statement");
        failure->plain = 1;
        return -1;
    }

    if (second && is_known(&first)) {
        failure_set(failure, 400, "ERROR: only one statement at a time: a "
                    "second one begins at byte %zu",
                    (size_t) (second - text));
        return -1;
    }

    return 0;
}


/* Otherwise what is wrong is the first word. */
static int
is_known(const scan_token_t *first)
{
    static const char *const words[] = {
        "select", "with", "values", "explain", "show", "desc", "describe",
        "quit", "exit", "logout"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (scan_is_word(first, words[i])) {
            return 1;
        }
    }

    return scan_is_mark(first, '(');
}


/* What we answer ourselves.  -1: it is none of that. */
static int
parse_words(statement_t *statement, scan_t scan)
{
    scan_token_t token;

    scan_next(&scan, &token);

    if (scan_is_word(&token, "show")) {
        statement->kind = STATEMENT_SHORTCUT;
        return parse_show(statement, &scan);
    }

    if (scan_is_word(&token, "desc") || scan_is_word(&token, "describe")) {
        return parse_desc(statement, &scan);
    }

    if (scan_is_word(&token, "quit") || scan_is_word(&token, "exit")
        || scan_is_word(&token, "logout"))
    {
        statement->kind = STATEMENT_QUIT;
        return parse_end(&scan);
    }

    return -1;
}


static int
parse_show(statement_t *statement, scan_t *scan)
{
    scan_token_t what, token;
    scan_t after;

    scan_next(scan, &what);
    after = *scan;
    scan_next(&after, &token);

    if (scan_is_word(&what, "tables") && scan_is_word(&token, "like")) {
        scan_next(&after, &token);

        if (token.kind != SCAN_QUOTED) {
            return -1;
        }

        qsn_buf_string(&statement->sql, show_tables_like);
        scan_unquote(&token, &statement->value);
        statement->has_value = 1;

        return parse_end(&after);
    }

    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        if (scan_is_word(&what, shows[i].word)) {
            qsn_buf_string(&statement->sql, shows[i].sql);
            return parse_end(scan);
        }
    }

    return -1;
}


static int
parse_desc(statement_t *statement, scan_t *scan)
{
    scan_t after = *scan;
    scan_token_t token;

    scan_next(&after, &token);

    if (scan_is_word(&token, "view")
        && parse_name(&after, &statement->value) == 0
        && parse_end(&after) == 0)
    {
        statement->kind = STATEMENT_SHORTCUT;
        statement->has_value = 1;
        qsn_buf_string(&statement->sql, desc_view);
        return 0;
    }

    statement->kind = STATEMENT_DESC;
    statement->has_value = 1;
    qsn_buf_clear(&statement->value);
    qsn_buf_string(&statement->sql, desc_table);

    if (parse_name(scan, &statement->value) == -1) {
        return -1;
    }

    after = *scan;
    scan_next(&after, &token);

    if (scan_is_mark(&token, '.')) {
        qsn_buf_t table = { 0 };
        int result = parse_name(&after, &table);

        statement->schema = statement->value;
        statement->value = table;
        statement->has_schema = 1;

        return result == 0 ? parse_end(&after) : -1;
    }

    return parse_end(scan);
}


static int
parse_name(scan_t *scan, qsn_buf_t *name)
{
    scan_token_t token;

    scan_next(scan, &token);

    if (token.kind != SCAN_WORD && token.kind != SCAN_QUOTED) {
        return -1;
    }

    scan_unquote(&token, name);

    return 0;
}


static int
parse_end(scan_t *scan)
{
    scan_token_t token;

    do {
        scan_next(scan, &token);
    } while (scan_is_mark(&token, ';'));

    return token.kind == SCAN_END ? 0 : -1;
}


/* EXPLAIN has to explain a query: some pragmas act while they are parsed. */
static int
is_query(scan_t *scan, const scan_token_t *first)
{
    scan_token_t token = *first;

    if (scan_is_word(&token, "explain")) {
        scan_next(scan, &token);

        if (scan_is_word(&token, "query")) {
            scan_next(scan, &token);

            if (!scan_is_word(&token, "plan")) {
                return 0;
            }

            scan_next(scan, &token);
        }
    }

    return scan_is_word(&token, "select") || scan_is_word(&token, "with")
           || scan_is_word(&token, "values");
}


/* Blanks out "(" at the beginning whose ")" is the last thing said. */
static void
strip_parentheses(qsn_buf_t *sql)
{
    for ( ;; ) {
        scan_t scan = { sql->data, sql->data + sql->length };
        scan_token_t token;
        size_t depth = 1;

        scan_next(&scan, &token);

        if (!scan_is_mark(&token, '(')) {
            return;
        }

        char *open = sql->data + (token.start - sql->data);

        while (depth > 0) {
            scan_next(&scan, &token);

            if (token.kind == SCAN_END || token.kind == SCAN_OPEN) {
                return;
            }

            depth += scan_is_mark(&token, '(') ? 1u : 0u;
            depth -= scan_is_mark(&token, ')') ? 1u : 0u;
        }

        if (parse_end(&scan) == -1) {
            return;
        }

        *open = ' ';
        sql->data[token.start - sql->data] = ' ';
    }
}


static void
unrecognized(const char *text, size_t length, failure_t *failure)
{
    size_t end = length;

    while (end > 0 && memchr(" \t\n\f\r", text[end - 1], 5)) {
        end--;
    }

    failure_set(failure, 400, "ERROR: Unrecognized statement: ");
    failure_quote(failure, text, length);

    if (end == 0 || text[end - 1] != ';') {
        qsn_buf_byte(&failure->text, ';');
    }
}
