#ifndef DEFER_H
#define DEFER_H

/*
 * A second report of (table, identity) does not change the generation: the
 * first stands.  But what persists is the newest report, so a second one
 * with persist is kept aside, to be carried instead of the first, and a
 * plain one ends what the first would have persisted.
 */

#include "report.h"

/* first is the report that stands.  0, or -1 (the reason is SQLite's). */
int defer_report(store_t *store, const request_t *request,
    const report_t *first);

#endif
