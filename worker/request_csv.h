#ifndef REQUEST_CSV_H
#define REQUEST_CSV_H

/*
 * A CSV table, parsed as its bytes arrive.  Its first lines are options,
 * table name, column names, column types and descriptions; then come rows.
 * Cells may be quoted as RFC 4180 has it; lines end in LF or CRLF.
 */

#include <stddef.h>

#include "request.h"

typedef struct request_csv_s request_csv_t;

/* NULL without memory.  request must outlive the parser. */
request_csv_t *request_csv_create(request_t *request);
void request_csv_destroy(request_csv_t *csv);

/* Each returns 0, or -1 with request->status and ->error set. */
int request_csv_feed(request_csv_t *csv, const void *data, size_t length);
int request_csv_finish(request_csv_t *csv);

#endif
