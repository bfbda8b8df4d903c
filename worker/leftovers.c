/* Probing and removing files; which of them is served is recovery.c's. */

#include "leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_log.h"
#include "write_copy.h"

static int is_of_no_use(const char *name);
static int look_at(const char *path, uint64_t number, leftovers_t *found,
    char *error);
static int put_aside(const char *path, char *error);


int
leftovers_find(worker_t *worker, leftovers_t *found, char *error)
{
    DIR *dir = opendir(worker->settings.db_dir);
    struct dirent *entry;
    int rc = 0;

    memset(found, 0, sizeof(*found));

    if (dir == NULL) {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "cannot read db_dir %s: %s",
                        worker->settings.db_dir, strerror(errno));
        return -1;
    }

    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number = generation_number_of(entry->d_name);
        char *path = number ? generation_path(worker->settings.db_dir,
                                              number) : NULL;

        if (path) {
            rc = look_at(path, number, found, error);
        }

        free(path);
    }

    (void) closedir(dir);

    return rc;
}


/* Files of older generations: nobody reads them any more. */
void
leftovers_clean_up(worker_t *worker, const leftovers_t *found)
{
    DIR *dir = opendir(worker->settings.db_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        uint64_t number = generation_number_of(entry->d_name);
        int no_use = is_of_no_use(entry->d_name);
        char *path = NULL;

        if ((!no_use && (number == 0 || number == found->served
                       || number == worker->collecting))
            || asprintf(&path, "%s/%s", worker->settings.db_dir,
                        entry->d_name) == -1)
        {
            continue;
        }

        if (no_use) {
            generation_unlink(path);
        } else {
            snapshot_dispose(&worker->loop, &worker->settings, path);
        }

        free(path);
    }

    if (dir) {
        (void) closedir(dir);
    }
}


/* Copies, and what was to become the next generation's file. */
static int
is_of_no_use(const char *name)
{
    return strncmp(name, WRITE_COPY_PREFIX,
                   sizeof(WRITE_COPY_PREFIX) - 1) == 0
           || strncmp(name, SPARE_PREFIX, sizeof(SPARE_PREFIX) - 1) == 0;
}


/* A file that may hold rows is never deleted for being unreadable. */
static int
look_at(const char *path, uint64_t number, leftovers_t *found, char *error)
{
    if (number > found->highest) {
        found->highest = number;
    }

    switch (generation_probe(path, error)) {

    case GENERATION_SEALED:
        if (number > found->served) {
            found->served = number;
        }

        return 0;

    case GENERATION_OPEN:
        if (number > found->collecting) {
            found->collecting = number;
        }

        return 0;

    case GENERATION_EMPTY:
        generation_unlink(path);
        return 0;

    case GENERATION_DAMAGED:
        qsn_log("%s: put aside as %s.damaged", error, path);
        return put_aside(path, error);

    case GENERATION_UNREADABLE:
        return -1;
    }

    return -1;
}


static int
put_aside(const char *path, char *error)
{
    char aside[PATH_MAX];

    (void) snprintf(aside, sizeof(aside), "%s.damaged", path);

    if (rename(path, aside) == -1) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "cannot rename %s: %s",
                        path, strerror(errno));
        return -1;
    }

    return 0;
}
