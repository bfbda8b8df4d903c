/* A short list, searched by hash; and what was seen once, as hashes only. */

#include "prepared.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_hash.h"

#define COUNT_MAX  64
#define BYTES_MAX  (2u * 1024 * 1024)
#define TEXT_MAX   (16u * 1024)
#define SEEN       1024         /* a power of two */

struct prepared_list {
    prepared_t *first;
    prepared_t *last;
    size_t count;
    size_t bytes;
    uint64_t seen[SEEN];        /* by hash; a newer one takes its place */
};

static void link_first(prepared_list_t *list, prepared_t *prepared);
static void unlink_prepared(prepared_list_t *list, prepared_t *prepared);


prepared_list_t *
prepared_create(void)
{
    return calloc(1, sizeof(prepared_list_t));
}


void
prepared_destroy(prepared_list_t *list)
{
    if (list) {
        prepared_clear(list);
        free(list);
    }
}


prepared_t *
prepared_find(prepared_list_t *list, const char *text, size_t length)
{
    if (list->count == 0) {
        return NULL;
    }

    uint64_t hash = qsn_hash(text, length);

    for (prepared_t *p = list->first; p; p = p->next) {
        if (p->hash == hash && p->length == length
            && memcmp(p->text, text, length) == 0)
        {
            unlink_prepared(list, p);
            link_first(list, p);
            return p;
        }
    }

    return NULL;
}


int
prepared_is_due(prepared_list_t *list, const char *text, size_t length)
{
    uint64_t hash = qsn_hash(text, length);
    uint64_t *seen = &list->seen[hash % SEEN];

    if (*seen == hash) {
        return length <= TEXT_MAX;
    }

    *seen = hash;

    return 0;
}


void
prepared_keep(prepared_list_t *list, const char *text, size_t length,
    statement_t *statement, sqlite3_stmt *handle, int volatile_functions)
{
    prepared_t *prepared = malloc(sizeof(*prepared) + length);

    if (prepared == NULL) {
        (void) sqlite3_finalize(handle);
        return;
    }

    prepared->statement = *statement;
    memset(statement, 0, sizeof(*statement));
    prepared->handle = handle;
    prepared->volatile_functions = volatile_functions;
    prepared->hash = qsn_hash(text, length);
    prepared->bytes = length + (size_t)
        sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_MEMUSED, 0);
    prepared->length = length;
    memcpy(prepared->text, text, length);
    link_first(list, prepared);

    while (list->last
           && (list->count > COUNT_MAX || list->bytes > BYTES_MAX))
    {
        prepared_drop(list, list->last);
    }
}


void
prepared_drop(prepared_list_t *list, prepared_t *prepared)
{
    unlink_prepared(list, prepared);
    (void) sqlite3_finalize(prepared->handle);
    statement_free(&prepared->statement);
    free(prepared);
}


void
prepared_clear(prepared_list_t *list)
{
    while (list->first) {
        prepared_drop(list, list->first);
    }
}


static void
link_first(prepared_list_t *list, prepared_t *prepared)
{
    prepared->previous = NULL;
    prepared->next = list->first;

    if (list->first) {
        list->first->previous = prepared;
    } else {
        list->last = prepared;
    }

    list->first = prepared;
    list->count++;
    list->bytes += prepared->bytes;
}


static void
unlink_prepared(prepared_list_t *list, prepared_t *prepared)
{
    if (prepared == list->first) {
        list->first = prepared->next;
    } else {
        prepared->previous->next = prepared->next;
    }

    if (prepared == list->last) {
        list->last = prepared->previous;
    } else {
        prepared->next->previous = prepared->previous;
    }

    list->count--;
    list->bytes -= prepared->bytes;
}
