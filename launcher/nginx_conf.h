#ifndef NGINX_CONF_H
#define NGINX_CONF_H

/*
 * nginx's configuration from its template (conf/nginx.conf, which explains
 * the "#=", "#[" and "#]" comments to its readers).  Pure: text in, text
 * out.
 */

#include "qsn_buf.h"

typedef struct {
    const char *name;           /* as after "#=" */
    const char *sample;         /* what stands for it in the template */
    const char *value;          /* what to put there instead */
} nginx_conf_value_t;

typedef struct {
    const char *name;           /* as after "#[" and "#]" */
    int keep;
} nginx_conf_block_t;

/*
 * Appends the rendered template to out.  Both tables end with an entry
 * without a name.  A value that nginx could not read as it is gets quotes
 * around its whole word.  Returns 0, or -1 and in error (which has
 * error_size bytes) a sentence that begins with path and the line: a name
 * that is in no table, a line without the sample it should have, a block
 * that does not end, a value that cannot be written in nginx's language.
 */
int nginx_conf_render(qsn_buf_t *out, const char *text, const char *path,
    const nginx_conf_value_t *values, const nginx_conf_block_t *blocks,
    char *error, size_t error_size);

#endif
