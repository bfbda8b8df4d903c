/* A place for each of a few hashes. */

#include "memo.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_hash.h"

#define PLACES  32

typedef struct {
    qsn_buf_t sql;
    qsn_buf_t body;             /* empty: there is none */
    uint8_t format;
    uint16_t flags;
    uint64_t static_version;
} entry_t;

struct memo_s {
    entry_t entries[PLACES];
};

static size_t place_of(const memo_key_t *key);


memo_t *
memo_create(void)
{
    return calloc(1, sizeof(memo_t));
}


void
memo_destroy(memo_t *memo)
{
    for (size_t i = 0; i < PLACES; i++) {
        qsn_buf_free(&memo->entries[i].sql);
        qsn_buf_free(&memo->entries[i].body);
    }

    free(memo);
}


void
memo_clear(memo_t *memo)
{
    for (size_t i = 0; i < PLACES; i++) {
        qsn_buf_clear(&memo->entries[i].body);
    }
}


const qsn_buf_t *
memo_find(const memo_t *memo, const memo_key_t *key)
{
    const entry_t *entry = &memo->entries[place_of(key)];

    return entry->body.length > 0
           && entry->format == key->format && entry->flags == key->flags
           && entry->static_version == key->static_version
           && entry->sql.length == key->sql->length
           && memcmp(entry->sql.data, key->sql->data, key->sql->length) == 0
           ? &entry->body : NULL;
}


void
memo_keep(memo_t *memo, const memo_key_t *key, const qsn_buf_t *body)
{
    entry_t *entry = &memo->entries[place_of(key)];

    if (key->sql->length + body->length > MEMO_BODY_MAX) {
        return;
    }

    qsn_buf_clear(&entry->sql);
    qsn_buf_clear(&entry->body);
    qsn_buf_append(&entry->sql, key->sql->data, key->sql->length);
    qsn_buf_append(&entry->body, body->data, body->length);
    entry->format = key->format;
    entry->flags = key->flags;
    entry->static_version = key->static_version;

    if (entry->sql.failed || entry->body.failed) {
        qsn_buf_free(&entry->sql);
        qsn_buf_free(&entry->body);
    }
}


static size_t
place_of(const memo_key_t *key)
{
    uint64_t hash = qsn_hash(key->sql->data, key->sql->length);

    return (hash ^ hash >> 32) % PLACES;
}
