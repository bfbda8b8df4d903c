#include "announce.h"

#include <stdio.h>
#include <unistd.h>

static void show_demo(const qsn_settings_t *settings);


void
announce_ready(const qsn_settings_t *settings)
{
    char https[16] = "off";

    if (settings->keys_dir) {
        (void) snprintf(https, sizeof(https), "%d",
                        (int) settings->https_port);
    }

    (void) printf("qasino ready http=%d https=%s zmq=%d pubsub=%d line=%d "
                  "pid=%d\n", (int) settings->http_port, https,
                  (int) settings->zmq_port, (int) settings->pubsub_port,
                  (int) settings->line_port, (int) getpid());
    (void) fflush(stdout);

    if (settings->demo) {
        show_demo(settings);
    }
}


static void
show_demo(const qsn_settings_t *settings)
{
    int http = (int) settings->http_port;

    (void) fprintf(stderr, "\n"
        "This machine's own tables are published every %g seconds and can "
        "be\nqueried from the next generation on.  Three things to try:\n\n"
        "  curl -G 'http://localhost:%d/request?op=query&format=text' \\\n"
        "      --data-urlencode 'sql=SELECT name, sum(rss_kb) AS kb "
        "FROM processes GROUP BY name ORDER BY kb DESC LIMIT 5'\n\n"
        "  telnet localhost %d       and there: SHOW TABLES;\n\n"
        "  http://localhost:%d/request?op=query&format=text"
        "&sql=SELECT+*+FROM+machine\n\n",
        (double) settings->generation_duration_ms / 1000, http,
        (int) settings->line_port, http);
}
