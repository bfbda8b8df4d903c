/*
 * Root must not read what somebody else could have written, nor write where
 * somebody else could have put a link.  Who can write in a directory can
 * rename what is in it, whoever made that: so the directory is root's, and
 * so are all those above it.  Its name has no links in it that could be
 * turned elsewhere later.
 */

#include "root_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX  ".root"

static int check_above(const char *dir, const qsn_settings_t *settings,
    char *error);
static int take(const char *dir, const user_t *user, char *error);


char *
root_dir_name(const qsn_settings_t *settings)
{
    char *run_dir = strdup(settings->run_dir);
    char *above = NULL;
    char *dir = NULL;

    if (run_dir == NULL || settings->user == NULL) {
        return run_dir;
    }

    for (size_t n = strlen(run_dir); n > 1 && run_dir[n - 1] == '/'; n--) {
        run_dir[n - 1] = '\0';
    }

    char *name = strrchr(run_dir, '/');         /* every path is absolute */

    *name++ = '\0';
    above = realpath(*run_dir ? run_dir : "/", NULL);

    if (above && asprintf(&dir, "%s/%s" SUFFIX,
                          strcmp(above, "/") == 0 ? "" : above, name) == -1)
    {
        dir = NULL;
    }

    free(above);
    free(run_dir);

    return dir;
}


int
root_dir_make(char **dir, const qsn_settings_t *settings, const user_t *user,
    char *error)
{
    *dir = root_dir_name(settings);

    if (*dir == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot use %s (--run-dir): %s", settings->run_dir,
                        strerror(errno));
        return -1;
    }

    if (user->name == NULL) {
        return 0;
    }

    if (strlen(*dir) > QSN_RUN_DIR_MAX) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "cannot use %s: with "
                        "--user the name of --run-dir has %d bytes at most",
                        *dir, QSN_RUN_DIR_MAX - (int) strlen(SUFFIX));
        return -1;
    }

    return check_above(*dir, settings, error) == 0
           ? take(*dir, user, error) : -1;
}


/* In /tmp everyone renames only their own. */
int
root_dir_holds(const struct stat *info)
{
    int others = (info->st_mode & S_IWOTH)
                 || ((info->st_mode & S_IWGRP) && info->st_gid != 0);

    return info->st_uid == 0 && (!others || (info->st_mode & S_ISVTX));
}


static int
check_above(const char *dir, const qsn_settings_t *settings, char *error)
{
    char above[QSN_RUN_DIR_MAX + 1];
    struct stat info;
    char *slash;

    (void) snprintf(above, sizeof(above), "%s", dir);

    while ((slash = strrchr(above, '/')) != NULL) {
        *slash = '\0';

        if (stat(*above ? above : "/", &info) == -1
            || !root_dir_holds(&info))
        {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "cannot use --run-dir %s: with --user only root "
                            "may be able to rename what is in %s",
                            settings->run_dir, *above ? above : "/");
            return -1;
        }
    }

    return 0;
}


/* The workers of nginx pass it on their way to their temporary files. */
static int
take(const char *dir, const user_t *user, char *error)
{
    struct stat info;
    int fd = -1;
    int rc = -1;

    if ((mkdir(dir, 0700) == -1 && errno != EEXIST)
        || (fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
           == -1
        || fstat(fd, &info) == -1)
    {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot make the directory %s: %s", dir,
                        strerror(errno));

    } else if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH))) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot use %s (--user): others can write to it",
                        dir);

    } else if (fchown(fd, 0, user->gid) == -1 || fchmod(fd, 0710) == -1) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot open %s to --user %s: %s", dir, user->name,
                        strerror(errno));

    } else {
        rc = 0;
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}
