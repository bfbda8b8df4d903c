/* A short array in order.  Quick queries, nearly all, cost one comparison. */

#include "slow_queries.h"

#include <string.h>

#include "qsn_reply.h"

static size_t cut(const char *text, size_t length);


void
slow_queries_add(slow_queries_t *list, const char *statement, size_t length,
    uint64_t ms, unsigned status, double finished_epoch)
{
    if (ms < SLOW_QUERIES_MS || statement == NULL) {
        return;
    }

    size_t at = list->count;

    while (at > 0 && list->queries[at - 1].ms < ms) {
        at--;
    }

    if (at == SLOW_QUERIES_MAX) {
        return;
    }

    if (list->count < SLOW_QUERIES_MAX) {
        list->count++;
    }

    slow_query_t *query = &list->queries[at];

    memmove(query + 1, query, (list->count - at - 1) * sizeof(*query));
    query->ms = ms;
    query->status = status;
    query->finished_epoch = finished_epoch;
    query->length = cut(statement, length);
    memcpy(query->statement, statement, query->length);
}


void
slow_queries_merge(slow_queries_t *list, const slow_queries_t *more)
{
    for (size_t i = 0; i < more->count; i++) {
        const slow_query_t *query = &more->queries[i];

        slow_queries_add(list, query->statement, query->length, query->ms,
                         query->status, query->finished_epoch);
    }
}


static size_t
cut(const char *text, size_t length)
{
    size_t kept = 0;

    while (kept < length && text[kept] != '\0') {
        size_t character = qsn_utf8_size(text + kept, length - kept);

        if (character == 0 || kept + character > SLOW_QUERIES_TEXT) {
            break;
        }

        kept += character;
    }

    return kept;
}
