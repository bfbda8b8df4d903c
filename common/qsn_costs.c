/* A hash table without chains: each set has the WAYS that were used last. */

#include "qsn_costs.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_hash.h"

#define SETS       1024         /* a power of two */
#define WAYS       4
#define SHAPE_MAX  4096         /* bytes of a text that are looked at */
#define SURE       8            /* times measured */

typedef struct {
    uint64_t key;               /* 0: free */
    uint32_t us;
    uint32_t times;
} entry_t;

struct qsn_costs_s {
    entry_t sets[SETS][WAYS];   /* each the last used first */
};

static entry_t *find(qsn_costs_t *costs, uint64_t key);
static entry_t *use(qsn_costs_t *costs, uint64_t key, entry_t *entry);
static const char *skip_literal(const char *p, const char *end);
static int is_word_byte(unsigned char byte);


qsn_costs_t *
qsn_costs_create(void)
{
    return calloc(1, sizeof(qsn_costs_t));
}


void
qsn_costs_destroy(qsn_costs_t *costs)
{
    free(costs);
}


uint64_t
qsn_costs_key(uint64_t client, const char *sql, size_t length)
{
    uint64_t hash = QSN_HASH_START ^ client;
    const char *p = sql ? sql : "";
    const char *end = p + (sql == NULL ? 0 : length < SHAPE_MAX ? length
                                                            : SHAPE_MAX);

    while (p < end) {
        unsigned char byte = (unsigned char) *p;

        if (byte == '\'' || (byte >= '0' && byte <= '9')) {
            p = skip_literal(p, end);
            hash = qsn_hash_byte(hash, '?');
            continue;
        }

        if (byte <= ' ') {
            p++;
            continue;
        }

        /* a word to its end, with the digits in it */
        do {
            hash = qsn_hash_byte(hash, (unsigned char) *p);
            p++;
        } while (is_word_byte(byte) && p < end
                 && is_word_byte((unsigned char) *p));
    }

    hash ^= hash >> 32;         /* the low bits choose the set */

    return hash ? hash : 1;
}


uint32_t
qsn_costs_of(qsn_costs_t *costs, uint64_t key, int *sure)
{
    entry_t *entry = find(costs, key);

    if (entry == NULL) {
        *sure = 0;
        return QSN_COSTS_UNKNOWN;
    }

    entry = use(costs, key, entry);
    *sure = entry->times >= SURE;

    return entry->us;
}


void
qsn_costs_add(qsn_costs_t *costs, uint64_t key, uint64_t us)
{
    entry_t *entry = find(costs, key);
    int known = entry != NULL;
    uint32_t new = us < QSN_COSTS_UNKNOWN ? (uint32_t) us
                                          : QSN_COSTS_UNKNOWN - 1;

    entry = use(costs, key, entry);

    if (known && new < entry->us) {
        entry->us -= (entry->us - new + 1) / 2;
    } else {
        entry->us = new;
    }

    entry->times += entry->times < SURE;
}


void
qsn_costs_forget(qsn_costs_t *costs, uint64_t key)
{
    entry_t *entry = find(costs, key);

    if (entry) {
        memset(entry, 0, sizeof(*entry));
    }
}


static entry_t *
find(qsn_costs_t *costs, uint64_t key)
{
    entry_t *set = costs->sets[key % SETS];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }

    return NULL;
}


/* Makes it the first of its set; NULL: a new one takes the place of the last. */
static entry_t *
use(qsn_costs_t *costs, uint64_t key, entry_t *entry)
{
    entry_t *set = costs->sets[key % SETS];
    entry_t moved = entry ? *entry : (entry_t) { .key = key };

    if (entry == NULL) {
        entry = &set[WAYS - 1];
    }

    memmove(set + 1, set, (size_t) (entry - set) * sizeof(*set));
    set[0] = moved;

    return set;
}


/* A text with its quotes, which are doubled in it, or a number. */
static const char *
skip_literal(const char *p, const char *end)
{
    while (p < end && *p == '\'') {
        do {
            p++;
        } while (p < end && *p != '\'');

        p += p < end;

        if (p == end || *p != '\'') {
            return p;
        }
    }

    while (p < end && (is_word_byte((unsigned char) *p) || *p == '.')) {
        p++;
    }

    return p;
}


static int
is_word_byte(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}
