/*
 * Arrays keep the order, the C library's balanced trees (tsearch) find by
 * name.  Tree nodes are the entries themselves, or the column names.
 */

#include "catalog.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int compare_tables(const void *a, const void *b);
static int compare_identities(const void *a, const void *b);
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
    tdestroy(catalog->table_tree, keep_node);
    tdestroy(catalog->identity_tree, keep_node);

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
    catalog_table_t key = { .name = (char *) name };
    catalog_table_t **found = tfind(&key, &catalog->table_tree,
                                    compare_tables);

    return found ? *found : NULL;
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
        || tsearch(table, &catalog->table_tree, compare_tables) == NULL)
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
    catalog_identity_t key = { .name = (char *) name };

    return tfind(&key, &catalog->identity_tree, compare_identities) != NULL;
}


catalog_identity_t *
catalog_identity(catalog_t *catalog, const char *name)
{
    catalog_identity_t key = { .name = (char *) name };
    catalog_identity_t **found = tfind(&key, &catalog->identity_tree,
                                       compare_identities);

    if (found) {
        return *found;
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
        || tsearch(identity, &catalog->identity_tree, compare_identities)
           == NULL)
    {
        free(identity->name);
        free(identity);
        return NULL;
    }

    catalog->identities[catalog->identity_count++] = identity;

    return identity;
}


static int
compare_tables(const void *a, const void *b)
{
    return strcasecmp(((const catalog_table_t *) a)->name,
                      ((const catalog_table_t *) b)->name);
}


/* Identities are data, not SQL names: case counts. */
static int
compare_identities(const void *a, const void *b)
{
    return strcmp(((const catalog_identity_t *) a)->name,
                  ((const catalog_identity_t *) b)->name);
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
    free(table->insert_sql);
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
