#ifndef NGINX_SETUP_H
#define NGINX_SETUP_H

/* What the server's settings mean for nginx: the values and blocks of its
   template.  A new "#=" name or "#[" block is added here. */

#include "layout.h"
#include "qsn_buf.h"
#include "qsn_settings.h"

typedef struct {
    int root;                   /* we run as root */
    int ipv6;                   /* this host has it */
    int descriptors;            /* that a process may have open */
} nginx_setup_host_t;

/* Renders the template text, read from layout->template.  0, or -1 and a
   sentence in error (QSN_SETTINGS_ERROR_SIZE bytes). */
int nginx_setup_render(qsn_buf_t *out, const char *text,
    const qsn_settings_t *settings, const layout_t *layout,
    const nginx_setup_host_t *host, char *error);

/* Reads the template and writes <root_dir>/nginx.conf. */
int nginx_setup_write(const qsn_settings_t *settings,
    const layout_t *layout, char *error);

#endif
