#ifndef AWAITED_H
#define AWAITED_H

/*
 * Tables that a generation's file has from its beginning, without rows,
 * because the generation before had them (template.h).  Until somebody
 * publishes one it is no table of this generation: the catalog does not know
 * it, and when the file is sealed it goes.
 *
 * _qasino_tables has the statement that makes each table, and whether it is
 * still awaited.  Not so of a table that came with other columns than it was
 * awaited with, or got some from a later report: which report comes first the
 * next time is not known.
 *
 * Each in the transaction that is open, with no statement under way: 0, or -1
 * (the reason is SQLite's).  Nothing is awaited, nor written down, in a file
 * without that list (the static tables', a former worker's).
 *
 * Threads: whosever the store is.
 */

#include "store.h"

#define AWAITED_LIST    "_qasino_tables"

/* Makes the list. */
#define AWAITED_SCHEMA                                                       \
    "CREATE TABLE IF NOT EXISTS " AWAITED_LIST "(tablename TEXT COLLATE "    \
    "NOCASE PRIMARY KEY, sql TEXT, awaited INTEGER) WITHOUT ROWID;"

/* Names of those that are awaited. */
#define AWAITED_NAMES                                                        \
    "(SELECT tablename FROM main." AWAITED_LIST " WHERE awaited) "

/* Whether there is a list, and the statements for it.  Ended with the
   store's. */
int awaited_prepare(store_t *store);

/* How many are awaited, with the catalog. */
int awaited_load(store_t *store);

enum awaited {
    AWAITED_NOT,
    AWAITED_SO,                 /* as sql makes it: it is there */
    AWAITED_OTHERWISE           /* spelled, ordered or typed: it is dropped */
};

/* The table is wanted as sql makes it; from now on it is not awaited. */
int awaited_take(store_t *store, const char *table, const char *sql,
    enum awaited *how);

/* If it is awaited it is dropped. */
int awaited_drop(store_t *store, const char *table);

/* It has been made by sql; or it has been changed since. */
int awaited_made(store_t *store, const char *table, const char *sql);
int awaited_changed(store_t *store, const char *table);

/* Nothing is awaited any more. */
int awaited_remove(store_t *store);

#endif
