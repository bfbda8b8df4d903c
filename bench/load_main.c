/*
 * A load generator for one kind of request.
 *
 *   bench-load --port PORT [OPTION VALUE]...
 *
 *   --connections N    kept alive, 1
 *   --seconds S        how long, 1
 *   --requests N       or how many
 *   --rate N           a second, at even distances, whether or not the
 *                      server keeps up: a request's time counts from when it
 *                      was due.  Without it each connection sends its next
 *                      request when it has its reply.
 *   --target PATH      of the request
 *   --body FILE        of a POST; without it a GET
 *   --lines FILE       bodies of POSTs, one a line, the same line always on
 *                      the same connection
 *   --expect TEXT      what the beginning of a good reply's body has in it
 *   --first N          the first number
 *   --modulo N         numbers are 1 to N
 *   --bind ADDRESS     of this end
 *   --log FILE         a line for each request: when it was due (us on the
 *                      monotonic clock), its time in us, its status (0:
 *                      none), 1 if it was good, the generation in its head
 *   --drain S          how long to wait for late replies, 10
 *
 * "@@@@@@@@" in the target or the body is a number of eight digits that
 * differs in each request.  Only status 200 with the expected text counts.
 * Prints, separated by tabs: good replies a second, good ones, others,
 * median, p99 and longest time in us, bytes of the last body.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "http.h"
#include "latency.h"
#include "tcp.h"

#define MARK        "@@@@@@@@"
#define DIGITS      8
#define EVENTS      256
#define LINES_MAX   1024

/* A whole request, without its number. */
typedef struct {
    char *before;
    size_t before_length;
    const char *after;
    size_t after_length;
    int numbered;
} template_t;

typedef struct {
    http_t http;
    const template_t *template;
    uint64_t due;
    int busy;
    int writing;                /* waits for EPOLLOUT */
    char number[DIGITS + 1];
} connection_t;

enum {
    OPT_PORT = 1, OPT_CONNECTIONS, OPT_SECONDS, OPT_REQUESTS, OPT_RATE,
    OPT_TARGET, OPT_BODY, OPT_LINES, OPT_EXPECT, OPT_FIRST, OPT_MODULO,
    OPT_BIND, OPT_LOG, OPT_DRAIN
};

static void parse(int argc, char **argv);
static void make_templates(void);
static void make_template(template_t *template, const char *body,
    size_t length);
static char *slurp(const char *path, size_t *length);
static void open_connection(connection_t *connection);
static void listen_to(connection_t *connection, int op);
static void start(connection_t *connection, uint64_t due);
static void on_event(connection_t *connection);
static void finish(connection_t *connection, int good);
static void start_due(void);
static void run(void);
static void print_result(uint64_t began);
static void die(const char *what);

static struct {
    unsigned port;
    unsigned connections;
    double seconds;
    uint64_t requests;
    double rate;
    const char *target;
    const char *body;
    const char *lines;
    const char *expect;
    uint64_t first;
    uint64_t modulo;
    const char *bind;
    const char *log;
    double drain;
} options = {
    .connections = 1, .seconds = 1, .target = "/", .expect = "",
    .modulo = 99999999, .drain = 10
};

static template_t templates[LINES_MAX];
static unsigned template_count;
static connection_t *connections;
static struct sockaddr_in to, from;
static int poll_fd, timer_fd;
static uint64_t begins, ends, sent, good, bad, last_body, finished_at;
static unsigned busy;
static latency_t times;
static FILE *log_file;


int
main(int argc, char **argv)
{
    parse(argc, argv);
    make_templates();
    to = tcp_address(NULL, options.port);
    from = tcp_address(options.bind, 0);

    if (options.log && (log_file = fopen(options.log, "w")) == NULL) {
        die(options.log);
    }

    connections = calloc(options.connections, sizeof(*connections));
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    struct epoll_event timer = { .events = EPOLLIN, .data.ptr = NULL };

    if (connections == NULL || poll_fd < 0 || timer_fd < 0
        || epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &timer) != 0)
    {
        die("epoll");
    }

    for (unsigned i = 0; i < options.connections; i++) {
        connections[i].template = &templates[i % template_count];
        open_connection(&connections[i]);
    }

    run();
    print_result(begins);

    if (log_file && fclose(log_file) != 0) {
        die(options.log);
    }

    return 0;
}


