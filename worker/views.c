/*
 * Reading the file gives a whole new set or, if the file is broken, none:
 * then the last good set stays, and a row of the table says what is wrong.
 */

#include "views.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qsn_log.h"
#include "qsn_yaml.h"
#include "sql.h"

#define WATCH_MS    1000
#define ERROR_SIZE  256

typedef struct {
    char *name;
    char *sql;
} view_t;

typedef struct {
    view_t *items;
    size_t count;
} view_set_t;

struct views_s {
    char *path;
    uv_fs_poll_t watch;
    int watching;
    uv_mutex_t mutex;           /* of what follows */
    view_set_t set;
    char error[ERROR_SIZE];     /* of the file as it is now, "" if good */
};

/* What one statement of the file does, as SQLite's authorizer sees it. */
typedef struct {
    int makes_view;
    char error[ERROR_SIZE];
} statement_check_t;

static void on_change(uv_fs_poll_t *watch, int status,
    const uv_stat_t *before, const uv_stat_t *now);
static void load(views_t *views);
static int parse(const char *path, view_set_t *set, char *error);
static FILE *open_file(const char *path, char *error);
static int take_entries(yaml_document_t *document, view_set_t *set,
    char *error);
static int take_entry(yaml_document_t *document, yaml_node_t *entry,
    view_t *view);
static int take_text(yaml_document_t *document, const yaml_node_pair_t *pair,
    char **field);
static void free_set(view_set_t *set);
static int make_view(store_t *store, const char *sql, char *error);
static int authorize(void *ctx, int action, const char *a, const char *b,
    const char *database, const char *trigger);
static int put_row(sqlite3_stmt *insert, const char *name, const char *error,
    const char *sql);


views_t *
views_create(uv_loop_t *loop, const char *path)
{
    views_t *views = calloc(1, sizeof(*views));

    if (views == NULL || uv_mutex_init(&views->mutex) != 0) {
        free(views);
        return NULL;
    }

    if (path == NULL) {
        return views;
    }

    views->path = strdup(path);

    if (views->path == NULL) {
        views_destroy(views);
        return NULL;
    }

    load(views);
    views->watch.data = views;
    views->watching = 1;
    (void) uv_fs_poll_init(loop, &views->watch);
    (void) uv_fs_poll_start(&views->watch, on_change, path, WATCH_MS);

    return views;
}


void
views_destroy(views_t *views)
{
    if (views == NULL) {
        return;
    }

    free_set(&views->set);
    uv_mutex_destroy(&views->mutex);
    free(views->path);
    free(views);
}


void
views_stop(views_t *views)
{
    if (views->watching) {
        uv_close((uv_handle_t *) &views->watch, NULL);
    }
}


int
views_make(views_t *views, store_t *store)
{
    sqlite3_stmt *insert = sql_prepare(store->db,
        "INSERT INTO qasino_server_views VALUES(?1, ?2, ?3, ?4)");
    int rc = insert ? 0 : -1;
    char error[ERROR_SIZE];

    uv_mutex_lock(&views->mutex);

    for (size_t i = 0; rc == 0 && i < views->set.count; i++) {
        const view_t *view = &views->set.items[i];

        (void) make_view(store, view->sql, error);
        rc = put_row(insert, view->name, error, view->sql);
    }

    if (rc == 0 && views->error[0]) {
        rc = put_row(insert, "views_file", views->error, "");
    }

    uv_mutex_unlock(&views->mutex);
    (void) sqlite3_finalize(insert);

    return rc;
}


static void
on_change(uv_fs_poll_t *watch, int status, const uv_stat_t *before,
    const uv_stat_t *now)
{
    (void) status;
    (void) before;
    (void) now;

    load(watch->data);
}


static void
load(views_t *views)
{
    view_set_t set = { 0 };
    char error[ERROR_SIZE] = "";
    int rc = parse(views->path, &set, error);

    if (rc != 0) {
        qsn_log("views file %s: %s: the views read before stay",
                views->path, error);
    } else {
        qsn_log("views file %s: %zu views", views->path, set.count);
    }

    uv_mutex_lock(&views->mutex);
    memcpy(views->error, error, sizeof(error));

    if (rc == 0) {
        view_set_t before = views->set;

        views->set = set;
        set = before;
    }

    uv_mutex_unlock(&views->mutex);
    free_set(&set);
}


static int
parse(const char *path, view_set_t *set, char *error)
{
    FILE *file = open_file(path, error);
    yaml_document_t document;
    qsn_yaml_error_t wrong;
    int rc = -1;

    if (file == NULL) {
        return -1;
    }

    if (qsn_yaml_load(file, &document, &wrong) != 0) {
        (void) snprintf(error, ERROR_SIZE, "line %zu: %s", wrong.line,
                        wrong.problem);
    } else {
        rc = take_entries(&document, set, error);
        yaml_document_delete(&document);
    }

    (void) fclose(file);

    return rc;
}


/* Nobody waits here for whoever writes into a pipe. */
static FILE *
open_file(const char *path, char *error)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    FILE *file = NULL;

    if (fd != -1 && fstat(fd, &info) == 0) {
        if (S_ISREG(info.st_mode)) {
            file = fdopen(fd, "r");
        } else {
            errno = EINVAL;
        }
    }

    if (file == NULL) {
        (void) snprintf(error, ERROR_SIZE, "cannot be read: %s",
                        errno == EINVAL ? "it is not a file"
                                        : strerror(errno));
    }

    if (file == NULL && fd != -1) {
        (void) close(fd);
    }

    return file;
}


