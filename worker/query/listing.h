#ifndef LISTING_H
#define LISTING_H

/*
 * get_table_list: {name: {"updates", "nr_rows", "last_update_epoch"}, ...}
 * from the generation's own table of tables.  A static table hidden by a
 * normal one of its name is not listed.
 */

#include "execute.h"
#include "qsn_buf.h"

/* Appends {"response_op": "tables_list", "identity": ... without "}". */
void listing_head(qsn_buf_t *out, const char *identity);

/* Appends the tables object.  0, or -1 and *failure. */
int listing_tables(qsn_buf_t *out, const execute_t *execute,
    failure_t *failure);

#endif
