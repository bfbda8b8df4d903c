#ifndef CATALOG_H
#define CATALOG_H

/*
 * What the generation being collected holds, kept in memory so that a
 * publish needs no look-up in SQLite's schema and a rotation no counting:
 * tables with their columns and counts, identities with theirs.  It mirrors
 * the file; after a crash or a rollback it is loaded from there again.
 *
 * Names compare without regard to case, as SQLite does.
 */

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* Where entries stand in their array.  A slot has half of the hash, too:
   entries are all over the memory, and only the one that is looked for need
   be read. */
typedef struct {
    uint32_t number;            /* from 1; 0: free */
    uint32_t hash;
} catalog_slot_t;

typedef struct {
    catalog_slot_t *slots;
    size_t size;                /* a power of 2, or 0 */
    size_t count;
} catalog_index_t;

typedef struct {
    char *name;                 /* as first spelled */
    char **columns;             /* as first spelled, in order */
    size_t column_count;
    size_t column_capacity;
    void *column_tree;
    uint64_t rows;
    uint64_t updates;           /* publishes taken */
    double last_update;         /* epoch seconds */
    int has_index;              /* of some key columns */
    int persists;               /* there may be something to be carried */
    sqlite3_stmt *insert;       /* the last insertion, kept prepared */
    const char **insert_columns;        /* its columns, among ->columns */
    size_t insert_count;        /* 0: none is kept */
} catalog_table_t;

typedef struct catalog_identity_s catalog_identity_t;

struct catalog_identity_s {
    size_t place;               /* among the catalog's */
    uint64_t tables;
    double last_update;
    int unlisted;               /* one of the catalog's, */
    catalog_identity_t *next;   /* and this is behind it */
    char name[];
};

typedef struct {
    const catalog_table_t *table;
    const catalog_identity_t *identity;
    sqlite3_int64 ids[2];       /* of its reports in the file, by kind; 0:
                                   there is none */
} catalog_pair_t;

typedef struct {
    catalog_table_t **tables;   /* in order of their first reports; as the
                                   file has them when it was loaded */
    size_t table_count;
    size_t table_capacity;
    catalog_index_t table_index;
    catalog_identity_t **identities;
    size_t identity_count;
    size_t identity_capacity;
    catalog_identity_t *unlisted;       /* not as they are now in the file's
                                           list (internal_tables.h) */
    catalog_identity_t *last_unlisted;
    int lists;                  /* there is a list, of this catalog's */
    catalog_index_t identity_index;
    catalog_pair_t *pairs;      /* who has reported what */
    size_t pair_count;
    size_t pair_capacity;
    catalog_index_t pair_index;
    uint64_t secret[2];         /* of the hashes of names */
} catalog_t;

void catalog_init(catalog_t *catalog);
void catalog_clear(catalog_t *catalog);

/* NULL where there is none. */
catalog_table_t *catalog_find(const catalog_t *catalog, const char *name);
const char *catalog_find_column(const catalog_table_t *table,
    const char *name);

/* Each copies the name; NULL or -1 without memory. */
catalog_table_t *catalog_add(catalog_t *catalog, const char *name);
int catalog_add_column(catalog_table_t *table, const char *name);

/* NULL if the identity has no entry. */
const catalog_identity_t *catalog_find_identity(const catalog_t *catalog,
    const char *name);

/* Where the file has the reports of a table (NULL: of none) and an identity;
   NULL: nowhere.  Good until the next one is added.  catalog_add_report()
   makes the entry if need be, and returns NULL without memory. */
catalog_pair_t *catalog_find_report(const catalog_t *catalog,
    const catalog_table_t *table, const char *identity);
catalog_pair_t *catalog_add_report(catalog_t *catalog,
    const catalog_table_t *table, const catalog_identity_t *identity);

/* All reports of the table have been deleted. */
void catalog_forget_reports(catalog_t *catalog,
    const catalog_table_t *table);

/* The identity's entry, made if need be.  NULL without memory. */
catalog_identity_t *catalog_identity(catalog_t *catalog, const char *name);

/* It has changed, as one that was made has; the first of those that have,
   which then has not, or NULL. */
void catalog_unlist(catalog_t *catalog, catalog_identity_t *identity);
catalog_identity_t *catalog_take_unlisted(catalog_t *catalog);

#endif
