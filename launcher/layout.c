/*
 * Files and directories.  The order in which main() calls: find, check,
 * make, lock.
 */

#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nginx_find.h"

static char *own_directory(void);
static int check_readable(const char *path, const char *what, char *error);
static int make_dir(const char *path, mode_t mode, const char *what,
    char *error);
static int make_parents(const char *path);
static int check_owner(const char *path, uid_t user, const char *what,
    char *error);
static int say(char *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));


int
layout_find(layout_t *layout, const qsn_settings_t *settings, char *error)
{
    char *here = own_directory();
    int ok = here != NULL;

    memset(layout, 0, sizeof(*layout));

    ok = ok && asprintf(&layout->worker, "%s/qasino-worker", here) != -1
         && asprintf(&layout->bridge, "%s/qasino-zmq-bridge", here) != -1
         && asprintf(&layout->module, "%s/ngx_http_qasino_module.so",
                     here) != -1
         && asprintf(&layout->locations, "%s/conf/qasino_locations.conf",
                     here) != -1
         && asprintf(&layout->www, "%s/www", here) != -1
         && (!settings->demo
             || asprintf(&layout->demo, "%s/examples/this-machine",
                         here) != -1);

    if (ok) {
        ok = settings->nginx_conf
             ? (layout->template = strdup(settings->nginx_conf)) != NULL
             : asprintf(&layout->template, "%s/conf/nginx.conf", here) != -1;
    }

    free(here);

    if (!ok) {
        return say(error, "out of memory");
    }

    const char *const programs[] = {
        layout->worker, layout->bridge, layout->demo
    };

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (programs[i] && access(programs[i], X_OK) == -1) {
            return say(error, "cannot run %s: %s", programs[i],
                       strerror(errno));
        }
    }

    if (nginx_find(layout, settings->nginx, error) != 0) {
        return -1;
    }

    return layout->module_built_in ? 0
           : check_readable(layout->module, "nginx module", error);
}


void
layout_free(layout_t *layout)
{
    free(layout->worker);
    free(layout->bridge);
    free(layout->module);
    free(layout->locations);
    free(layout->www);
    free(layout->template);
    free(layout->demo);
    free(layout->nginx);
    free(layout->nginx_modules);
    free(layout->root_dir);
}


int
layout_check_files(const qsn_settings_t *settings, char *error)
{
    const struct {
        const char *path;       /* NULL: not given */
        const char *option;
    } files[] = {
        { settings->nginx_conf, "--nginx-conf" },
        { settings->views_file, "--views-file" },
        { settings->htpasswd_file, "--htpasswd-file" },
        { settings->zmq_key_file, "--zmq-key-file" },
        { settings->zmq_clients_file, "--zmq-clients-file" },
        { settings->client_ca_file, "--client-ca-file" }
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i].path
            && check_readable(files[i].path, files[i].option, error) != 0)
        {
            return -1;
        }
    }

    for (int i = 0; settings->keys_dir && i < 2; i++) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s/%s", settings->keys_dir,
                         i ? "server.crt" : "server.key");

        if (n < 0 || (size_t) n >= sizeof(path)) {
            return say(error, "the name of --keys-dir is too long");
        }

        if (check_readable(path, "--keys-dir", error) != 0) {
            return -1;
        }
    }

    return 0;
}


int
layout_make_dirs(const qsn_settings_t *settings, uid_t user, char *error)
{
    char *parent = strdup(settings->static_db);
    int rc = -1;

    if (parent == NULL) {
        return say(error, "out of memory");
    }

    *strrchr(parent, '/') = '\0';       /* every path is absolute */

    if (make_dir(settings->run_dir, 0700, "--run-dir", error) == 0
        && check_owner(settings->run_dir, user, "--run-dir", error) == 0
        && make_dir(settings->db_dir, 0700, "--db-dir", error) == 0
        && check_owner(settings->db_dir, user, "--db-dir", error) == 0
        && (*parent == '\0'
            || make_dir(parent, 0700, "--static-db", error) == 0)
        && (settings->archive_db_dir == NULL
            || make_dir(settings->archive_db_dir, 0700, "--archive-db-dir",
                        error) == 0))
    {
        rc = 0;
    }

    free(parent);

    return rc;
}


int
layout_lock(const char *root_dir, int *lock, char *error)
{
    char path[PATH_MAX];
    char text[32] = "";

    (void) snprintf(path, sizeof(path), "%s/" LAYOUT_LOCK, root_dir);

    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (*lock == -1) {
        return say(error, "cannot open %s: %s", path, strerror(errno));
    }

    if (flock(*lock, LOCK_EX | LOCK_NB) == -1) {
        (void) !read(*lock, text, sizeof(text) - 1);
        text[strcspn(text, "\n")] = '\0';
        (void) close(*lock);
        *lock = -1;
        return say(error, "another server (pid %s) uses %s: give this one "
                   "its own --run-dir", text, root_dir);
    }

    int n = snprintf(text, sizeof(text), "%d\n", (int) getpid());

    if (ftruncate(*lock, 0) == -1 || pwrite(*lock, text, (size_t) n, 0) != n) {
        return say(error, "cannot write %s: %s", path, strerror(errno));
    }

    return 0;
}


