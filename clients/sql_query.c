/* The request's JSON, and the reply's. */

#include "sql_query.h"

#include <string.h>

#include "qsn_reply.h"
#include "reply.h"

static void write_request(qsn_buf_t *out, const char *sql, size_t length,
    const char *identity, int use_write_db);
static void put_json(qsn_buf_t *out, const char *text, size_t length);
static void read_answer(sql_answer_t *answer, const qsn_buf_t *text);
static enum sql_query_end judge(sql_answer_t *answer, const reply_t *reply,
    const qsn_buf_t *text);


void
sql_query_ask(sql_answer_t *answer, connection_t *connection,
    const char *sql, size_t length, const char *identity, int use_write_db)
{
    qsn_buf_t request = { 0 };
    qsn_buf_t reply = { 0 };

    memset(answer, 0, sizeof(*answer));
    write_request(&request, sql, length, identity, use_write_db);

    if (request.failed) {
        answer->end = SQL_QUERY_REFUSED;
        qsn_buf_string(&answer->message, "out of memory");
        qsn_buf_free(&request);
        return;
    }

    switch (connection_request(connection, "query", request.data,
                               request.length, &reply))
    {

    case CONNECTION_OK:
        read_answer(answer, &reply);
        break;

    case CONNECTION_STOPPED:
        answer->end = SQL_QUERY_STOPPED;
        break;

    case CONNECTION_FAILED:
        answer->end = SQL_QUERY_NO_ANSWER;
        qsn_buf_printf(&answer->message, "%s: %s",
                       connection_address(connection),
                       connection_error(connection));
        break;
    }

    qsn_buf_free(&request);
    qsn_buf_free(&reply);
}


void
sql_answer_free(sql_answer_t *answer)
{
    sql_result_free(&answer->result);
    qsn_buf_free(&answer->message);
    answer->has_result = 0;
}


const char *
sql_answer_text(const sql_answer_t *answer, size_t row, size_t column)
{
    if (!answer->has_result || row >= answer->result.rows
        || column >= answer->result.columns)
    {
        return "";
    }

    return sql_result_cell(&answer->result, row, column)->text;
}


void
sql_query_quote(qsn_buf_t *sql, const char *text, char quote)
{
    qsn_buf_byte(sql, quote);

    for (const char *p = text; *p; p++) {
        qsn_buf_append(sql, &quote, *p == quote);
        qsn_buf_byte(sql, *p);
    }

    qsn_buf_byte(sql, quote);
}


static void
write_request(qsn_buf_t *out, const char *sql, size_t length,
    const char *identity, int use_write_db)
{
    qsn_buf_string(out, "{\"op\": \"query\", \"sql\": ");
    put_json(out, sql, length);
    qsn_buf_string(out, ", \"values\": \"native\"");

    if (use_write_db) {
        qsn_buf_string(out, ", \"use_write_db\": true");
    }

    if (identity) {
        qsn_buf_string(out, ", \"identity\": ");
        put_json(out, identity, strlen(identity));
    }

    qsn_buf_byte(out, '}');
}


static void
put_json(qsn_buf_t *out, const char *text, size_t length)
{
    size_t size = qsn_json_escaped_size(text, length);
    char *to = qsn_buf_reserve(out, size + 2);

    if (to) {
        *to = '"';
        qsn_json_escape(to + 1, text, length);
        to[size + 1] = '"';
        qsn_buf_commit(out, size + 2);
    }
}


static void
read_answer(sql_answer_t *answer, const qsn_buf_t *text)
{
    reply_t reply;

    if (reply_parse(&reply, text->data, text->length) == 0) {
        answer->end = judge(answer, &reply, text);

    } else {
        answer->end = SQL_QUERY_NO_ANSWER;
        qsn_buf_printf(&answer->message, "this is no reply of a Qasino "
                       "server: %s", reply.error);
    }

    reply_free(&reply);
}


static enum sql_query_end
judge(sql_answer_t *answer, const reply_t *reply, const qsn_buf_t *text)
{
    char error[SQL_RESULT_ERROR_SIZE];
    const char *op = reply->response_op ? reply->response_op : "";

    if (strcmp(op, "error") == 0) {
        qsn_buf_string(&answer->message, reply->error_message
                       ? reply->error_message
                       : "the server gave no reason");
        return SQL_QUERY_REFUSED;
    }

    if (strcmp(op, "result_table") == 0 && reply->has_table) {
        if (sql_result_read(&answer->result, reply, text->data, text->length,
                            error) != 0)
        {
            qsn_buf_string(&answer->message, error);
            return SQL_QUERY_REFUSED;
        }

        answer->has_result = 1;

    } else if (strcmp(op, "ok") != 0) {
        qsn_buf_printf(&answer->message, "the server's answer is none to a "
                       "statement: response_op \"%s\"", op);
        return SQL_QUERY_REFUSED;
    }

    if (reply->warning || reply->message) {
        qsn_buf_string(&answer->message, reply->warning ? reply->warning
                                                        : reply->message);
    }

    return SQL_QUERY_OK;
}
