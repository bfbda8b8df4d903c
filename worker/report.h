#ifndef REPORT_H
#define REPORT_H

/*
 * One publish into the generation being collected: schema, rows and
 * bookkeeping in the transaction that the caller has open.
 */

#include "generation.h"
#include "request.h"

enum report_result {
    REPORT_TAKEN,
    REPORT_DUPLICATE,           /* reported before: the first one stands */
    REPORT_REFUSED,             /* request->error says why, nothing changed */
    REPORT_FAILED               /* likewise, but the transaction must be
                                   rolled back */
};

/*
 * request has passed request_check_table().  The names in it may be
 * respelled as the table has them.
 */
enum report_result report_apply(generation_t *generation,
    request_t *request);

#endif
