#ifndef NGINX_FIND_H
#define NGINX_FIND_H

/* Where nginx is, and what is built into it. */

#include "layout.h"

/* Fills in what layout has of nginx.  0, or -1 and the sentence in error
   (QSN_SETTINGS_ERROR_SIZE bytes). */
int nginx_find(layout_t *layout, const char *name, char *error);

/*
 * Parses what "nginx -V" prints: for nginx_find() and its test.  Paths in
 * layout are replaced; is_ours tells whether the add-on at a path is our
 * module.
 */
int nginx_find_read_version(layout_t *layout, const char *text,
    int (*is_ours)(const char *path));

#endif
