#ifndef SQL_QUERY_H
#define SQL_QUERY_H

/*
 * One statement to the server and what came of it.  Values are asked for as
 * they are (numbers, null); a server that does not know how, as the
 * original, sends strings.
 */

#include "connection.h"
#include "sql_result.h"

enum sql_query_end {
    SQL_QUERY_OK,
    SQL_QUERY_REFUSED,          /* the server says no: ->message */
    SQL_QUERY_NO_ANSWER,        /* there is no answer: ->message */
    SQL_QUERY_STOPPED           /* by a signal */
};

typedef struct {
    enum sql_query_end end;
    int has_result;
    sql_result_t result;
    qsn_buf_t message;          /* may come with OK, too; as it was sent */
} sql_answer_t;

/* Whatever came: sql_answer_free() is due. */
void sql_query_ask(sql_answer_t *answer, connection_t *connection,
    const char *sql, size_t length, const char *identity, int use_write_db);

void sql_answer_free(sql_answer_t *answer);

/* The text of row and column of an answer; "" where there is none. */
const char *sql_answer_text(const sql_answer_t *answer, size_t row,
    size_t column);

/* Appends a name or a text, quoted for SQL by quote, " or '. */
void sql_query_quote(qsn_buf_t *sql, const char *text, char quote);

#endif
