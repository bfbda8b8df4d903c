/*
 * qasino-server, the launcher: one command that is a whole server.
 *
 * The way through this folder: options and files are checked (qsn_settings,
 * layout.c, nginx_find.c), ports are chosen (listen_ports.c), directories are
 * made and given to whom they belong (root_dir.c, user.c), the children's
 * command lines and nginx's configuration are written (options.c,
 * nginx_setup.c, nginx_conf.c), then supervisor.c runs the children (child.c)
 * and puts others in their place (upgrade.c, nginx_upgrade.c).
 *
 * What is wrong with the options, a file or a port is said in one line
 * before anything is started.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "layout.h"
#include "listen_ports.h"
#include "nginx_setup.h"
#include "options.h"
#include "qsn_log.h"
#include "qsn_settings.h"
#include "root_dir.h"
#include "supervisor.h"
#include "user.h"

#define PATIENCE_MS  5000       /* for the ports of a server that was killed */

typedef struct {
    qsn_settings_t settings;
    layout_t layout;
    listen_ports_t ports;
    user_t user;
    options_t worker;           /* command lines */
    options_t bridge;
    int lock;
} server_t;

static int settle(server_t *server, int argc, char **argv, char *error);
static void raise_descriptor_limit(void);
static int prepare(server_t *server, char *error);
static int keep_config(server_t *server, char *error);


int
main(int argc, char **argv)
{
    char error[QSN_SETTINGS_ERROR_SIZE];
    server_t server;
    int status = 1;

    qsn_log_open("qasino-server");
    (void) umask(077);
    supervisor_hold_signals();
    memset(&server, 0, sizeof(server));
    server.lock = -1;

    switch (qsn_settings_load(&server.settings, argc, argv, error)) {

    case QSN_SETTINGS_DONE:
        status = 0;
        break;

    case QSN_SETTINGS_ERROR:
        qsn_log("%s", error);
        break;

    default:
        raise_descriptor_limit();

        if (settle(&server, argc, argv, error) != 0
            || prepare(&server, error) != 0)
        {
            qsn_log("%s", error);
            break;
        }

        status = supervisor_run(&server.settings, &server.layout,
                                &server.ports, &server.user,
                                server.worker.argv, server.bridge.argv);
    }

    layout_unlock(server.lock);
    listen_ports_release(&server.ports);
    options_destroy(&server.worker);
    options_destroy(&server.bridge);
    layout_free(&server.layout);
    qsn_settings_free(&server.settings);

    return status;
}


/* Chooses the ports that are 0 and reads the settings again with them, for
   the default directories have the HTTP port in their names. */
static int
settle(server_t *server, int argc, char **argv, char *error)
{
    qsn_settings_t *settings = &server->settings;
    char *root_dir = root_dir_name(settings);
    int killed = root_dir && layout_was_killed(root_dir);

    free(root_dir);

    if (layout_find(&server->layout, settings, error) != 0
        || layout_check_files(settings, error) != 0
        || listen_ports_reserve(&server->ports, settings,
                                killed ? PATIENCE_MS : 0, error) != 0)
    {
        return -1;
    }

    options_create(&server->worker, argc, argv);
    options_add_ports(&server->worker, settings);

    if (server->worker.failed) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "out of memory");
        return -1;
    }

    qsn_settings_free(settings);

    if (qsn_settings_load(settings, server->worker.argc,
                          server->worker.argv, error) != 0)
    {
        return -1;
    }

    return user_find(&server->user, settings, error);
}


/* A connection is a descriptor, and the usual soft limit is 1024.  The
   children inherit this. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}


/* Directories, files and command lines: all that the children need. */
static int
prepare(server_t *server, char *error)
{
    qsn_settings_t *settings = &server->settings;

    if (layout_make_dirs(settings, server->user.uid, error) != 0
        || root_dir_make(&server->layout.root_dir, settings, &server->user,
                         error) != 0
        || layout_lock(server->layout.root_dir, &server->lock, error) != 0
        || keep_config(server, error) != 0
        || user_own(&server->user, settings, error) != 0
        || nginx_setup_write(settings, &server->layout, error) != 0)
    {
        return -1;
    }

    options_add_places(&server->worker, settings);
    options_create(&server->bridge, server->worker.argc,
                   server->worker.argv);
    options_set_program(&server->worker, server->layout.worker);
    options_set_program(&server->bridge, server->layout.bridge);

    if (server->worker.failed || server->bridge.failed) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "out of memory");
        return -1;
    }

    return 0;
}


/* The children read a copy of the configuration: a worker that is started
   again next week gets today's options, and no half-edited file. */
static int
keep_config(server_t *server, char *error)
{
    const qsn_settings_t *settings = &server->settings;
    qsn_buf_t text = { 0 };
    char *path = NULL;
    int rc = -1;

    if (settings->config == NULL) {
        return 0;
    }

    if (layout_read(settings->config, &text, error) == 0
        && layout_write(server->layout.root_dir, LAYOUT_CONFIG, &text,
                        &server->user, error) == 0)
    {
        rc = asprintf(&path, "%s/" LAYOUT_CONFIG,
                      server->layout.root_dir) == -1;

        if (rc == 0) {
            options_add(&server->worker, "config", path);
            free(path);
        }
    }

    qsn_buf_free(&text);

    return rc ? -1 : 0;
}
