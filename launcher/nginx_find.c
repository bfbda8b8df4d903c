#include "nginx_find.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION_SIZE  16384             /* what "nginx -V" may print */

static char *find_program(const char *name);
static int ask(layout_t *layout, char *error);
static int is_our_source(const char *path);


int
nginx_find(layout_t *layout, const char *name, char *error)
{
    layout->nginx = find_program(name);

    if (layout->nginx == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "cannot find nginx: "
                        "no executable \"%s\" (--nginx)", name);
        return -1;
    }

    return ask(layout, error);
}


int
nginx_find_read_version(layout_t *layout, const char *text,
    int (*is_ours)(const char *path))
{
    const char *flag = "--modules-path=";
    const char *found = strstr(text, flag);

    free(layout->nginx_modules);

    layout->nginx_modules = found
        ? strndup(found + strlen(flag), strcspn(found + strlen(flag), " \n"))
        : strdup("/usr/lib/nginx/modules");

    layout->stream_built_in = 0;
    layout->module_built_in = 0;

    /* neither =dynamic nor --with-stream_ssl_module */
    for (found = text; (found = strstr(found, "--with-stream")); found++) {
        if (strchr(" \n", found[strlen("--with-stream")])) {
            layout->stream_built_in = 1;
        }
    }

    flag = "--add-module=";

    for (found = text; (found = strstr(found, flag)); found++) {
        const char *start = found + strlen(flag);
        char *path = strndup(start, strcspn(start, " \n"));

        if (path && is_ours(path)) {
            layout->module_built_in = 1;
        }

        free(path);
    }

    return layout->nginx_modules ? 0 : -1;
}


/* As a shell finds it, and where Debian puts it: /usr/sbin is not in the
   PATH of ordinary users. */
static char *
find_program(const char *name)
{
    const char *path = getenv("PATH");
    char *all = NULL;
    char *rest = NULL;
    char *found = NULL;

    if (strchr(name, '/')) {
        return access(name, X_OK) == 0 ? realpath(name, NULL) : NULL;
    }

    if (asprintf(&all, "%s:/usr/sbin:/usr/local/sbin:/sbin:/usr/bin",
                 path ? path : "") == -1)
    {
        return NULL;
    }

    for (char *dir = strtok_r(all, ":", &rest); dir;
         dir = strtok_r(NULL, ":", &rest))
    {
        struct stat info;

        if (asprintf(&found, "%s/%s", dir, name) == -1) {
            found = NULL;
            break;
        }

        if (stat(found, &info) == 0 && S_ISREG(info.st_mode)
            && access(found, X_OK) == 0)
        {
            break;
        }

        free(found);
        found = NULL;
    }

    free(all);

    return found;
}


static int
ask(layout_t *layout, char *error)
{
    char *text = calloc(1, VERSION_SIZE + 1);
    FILE *output = NULL;
    int rc = -1;

    /* the path travels in the environment, so no quoting can go wrong */
    if (text == NULL || setenv("QASINO_NGINX", layout->nginx, 1) == -1
        || (output = popen("exec \"$QASINO_NGINX\" -V 2>&1", "re")) == NULL)
    {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "cannot run %s: %s",
                        layout->nginx, strerror(errno));
        goto done;
    }

    (void) !fread(text, 1, VERSION_SIZE, output);
    (void) unsetenv("QASINO_NGINX");

    (void) pclose(output);      /* a sanitizer's nginx may not exit 0 */

    if (strstr(text, "nginx version:") == NULL) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                        "%s does not run as nginx: %.*s", layout->nginx,
                        (int) strcspn(text, "\n"), text);
        goto done;
    }

    if (nginx_find_read_version(layout, text, is_our_source) != 0) {
        (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE, "out of memory");
        goto done;
    }

    rc = 0;

done:

    free(text);

    return rc;
}


/* nginx remembers only the directory that it was configured with. */
static int
is_our_source(const char *path)
{
    char name[PATH_MAX];
    char text[4096] = "";
    FILE *file;

    (void) snprintf(name, sizeof(name), "%s/config", path);
    file = fopen(name, "re");

    if (file == NULL) {
        return strstr(path, "qasino") != NULL;
    }

    (void) !fread(text, 1, sizeof(text) - 1, file);
    (void) fclose(file);

    return strstr(text, "ngx_http_qasino_module") != NULL;
}
