/*
 * A fleet against a server that runs: publishers in processes of their own
 * (shares.h), and here what goes on beside them: queries, a look at every
 * snapshot, the server's processes.
 *
 *   bench-fleet --http PORT --pubsub PORT --pid PID [OPTION VALUE]...
 *
 *   --zmq PORT         publish over ZeroMQ; queries go over HTTP
 *   --publishers N     100
 *   --tables N         of each, 10
 *   --rows N           of a table from each, 20
 *   --generations N    that are measured, after one that is not, 3
 *   --queries N        a second, 20: a row, 100 rows, an aggregate, SHOW
 *                      TABLES by turns
 *   --delay S          longest wait after the signal, 15, and never more
 *                      than half a generation
 *   --connects N       new publishers a second, 1000
 *   --processes N      of publishers, 2
 *   --files DIRECTORY  whose files are counted as the server's memory, too;
 *                      any number of times
 *   --header           the names of the columns first
 *
 * For every measured generation each table is counted in its snapshot: it
 * must have the rows that were acknowledged into it, those of all publishers.
 * Prints one line, separated by tabs, and the first error on stderr.  The
 * exit status is 1 where a row is missing.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "http.h"
#include "latency.h"
#include "publishers.h"
#include "shares.h"
#include "usage.h"
#include "zmtp.h"

#define ASKERS          8
#define TICK_MS         1
#define TICK_US         2000            /* what is due may be that late */
#define LOOK_US         500000          /* at the server's memory */
#define SETTLE_MAX_US   1000000         /* replies on their way at a signal */
#define PATIENCE_US     300000000       /* for the next signal, */
#define CONNECT_US      60000000        /* and for all to be connected, twice
                                           the time they take themselves */

/* A connection that asks. */
typedef struct {
    http_t http;
    char request[512];
    uint64_t due;
    int busy;
} asker_t;

enum {
    OPT_HTTP = 1, OPT_ZMQ, OPT_PUBSUB, OPT_PID, OPT_PUBLISHERS, OPT_TABLES,
    OPT_ROWS, OPT_GENERATIONS, OPT_QUERIES, OPT_DELAY, OPT_CONNECTS,
    OPT_PROCESSES, OPT_FILES, OPT_HEADER
};

static void parse(int argc, char **argv);
static void run(void);
static void check_connected(void);
static int on_signal(void);
static uint64_t settle_us(void);
static void begin_measuring(void);
static void open_asker(asker_t *asker);
static void wake_by(int fd);
static void ask(asker_t *asker, const char *sql, uint64_t due);
static void ask_due(void);
static void on_answer(asker_t *asker);
static void count_next(void);
static void on_count(void);
static int print_result(void);
static void die(const char *what);

static publishers_options_t options = {
    .tables = 10, .rows = 20, .connects_per_s = 1000, .delay_max_ms = 15000
};
static unsigned http_port, publisher_count = 100, process_count = 2;
static unsigned wanted_generations = 3;
static double queries_per_s = 20;
static int header;
static int poll_fd;

static struct sockaddr_in query_to;
static zmtp_t subscription;
static asker_t askers[ASKERS + 1];      /* the last one counts rows */
static asker_t *const counter = &askers[ASKERS];
static uint64_t asked, query_good, query_bad, queries_began;
static latency_t query_times;

static uint64_t collecting;             /* generation that is collected */
static uint64_t served;                 /* the snapshot */
static double duration_s;
static unsigned measured;               /* generations that have ended */
static uint64_t measuring_at;           /* 0: not yet */
static uint64_t count_at;               /* look at the snapshot from then on */
static unsigned count_table;
static uint64_t rows_acked, rows_seen, rows_wanted, generations_whole;
static unsigned generations_counted;
static int generation_whole;

static usage_t usage;


int
main(int argc, char **argv)
{
    parse(argc, argv);
    shares_start(&options, publisher_count, process_count);
    run();
    shares_stop();

    return print_result();
}


