/*
 * The server's "ok" with a warning says that it has a report of this table
 * and identity already.  If a try before this one had been sent in full and
 * only its reply was lost, that report is our own.
 */

#include "publish.h"

#include <stdio.h>
#include <string.h>

static enum publish_result exchange(connection_t *connection,
    const qsn_buf_t *body, publish_outcome_t *outcome);


enum publish_result
publish_send(connection_t *connection, draft_t *draft, const char *identity,
    publish_outcome_t *outcome)
{
    qsn_buf_t body = { 0 };

    memset(outcome, 0, sizeof(*outcome));
    outcome->generation_number = -1;

    if (draft_check(draft) != 0
        || draft_request(draft, draft->identity ? draft->identity : identity,
                         &body) != 0)
    {
        (void) snprintf(outcome->text, sizeof(outcome->text), "%s",
                        draft->error);
        return PUBLISH_INVALID;
    }

    enum publish_result result = exchange(connection, &body, outcome);

    qsn_buf_free(&body);

    return result;
}


enum publish_result
publish_judge(const reply_t *reply, int again, publish_outcome_t *outcome)
{
    outcome->generation_number = reply->generation_number;

    if (reply->response_op && strcmp(reply->response_op, "ok") == 0) {
        if (reply->warning == NULL) {
            return PUBLISH_TAKEN;
        }

        (void) snprintf(outcome->text, sizeof(outcome->text), "%s",
                        reply->warning);

        return again ? PUBLISH_TAKEN : PUBLISH_DUPLICATE;
    }

    (void) snprintf(outcome->text, sizeof(outcome->text), "%s",
                    reply->error_message ? reply->error_message
                    : "the server's answer says neither ok nor error");

    return PUBLISH_REFUSED;
}


static enum publish_result
exchange(connection_t *connection, const qsn_buf_t *body,
    publish_outcome_t *outcome)
{
    qsn_buf_t text = { 0 };
    reply_t reply;
    enum publish_result result;
    enum connection_result rc = connection_request(connection,
                                                   "add_table_data",
                                                   body->data, body->length,
                                                   &text);

    if (rc != CONNECTION_OK) {
        (void) snprintf(outcome->text, sizeof(outcome->text), "%s",
                        connection_error(connection));
        qsn_buf_free(&text);
        return rc == CONNECTION_STOPPED ? PUBLISH_STOPPED : PUBLISH_NO_ANSWER;
    }

    if (reply_parse(&reply, text.data, text.length) != 0) {
        (void) snprintf(outcome->text, sizeof(outcome->text), "%s",
                        reply.error);
        result = PUBLISH_NO_ANSWER;

    } else {
        result = publish_judge(&reply, connection_sent(connection) > 1,
                               outcome);

        /* nobody is there to take it: the worker is being started again */
        if (result == PUBLISH_REFUSED
            && connection_status(connection) == 503)
        {
            result = PUBLISH_NO_ANSWER;
        }
    }

    reply_free(&reply);
    qsn_buf_free(&text);

    return result;
}