void
layout_unlock(int lock)
{
    if (lock != -1) {
        (void) !ftruncate(lock, 0);
        (void) close(lock);
    }
}


int
layout_was_killed(const char *root_dir)
{
    char path[PATH_MAX];
    char byte;
    int killed;

    (void) snprintf(path, sizeof(path), "%s/" LAYOUT_LOCK, root_dir);

    int lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (lock == -1) {
        return 0;
    }

    /* locked: it lives; empty: it said goodbye */
    killed = flock(lock, LOCK_SH | LOCK_NB) == 0 && read(lock, &byte, 1) == 1;
    (void) close(lock);

    return killed;
}


int
layout_read(const char *path, qsn_buf_t *text, char *error)
{
    FILE *file = fopen(path, "re");
    char bytes[4096];
    size_t n;

    if (file == NULL) {
        return say(error, "cannot read %s: %s", path, strerror(errno));
    }

    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0) {
        qsn_buf_append(text, bytes, n);
    }

    int failed = ferror(file);

    (void) fclose(file);

    if (failed || text->failed) {
        return say(error, "cannot read %s: %s", path,
                   strerror(failed ? EIO : ENOMEM));
    }

    return 0;
}


int
layout_write(const char *root_dir, const char *name,
    const qsn_buf_t *text, const user_t *owner, char *error)
{
    char path[PATH_MAX];
    char new[PATH_MAX];

    (void) snprintf(path, sizeof(path), "%s/%s", root_dir, name);
    (void) snprintf(new, sizeof(new), "%s/%s.new", root_dir, name);
    (void) unlink(new);

    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = fd == -1 ? -1 : write(fd, text->data, text->length);

    if (n != -1 && owner && owner->name
        && fchown(fd, owner->uid, owner->gid) == -1)
    {
        n = -1;
    }

    if (n == (ssize_t) text->length && rename(new, path) == -1) {
        n = -1;
    }

    if (n != (ssize_t) text->length) {
        (void) say(error, "cannot write %s: %s", path,
                   strerror(n == -1 ? errno : ENOSPC));
        (void) unlink(new);
        (void) (fd == -1 || close(fd));
        return -1;
    }

    (void) close(fd);

    return 0;
}


static char *
own_directory(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n <= 0) {
        return NULL;
    }

    path[n] = '\0';
    *strrchr(path, '/') = '\0';

    return strdup(path);
}


static int
check_readable(const char *path, const char *what, char *error)
{
    struct stat info;

    if (access(path, R_OK) == -1 || stat(path, &info) == -1) {
        return say(error, "cannot read %s (%s): %s", path, what,
                   strerror(errno));
    }

    if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode)) {
        return say(error, "cannot read %s (%s): it is not a file", path,
                   what);
    }

    return 0;
}


/* Parents are made like mkdir -p does; the directory must be writable. */
static int
make_dir(const char *path, mode_t mode, const char *what, char *error)
{
    struct stat info;

    if (make_parents(path) == -1
        || (mkdir(path, mode) == -1 && errno != EEXIST))
    {
        return say(error, "cannot make the directory %s (%s): %s", path,
                   what, strerror(errno));
    }

    if (stat(path, &info) == -1) {
        return say(error, "cannot use %s (%s): %s", path, what,
                   strerror(errno));
    }

    if (!S_ISDIR(info.st_mode)) {
        return say(error, "cannot use %s (%s): it is not a directory", path,
                   what);
    }

    if (access(path, W_OK | X_OK) == -1) {
        return say(error, "cannot write to %s (%s): %s", path, what,
                   strerror(errno));
    }

    return 0;
}


static int
make_parents(const char *path)
{
    char *copy = strdup(path);
    int rc = 0;

    if (copy == NULL) {
        return -1;
    }

    for (char *p = strchr(copy + 1, '/'); p && rc == 0;
         p = strchr(p + 1, '/'))
    {
        *p = '\0';

        if (mkdir(copy, 0755) == -1 && errno != EEXIST
            && access(copy, F_OK) == -1)
        {
            rc = -1;
        }

        *p = '/';
    }

    int reason = errno;

    free(copy);
    errno = reason;

    return rc;
}


/* In /tmp and /dev/shm anyone could have made the directory before us. */
static int
check_owner(const char *path, uid_t user, const char *what, char *error)
{
    char *parent = strdup(path);
    struct stat info;
    struct stat above;
    int rc = 0;

    if (parent == NULL) {
        return say(error, "out of memory");
    }

    for (size_t n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--) {
        parent[n - 1] = '\0';
    }

    char *slash = strrchr(parent, '/');

    slash[slash == parent] = '\0';      /* "/" has itself */

    if (lstat(path, &info) == -1 || stat(parent, &above) == -1) {
        rc = say(error, "cannot use %s (%s): %s", path, what,
                 strerror(errno));

    } else if ((above.st_mode & S_IWOTH) && info.st_uid != geteuid()
               && info.st_uid != user)
    {
        rc = say(error, "cannot use %s (%s): another user made it", path,
                 what);
    }

    free(parent);

    return rc;
}


static int
say(char *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void) vsnprintf(error, QSN_SETTINGS_ERROR_SIZE, format, args);
    va_end(args);

    return -1;
}
