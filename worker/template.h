#ifndef TEMPLATE_H
#define TEMPLATE_H

/*
 * A generation's file with the tables that the last sealed one had, all of
 * them awaited (awaited.h) and without rows: copied, it is the next
 * generation's file.  To make a table SQLite searches the whole schema: so
 * each is made once, for as long as it is published.
 *
 * Threads: any, one at a time; the sealed file may be in use.
 */

#include <stdint.h>

#include "qsn_settings.h"

/*
 * Brings the template at path, made if it is not there, to what the sealed
 * file has: as far as the file has no more than about so many pages, and the
 * changes can be made in that time; the others the next time.  0, or -1, which
 * has been logged: there is no template, nor a file.
 */
int template_update(const qsn_settings_t *settings, const char *path,
    const char *sealed, int64_t pages, uint64_t ms);

/* 0, or -1, which has been logged: there is no file at to. */
int template_copy(const char *path, const char *to);

#endif
