#ifndef SNAPSHOT_H
#define SNAPSHOT_H

/*
 * A sealed generation file and who still reads it.  It is there as long as
 * anybody holds it; the last one to let go of a retired one deletes the
 * file, or moves it to the archive.
 *
 * Threads: the loop's (files are deleted and copied on libuv's threads).
 */

#include <stdint.h>
#include <uv.h>

#include "qsn_settings.h"

typedef struct {
    uint64_t number;
    char *path;
    unsigned references;
    int retired;                /* a newer one is served */
    size_t *copies;             /* of a copy, which is deleted and never
                                   archived: how many there are */
    uv_loop_t *loop;
    const qsn_settings_t *settings;
} snapshot_t;

/* Takes path over; one reference is the caller's.  NULL without memory. */
snapshot_t *snapshot_create(uv_loop_t *loop, const qsn_settings_t *settings,
    uint64_t number, char *path);

snapshot_t *snapshot_get(snapshot_t *snapshot);
void snapshot_put(snapshot_t *snapshot);        /* NULL is fine */

/* A file that no process reads any more, found at start-up. */
void snapshot_dispose(uv_loop_t *loop, const qsn_settings_t *settings,
    const char *path);

#endif
