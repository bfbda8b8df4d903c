/* inotify on directories: files come and go by rename, directories stay. */

#include "agent_watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS  (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF \
                 | IN_MOVE_SELF | IN_ONLYDIR)

typedef struct agent_watch_directory_s {
    struct agent_watch_directory_s *next;
    char *path;
    int wd;                     /* -1: not watched (any more) */
    int wanted;
} directory_t;

static void gone(agent_watch_t *watch, int wd);
static int is_shared(const agent_watch_t *watch, const directory_t *other);


void
agent_watch_open(agent_watch_t *watch)
{
    memset(watch, 0, sizeof(*watch));
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}


void
agent_watch_close(agent_watch_t *watch)
{
    agent_watch_begin(watch);
    agent_watch_end(watch);

    if (watch->fd != -1) {
        (void) close(watch->fd);
        watch->fd = -1;
    }
}


void
agent_watch_begin(agent_watch_t *watch)
{
    for (directory_t *at = watch->directories; at; at = at->next) {
        at->wanted = 0;
    }
}


void
agent_watch_add(agent_watch_t *watch, const char *directory)
{
    directory_t *at = watch->directories;

    if (watch->fd == -1) {
        return;
    }

    while (at && strcmp(at->path, directory) != 0) {
        at = at->next;
    }

    if (at == NULL) {
        at = calloc(1, sizeof(*at));

        if (at == NULL || (at->path = strdup(directory)) == NULL) {
            free(at);
            return;
        }

        at->wd = -1;
        at->next = watch->directories;
        watch->directories = at;
    }

    if (at->wd == -1) {
        at->wd = inotify_add_watch(watch->fd, directory, EVENTS);
    }

    at->wanted = 1;
}


void
agent_watch_end(agent_watch_t *watch)
{
    directory_t **place = &watch->directories;

    while (*place) {
        directory_t *at = *place;

        if (at->wanted) {
            place = &at->next;
            continue;
        }

        *place = at->next;

        if (at->wd != -1 && !is_shared(watch, at)) {
            (void) inotify_rm_watch(watch->fd, at->wd);
        }

        free(at->path);
        free(at);
    }
}


int
agent_watch_drain(agent_watch_t *watch)
{
    char data[4096] __attribute__((aligned(8)));
    int count = 0;
    ssize_t length;

    while (watch->fd != -1
           && (length = read(watch->fd, data, sizeof(data))) > 0)
    {
        for (ssize_t at = 0; at < length; ) {
            const struct inotify_event *event
                = (const struct inotify_event *) (const void *) (data + at);

            if (event->mask & (IN_IGNORED | IN_MOVE_SELF)) {
                gone(watch, event->wd);
            }

            count++;
            at += (ssize_t) (sizeof(*event) + event->len);
        }
    }

    return count;
}


/* The path may be another directory tomorrow: then it is watched anew. */
static void
gone(agent_watch_t *watch, int wd)
{
    (void) inotify_rm_watch(watch->fd, wd);     /* if it only moved away */

    for (directory_t *at = watch->directories; at; at = at->next) {
        if (at->wd == wd) {
            at->wd = -1;
        }
    }
}


/* Two paths to one directory have one watch. */
static int
is_shared(const agent_watch_t *watch, const directory_t *other)
{
    for (const directory_t *at = watch->directories; at; at = at->next) {
        if (at != other && at->wd == other->wd) {
            return 1;
        }
    }

    return 0;
}
