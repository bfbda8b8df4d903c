/*
 * What SQLite itself makes of a snapshot, in one process, on one core.
 *
 *   bench-sqlite FILE SECONDS MODULO SQL
 *   bench-sqlite FILE document IDENTITY SQL
 *
 * The first runs the statement over and over, prepared each time, all cells
 * read; "@@@@@@@@" in it is a number from 1 to MODULO that differs each time.
 * Prints results a second and the rows of the last.
 *
 * The second runs it once and writes the document that the server would
 * answer with into /dev/null.  Prints seconds, rows and bytes.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latency.h"

#define MARK         "@@@@@@@@"
#define COLUMNS_MAX  64
#define OUT_SIZE     (64 * 1024)
#define OUT_CELL     (8 * 1024)         /* room for one, escaped */

static sqlite3 *open_snapshot(const char *path);
static void repeat(sqlite3 *db, uint64_t duration, unsigned long modulo,
    const char *sql);
static uint64_t read_rows(sqlite3_stmt *statement);
static void write_document(sqlite3 *db, const char *identity,
    const char *sql);
static void put_cell(sqlite3_stmt *statement, int i);
static void put_integer(sqlite3_int64 value, unsigned *characters);
static void put_text(const char *text, unsigned *characters);
static void put(const char *text);
static void flush(void);
static sqlite3_stmt *prepare(sqlite3 *db, const char *sql);
static void die(const char *what);

static volatile uint64_t sink;          /* keeps what is read alive */
static char out[OUT_SIZE];
static size_t out_length;
static uint64_t out_total;
static int out_fd;
static unsigned widths[COLUMNS_MAX];


int
main(int argc, char **argv)
{
    if (argc != 5) {
        (void) fprintf(stderr, "usage: bench-sqlite FILE SECONDS MODULO SQL, "
                       "or FILE document IDENTITY SQL\n");
        return 2;
    }

    (void) sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void) sqlite3_config(SQLITE_CONFIG_URI, 1);

    sqlite3 *db = open_snapshot(argv[1]);

    if (strcmp(argv[2], "document") == 0) {
        write_document(db, argv[3], argv[4]);
    } else {
        repeat(db, (uint64_t) (atof(argv[2]) * 1e6),
               strtoul(argv[3], NULL, 10), argv[4]);
    }

    (void) sqlite3_close(db);

    return 0;
}


static sqlite3 *
open_snapshot(const char *path)
{
    char uri[4096];
    sqlite3 *db;

    (void) snprintf(uri, sizeof(uri), "file:%s?immutable=1", path);

    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                        NULL) != SQLITE_OK
        || sqlite3_exec(db, "PRAGMA mmap_size = 2147418112; "
                            "SELECT count(*) FROM sqlite_schema", NULL, NULL,
                        NULL) != SQLITE_OK)
    {
        die(sqlite3_errmsg(db));
    }

    return db;
}


static void
repeat(sqlite3 *db, uint64_t duration, unsigned long modulo, const char *sql)
{
    char *text = strdup(sql);
    char *mark = text ? strstr(text, MARK) : NULL;
    uint64_t start = latency_now_us();
    uint64_t spent = 0;
    uint64_t rows = 0;
    unsigned long done = 0;

    while (spent < duration) {
        if (mark) {
            char number[sizeof(MARK)];

            (void) snprintf(number, sizeof(number), "%08lu",
                            done % modulo % 99999999 + 1);
            memcpy(mark, number, strlen(MARK));
        }

        sqlite3_stmt *statement = prepare(db, text ? text : sql);

        rows = read_rows(statement);
        (void) sqlite3_finalize(statement);
        done++;
        spent = latency_now_us() - start;
    }

    (void) printf("%.2f\t%" PRIu64 "\n", (double) done * 1e6 / (double) spent,
                  rows);
    free(text);
}


