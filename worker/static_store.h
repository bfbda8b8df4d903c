#ifndef STATIC_STORE_H
#define STATIC_STORE_H

/*
 * The static tables: a durable database on disk (WAL, synchronous=FULL),
 * which readers see the moment it is committed.  A static report replaces
 * its table whole, whoever published it before; a static update merges.
 */

#include "report.h"

typedef struct {
    store_t store;
    uint64_t version;           /* goes up with each commit, for ever */
} static_store_t;

/* Opens settings->static_db, making it and its directory if need be.  NULL
   with the reason in error (STORE_ERROR_SIZE). */
static_store_t *static_store_open(const qsn_settings_t *settings,
    char *error);
void static_store_close(static_store_t *statics);

/* One publish in its own transaction, on disk when this returns TAKEN;
   otherwise request->error says why and nothing has changed. */
enum report_result static_store_apply(static_store_t *statics,
    request_t *request);

#endif
