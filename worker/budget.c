/*
 * SQLite itself counts: PRAGMA max_page_count is a compare for each new
 * page.  A statement past it fails as on a full disk, its transaction is
 * rolled back, and so a publish that does not fit is refused alone and whole.
 *
 * tmpfs gives a page its memory when it is first written.  The reserve is a
 * file whose pages are (fallocate); cut to nothing, their memory is free for
 * whoever writes next, which is the worker, at once.
 */

#include "budget.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "qsn_log.h"
#include "sql.h"

#define RESERVE_FILE   ".qasino-reserve"
#define RESERVE_MAX    (16 * 1024 * 1024)
#define RESERVE_SHARE  16       /* of the file system, at most one of these */
#define SHARE          5        /* likewise, of a generation */
#define AWAITED_SHARE  16       /* of a generation, likewise */
#define PAGE_SIZE      4096     /* of every store */
#define PAGES_MAX      0xfffffffell     /* SQLite's own bound */

static int64_t file_system(const char *path, int64_t *free_bytes);
static int64_t max_generation(const qsn_settings_t *settings, int64_t size);
static void reserve_path(const budget_t *budget, char *path);


void
budget_open(budget_t *budget, const qsn_settings_t *settings)
{
    int64_t size = file_system(settings->db_dir, NULL);

    budget->settings = settings;
    budget->max_generation = max_generation(settings, size);
    budget->reserve_size = size / RESERVE_SHARE;

    if (budget->reserve_size > RESERVE_MAX) {
        budget->reserve_size = RESERVE_MAX;
    }

    if (budget_make_reserve(budget) != 0) {
        qsn_log("no room for a reserve of %lld bytes in db_dir %s: %s",
                (long long) budget->reserve_size, settings->db_dir,
                strerror(errno));
    }
}


void
budget_limit(store_t *store, int64_t bytes)
{
    int64_t pages = bytes / PAGE_SIZE;

    store->max_bytes = bytes;
    (void) sql_execf(store->db, "PRAGMA max_page_count = %lld",
                     (long long) (pages < 1 ? 1 : pages < PAGES_MAX ? pages
                                                         : PAGES_MAX));
}


void
budget_lift(store_t *store)
{
    (void) sql_execf(store->db, "PRAGMA max_page_count = %lld",
                     (long long) PAGES_MAX);
}


/* Who publishes should not miss that room. */
int64_t
budget_awaited(const budget_t *budget)
{
    return budget->max_generation / AWAITED_SHARE / PAGE_SIZE;
}


void
budget_spend_reserve(budget_t *budget)
{
    char path[PATH_MAX];

    reserve_path(budget, path);
    (void) truncate(path, 0);
    budget->reserved = 0;
}


int
budget_make_reserve(budget_t *budget)
{
    char path[PATH_MAX];

    reserve_path(budget, path);

    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd == -1 ? errno : 0;

    if (fd != -1) {
        if (budget->reserve_size) {
            rc = posix_fallocate(fd, 0, budget->reserve_size);
        }

        (void) close(fd);
    }

    budget->reserved = rc == 0;
    errno = rc;

    return budget->reserved ? 0 : -1;
}


int
budget_has_room(const qsn_settings_t *settings)
{
    int64_t left;
    int64_t size = file_system(settings->db_dir, &left);

    return size == 0 || left >= max_generation(settings, size);
}


int
budget_check_copy(const budget_t *budget, int64_t pages, int64_t left,
    char *error, size_t size)
{
    int64_t growth = budget->max_generation - pages * PAGE_SIZE;
    int64_t needed = left * PAGE_SIZE + (growth > 0 ? growth : 0);
    int64_t free_bytes;

    if (file_system(budget->settings->db_dir, &free_bytes) == 0
        || free_bytes >= needed)
    {
        return 0;
    }

    (void) snprintf(error, size, "There is no room for a copy of the "
                    "generation and for what it may still grow by: together "
                    "%lld bytes (max_generation), and the file system of "
                    "db_dir has %lld bytes left", (long long) needed,
                    (long long) free_bytes);

    return -1;
}


void
budget_refuse(const store_t *store, request_t *request)
{
    int is_static = strcmp(store->path, store->settings->static_db) == 0;
    int64_t left;

    (void) file_system(store->path, &left);
    (void) request_fail(request, 507, "There is no room for table '%s': "
                        "%s is %lld bytes, and the file system of %s has "
                        "%lld bytes left", request->table.name.data,
                        is_static ? "max_static" : "max_generation",
                        (long long) store->max_bytes,
                        is_static ? "static_db" : "db_dir",
                        (long long) left);
}


/* Its size (0: unbounded, as a ramfs), and what is free for us. */
static int64_t
file_system(const char *path, int64_t *free_bytes)
{
    struct statvfs info;

    if (statvfs(path, &info) == -1) {
        memset(&info, 0, sizeof(info));
    }

    if (free_bytes) {
        *free_bytes = (int64_t) (info.f_bavail * info.f_frsize);
    }

    return (int64_t) (info.f_blocks * info.f_frsize);
}


static int64_t
max_generation(const qsn_settings_t *settings, int64_t size)
{
    return settings->max_generation ? settings->max_generation
           : size ? size / SHARE : INT64_MAX;
}


static void
reserve_path(const budget_t *budget, char *path)
{
    (void) snprintf(path, PATH_MAX, "%s/" RESERVE_FILE,
                    budget->settings->db_dir);
}
