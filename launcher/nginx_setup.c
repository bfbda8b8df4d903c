/* The tables for nginx_conf_render(): one line a name. */

#include "nginx_setup.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "listen_ports.h"
#include "nginx_conf.h"

#define NUMBER_SIZE  24
#define CONNECTIONS  16384      /* of one nginx worker */
#define SHUTDOWN_MIN 60         /* s; as long as an upload may pause */

static long long shutdown_timeout(const qsn_settings_t *settings);


int
nginx_setup_render(qsn_buf_t *out, const char *text,
    const qsn_settings_t *settings, const layout_t *layout,
    const nginx_setup_host_t *host, char *error)
{
    char http[NUMBER_SIZE];
    char https[NUMBER_SIZE];
    char line[NUMBER_SIZE];
    char max_body[NUMBER_SIZE];
    char workers[NUMBER_SIZE] = "auto";
    char connections[NUMBER_SIZE];
    char shutdown[NUMBER_SIZE];
    int tls = settings->keys_dir != NULL;

    (void) snprintf(http, sizeof(http), "%d", (int) settings->http_port);
    (void) snprintf(https, sizeof(https), "%d", (int) settings->https_port);
    (void) snprintf(line, sizeof(line), "%d", (int) settings->line_port);
    (void) snprintf(max_body, sizeof(max_body), "%lld",
                    (long long) settings->max_body);

    (void) snprintf(shutdown, sizeof(shutdown), "%llds",
                    shutdown_timeout(settings));
    (void) snprintf(connections, sizeof(connections), "%d",
                    host->descriptors < CONNECTIONS ? host->descriptors
                                                    : CONNECTIONS);

    if (settings->nginx_workers) {
        (void) snprintf(workers, sizeof(workers), "%d",
                        (int) settings->nginx_workers);
    }

    const nginx_conf_value_t values[] = {
        { "user", "www-data", settings->user ? settings->user : "root" },
        { "nginx_workers", "auto", workers },
        { "worker_connections", "16384", connections },
        { "shutdown_timeout", "60s", shutdown },
        { "run_dir", "/run/qasino", settings->run_dir },
        { "root_dir", "/run/qasino", layout->root_dir },
        { "modules_dir", "/usr/lib/nginx/modules", layout->nginx_modules },
        { "module", "/usr/lib/nginx/modules/ngx_http_qasino_module.so",
          layout->module },
        { "locations", "/etc/qasino/qasino_locations.conf",
          layout->locations },
        { "www", "/usr/share/qasino/www", layout->www },
        { "max_body", "64m", max_body },
        { "http_port", "15597", http },
        { "https_port", "443", https },
        { "line_port", "15000", line },
        { "keys_dir", "/etc/qasino/keys", tls ? settings->keys_dir : "" },
        { "htpasswd_file", "/etc/qasino/htpasswd",
          settings->htpasswd_file ? settings->htpasswd_file : "" },
        { "client_ca_file", "/etc/qasino/keys/clients.crt",
          settings->client_ca_file ? settings->client_ca_file : "" },
        { NULL, NULL, NULL }
    };
    const nginx_conf_block_t blocks[] = {
        { "stream", !layout->stream_built_in },
        { "module", !layout->module_built_in },
        { "root", host->root },
        { "ipv6", host->ipv6 },
        { "https", tls },
        { "password", settings->htpasswd_file != NULL },
        { "certificate", settings->client_ca_file != NULL },
        { "redirect", 0 },
        { "nofile", 0 },        /* inherited from the launcher */
        { NULL, 0 }
    };

    return nginx_conf_render(out, text, layout->template, values, blocks,
                             error, QSN_SETTINGS_ERROR_SIZE);
}


int
nginx_setup_write(const qsn_settings_t *settings, const layout_t *layout,
    char *error)
{
    nginx_setup_host_t host = {
        .root = geteuid() == 0, .ipv6 = listen_ports_ipv6(),
        .descriptors = CONNECTIONS
    };
    struct rlimit limit;
    qsn_buf_t text = { 0 };
    qsn_buf_t conf = { 0 };
    int rc = -1;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_cur < CONNECTIONS)
    {
        host.descriptors = (int) limit.rlim_cur;
    }

    if (layout_read(layout->template, &text, error) == 0
        && nginx_setup_render(&conf, qsn_buf_text(&text), settings, layout,
                              &host, error) == 0)
    {
        rc = layout_write(layout->root_dir, LAYOUT_NGINX_CONF, &conf, NULL,
                          error);
    }

    qsn_buf_free(&text);
    qsn_buf_free(&conf);

    return rc;
}


/* Of nginx workers that a reload or an upgrade replaces: a query is answered
   within twice its deadline, and its answer has to reach the client. */
static long long
shutdown_timeout(const qsn_settings_t *settings)
{
    long long seconds = (2 * settings->query_deadline_ms + 999) / 1000 + 10;

    return seconds > SHUTDOWN_MIN ? seconds : SHUTDOWN_MIN;
}