/* An empty file is a list of no views. */
static int
take_entries(yaml_document_t *document, view_set_t *set, char *error)
{
    yaml_node_t *root = yaml_document_get_root_node(document);

    if (root == NULL || (root->type == YAML_SCALAR_NODE
                         && root->data.scalar.length == 0))
    {
        return 0;
    }

    if (root->type != YAML_SEQUENCE_NODE) {
        (void) snprintf(error, ERROR_SIZE, "line %zu: expected a list of "
                        "views", root->start_mark.line + 1);
        return -1;
    }

    yaml_node_item_t *first = root->data.sequence.items.start;
    yaml_node_item_t *end = root->data.sequence.items.top;

    set->items = calloc((size_t) (end - first) + 1, sizeof(*set->items));

    if (set->items == NULL) {
        (void) snprintf(error, ERROR_SIZE, "out of memory");
        return -1;
    }

    for (yaml_node_item_t *item = first; item < end; item++) {
        yaml_node_t *entry = yaml_document_get_node(document, *item);

        if (take_entry(document, entry, &set->items[set->count]) == 0) {
            set->count++;
        } else {
            qsn_log("views file: the entry on line %zu does not have one "
                    "viewname and one view: skipped",
                    entry->start_mark.line + 1);
        }
    }

    return 0;
}


static int
take_entry(yaml_document_t *document, yaml_node_t *entry, view_t *view)
{
    int rc = 0;

    if (entry->type != YAML_MAPPING_NODE) {
        return -1;
    }

    for (yaml_node_pair_t *pair = entry->data.mapping.pairs.start;
         rc == 0 && pair < entry->data.mapping.pairs.top; pair++)
    {
        const char *key = qsn_yaml_text(yaml_document_get_node(document,
                                                               pair->key));

        if (key && strcmp(key, "viewname") == 0) {
            rc = take_text(document, pair, &view->name);
        } else if (key && strcmp(key, "view") == 0) {
            rc = take_text(document, pair, &view->sql);
        }
    }

    if (rc == 0 && view->name && view->sql) {
        return 0;
    }

    free(view->name);
    free(view->sql);
    memset(view, 0, sizeof(*view));

    return -1;
}


/* -1 if there is one already, or this is no text. */
static int
take_text(yaml_document_t *document, const yaml_node_pair_t *pair,
    char **field)
{
    const char *text = qsn_yaml_text(yaml_document_get_node(document,
                                                            pair->value));

    if (*field || text == NULL) {
        return -1;
    }

    *field = strdup(text);

    return *field ? 0 : -1;
}


static void
free_set(view_set_t *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->items[i].name);
        free(set->items[i].sql);
    }

    free(set->items);
    memset(set, 0, sizeof(*set));
}


/* An entry may hold several statements, or none.  0, or -1 with error; error
   is "" on success. */
static int
make_view(store_t *store, const char *sql, char *error)
{
    statement_check_t check = { 0 };

    error[0] = '\0';
    (void) sqlite3_set_authorizer(store->db, authorize, &check);

    while (*sql && error[0] == '\0') {
        sqlite3_stmt *statement = NULL;
        int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, &sql);

        if (rc == SQLITE_OK && statement) {
            rc = sql_run(statement);
        }

        if (check.error[0]) {
            (void) snprintf(error, ERROR_SIZE, "%s", check.error);

        } else if (rc != SQLITE_OK) {
            (void) snprintf(error, ERROR_SIZE, "SQLError: %s",
                            sqlite3_errmsg(store->db));

        } else if (statement && !check.makes_view) {
            (void) snprintf(error, ERROR_SIZE, "is no CREATE VIEW statement");
        }

        check.makes_view = 0;
        (void) sqlite3_finalize(statement);
    }

    (void) sqlite3_set_authorizer(store->db, NULL, NULL);

    return error[0] ? -1 : 0;
}


/* A file of views may make views, under names that are not ours. */
static int
authorize(void *ctx, int action, const char *a, const char *b,
    const char *database, const char *trigger)
{
    statement_check_t *check = ctx;

    (void) b;
    (void) database;
    (void) trigger;

    switch (action) {

    case SQLITE_CREATE_VIEW:
        check->makes_view = 1;

        if (a[0] == '_' || strncasecmp(a, "qasino_server_", 14) == 0) {
            (void) snprintf(check->error, ERROR_SIZE,
                            "the name %.128s is reserved", a);
            return SQLITE_DENY;
        }

        return SQLITE_OK;

    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;

    case SQLITE_INSERT:
    case SQLITE_UPDATE:
        /* how CREATE VIEW writes the schema */
        return strcmp(a, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;

    default:
        (void) snprintf(check->error, ERROR_SIZE,
                        "is no CREATE VIEW statement");
        return SQLITE_DENY;
    }
}


static int
put_row(sqlite3_stmt *insert, const char *name, const char *error,
    const char *sql)
{
    (void) sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int(insert, 2, error[0] == '\0');
    (void) sqlite3_bind_text(insert, 3, error, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(insert, 4, sql, -1, SQLITE_STATIC);

    return sql_run(insert) == SQLITE_OK ? 0 : -1;
}