static void
parse(int argc, char **argv)
{
    static const struct option known[] = {
        { "port", required_argument, NULL, OPT_PORT },
        { "connections", required_argument, NULL, OPT_CONNECTIONS },
        { "seconds", required_argument, NULL, OPT_SECONDS },
        { "requests", required_argument, NULL, OPT_REQUESTS },
        { "rate", required_argument, NULL, OPT_RATE },
        { "target", required_argument, NULL, OPT_TARGET },
        { "body", required_argument, NULL, OPT_BODY },
        { "lines", required_argument, NULL, OPT_LINES },
        { "expect", required_argument, NULL, OPT_EXPECT },
        { "first", required_argument, NULL, OPT_FIRST },
        { "modulo", required_argument, NULL, OPT_MODULO },
        { "bind", required_argument, NULL, OPT_BIND },
        { "log", required_argument, NULL, OPT_LOG },
        { "drain", required_argument, NULL, OPT_DRAIN },
        { NULL, 0, NULL, 0 }
    };
    int c;

    while ((c = getopt_long_only(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case OPT_PORT: options.port = (unsigned) atoi(optarg); break;
        case OPT_CONNECTIONS:
            options.connections = (unsigned) atoi(optarg);
            break;
        case OPT_SECONDS: options.seconds = atof(optarg); break;
        case OPT_REQUESTS: options.requests = strtoull(optarg, 0, 10); break;
        case OPT_RATE: options.rate = atof(optarg); break;
        case OPT_TARGET: options.target = optarg; break;
        case OPT_BODY: options.body = optarg; break;
        case OPT_LINES: options.lines = optarg; break;
        case OPT_EXPECT: options.expect = optarg; break;
        case OPT_FIRST: options.first = strtoull(optarg, 0, 10); break;
        case OPT_MODULO: options.modulo = strtoull(optarg, 0, 10); break;
        case OPT_BIND: options.bind = optarg; break;
        case OPT_LOG: options.log = optarg; break;
        case OPT_DRAIN: options.drain = atof(optarg); break;
        default: exit(2);
        }
    }

    if (options.port == 0 || options.connections == 0 || optind < argc
        || options.modulo == 0)
    {
        (void) fprintf(stderr, "usage: bench-load --port PORT "
                       "[OPTION VALUE]...\n");
        exit(2);
    }
}


static void
make_templates(void)
{
    size_t length;

    if (options.body) {
        char *body = slurp(options.body, &length);

        make_template(&templates[template_count++], body, length);

    } else if (options.lines) {
        char *body = slurp(options.lines, &length);

        for (char *line = strtok(body, "\n"); line; line = strtok(NULL, "\n"))
        {
            if (template_count == LINES_MAX) {
                die("too many lines");
            }

            make_template(&templates[template_count++], line, strlen(line));
        }

    } else {
        make_template(&templates[template_count++], NULL, 0);
    }

    if (template_count == 0) {
        die("no bodies");
    }
}


static void
make_template(template_t *template, const char *body, size_t length)
{
    char *text;
    int head = body
        ? asprintf(&text, "POST %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n", options.target, length)
        : asprintf(&text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                   options.target);

    if (head < 0 || (text = realloc(text, (size_t) head + length + 1)) == NULL)
    {
        die("memory");
    }

    memcpy(text + head, body ? body : "", length);
    text[(size_t) head + length] = '\0';

    char *mark = strstr(text, MARK);

    template->numbered = mark != NULL;
    template->before = text;
    template->before_length = mark ? (size_t) (mark - text)
                                   : (size_t) head + length;
    template->after = text + template->before_length
                      + (mark ? DIGITS : 0);
    template->after_length = strlen(template->after);
}


static char *
slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    *length = 0;

    do {
        size += 1024 * 1024;
        text = realloc(text, size + 1);

        if (file == NULL || text == NULL) {
            die(path);
        }

        *length += fread(text + *length, 1, size - *length, file);
    } while (*length == size);

    text[*length] = '\0';
    (void) fclose(file);

    return text;
}


static void
open_connection(connection_t *connection)
{
    if (http_open(&connection->http, &to, options.bind ? &from : NULL) != 0) {
        die("connect");
    }

    connection->writing = 0;
    listen_to(connection, EPOLL_CTL_ADD);
}


static void
listen_to(connection_t *connection, int op)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->writing ? EPOLLOUT : 0),
        .data.ptr = connection
    };

    if (epoll_ctl(poll_fd, op, connection->http.fd, &event) != 0) {
        die("epoll_ctl");
    }
}


static void
start(connection_t *connection, uint64_t due)
{
    const template_t *template = connection->template;
    struct iovec parts[OUTGOING_PARTS] = {
        { template->before, template->before_length },
        { connection->number, DIGITS },
        { (char *) template->after, template->after_length }
    };

    if (template->numbered) {
        (void) snprintf(connection->number, sizeof(connection->number),
                        "%08" PRIu64, (options.first + sent) % options.modulo
                                      % 99999999 + 1);
    }

    sent++;
    busy++;
    connection->busy = 1;
    connection->due = due;

    if (http_send(&connection->http, parts, template->numbered ? 3 : 1) != 0)
    {
        finish(connection, 0);
        return;
    }

    if (connection->http.out.count) {
        connection->writing = 1;
        listen_to(connection, EPOLL_CTL_MOD);
    }
}


