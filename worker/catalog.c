/*
 * Arrays keep the order; hash tables (open addressing, at most half full)
 * find what every publish looks up: its table, its identity, and the pair.
 * Columns are looked up by a publish whose columns are not those of the
 * table's last: the C library's balanced trees (tsearch) do for them.
 */

#include "catalog.h"

#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "qsn_siphash.h"

#define FOLDED_MAX  128                 /* bytes of a table's name hashed */
#define MIXER      0x9e3779b97f4a7c15u  /* odd, with bits all over */

static catalog_identity_t *find_identity(const catalog_t *catalog,
    const char *name, uint32_t hash);
static catalog_pair_t *find_pair(const catalog_t *catalog,
    const catalog_table_t *table, const catalog_identity_t *identity,
    uint32_t hash);
static uint32_t next(const catalog_index_t *index, uint32_t hash,
    size_t *at);
static int insert(catalog_index_t *index, uint32_t hash, size_t number);
static void place(catalog_index_t *index, catalog_slot_t slot);
static uint32_t hash_table(const catalog_t *catalog, const char *name);
static uint32_t hash_identity(const catalog_t *catalog, const char *name);
static uint32_t hash_pair(const catalog_table_t *table,
    const catalog_identity_t *identity);
static int compare_columns(const void *a, const void *b);
static int grow(void *array, size_t size, size_t count, size_t *capacity);
static void free_table(catalog_table_t *table);
static void keep_node(void *node);


void
catalog_init(catalog_t *catalog)
{
    memset(catalog, 0, sizeof(*catalog));

    /* so few bytes are never less, nor interrupted, once there are any */
    (void) getrandom(catalog->secret, sizeof(catalog->secret), 0);
}


void
catalog_clear(catalog_t *catalog)
{
    free(catalog->table_index.slots);
    free(catalog->identity_index.slots);
    free(catalog->pair_index.slots);
    free(catalog->pairs);

    for (size_t i = 0; i < catalog->table_count; i++) {
        free_table(catalog->tables[i]);
    }

    for (size_t i = 0; i < catalog->identity_count; i++) {
        free(catalog->identities[i]);
    }

    free(catalog->tables);
    free(catalog->identities);
    catalog_init(catalog);
}


catalog_table_t *
catalog_find(const catalog_t *catalog, const char *name)
{
    uint32_t hash = hash_table(catalog, name);
    size_t at = hash;
    uint32_t number;

    while ((number = next(&catalog->table_index, hash, &at)) != 0) {
        catalog_table_t *table = catalog->tables[number - 1];

        if (strcasecmp(table->name, name) == 0) {
            return table;
        }
    }

    return NULL;
}


const char *
catalog_find_column(const catalog_table_t *table, const char *name)
{
    char **found = tfind(name, &table->column_tree, compare_columns);

    return found ? *found : NULL;
}


catalog_table_t *
catalog_add(catalog_t *catalog, const char *name)
{
    if (grow(&catalog->tables, sizeof(*catalog->tables),
             catalog->table_count, &catalog->table_capacity) != 0)
    {
        return NULL;
    }

    catalog_table_t *table = calloc(1, sizeof(*table));

    if (table == NULL) {
        return NULL;
    }

    table->name = strdup(name);

    if (table->name == NULL
        || insert(&catalog->table_index, hash_table(catalog, name),
                  catalog->table_count + 1) != 0)
    {
        free_table(table);
        return NULL;
    }

    catalog->tables[catalog->table_count++] = table;

    return table;
}


int
catalog_add_column(catalog_table_t *table, const char *name)
{
    if (grow(&table->columns, sizeof(*table->columns), table->column_count,
             &table->column_capacity) != 0)
    {
        return -1;
    }

    char *copy = strdup(name);

    if (copy == NULL
        || tsearch(copy, &table->column_tree, compare_columns) == NULL)
    {
        free(copy);
        return -1;
    }

    table->columns[table->column_count++] = copy;

    return 0;
}


const catalog_identity_t *
catalog_find_identity(const catalog_t *catalog, const char *name)
{
    return find_identity(catalog, name, hash_identity(catalog, name));
}


catalog_identity_t *
catalog_identity(catalog_t *catalog, const char *name)
{
    uint32_t hash = hash_identity(catalog, name);
    catalog_identity_t *identity = find_identity(catalog, name, hash);
    size_t size = strlen(name) + 1;

    if (identity) {
        return identity;
    }

    if (grow(&catalog->identities, sizeof(*catalog->identities),
             catalog->identity_count, &catalog->identity_capacity) != 0)
    {
        return NULL;
    }

    identity = calloc(1, sizeof(*identity) + size);

    if (identity == NULL) {
        return NULL;
    }

    memcpy(identity->name, name, size);

    if (insert(&catalog->identity_index, hash, catalog->identity_count + 1)
        != 0)
    {
        free(identity);
        return NULL;
    }

    identity->place = catalog->identity_count;
    catalog->identities[catalog->identity_count++] = identity;
    catalog_unlist(catalog, identity);

    return identity;
}


void
catalog_unlist(catalog_t *catalog, catalog_identity_t *identity)
{
    if (identity->unlisted) {
        return;
    }

    identity->unlisted = 1;
    identity->next = NULL;

    if (catalog->unlisted) {
        catalog->last_unlisted->next = identity;
    } else {
        catalog->unlisted = identity;
    }

    catalog->last_unlisted = identity;
}


catalog_identity_t *
catalog_take_unlisted(catalog_t *catalog)
{
    catalog_identity_t *identity = catalog->unlisted;

    if (identity) {
        catalog->unlisted = identity->next;
        identity->unlisted = 0;
    }

    return identity;
}


