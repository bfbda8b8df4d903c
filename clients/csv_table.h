#ifndef CSV_TABLE_H
#define CSV_TABLE_H

/*
 * Qasino's CSV format into a draft, as its bytes arrive: a line of options
 * ("1" or "persist=1,keycols=a;b"), one with the table name, one with the
 * column names, one with their types, one with descriptions, then rows.
 */

#include <stddef.h>

#include "draft.h"
#include "qsn_csv.h"

typedef struct {
    qsn_csv_t reader;
    draft_t *draft;
    int record;                 /* which of the first lines is next */
    uint64_t blank_line;        /* after which only blank ones may come */
    enum draft_type *types;
} csv_table_t;

void csv_table_init(csv_table_t *csv, draft_t *draft);
void csv_table_free(csv_table_t *csv);

/* Each 0, or -1 with the error in the draft. */
int csv_table_feed(csv_table_t *csv, const char *data, size_t length);
int csv_table_finish(csv_table_t *csv);

#endif
