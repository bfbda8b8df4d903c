/*
 * The limit that ingest is measured against: yajl's events into an array of
 * cells, which SQLite reads as a virtual table, one INSERT ... SELECT and
 * one transaction a body; one thread, one process, no sockets, no
 * bookkeeping.  It shares no code with the server.
 *
 *   bench-bulk DIRECTORY BODY SECONDS
 *
 * BODY is a file with the JSON document of a publish, all of whose cells are
 * texts and integers; DIRECTORY is on a tmpfs.  Prints rows a second and the
 * rows that are in the file in the end.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "latency.h"

#define COLUMNS_MAX  64
#define ROWS_DEPTH   2          /* of the arrays that are rows, and cells */

typedef struct {
    const char *text;           /* NULL: an integer */
    sqlite3_int64 value;        /* or the text's length */
} cell_t;

typedef struct {
    sqlite3_vtab_cursor base;
    size_t row;
} cursor_t;

static void parse_body(const char *body, size_t length);
static sqlite3_stmt *make_table(sqlite3 *db);
static void run(sqlite3 *db, const char *sql);
static void add_cell(const char *text, sqlite3_int64 value);
static char *slurp(const char *path, size_t *length);
static void die(const char *what);

static int on_integer(void *ctx, long long value);
static int on_string(void *ctx, const unsigned char *text, size_t length);
static int on_start_map(void *ctx);
static int on_key(void *ctx, const unsigned char *text, size_t length);
static int on_start_array(void *ctx);
static int on_end_array(void *ctx);

static int vtab_connect(sqlite3 *db, void *aux, int argc,
    const char *const *argv, sqlite3_vtab **vtab, char **error);
static int vtab_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info);
static int vtab_disconnect(sqlite3_vtab *vtab);
static int vtab_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor);
static int vtab_close(sqlite3_vtab_cursor *cursor);
static int vtab_filter(sqlite3_vtab_cursor *cursor, int index,
    const char *name, int argc, sqlite3_value **argv);
static int vtab_next(sqlite3_vtab_cursor *cursor);
static int vtab_eof(sqlite3_vtab_cursor *cursor);
static int vtab_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context,
    int i);
static int vtab_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id);

static const yajl_callbacks callbacks = {
    .yajl_integer = on_integer,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array
};

static const sqlite3_module module = {
    .iVersion = 1,
    .xConnect = vtab_connect,
    .xBestIndex = vtab_best_index,
    .xDisconnect = vtab_disconnect,
    .xOpen = vtab_open,
    .xClose = vtab_close,
    .xFilter = vtab_filter,
    .xNext = vtab_next,
    .xEof = vtab_eof,
    .xColumn = vtab_column,
    .xRowid = vtab_rowid
};

/* What was parsed; memory is kept from body to body. */
static cell_t *cells;
static size_t cell_count, cell_capacity, width;
static int depth, in_rows;
static char *texts, *texts_end;         /* no longer than the body */


int
main(int argc, char **argv)
{
    char path[4096];
    size_t length;
    sqlite3 *db;

    if (argc != 4) {
        (void) fprintf(stderr, "usage: bench-bulk DIRECTORY BODY SECONDS\n");
        return 2;
    }

    char *body = slurp(argv[2], &length);
    uint64_t duration = (uint64_t) (atof(argv[3]) * 1e6);

    (void) snprintf(path, sizeof(path), "%s/bulk.db", argv[1]);
    (void) unlink(path);
    (void) sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

    if (sqlite3_open(path, &db) != SQLITE_OK
        || sqlite3_create_module(db, "bench_rows", &module, NULL)
           != SQLITE_OK)
    {
        die(path);
    }

    run(db, "PRAGMA page_size = 4096; PRAGMA locking_mode = EXCLUSIVE;"
            "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = OFF");

    texts = malloc(length);

    if (texts == NULL) {
        die("memory");
    }

    /* the first body tells how wide the table is */
    parse_body(body, length);

    sqlite3_stmt *statement = make_table(db);
    uint64_t start = latency_now_us();
    uint64_t spent = 0;
    uint64_t rows = 0;

    while (spent < duration) {
        parse_body(body, length);
        run(db, "BEGIN IMMEDIATE");

        if (sqlite3_step(statement) != SQLITE_DONE
            || sqlite3_reset(statement) != SQLITE_OK)
        {
            die(sqlite3_errmsg(db));
        }

        run(db, "COMMIT");
        rows += cell_count / width;
        spent = latency_now_us() - start;
    }

    (void) printf("%.0f\t%llu\n", (double) rows * 1e6 / (double) spent,
                  (unsigned long long) rows);

    (void) sqlite3_finalize(statement);
    (void) sqlite3_close(db);
    (void) unlink(path);

    return 0;
}


static void
parse_body(const char *body, size_t length)
{
    yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);

    cell_count = width = 0;
    depth = in_rows = 0;
    texts_end = texts;

    if (yajl_parse(parser, (const unsigned char *) body, length)
            != yajl_status_ok
        || yajl_complete_parse(parser) != yajl_status_ok
        || width == 0)
    {
        die("the body is no table");
    }

    yajl_free(parser);
}


