/*
 * nginx's own way to another binary (SIGUSR2 to it) does not work below a
 * supervisor: nginx ignores the signal while its parent is the one that
 * started it.  So the launcher starts the new one itself, with duplicates of
 * the old one's sockets.
 *
 * The unix socket of nginx.conf is one of them.  Its name goes with the old
 * nginx as soon as that is asked to end, which may be long before it does:
 * the launcher keeps another name of it (a hard link), and gives it its own
 * back from that.
 */

#include "nginx_upgrade.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listening.h"
#include "qsn_log.h"

#define SOCKETS_MAX  32         /* that nginx listens on */

static int is_up(const upgrade_t *upgrade, const layout_t *layout);
static void keep_name(const upgrade_t *upgrade);
static void give_name_back(const upgrade_t *upgrade);
static const char *kept_name(const upgrade_t *upgrade, char *path);


void
nginx_upgrade_begin(upgrade_t *upgrade)
{
    int fds[SOCKETS_MAX];
    int count = listening_take(upgrade->child->pid, fds, SOCKETS_MAX);

    if (count <= 0) {
        qsn_log("nginx cannot hand its sockets over: %s", strerror(errno));
        return;
    }

    (void) upgrade_begin(upgrade, fds, count);

    while (count) {
        (void) close(fds[--count]);
    }
}


void
nginx_upgrade_turn(upgrade_t *upgrade, const layout_t *layout)
{
    if (upgrade->asked) {
        give_name_back(upgrade);

    } else if (is_up(upgrade, layout)) {
        keep_name(upgrade);
        upgrade_end_old(upgrade);
    }
}


void
nginx_upgrade_ended(const upgrade_t *upgrade)
{
    give_name_back(upgrade);
    nginx_upgrade_died(upgrade);
}


void
nginx_upgrade_died(const upgrade_t *upgrade)
{
    char kept[PATH_MAX];

    (void) unlink(kept_name(upgrade, kept));
}


/* nginx writes its pid when its configuration is good and its sockets are
   its own. */
static int
is_up(const upgrade_t *upgrade, const layout_t *layout)
{
    char path[PATH_MAX];
    char error[QSN_SETTINGS_ERROR_SIZE];
    qsn_buf_t text = { 0 };

    (void) snprintf(path, sizeof(path), "%s/" LAYOUT_NGINX_PID,
                    layout->root_dir);

    int up = layout_read(path, &text, error) == 0
             && atoi(qsn_buf_text(&text)) == (int) upgrade->child->pid;

    qsn_buf_free(&text);

    return up;
}


static void
keep_name(const upgrade_t *upgrade)
{
    char kept[PATH_MAX];

    (void) unlink(kept_name(upgrade, kept));
    (void) !link(upgrade->child->stale, kept);
}


/* link(2) leaves alone what is there. */
static void
give_name_back(const upgrade_t *upgrade)
{
    char kept[PATH_MAX];

    (void) !link(kept_name(upgrade, kept), upgrade->child->stale);
}


static const char *
kept_name(const upgrade_t *upgrade, char *path)
{
    (void) snprintf(path, PATH_MAX, "%s.kept", upgrade->child->stale);

    return path;
}
