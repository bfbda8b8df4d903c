/*
 * The in-process limits that the server's ingest is measured against: the
 * same parser, virtual table and transactions, one thread, no sockets.
 *
 *   bench-reference DIR ROWS SECONDS [GROUP]
 *
 * prints how many bodies of ROWS rows (2 texts, 3 integers) go in a second,
 * GROUP of them a transaction.  DIR should be on a tmpfs.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation.h"
#include "qsn_clock.h"
#include "report.h"
#include "request_json.h"

static void make_body(qsn_buf_t *body, long number, long rows);
static int publish(generation_t *generation, const qsn_buf_t *body);
static void die(const char *what);

static const request_limits_t limits = {
    .max_cell = 1024 * 1024,
    .max_columns = 1000,
    .max_sql = 65536
};


int
main(int argc, char **argv)
{
    qsn_settings_t settings = {
        .max_cell = 1024 * 1024,
        .max_columns = 1000,
        .max_tables = 1000
    };
    char error[GENERATION_ERROR_SIZE];

    if (argc < 4) {
        (void) fprintf(stderr, "usage: bench-reference DIR ROWS SECONDS "
                       "[GROUP]\n");
        return 2;
    }

    long rows = atol(argv[2]);
    uint64_t duration = (uint64_t) (atof(argv[3]) * 1000);
    long group = argc > 4 ? atol(argv[4]) : 1;
    long bodies = 0;

    settings.db_dir = argv[1];
    (void) sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

    generation_t *generation = generation_open(&settings, 1, error);

    if (generation == NULL) {
        die(error);
    }

    uint64_t start = qsn_clock_monotonic_ms();
    uint64_t spent = 0;

    while (spent < duration) {
        /* making the body is not what is measured */
        uint64_t before = qsn_clock_monotonic_ms();
        qsn_buf_t *made = calloc((size_t) group, sizeof(*made));

        for (long i = 0; made && i < group; i++) {
            make_body(&made[i], bodies + i, rows);
        }

        start += qsn_clock_monotonic_ms() - before;

        if (made == NULL || store_begin(&generation->store) != 0) {
            die("begin");
        }

        for (long i = 0; i < group; i++) {
            if (publish(generation, &made[i]) != 0) {
                die("publish");
            }

            qsn_buf_free(&made[i]);
        }

        if (store_commit(&generation->store) != 0) {
            die("commit");
        }

        bodies += group;
        free(made);
        spent = qsn_clock_monotonic_ms() - start;
    }

    (void) printf("%.0f\n", (double) bodies * 1000 / (double) spent);
    generation_close(generation);

    return 0;
}


static void
make_body(qsn_buf_t *body, long number, long rows)
{
    qsn_buf_printf(body, "{\"op\": \"add_table_data\", \"identity\": "
                   "\"host%ld\", \"table\": {\"tablename\": \"bench\", "
                   "\"column_names\": [\"host\", \"dc\", \"a\", \"b\", "
                   "\"c\"], \"column_types\": [\"text\", \"text\", \"int\", "
                   "\"int\", \"int\"], \"rows\": [", number);

    for (long i = 0; i < rows; i++) {
        qsn_buf_printf(body, "%s[\"host%ld.example.net\", \"BOS\", %ld, "
                       "%ld, %ld]", i ? ", " : "", number % 1000, i, i * 7919,
                       i % 97);
    }

    qsn_buf_string(body, "]}}");

    if (body->failed) {
        die("memory");
    }
}


static int
publish(generation_t *generation, const qsn_buf_t *body)
{
    request_t request;
    int rc = -1;

    request_init(&request, &limits);

    request_json_t *json = request_json_create(&request);

    if (json && request_json_feed(json, body->data, body->length) == 0
        && request_json_finish(json) == 0
        && request_check_table(&request) == 0
        && report_apply(&generation->store, &request) == REPORT_TAKEN)
    {
        rc = 0;
    }

    request_json_destroy(json);
    request_free(&request);

    return rc;
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-reference: %s\n", what);
    exit(1);
}
