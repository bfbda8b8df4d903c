/*
 * A directory that is the user's already is left as it is: what is in it was
 * made by that user, who might have put a link there for us to give away.
 */

#include "user.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_STATIC_DIR  "/var/lib/qasino"

static int open_to_group(const user_t *user, const qsn_settings_t *settings,
    char *error);
static int own_directory(const user_t *user, const char *path, char *error);
static int own_static(const user_t *user, const char *file, char *error);
static int has_only(const char *path, const char *name);
static int own_file(const user_t *user, int dir, const char *name);
static int failed(char *error, const char *path, const user_t *user);


int
user_find(user_t *user, const qsn_settings_t *settings, char *error)
{
    const char *name = settings->user;
    struct passwd *entry;
    struct group *group;

    memset(user, 0, sizeof(*user));
    user->socket_gid = (gid_t) -1;

    if (settings->socket_group) {
        group = getgrnam(settings->socket_group);

        if (group == NULL) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "--socket-group "
                            "%s: no such group", settings->socket_group);
            return -1;
        }

        user->socket_gid = group->gr_gid;
    }

    if (name == NULL) {
        return 0;
    }

    entry = getpwnam(name);
    group = entry ? getgrnam(name) : NULL;

    if (entry == NULL || group == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "--user %s: there is no %s of that name", name,
                        entry ? "group" : "user");
        return -1;
    }

    if (geteuid() != 0) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "--user %s: only root may become somebody else",
                        name);
        return -1;
    }

    user->name = name;
    user->uid = entry->pw_uid;
    user->gid = group->gr_gid;

    return 0;
}


int
user_own(const user_t *user, const qsn_settings_t *settings, char *error)
{
    if (user->name
        && (own_directory(user, settings->run_dir, error) != 0
            || own_directory(user, settings->db_dir, error) != 0
            || (settings->archive_db_dir
                && own_directory(user, settings->archive_db_dir, error) != 0)
            || own_static(user, settings->static_db, error) != 0))
    {
        return -1;
    }

    return open_to_group(user, settings, error);
}


int
user_become(const user_t *user)
{
    if (user == NULL || user->name == NULL) {
        return 0;
    }

    /* only a group of one's own can be given to a file */
    gid_t groups[] = { user->gid, user->socket_gid };
    size_t count = user->socket_gid == (gid_t) -1 ? 1 : 2;

    return setgroups(count, groups) == -1 || setgid(user->gid) == -1
           || setuid(user->uid) == -1 ? -1 : 0;
}


/* To pass, not to read. */
static int
open_to_group(const user_t *user, const qsn_settings_t *settings,
    char *error)
{
    if (user->socket_gid == (gid_t) -1
        || (chown(settings->run_dir, (uid_t) -1, user->socket_gid) == 0
            && chmod(settings->run_dir, 0710) == 0))
    {
        return 0;
    }

    (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                    "cannot open run_dir to --socket-group %s: %s",
                    settings->socket_group, strerror(errno));

    return -1;
}


/* With the plain files in it that were root's. */
static int
own_directory(const user_t *user, const char *path, char *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd == -1 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct stat info;
    int rc = 0;

    if (dir == NULL || fstat(fd, &info) == -1) {
        rc = -1;

    } else if (info.st_uid != user->uid) {
        while (rc == 0 && (entry = readdir(dir)) != NULL) {
            rc = own_file(user, fd, entry->d_name);
        }

        if (rc == 0) {
            rc = fchown(fd, user->uid, user->gid);
        }
    }

    if (rc != 0) {
        rc = failed(error, path, user);
    }

    if (dir) {
        (void) closedir(dir);
    } else if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


/* Its directory, too, where nothing else is in it: SQLite makes files beside
   it. */
static int
own_static(const user_t *user, const char *file, char *error)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[PATH_MAX];
    int rc = 0;

    (void) snprintf(path, sizeof(path), "%s", file);

    char *name = strrchr(path, '/');

    *name++ = '\0';

    if (strcmp(path, OWN_STATIC_DIR) == 0 || has_only(path, name)) {
        return own_directory(user, path, error);
    }

    for (size_t i = 0; rc == 0 && i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void) snprintf(path, sizeof(path), "%s%s", file, ends[i]);
        rc = own_file(user, AT_FDCWD, path);
    }

    return rc == 0 ? 0 : failed(error, path, user);
}


static int
has_only(const char *path, const char *name)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int only = dir != NULL;

    while (only && (entry = readdir(dir)) != NULL) {
        only = strncmp(entry->d_name, name, strlen(name)) == 0
               || strcmp(entry->d_name, ".") == 0
               || strcmp(entry->d_name, "..") == 0;
    }

    if (dir) {
        (void) closedir(dir);
    }

    return only;
}


static int
own_file(const user_t *user, int dir, const char *name)
{
    struct stat info;

    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == -1) {
        return errno == ENOENT ? 0 : -1;
    }

    if (!S_ISREG(info.st_mode) || info.st_uid == user->uid) {
        return 0;
    }

    return fchownat(dir, name, user->uid, user->gid, AT_SYMLINK_NOFOLLOW);
}


static int
failed(char *error, const char *path, const user_t *user)
{
    (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                    "cannot give %.300s to user %s: %s", path, user->name,
                    strerror(errno));

    return -1;
}
