#ifndef SQL_DIFF_H
#define SQL_DIFF_H

/*
 * What changed from one result to the next.  Rows that are equal belong
 * together; of the rest, a row belongs to that one of the result before with
 * the same first cell which has most other cells in common.  What then has
 * no partner is new, or gone.  Pure.
 */

#include "sql_result.h"

/*
 * Marks the rows of now, and adds those of before that are gone behind its
 * own.  Results with other columns are not compared: nothing is marked.
 * 0, or -1 without memory.
 */
int sql_diff(sql_result_t *now, const sql_result_t *before);

#endif
