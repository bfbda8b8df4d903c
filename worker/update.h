#ifndef UPDATE_H
#define UPDATE_H

/*
 * An update: a row with the same key gets the reported columns replaced and
 * keeps the others; a key that is not there becomes a new row.
 */

#include "report.h"

/* As report_apply(); before is what report_find() said. */
enum report_result update_apply(store_t *store, request_t *request,
    const report_t *before);

/* What identity's updates of the table have set is not carried any further.
   0 or -1. */
int update_end_persistence(store_t *store, const catalog_table_t *table,
    const char *identity);

#endif