static void
parse(int argc, char **argv)
{
    static const struct option known[] = {
        { "http", required_argument, NULL, OPT_HTTP },
        { "zmq", required_argument, NULL, OPT_ZMQ },
        { "pubsub", required_argument, NULL, OPT_PUBSUB },
        { "pid", required_argument, NULL, OPT_PID },
        { "publishers", required_argument, NULL, OPT_PUBLISHERS },
        { "tables", required_argument, NULL, OPT_TABLES },
        { "rows", required_argument, NULL, OPT_ROWS },
        { "generations", required_argument, NULL, OPT_GENERATIONS },
        { "queries", required_argument, NULL, OPT_QUERIES },
        { "delay", required_argument, NULL, OPT_DELAY },
        { "connects", required_argument, NULL, OPT_CONNECTS },
        { "processes", required_argument, NULL, OPT_PROCESSES },
        { "files", required_argument, NULL, OPT_FILES },
        { "header", no_argument, NULL, OPT_HEADER },
        { NULL, 0, NULL, 0 }
    };
    int c;

    while ((c = getopt_long_only(argc, argv, "", known, NULL)) != -1) {
        unsigned number = optarg ? (unsigned) atoi(optarg) : 0;

        switch (c) {
        case OPT_HTTP: http_port = number; break;
        case OPT_ZMQ:
            options.use_zmq = 1;
            options.port = number;
            break;
        case OPT_PUBSUB: options.pubsub_port = number; break;
        case OPT_PID: usage.server_pid = (pid_t) number; break;
        case OPT_PUBLISHERS: publisher_count = number; break;
        case OPT_TABLES: options.tables = number; break;
        case OPT_ROWS: options.rows = number; break;
        case OPT_GENERATIONS: wanted_generations = number; break;
        case OPT_QUERIES: queries_per_s = atof(optarg); break;
        case OPT_DELAY:
            options.delay_max_ms = (unsigned) (atof(optarg) * 1000);
            break;
        case OPT_CONNECTS: options.connects_per_s = number; break;
        case OPT_PROCESSES: process_count = number; break;
        case OPT_HEADER: header = 1; break;
        case OPT_FILES:
            if (usage.directory_count < USAGE_DIRECTORIES) {
                usage.directories[usage.directory_count++] = optarg;
            }
            break;
        default: exit(2);
        }
    }

    if (optind < argc || http_port == 0 || options.pubsub_port == 0
        || usage.server_pid == 0 || process_count < 1
        || process_count > SHARES_MAX || options.tables < 1
        || options.tables > PUBLISHERS_TABLES || options.connects_per_s < 1)
    {
        (void) fprintf(stderr, "usage: bench-fleet --http PORT --pubsub PORT "
                       "--pid PID [OPTION VALUE]...\n");
        exit(2);
    }

    options.port = options.use_zmq ? options.port : http_port;
}


static void
run(void)
{
    struct epoll_event events[ASKERS + 2];
    struct sockaddr_in signal_to = tcp_address(NULL, options.pubsub_port);
    uint64_t heard_at = latency_now_us();
    uint64_t connected_by = heard_at + CONNECT_US
        + 2000000ull * publisher_count / options.connects_per_s;
    uint64_t look_at = 0;

    query_to = tcp_address(NULL, http_port);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (poll_fd < 0 || zmtp_open(&subscription, ZMTP_SUB, &signal_to) != 0) {
        die("subscribe");
    }

    wake_by(subscription.fd);

    while (generations_counted < wanted_generations) {
        uint64_t now = latency_now_us();

        (void) epoll_wait(poll_fd, events, ASKERS + 2, TICK_MS);

        if (zmtp_write(&subscription) != 0) {
            die("the subscription");
        }

        if (on_signal()) {
            heard_at = now;
        }

        if (now - heard_at > PATIENCE_US) {
            (void) fprintf(stderr, "bench-fleet: no generation signal\n");
            exit(1);
        }

        if (!measuring_at && now > connected_by) {
            check_connected();
        }

        for (unsigned i = 0; i <= ASKERS; i++) {
            if (askers[i].busy) {
                on_answer(&askers[i]);
            }
        }

        if (measuring_at && queries_per_s > 0) {
            ask_due();
        }

        if (count_at && now >= count_at && !counter->busy) {
            count_next();
        }

        if (now >= look_at) {
            look_at = now + LOOK_US;
            usage_look(&usage);
        }
    }
}


/* Some may never be: a server takes as many as it has descriptors for. */
static void
check_connected(void)
{
    uint64_t count = shares_connected();

    if (count < publisher_count) {
        (void) fprintf(stderr, "bench-fleet: %" PRIu64 " of %u publishers are "
                       "connected\n", count, publisher_count);
        exit(1);
    }
}