static sqlite3_stmt *
make_table(sqlite3 *db)
{
    sqlite3_stmt *statement;
    char create[COLUMNS_MAX * 24] = "CREATE TABLE t(";
    char copy[COLUMNS_MAX * 8] = "INSERT INTO t SELECT ";

    for (size_t i = 0; i < width; i++) {
        (void) sprintf(create + strlen(create), "%sc%zu %s", i ? ", " : "", i,
                       cells[i].text ? "TEXT" : "INTEGER");
        (void) sprintf(copy + strlen(copy), "%sc%zu", i ? "," : "", i);
    }

    run(db, strcat(create, ")"));

    if (sqlite3_prepare_v2(db, strcat(copy, " FROM bench_rows"), -1,
                           &statement, NULL) != SQLITE_OK)
    {
        die(sqlite3_errmsg(db));
    }

    return statement;
}


static void
run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
}


static void
add_cell(const char *text, sqlite3_int64 value)
{
    if (cell_count == cell_capacity) {
        cell_capacity = cell_capacity ? cell_capacity * 2 : 65536;
        cells = realloc(cells, cell_capacity * sizeof(*cells));

        if (cells == NULL) {
            die("memory");
        }
    }

    cells[cell_count].text = text;
    cells[cell_count].value = value;
    cell_count++;
}


static int
on_integer(void *ctx, long long value)
{
    (void) ctx;

    if (in_rows && depth == ROWS_DEPTH) {
        add_cell(NULL, value);
    }

    return 1;
}


/* Copied: a body does not stay while its rows wait to be written. */
static int
on_string(void *ctx, const unsigned char *data, size_t length)
{
    (void) ctx;

    if (in_rows && depth == ROWS_DEPTH) {
        memcpy(texts_end, data, length);
        add_cell(texts_end, (sqlite3_int64) length);
        texts_end += length;
    }

    return 1;
}


static int
on_start_map(void *ctx)
{
    (void) ctx;
    in_rows = 0;

    return 1;
}


static int
on_key(void *ctx, const unsigned char *text, size_t length)
{
    (void) ctx;
    in_rows = length == 4 && memcmp(text, "rows", 4) == 0;

    return 1;
}


static int
on_start_array(void *ctx)
{
    (void) ctx;
    depth++;

    return 1;
}


static int
on_end_array(void *ctx)
{
    (void) ctx;

    if (in_rows && depth == ROWS_DEPTH && width == 0) {
        width = cell_count <= COLUMNS_MAX ? cell_count : 0;
    }

    depth--;

    return 1;
}


static int
vtab_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **vtab, char **error)
{
    char sql[COLUMNS_MAX * 8] = "CREATE TABLE x(";

    (void) aux;
    (void) argc;
    (void) argv;
    (void) error;

    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        (void) sprintf(sql + strlen(sql), "%sc%zu", i ? "," : "", i);
    }

    *vtab = sqlite3_malloc(sizeof(**vtab));

    return *vtab ? sqlite3_declare_vtab(db, strcat(sql, ")")) : SQLITE_NOMEM;
}


static int
vtab_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void) vtab;
    (void) info;

    return SQLITE_OK;
}


static int
vtab_disconnect(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);

    return SQLITE_OK;
}


static int
vtab_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **base)
{
    cursor_t *cursor = calloc(1, sizeof(*cursor));

    (void) vtab;
    *base = &cursor->base;

    return cursor ? SQLITE_OK : SQLITE_NOMEM;
}


static int
vtab_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);

    return SQLITE_OK;
}


static int
vtab_filter(sqlite3_vtab_cursor *cursor, int index, const char *name,
    int argc, sqlite3_value **argv)
{
    (void) index;
    (void) name;
    (void) argc;
    (void) argv;
    ((cursor_t *) cursor)->row = 0;

    return SQLITE_OK;
}


static int
vtab_next(sqlite3_vtab_cursor *cursor)
{
    ((cursor_t *) cursor)->row++;

    return SQLITE_OK;
}


static int
vtab_eof(sqlite3_vtab_cursor *cursor)
{
    return ((cursor_t *) cursor)->row * width >= cell_count;
}


static int
vtab_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
    const cell_t *cell = &cells[((cursor_t *) cursor)->row * width
                                + (size_t) i];

    if (cell->text) {
        sqlite3_result_text(context, cell->text, (int) cell->value,
                            SQLITE_STATIC);
    } else {
        sqlite3_result_int64(context, cell->value);
    }

    return SQLITE_OK;
}


static int
vtab_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
    *id = (sqlite3_int64) ((cursor_t *) cursor)->row;

    return SQLITE_OK;
}


static char *
slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "r");
    size_t size = 64 * 1024 * 1024;
    char *text = malloc(size);

    if (file == NULL || text == NULL
        || (*length = fread(text, 1, size, file)) == size)
    {
        die(path);
    }

    (void) fclose(file);

    return text;
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-bulk: %s%s%s\n", what, errno ? ": " : "",
                   errno ? strerror(errno) : "");
    exit(1);
}