static uint64_t
read_rows(sqlite3_stmt *statement)
{
    uint64_t rows = 0;
    int width = sqlite3_column_count(statement);

    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < width; i++) {
            switch (sqlite3_column_type(statement, i)) {

            case SQLITE_INTEGER:
                sink += (uint64_t) sqlite3_column_int64(statement, i);
                break;

            case SQLITE_FLOAT:
                sink += sqlite3_column_double(statement, i) > 0;
                break;

            default:
                sink += sqlite3_column_text(statement, i) != NULL;
                sink += (uint64_t) sqlite3_column_bytes(statement, i);
                break;
            }
        }

        rows++;
    }

    return rows;
}


static void
write_document(sqlite3 *db, const char *identity, const char *sql)
{
    uint64_t start = latency_now_us();
    uint64_t rows = 0;
    unsigned ignored = 0;
    sqlite3_stmt *statement = prepare(db, sql);
    int width = sqlite3_column_count(statement);

    out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (out_fd < 0 || width > COLUMNS_MAX) {
        die("/dev/null");
    }

    put("{\"response_op\": \"result_table\", \"identity\": ");
    put_text(identity, &ignored);
    put(", \"table\": {\"column_names\": [");

    for (int i = 0; i < width; i++) {
        put(i ? ", " : "");
        put_text(sqlite3_column_name(statement, i), &widths[i]);
    }

    put("], \"rows\": [");

    while (sqlite3_step(statement) == SQLITE_ROW) {
        put(rows++ ? ", [" : "[");

        for (int i = 0; i < width; i++) {
            put(i ? ", " : "");
            put_cell(statement, i);
        }

        put("]");
    }

    put("]}, \"max_widths\": {");

    for (int i = 0; i < width; i++) {
        char text[64];

        (void) snprintf(text, sizeof(text), "%s\"%d\": %u", i ? ", " : "", i,
                        widths[i]);
        put(text);
    }

    put("}}");
    flush();
    (void) sqlite3_finalize(statement);

    (void) printf("%.6f\t%" PRIu64 "\t%" PRIu64 "\n",
                  (double) (latency_now_us() - start) / 1e6, rows, out_total);
}


static void
put_cell(sqlite3_stmt *statement, int i)
{
    unsigned characters = 0;

    if (sqlite3_column_type(statement, i) == SQLITE_INTEGER) {
        put_integer(sqlite3_column_int64(statement, i), &characters);
    } else {
        const char *text = (const char *) sqlite3_column_text(statement, i);

        put_text(text ? text : "", &characters);
    }

    if (characters > widths[i]) {
        widths[i] = characters;
    }
}


static void
put_integer(sqlite3_int64 value, unsigned *characters)
{
    char digits[32];
    char *at = digits + sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;

    *--at = '\0';
    *--at = '"';

    do {
        *--at = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest);

    if (value < 0) {
        *--at = '-';
    }

    *characters = (unsigned) (digits + sizeof(digits) - 2 - at);
    *--at = '"';
    put(at);
}


/* Quoted and escaped; characters are those of UTF-8, unescaped. */
static void
put_text(const char *text, unsigned *characters)
{
    unsigned count = 0;

    put("\"");

    for (; *text; text++) {
        unsigned char c = (unsigned char) *text;

        if (out_length > OUT_SIZE - OUT_CELL) {
            flush();
        }

        if (c == '"' || c == '\\') {
            out[out_length++] = '\\';
            out[out_length++] = (char) c;
        } else if (c < 0x20) {
            out_length += (size_t) sprintf(out + out_length, "\\u%04x", c);
        } else {
            out[out_length++] = (char) c;
        }

        count += (c & 0xc0) != 0x80;
    }

    put("\"");
    *characters = count > *characters ? count : *characters;
}


/* Short ones only. */
static void
put(const char *text)
{
    size_t length = strlen(text);

    if (out_length > OUT_SIZE - OUT_CELL) {
        flush();
    }

    memcpy(out + out_length, text, length);
    out_length += length;
}


static void
flush(void)
{
    if (write(out_fd, out, out_length) != (ssize_t) out_length) {
        die("/dev/null");
    }

    out_total += out_length;
    out_length = 0;
}


static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }

    return statement;
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-sqlite: %s\n", what);
    exit(1);
}
