/*
 * A directory that is the user's already is left as it is: what is in it was
 * made by that user, who might have put a link there for us to give away.
 * Nor is anything given away that such a link leads to.
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

#include "root_dir.h"

#define OWN_STATIC_DIR  "/var/lib/qasino"

static int open_to_group(const user_t *user, const qsn_settings_t *settings,
    char *error);
static int own_directory(const user_t *user, const char *path, char *error);
static int open_directory(const user_t *user, const char *path);
static int open_below(int dir, const char *name);
static int own_static(const user_t *user, const char *file, char *error);
static int has_only(const char *path, const char *name);
static int own_path(const user_t *user, const char *path);
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
    if (user->socket_gid == (gid_t) -1) {
        return 0;
    }

    int fd = open_directory(user, settings->run_dir);
    int rc = fd != -1 && fchown(fd, (uid_t) -1, user->socket_gid) == 0
             && fchmod(fd, 0710) == 0 ? 0 : -1;

    if (rc != 0) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "cannot open run_dir to --socket-group %s: %s",
                        settings->socket_group, strerror(errno));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


/* With the plain files in it that were root's. */
static int
own_directory(const user_t *user, const char *path, char *error)
{
    struct dirent *entry;
    struct stat info;
    int rc = 0;

    if (stat(path, &info) == 0 && info.st_uid == user->uid) {
        return 0;
    }

    int fd = open_directory(user, path);
    DIR *dir = fd == -1 ? NULL : fdopendir(fd);

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


/* As open(2), but with --user through no link that the user could have put
   there or could turn elsewhere. */
static int
open_directory(const user_t *user, const char *path)
{
    char copy[PATH_MAX];
    char *rest = NULL;

    if (user->name == NULL) {
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }

    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void) snprintf(copy, sizeof(copy), "%s", path);

    for (char *name = strtok_r(copy, "/", &rest); name && dir != -1;
         name = strtok_r(NULL, "/", &rest))
    {
        int below = open_below(dir, name);
        int reason = errno;

        (void) close(dir);
        dir = below;
        errno = reason;
    }

    return dir;
}


static int
open_below(int dir, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    struct stat link;
    struct stat above;

    if (fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISLNK(link.st_mode) && link.st_uid == 0
        && fstat(dir, &above) == 0 && root_dir_holds(&above))
    {
        flags &= ~O_NOFOLLOW;
    }

    return openat(dir, name, flags);
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
        rc = own_path(user, path);
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
own_path(const user_t *user, const char *path)
{
    char above[PATH_MAX];
    struct stat info;

    if (stat(path, &info) == -1 ? errno == ENOENT
                                : info.st_uid == user->uid)
    {
        return 0;
    }

    (void) snprintf(above, sizeof(above), "%s", path);

    char *name = strrchr(above, '/');

    *name++ = '\0';

    int dir = open_directory(user, above);
    int rc = dir == -1 ? -1 : own_file(user, dir, name);
    int reason = errno;

    if (dir != -1) {
        (void) close(dir);
    }

    errno = reason;

    return rc;
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