/* 1: a generation ended, another one began. */
static int
on_signal(void)
{
    enum zmtp_event event = zmtp_read(&subscription);

    if (event == ZMTP_CLOSED) {
        die("the subscription broke");
    }

    if (event == ZMTP_AGAIN) {
        return 0;
    }

    const char *json = subscription.text
                       + strlen(subscription.text) + 1;

    served = collecting;
    collecting = (uint64_t) publishers_json_number(json,
                                                   "generation_number");
    duration_s = publishers_json_number(json, "generation_duration_s");

    if (measuring_at && measured < wanted_generations) {
        measured++;
        usage_generation(&usage);

        shares_measure(measured < wanted_generations);
        count_at = latency_now_us() + settle_us();
        count_table = 0;
        generation_whole = 1;

    } else if (!measuring_at) {
        static int warmed_up;

        if (warmed_up) {
            begin_measuring();
        }

        warmed_up = shares_connected() == publisher_count;
    }

    return 1;
}


static uint64_t
settle_us(void)
{
    uint64_t share = (uint64_t) (duration_s * 1e6 / 4);

    return share < SETTLE_MAX_US ? share : SETTLE_MAX_US;
}


static void
begin_measuring(void)
{
    measuring_at = queries_began = latency_now_us();

    for (unsigned i = 0; i <= ASKERS; i++) {
        open_asker(&askers[i]);
    }

    shares_measure(1);
    usage_generation(&usage);
}


static void
open_asker(asker_t *asker)
{
    asker->busy = 0;

    if (http_open(&asker->http, &query_to, NULL) != 0) {
        die("connect to ask");
    }

    wake_by(asker->http.fd);
}


static void
wake_by(int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}


static void
ask(asker_t *asker, const char *sql, uint64_t due)
{
    int length = snprintf(asker->request, sizeof(asker->request),
                          "GET /request?op=query&sql=%s HTTP/1.1\r\n"
                          "Host: localhost\r\n\r\n", sql);
    struct iovec part = { asker->request, (size_t) length };

    /* nginx has closed it: nobody asked on it for a minute or more */
    if (http_read(&asker->http) == HTTP_CLOSED) {
        http_close(&asker->http);
        open_asker(asker);
    }

    asker->due = due;
    asker->busy = 1;

    if (http_send(&asker->http, &part, 1) != 0) {
        die("ask");
    }
}


static void
ask_due(void)
{
    uint64_t now = latency_now_us();

    if (measured >= wanted_generations) {
        return;
    }

    for (unsigned i = 0; i < ASKERS; i++) {
        uint64_t due = queries_began
                       + (uint64_t) ((double) asked * 1e6 / queries_per_s);
        unsigned table = (unsigned) (asked / 4 % options.tables);
        unsigned row = (unsigned) (asked * 7919
                                   % ((uint64_t) publisher_count
                                      * options.rows)) + 1;
        char sql[256];

        if (due > now) {
            return;
        }

        if (askers[i].busy) {
            continue;
        }

        switch (asked++ % 4) {

        case 0:
            (void) snprintf(sql, sizeof(sql), "select+*+from+fleet_%u+where"
                            "+rowid+%%3D+%u", table, row);
            break;

        case 1:
            (void) snprintf(sql, sizeof(sql), "select+*+from+fleet_%u+where"
                            "+rowid+%%3E+%u+limit+100", table, row);
            break;

        case 2:
            (void) snprintf(sql, sizeof(sql), "select+dc,count(*),sum(a),"
                            "max(c)+from+fleet_%u+group+by+dc", table);
            break;

        default:
            (void) snprintf(sql, sizeof(sql), "show+tables");
            break;
        }

        ask(&askers[i], sql, due + TICK_US < now ? due : now);
    }
}


static void
on_answer(asker_t *asker)
{
    http_t *http = &asker->http;
    enum http_event event = http_write(http) == 0 ? http_read(http)
                                                  : HTTP_CLOSED;

    if (event == HTTP_AGAIN) {
        return;
    }

    int good = event == HTTP_DONE
               && http_is_ok(http, "\"response_op\": \"result_table\"");

    asker->busy = 0;

    if (!good) {
        (void) fprintf(stderr, "bench-fleet: a query: %d %s\n", http->status,
                       http->text);
    }

    if (asker == counter) {
        on_count();
    } else {
        query_good += (uint64_t) good;
        query_bad += (uint64_t) !good;
        latency_add(&query_times, latency_now_us() - asker->due);
    }

    if (event == HTTP_CLOSED) {
        http_close(http);
        open_asker(asker);
    }
}


