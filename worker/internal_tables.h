#ifndef INTERNAL_TABLES_H
#define INTERNAL_TABLES_H

/*
 * The qasino_server_* tables, which a generation's file has from its
 * beginning, filled in its last transaction, in which the operator's views
 * are made, too.  Not listed among the tables are qasino_server_slow_queries
 * and qasino_server_reports, who published what, which is a view of the
 * bookkeeping.
 */

#include "generation.h"
#include "slow_queries.h"
#include "stats.h"
#include "views.h"

typedef struct {
    const char *identity;       /* the server's */
    double duration_s;
    double start_epoch;         /* when the generation begins to be served */
    stats_t stats;
    const slow_queries_t *slow; /* NULL: none */
    const catalog_t *statics;   /* the static tables */
} internal_info_t;

/* What a generation's file gets when it is made; the list of what makes its
   tables (awaited.h), too. */
extern const char internal_tables_schema[];

/* Each in the transaction that is open: 0, or -1 (the reason is SQLite's). */

/*
 * Lists publishers in qasino_server_connections, at most so many of those
 * that are not there as they are now; identity: the server's.  Sets *more if
 * some are left.  internal_tables_make() does the rest.
 */
int internal_tables_list(store_t *store, const char *identity,
    size_t at_most, int *more);

int internal_tables_make(generation_t *generation,
    const internal_info_t *info, views_t *views);

#endif
