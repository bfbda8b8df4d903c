/* A copy of SQLite's default file system, two functions replaced. */

#include "clock.h"

#include <stddef.h>

#include <sqlite3.h>

/* The Julian day of 1970 began at noon, hence the half. */
#define UNIX_EPOCH_MS  210866760000000

static sqlite3_vfs *base;
static sqlite3_vfs vfs;
static sqlite3_int64 frozen;    /* ms since the Julian epoch, 0: it runs */

static int current_time(sqlite3_vfs *self, double *days);
static int current_time_int64(sqlite3_vfs *self, sqlite3_int64 *ms);


int
clock_start(void)
{
    base = sqlite3_vfs_find(NULL);

    if (base == NULL || base->iVersion < 2) {
        return -1;
    }

    vfs = *base;
    vfs.zName = CLOCK_VFS;
    vfs.xCurrentTime = current_time;
    vfs.xCurrentTimeInt64 = current_time_int64;

    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? 0 : -1;
}


void
clock_freeze(int64_t epoch_ms)
{
    frozen = epoch_ms ? UNIX_EPOCH_MS + epoch_ms : 0;
}


static int
current_time(sqlite3_vfs *self, double *days)
{
    sqlite3_int64 ms;
    int rc = current_time_int64(self, &ms);

    *days = (double) ms / 86400000.0;

    return rc;
}


static int
current_time_int64(sqlite3_vfs *self, sqlite3_int64 *ms)
{
    (void) self;

    if (frozen == 0) {
        return base->xCurrentTimeInt64(base, ms);
    }

    *ms = frozen;

    return SQLITE_OK;
}
