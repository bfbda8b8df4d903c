#ifndef LAYOUT_H
#define LAYOUT_H

/*
 * Where everything is: programs and their files beside the launcher's own
 * binary, the directories that the server works in, and what it was told to
 * read.  All of it is checked before anything is started, so that what is
 * missing is one clear sentence.
 */

#include <sys/types.h>

#include "qsn_buf.h"
#include "qsn_settings.h"
#include "user.h"

/* What the launcher and nginx make in root_dir. */
#define LAYOUT_NGINX_CONF  "nginx.conf"
#define LAYOUT_CONFIG      "options.yaml"       /* copy of --config */
#define LAYOUT_LINE_AWAY   "line-away.sock"     /* nginx's, see nginx.conf */
#define LAYOUT_NGINX_PID   "nginx.pid"          /* nginx's own */
#define LAYOUT_LOCK        "launcher.lock"

typedef struct {
    char *worker;               /* all of them absolute paths */
    char *bridge;
    char *module;               /* need not exist: it may be built in */
    char *locations;
    char *www;                  /* directory of the browser UI's files */
    char *template;             /* of nginx's configuration */
    char *demo;                 /* NULL without --demo */
    char *nginx;
    char *nginx_modules;        /* directory of nginx's own modules */
    char *root_dir;             /* see root_dir.h; layout_free() frees it */
    int stream_built_in;
    int module_built_in;
} layout_t;

/* Each returns 0, or -1 and the sentence in error, which has
   QSN_SETTINGS_ERROR_SIZE bytes. */

/* Finds all of it and asks nginx what is built in.  layout_free() frees,
   whatever the result. */
int layout_find(layout_t *layout, const qsn_settings_t *settings,
    char *error);
void layout_free(layout_t *layout);

/* Files that the options name must be readable. */
int layout_check_files(const qsn_settings_t *settings, char *error);

/* Makes the directories that are missing.  Those in a directory that anyone
   can write to must be ours, or that user's. */
int layout_make_dirs(const qsn_settings_t *settings, uid_t user,
    char *error);

/*
 * Takes root_dir, and run_dir with it, for this process: *lock is a
 * descriptor to keep, and to give to layout_unlock() at a clean end.
 */
int layout_lock(const char *root_dir, int *lock, char *error);
void layout_unlock(int lock);

/* Whether the last server in root_dir was killed: its children may take a
   moment to notice, and hold the ports until then. */
int layout_was_killed(const char *root_dir);

/* A whole file, appended to text; one in root_dir, which only owner (NULL:
   we) can read: what it had stays until all of the new one is there. */
int layout_read(const char *path, qsn_buf_t *text, char *error);
int layout_write(const char *root_dir, const char *name,
    const qsn_buf_t *text, const user_t *owner, char *error);

#endif
