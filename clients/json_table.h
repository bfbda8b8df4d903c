#ifndef JSON_TABLE_H
#define JSON_TABLE_H

/*
 * JSON into a draft.  Three shapes are understood:
 *
 *   a whole request      {"op": "add_table_data", "table": {...}, ...}
 *   a bare table         {"tablename": ..., "column_names": [...], ...}
 *   an array of objects  [{"pid": 1, "name": "init"}, ...]
 *
 * The keys of the last become columns in the order in which they first
 * appear, with types inferred from all values (json_rows.c).
 */

#include <stddef.h>

#include "draft.h"

/* 0, or -1 with the error in the draft.  An empty array leaves a draft
   without columns: there is nothing to publish. */
int json_table_read(draft_t *draft, const char *text, size_t length);

/* The third shape alone. */
int json_rows_read(draft_t *draft, const char *text, size_t length);

/* 1: text begins as JSON does, with [ or {. */
int json_table_is_json(const char *text, size_t length);

#endif