catalog_pair_t *
catalog_find_report(const catalog_t *catalog, const catalog_table_t *table,
    const char *identity)
{
    uint32_t hash = hash_identity(catalog, identity);
    const catalog_identity_t *found = find_identity(catalog, identity, hash);

    return table && found ? find_pair(catalog, table, found,
                                      hash_pair(table, found))
                          : NULL;
}


catalog_pair_t *
catalog_add_report(catalog_t *catalog, const catalog_table_t *table,
    const catalog_identity_t *identity)
{
    uint32_t hash = hash_pair(table, identity);
    catalog_pair_t *pair = find_pair(catalog, table, identity, hash);

    if (pair) {
        return pair;
    }

    if (grow(&catalog->pairs, sizeof(*pair), catalog->pair_count,
             &catalog->pair_capacity) != 0
        || insert(&catalog->pair_index, hash, catalog->pair_count + 1) != 0)
    {
        return NULL;
    }

    pair = &catalog->pairs[catalog->pair_count++];
    *pair = (catalog_pair_t) { .table = table, .identity = identity };

    return pair;
}


void
catalog_forget_reports(catalog_t *catalog, const catalog_table_t *table)
{
    for (size_t i = 0; i < catalog->pair_count; i++) {
        if (catalog->pairs[i].table == table) {
            memset(catalog->pairs[i].ids, 0, sizeof(catalog->pairs[i].ids));
        }
    }
}


/* Identities are data, not SQL names: case counts. */
static catalog_identity_t *
find_identity(const catalog_t *catalog, const char *name, uint32_t hash)
{
    size_t at = hash;
    uint32_t number;

    while ((number = next(&catalog->identity_index, hash, &at)) != 0) {
        catalog_identity_t *identity = catalog->identities[number - 1];

        if (strcmp(identity->name, name) == 0) {
            return identity;
        }
    }

    return NULL;
}


static catalog_pair_t *
find_pair(const catalog_t *catalog, const catalog_table_t *table,
    const catalog_identity_t *identity, uint32_t hash)
{
    size_t at = hash;
    uint32_t number;

    while ((number = next(&catalog->pair_index, hash, &at)) != 0) {
        catalog_pair_t *pair = &catalog->pairs[number - 1];

        if (pair->table == table && pair->identity == identity) {
            return pair;
        }
    }

    return NULL;
}


/* The next entry of this hash from slot *at on, which moves behind it; 0:
   there is none.  The first is looked for at the hash itself. */
static uint32_t
next(const catalog_index_t *index, uint32_t hash, size_t *at)
{
    if (index->size == 0) {
        return 0;
    }

    for ( ;; ) {
        const catalog_slot_t *slot = &index->slots[(*at)++
                                                   & (index->size - 1)];

        if (slot->number == 0 || slot->hash == hash) {
            return slot->number;
        }
    }
}


/* The entry is not there yet. */
static int
insert(catalog_index_t *index, uint32_t hash, size_t number)
{
    if (index->count * 2 >= index->size) {
        catalog_index_t larger = { .size = index->size ? index->size * 2
                                                       : 64 };

        larger.slots = calloc(larger.size, sizeof(*larger.slots));

        if (larger.slots == NULL) {
            return -1;
        }

        for (size_t i = 0; i < index->size; i++) {
            if (index->slots[i].number) {
                place(&larger, index->slots[i]);
            }
        }

        free(index->slots);
        *index = larger;
    }

    place(index, (catalog_slot_t) { .number = (uint32_t) number,
                                    .hash = hash });

    return 0;
}


static void
place(catalog_index_t *index, catalog_slot_t slot)
{
    size_t i = slot.hash & (index->size - 1);

    while (index->slots[i].number) {
        i = (i + 1) & (index->size - 1);
    }

    index->slots[i] = slot;
    index->count++;
}


/* Tables compare without regard to case, identities with. */
static uint32_t
hash_table(const catalog_t *catalog, const char *name)
{
    char folded[FOLDED_MAX] = { 0 };
    size_t length = 0;

    while (length < sizeof(folded) && name[length]) {
        folded[length] = (char) tolower((unsigned char) name[length]);
        length++;
    }

    return (uint32_t) qsn_siphash(catalog->secret, folded, length);
}


static uint32_t
hash_identity(const catalog_t *catalog, const char *name)
{
    return (uint32_t) qsn_siphash(catalog->secret, name, strlen(name));
}


static uint32_t
hash_pair(const catalog_table_t *table, const catalog_identity_t *identity)
{
    uint64_t hash = ((uintptr_t) table * 31 + (uintptr_t) identity) * MIXER;

    return (uint32_t) (hash >> 32);
}


static int
compare_columns(const void *a, const void *b)
{
    return strcasecmp(a, b);
}


/* Room for one more of that size in the array at *array. */
static int
grow(void *array, size_t size, size_t count, size_t *capacity)
{
    void *items;

    if (count < *capacity) {
        return 0;
    }

    memcpy(&items, array, sizeof(items));

    size_t wanted = *capacity ? *capacity * 2 : 16;

    items = realloc(items, wanted * size);

    if (items == NULL) {
        return -1;
    }

    memcpy(array, &items, sizeof(items));
    *capacity = wanted;

    return 0;
}


static void
free_table(catalog_table_t *table)
{
    tdestroy(table->column_tree, keep_node);

    for (size_t i = 0; i < table->column_count; i++) {
        free(table->columns[i]);
    }

    (void) sqlite3_finalize(table->insert);
    free(table->insert_columns);
    free(table->columns);
    free(table->name);
    free(table);
}


/* What the nodes point to is freed through the arrays. */
static void
keep_node(void *node)
{
    (void) node;
}
