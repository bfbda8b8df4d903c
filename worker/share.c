/* A hash table of leaders, each with the list of those that follow it. */

#include "share.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qsn_hash.h"

#define BUCKETS  1024           /* a power of two */

struct share_s {
    query_t *buckets[BUCKETS];  /* leaders, by ->next_leader */
};

static int is_shareable(const query_t *query);
static int is_changing(const char *word, size_t length, int frozen);
static int is_word_byte(unsigned char byte);
static int is_same(const query_t *a, const query_t *b);
static void enlist(share_t *share, query_t *leader);
static void strike(share_t *share, query_t *leader);

/* As worker/query/policy.c has them.  Of time: not where it stands still. */
static const struct {
    const char *name;
    int of_time;
} changing[] = {
    { "random", 0 }, { "randomblob", 0 }, { "changes", 0 },
    { "total_changes", 0 }, { "last_insert_rowid", 0 }, { "date", 1 },
    { "time", 1 }, { "datetime", 1 }, { "julianday", 1 },
    { "strftime", 1 }, { "unixepoch", 1 }, { "current_date", 1 },
    { "current_time", 1 }, { "current_timestamp", 1 }
};


share_t *
share_create(void)
{
    return calloc(1, sizeof(share_t));
}


void
share_destroy(share_t *share)
{
    free(share);
}


int
share_enter(share_t *share, query_t *query)
{
    query->leading = 0;
    query->leader = NULL;
    query->followers = NULL;
    query->next_follower = NULL;

    if (!is_shareable(query)) {
        return 0;
    }

    /* the rest rarely differs */
    query->hash = qsn_hash(query->sql, query->sql_length);

    for (query_t *leader = share->buckets[query->hash % BUCKETS]; leader;
         leader = leader->next_leader)
    {
        if (is_same(leader, query)) {
            query_t **end = &leader->followers;

            while (*end) {
                end = &(*end)->next_follower;
            }

            *end = query;
            query->leader = leader;
            return 1;
        }
    }

    enlist(share, query);

    return 0;
}


query_t *
share_resolve(share_t *share, query_t *leader)
{
    query_t *followers = leader->followers;

    strike(share, leader);
    leader->followers = NULL;

    for (query_t *f = followers; f; f = f->next_follower) {
        f->leader = NULL;
    }

    return followers;
}


void
share_leave(query_t *follower)
{
    query_t **at = &follower->leader->followers;

    while (*at != follower) {
        at = &(*at)->next_follower;
    }

    *at = follower->next_follower;
    follower->leader = NULL;
}


query_t *
share_succeed(share_t *share, query_t *leader)
{
    query_t *heir = share_resolve(share, leader);

    if (heir) {
        enlist(share, heir);
        heir->followers = heir->next_follower;

        for (query_t *f = heir->followers; f; f = f->next_follower) {
            f->leader = heir;
        }
    }

    return heir;
}


static int
is_shareable(const query_t *query)
{
    if (query->snapshot) {
        return 0;
    }

    const char *p = query->sql ? query->sql : "";
    const char *end = p + query->sql_length;

    while (p < end) {
        const char *word = p;

        while (p < end && is_word_byte((unsigned char) *p)) {
            p++;
        }

        if (p > word && is_changing(word, (size_t) (p - word),
                                    query->flags & QSN_FLAG_FROZEN))
        {
            return 0;
        }

        p += p == word;
    }

    return 1;
}


/* Names in quotes and comments count: it does no harm. */
static int
is_changing(const char *word, size_t length, int frozen)
{
    for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++) {
        if (strlen(changing[i].name) == length
            && strncasecmp(changing[i].name, word, length) == 0)
        {
            return !(frozen && changing[i].of_time);
        }
    }

    return 0;
}


static int
is_word_byte(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9') || byte == '_';
}


static int
is_same(const query_t *a, const query_t *b)
{
    return a->hash == b->hash && a->world == b->world && a->op == b->op
           && a->format == b->format && a->flags == b->flags
           && a->sql_length == b->sql_length
           && (a->sql == NULL || b->sql == NULL
               ? a->sql == b->sql
               : memcmp(a->sql, b->sql, a->sql_length) == 0);
}


static void
enlist(share_t *share, query_t *leader)
{
    query_t **bucket = &share->buckets[leader->hash % BUCKETS];

    leader->leading = 1;
    leader->next_leader = *bucket;
    *bucket = leader;
}


static void
strike(share_t *share, query_t *leader)
{
    query_t **at = &share->buckets[leader->hash % BUCKETS];

    while (*at != leader) {
        at = &(*at)->next_leader;
    }

    *at = leader->next_leader;
    leader->leading = 0;
}
