/*
 * Arrays keep the order; hash tables (open addressing, at most half full)
 * find what every publish looks up: its table, its identity, and the pair.
 * Columns are looked up by a publish whose columns are not those of the
 * table's last: the C library's balanced trees (tsearch) do for them.
 */

#include "catalog.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qsn_hash.h"

typedef int (*compare_pt)(const char *a, const char *b);

static void *find(const catalog_index_t *index, const char *name,
    compare_pt compare);
static int insert(catalog_index_t *index, void *entry);
static void place(catalog_index_t *index, void *entry, uint64_t hash);
static uint64_t hash_name(const char *name);
static catalog_pair_t *find_pair(const catalog_t *catalog,
    const catalog_table_t *table, const catalog_identity_t *identity);
static int grow_pairs(catalog_t *catalog);
static int compare_columns(const void *a, const void *b);
static int grow(void *array, size_t count, size_t *capacity);
static void free_table(catalog_table_t *table);
static void keep_node(void *node);


void
catalog_init(catalog_t *catalog)
{
    memset(catalog, 0, sizeof(*catalog));
}


void
catalog_clear(catalog_t *catalog)
{
    free(catalog->table_index.slots);
    free(catalog->identity_index.slots);
    free(catalog->pairs);

    for (size_t i = 0; i < catalog->table_count; i++) {
        free_table(catalog->tables[i]);
    }

    for (size_t i = 0; i < catalog->identity_count; i++) {
        free(catalog->identities[i]->name);
        free(catalog->identities[i]);
    }

    free(catalog->tables);
    free(catalog->identities);
    catalog_init(catalog);
}


