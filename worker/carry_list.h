#ifndef CARRY_LIST_H
#define CARRY_LIST_H

/*
 * What persists in the sealed generation: a view and tables in temp of its own
 * connection, found by table.
 *
 * Threads: the writer's.
 */

#include <sqlite3.h>

#include "catalog.h"

/* Reports, but no second ones: id, tablename, identity, is_update,
   first_rowid, last_rowid, epoch, columns. */
#define CARRY_LIST         "_qasino_to_carry"

/* Second reports: id, tablename, identity, epoch, columns, source. */
#define CARRY_LIST_SECOND  "_qasino_second_to_carry"

/* Empty at first: rows that updates have set (tablename, identity, row_id),
   and where plain reports are now (tablename, first_rowid, last_rowid,
   moved_to). */
#define CARRY_LIST_MARKS   "_qasino_marks_to_carry"
#define CARRY_LIST_MOVED   "_qasino_moved"

/* Adds the names of the tables that have something to carry.  0, or -1 with
   the reason in sqlite3_errmsg(sealed), and then it is only good to be
   closed. */
int carry_list_make(sqlite3 *sealed, catalog_t *tables);

#endif