/* Counts the next table of the snapshot. */
static void
count_next(void)
{
    char sql[64];

    (void) snprintf(sql, sizeof(sql), "select+count(*)+from+fleet_%u",
                    count_table);
    ask(counter, sql, 0);
}


static void
on_count(void)
{
    const char *at = strstr(counter->http.text, "\"rows\": [[\"");
    uint64_t rows = at ? strtoull(at + strlen("\"rows\": [[\""), NULL, 10)
                       : 0;
    uint64_t wanted = (uint64_t) publisher_count * options.rows;
    uint64_t acked = shares_acked(served, count_table) * options.rows;

    if (counter->http.generation != served || rows != acked
        || rows != wanted)
    {
        (void) fprintf(stderr, "bench-fleet: generation %" PRIu64 ", table "
                       "%u: %" PRIu64 " rows were acknowledged, snapshot %"
                       PRIu64 " has %" PRIu64 ", %" PRIu64 " are of all "
                       "publishers\n", served, count_table, acked,
                       counter->http.generation, rows, wanted);
        generation_whole = 0;
    }

    rows_acked += acked;
    rows_seen += rows;
    rows_wanted += wanted;

    if (++count_table == options.tables) {
        count_at = 0;
        generations_counted++;
        generations_whole += (uint64_t) generation_whole;
    }
}


static int
print_result(void)
{
    publishers_shared_t all = { 0 };
    double cores = (double) sysconf(_SC_NPROCESSORS_ONLN);
    double wall_ms = (double) usage.wall_us / 1000;

    shares_add_up(&all);

    if (header) {
        (void) printf("publishers\ttables\trows\ttransport\tduration_s\t"
                      "generations\twhole\tacked\trefused\tbroken\tlate\t"
                      "rows_acked\trows_seen\trows_wanted\tpublish_p50_us\t"
                      "publish_p99_us\tpublish_max_us\tsignal_p99_us\t"
                      "queries\tquery_errors\tquery_p50_us\tquery_p99_us\t"
                      "query_max_us\tpublishes_per_s\tserver_cpu_min\t"
                      "server_cpu_percent\tserver_cpu_max\t"
                      "generator_cpu\tprivate_mib\tworker_mib\t"
                      "query_mib\tnginx_mib\tbridge_mib\tfiles_mib\n");
    }

    (void) printf("%u\t%u\t%u\t%s\t%g\t%u\t%" PRIu64, publisher_count,
                  options.tables, options.rows,
                  options.use_zmq ? "zmq" : "http", duration_s,
                  generations_counted, generations_whole);
    (void) printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%"
                  PRIu64 "\t%" PRIu64 "\t%" PRIu64, all.acked, all.refused,
                  all.failed, all.late, rows_acked, rows_seen, rows_wanted);
    (void) printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64,
                  latency_at(&all.publish, 0.5),
                  latency_at(&all.publish, 0.99), all.publish.max,
                  latency_at(&all.signal, 0.99));
    (void) printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%"
                  PRIu64, query_good, query_bad,
                  latency_at(&query_times, 0.5),
                  latency_at(&query_times, 0.99), query_times.max);
    (void) printf("\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f",
                  (double) rows_acked / options.rows * 1000 / wall_ms,
                  100 * usage.share_min / cores,
                  100 * (double) usage.server_ms / wall_ms / cores,
                  100 * usage.share_max / cores,
                  100 * (double) usage.generator_ms / wall_ms / cores);
    (void) printf("\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n",
                  (double) usage.private_kib / 1024,
                  (double) usage.worker_kib / 1024,
                  (double) usage.query_kib / 1024,
                  (double) usage.nginx_kib / 1024,
                  (double) usage.bridge_kib / 1024,
                  (double) usage.files_kib / 1024);

    return generations_whole == wanted_generations && all.refused == 0
           && all.failed == 0 && query_bad == 0 ? 0 : 1;
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-fleet: %s: %s\n", what, strerror(errno));
    exit(1);
}