catalog_table_t *
catalog_find(const catalog_t *catalog, const char *name)
{
    return find(&catalog->table_index, name, strcasecmp);
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
    if (grow(&catalog->tables, catalog->table_count,
             &catalog->table_capacity) != 0)
    {
        return NULL;
    }

    catalog_table_t *table = calloc(1, sizeof(*table));

    if (table == NULL) {
        return NULL;
    }

    table->name = strdup(name);

    if (table->name == NULL
        || insert(&catalog->table_index, table) != 0)
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
    if (grow(&table->columns, table->column_count, &table->column_capacity)
        != 0)
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


int
catalog_has_identity(const catalog_t *catalog, const char *name)
{
    return find(&catalog->identity_index, name, strcmp) != NULL;
}


catalog_identity_t *
catalog_identity(catalog_t *catalog, const char *name)
{
    /* identities are data, not SQL names: case counts */
    catalog_identity_t *found = find(&catalog->identity_index, name, strcmp);

    if (found) {
        return found;
    }

    if (grow(&catalog->identities, catalog->identity_count,
             &catalog->identity_capacity) != 0)
    {
        return NULL;
    }

    catalog_identity_t *identity = calloc(1, sizeof(*identity));

    if (identity == NULL) {
        return NULL;
    }

    identity->name = strdup(name);

    if (identity->name == NULL
        || insert(&catalog->identity_index, identity) != 0)
    {
        free(identity->name);
        free(identity);
        return NULL;
    }

    catalog->identities[catalog->identity_count++] = identity;

    return identity;
}


catalog_pair_t *
catalog_find_report(const catalog_t *catalog, const char *table,
    const char *identity)
{
    const catalog_table_t *t = catalog_find(catalog, table);
    const catalog_identity_t *i = find(&catalog->identity_index, identity,
                                       strcmp);

    if (t == NULL || i == NULL || catalog->pair_size == 0) {
        return NULL;
    }

    catalog_pair_t *pair = find_pair(catalog, t, i);

    return pair->table ? pair : NULL;
}


catalog_pair_t *
catalog_add_report(catalog_t *catalog, const catalog_table_t *table,
    const catalog_identity_t *identity)
{
    if (catalog->pair_count * 2 >= catalog->pair_size
        && grow_pairs(catalog) != 0)
    {
        return NULL;
    }

    catalog_pair_t *pair = find_pair(catalog, table, identity);

    catalog->pair_count += pair->table == NULL;
    pair->table = table;
    pair->identity = identity;

    return pair;
}


void
catalog_forget_reports(catalog_t *catalog, const catalog_table_t *table)
{
    for (size_t i = 0; i < catalog->pair_size; i++) {
        if (catalog->pairs[i].table == table) {
            memset(catalog->pairs[i].ids, 0, sizeof(catalog->pairs[i].ids));
        }
    }
}


static void *
find(const catalog_index_t *index, const char *name, compare_pt compare)
{
    if (index->size == 0) {
        return NULL;
    }

    uint64_t hash = hash_name(name);

    for (size_t i = hash; /* void */; i++) {
        const catalog_slot_t *slot = &index->slots[i & (index->size - 1)];

        if (slot->entry == NULL
            || (slot->hash == hash
                && compare(*(char **) slot->entry, name) == 0))
        {
            return slot->entry;
        }
    }
}


/* The entry's name is not there yet. */
static int
insert(catalog_index_t *index, void *entry)
{
    if (index->count * 2 >= index->size) {
        catalog_index_t larger = { .size = index->size ? index->size * 2
                                                       : 64 };

        larger.slots = calloc(larger.size, sizeof(*larger.slots));

        if (larger.slots == NULL) {
            return -1;
        }

        for (size_t i = 0; i < index->size; i++) {
            if (index->slots[i].entry) {
                place(&larger, index->slots[i].entry, index->slots[i].hash);
            }
        }

        free(index->slots);
        *index = larger;
    }

    place(index, entry, hash_name(*(char **) entry));

    return 0;
}


static void
place(catalog_index_t *index, void *entry, uint64_t hash)
{
    size_t i = hash & (index->size - 1);

    while (index->slots[i].entry) {
        i = (i + 1) & (index->size - 1);
    }

    index->slots[i] = (catalog_slot_t) { .entry = entry, .hash = hash };
    index->count++;
}


/* Without regard to case: right for both ways to compare. */
static uint64_t
hash_name(const char *name)
{
    uint64_t hash = QSN_HASH_START;

    for (/* void */; *name; name++) {
        unsigned char c = (unsigned char) *name;

        hash = qsn_hash_byte(hash, c >= 'A' && c <= 'Z' ? c | 0x20u : c);
    }

    return hash ^ hash >> 32;
}


/* Its slot, or the free one where it would be; the table is not empty. */
static catalog_pair_t *
find_pair(const catalog_t *catalog, const catalog_table_t *table,
    const catalog_identity_t *identity)
{
    uint64_t hash = ((uintptr_t) table * 31 + (uintptr_t) identity)
                    * 0x9e3779b97f4a7c15;
    size_t i = (hash >> 32) & (catalog->pair_size - 1);

    while (catalog->pairs[i].table
           && (catalog->pairs[i].table != table
               || catalog->pairs[i].identity != identity))
    {
        i = (i + 1) & (catalog->pair_size - 1);
    }

    return &catalog->pairs[i];
}


static int
grow_pairs(catalog_t *catalog)
{
    catalog_pair_t *before = catalog->pairs;
    size_t size = catalog->pair_size;
    size_t wanted = size ? size * 2 : 64;
    catalog_pair_t *pairs = calloc(wanted, sizeof(*pairs));

    if (pairs == NULL) {
        return -1;
    }

    catalog->pairs = pairs;
    catalog->pair_size = wanted;

    for (size_t i = 0; i < size; i++) {
        if (before[i].table) {
            *find_pair(catalog, before[i].table, before[i].identity) =
                before[i];
        }
    }

    free(before);

    return 0;
}


static int
compare_columns(const void *a, const void *b)
{
    return strcasecmp(a, b);
}


/* Room for one more pointer in the array at *array. */
static int
grow(void *array, size_t count, size_t *capacity)
{
    void *items;

    if (count < *capacity) {
        return 0;
    }

    memcpy(&items, array, sizeof(items));

    size_t wanted = *capacity ? *capacity * 2 : 16;

    items = realloc(items, wanted * sizeof(void *));

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
