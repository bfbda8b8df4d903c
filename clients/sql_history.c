/* libedit's history and its file format. */

#include "sql_history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qsn_buf.h"

#define ENTRIES_MAX  2000
#define BYTES_MAX    (1 << 20)  /* of the file, before it is written anew */

static char *usual_path(void);
static void make_directories(char *path);
static void shorten(sql_history_t *kept);
static void add_entry(sql_history_t *kept, const char *text);


int
sql_history_open(sql_history_t *kept, const char *path)
{
    HistEvent event;

    memset(kept, 0, sizeof(*kept));
    kept->history = history_init();

    if (kept->history == NULL) {
        return -1;
    }

    history(kept->history, &event, H_SETSIZE, ENTRIES_MAX);
    history(kept->history, &event, H_SETUNIQUE, 1);

    if (path == NULL) {
        kept->path = usual_path();
    } else if (*path) {
        kept->path = strdup(path);
    }

    if (kept->path) {
        make_directories(kept->path);
        history(kept->history, &event, H_LOAD, kept->path);
        shorten(kept);
    }

    return 0;
}


void
sql_history_close(sql_history_t *kept)
{
    if (kept->history) {
        history_end(kept->history);
    }

    free(kept->path);
    memset(kept, 0, sizeof(*kept));
}


void
sql_history_add(sql_history_t *kept, const char *text)
{
    char *copy = strdup(text);
    char *rest = copy;
    int is_split = strstr(text, "--") != NULL;
    char *line;

    if (copy == NULL) {
        return;
    }

    if (is_split) {
        while ((line = strsep(&rest, "\n"))) {
            add_entry(kept, line);
        }

    } else {
        for (char *p = copy; *p; p++) {
            *p = *p == '\n' ? ' ' : *p;
        }

        add_entry(kept, copy);
    }

    free(copy);
}


static void
add_entry(sql_history_t *kept, const char *text)
{
    HistEvent event;
    FILE *file;
    int fd;

    if (*text == '\0') {
        return;
    }

    history(kept->history, &event, H_ENTER, text);

    if (kept->path == NULL) {
        return;
    }

    fd = open(kept->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    file = fd == -1 ? NULL : fdopen(fd, "a");

    if (file == NULL) {
        if (fd != -1) {
            close(fd);
        }

        return;
    }

    /* libedit writes the file's heading where the position is 0 */
    if (flock(fd, LOCK_EX) == 0 && fseek(file, 0, SEEK_END) == 0) {
        history(kept->history, &event, H_NSAVE_FP, (size_t) 1, file);
    }

    fclose(file);
}


/* The file has everything ever typed: now and then the old goes. */
static void
shorten(sql_history_t *kept)
{
    qsn_buf_t path = { 0 };
    struct stat status;
    HistEvent event;
    int fd;

    if (stat(kept->path, &status) != 0 || status.st_size < BYTES_MAX) {
        return;
    }

    qsn_buf_printf(&path, "%s.%ld", kept->path, (long) getpid());
    fd = open(qsn_buf_text(&path), O_WRONLY | O_CREAT | O_EXCL, 0600);

    if (fd != -1) {
        close(fd);

        if (history(kept->history, &event, H_SAVE, path.data) < 0
            || rename(path.data, kept->path) != 0)
        {
            unlink(path.data);
        }
    }

    qsn_buf_free(&path);
}


/* $XDG_STATE_HOME/qasino/sql_history; NULL without a home. */
static char *
usual_path(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    qsn_buf_t path = { 0 };
    char *copy = NULL;

    if (state && *state == '/') {
        qsn_buf_string(&path, state);

    } else if (home && *home) {
        qsn_buf_string(&path, home);
        qsn_buf_string(&path, "/.local/state");
    }

    if (path.length > 0) {
        qsn_buf_string(&path, "/qasino/sql_history");
        copy = strdup(qsn_buf_text(&path));
    }

    qsn_buf_free(&path);

    return copy;
}


static void
make_directories(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            (void) mkdir(path, 0700);
            *p = '/';
        }
    }
}