static void
on_event(connection_t *connection)
{
    http_t *http = &connection->http;

    if (connection->writing) {
        if (http_write(http) != 0) {
            finish(connection, 0);
            return;
        }

        if (http->out.count == 0) {
            connection->writing = 0;
            listen_to(connection, EPOLL_CTL_MOD);
        }
    }

    switch (http_read(http)) {

    case HTTP_AGAIN:
        return;

    case HTTP_DONE:
        finish(connection, http_is_ok(http, options.expect));
        return;

    case HTTP_CLOSED:
        http->status = 0;
        finish(connection, 0);
        return;
    }
}


static void
finish(connection_t *connection, int is_good)
{
    http_t *http = &connection->http;

    if (connection->busy) {
        finished_at = latency_now_us();

        uint64_t us = finished_at - connection->due;

        latency_add(&times, us);
        good += (uint64_t) is_good;
        bad += (uint64_t) !is_good;
        last_body = http->body;

        if (!is_good && bad == 1) {
            (void) fprintf(stderr, "bench-load: the first that is not good: "
                           "%d %s\n", http->status, http->text);
        }

        if (log_file) {
            (void) fprintf(log_file, "%" PRIu64 "\t%" PRIu64 "\t%d\t%d\t%"
                           PRIu64 "\n", connection->due, us, http->status,
                           is_good, http->generation);
        }

        connection->busy = 0;
        busy--;
    }

    if (!is_good && (http->status == 0 || http->out.count > 0)) {
        http_close(http);
        open_connection(connection);
    }

    if (options.rate <= 0
        && (options.requests ? sent < options.requests
                             : latency_now_us() < ends))
    {
        start(connection, latency_now_us());
    }
}


/* What is due by now goes to idle connections, and the timer to the next. */
static void
start_due(void)
{
    uint64_t total = options.requests
        ? options.requests : (uint64_t) (options.rate * options.seconds);
    uint64_t now = latency_now_us();
    uint64_t due = 0;

    for (unsigned i = 0; i < options.connections && sent < total; i++) {
        due = begins + (uint64_t) ((double) sent * 1e6 / options.rate);

        if (due > now) {
            break;
        }

        if (!connections[i].busy) {
            start(&connections[i], due);
        }
    }

    due = begins + (uint64_t) ((double) sent * 1e6 / options.rate);

    if (sent < total && due > now) {
        struct itimerspec at = {
            .it_value = { .tv_sec = (time_t) (due / 1000000),
                          .tv_nsec = (long) (due % 1000000) * 1000 }
        };

        (void) timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    }
}


static void
run(void)
{
    struct epoll_event events[EVENTS];

    begins = finished_at = latency_now_us();
    ends = begins + (uint64_t) (options.seconds * 1e6);

    for (unsigned i = 0; options.rate <= 0 && i < options.connections; i++) {
        if (!options.requests || sent < options.requests) {
            start(&connections[i], latency_now_us());
        }
    }

    for (;;) {
        uint64_t now = latency_now_us();

        if (options.rate > 0) {
            start_due();
        }

        /* open loop: late replies are waited for; else the time is up */
        if (options.requests ? sent >= options.requests && busy == 0
            : options.rate > 0 ? now >= ends && busy == 0 : now >= ends)
        {
            break;
        }

        if (now >= ends + (uint64_t) (options.drain * 1e6)) {
            break;
        }

        int count = epoll_wait(poll_fd, events, EVENTS, 100);

        for (int i = 0; i < count; i++) {
            uint64_t expired;

            if (events[i].data.ptr) {
                on_event(events[i].data.ptr);
            } else {
                (void) !read(timer_fd, &expired, sizeof(expired));
            }
        }
    }
}


/* What never came is as bad as it is old. */
static void
print_result(uint64_t began)
{
    double seconds = (double) (finished_at - began) / 1e6;

    for (unsigned i = 0; i < options.connections; i++) {
        connection_t *connection = &connections[i];

        if (connection->busy && (options.rate > 0 || options.requests)) {
            uint64_t us = latency_now_us() - connection->due;

            latency_add(&times, us);
            bad++;

            if (log_file) {
                (void) fprintf(log_file, "%" PRIu64 "\t%" PRIu64 "\t0\t0\t0"
                               "\n", connection->due, us);
            }
        }
    }

    (void) printf("%.2f\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
                  "\t%" PRIu64 "\t%" PRIu64 "\n",
                  seconds > 0 ? (double) good / seconds : 0, good, bad,
                  latency_at(&times, 0.5), latency_at(&times, 0.99),
                  times.max, last_body);
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
    exit(1);
}
