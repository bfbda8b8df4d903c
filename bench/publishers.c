#include "publishers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "http.h"
#include "zmtp.h"

#define EVENTS     512
#define TICK_MS    4
#define WHEEL_MS   65536                /* longer than any delay */
#define RETRY_MS   1000
#define SIGNAL     "GENSIG"
#define SIGNAL_SIZE  7                  /* with the NUL */
#define ROW_SIZE   96

enum endpoint_kind { ENDPOINT_SIGNAL, ENDPOINT_HTTP, ENDPOINT_ZMQ };

typedef struct publisher_s publisher_t;

/* What an epoll event points to. */
typedef struct {
    enum endpoint_kind kind;
    publisher_t *publisher;
    int writing;                /* waits for EPOLLOUT */
} endpoint_t;

struct publisher_s {
    unsigned number;
    unsigned table;             /* the next one to publish */
    int in_round;
    int round_again;            /* a signal came in the middle of a round */
    int counted;                /* in shared->connected */
    endpoint_t signal_end;
    endpoint_t publish_end;
    zmtp_t signal;
    union {
        http_t http;
        zmtp_t zmtp;
    } link;
    char *request;              /* being sent, or waiting for its reply */
    uint64_t sent_at;
    publisher_t *next;          /* in the same slot of the wheel */
};

static void connect_some(void);
static void open_link(publisher_t *publisher);
static void open_signal(publisher_t *publisher);
static void watch(endpoint_t *endpoint, int fd, int op, int writing);
static void on_event(endpoint_t *endpoint);
static void on_signal(publisher_t *publisher);
static void on_http(publisher_t *publisher);
static void on_zmq(publisher_t *publisher);
static void count_connected(publisher_t *publisher);
static void schedule(publisher_t *publisher, uint64_t delay_ms);
static void turn_wheel(void);
static void publish(publisher_t *publisher);
static char *make_request(const publisher_t *publisher, size_t *length);
static void on_reply(publisher_t *publisher, int status, const char *text);
static void on_broken(publisher_t *publisher);
static void count_acked(uint64_t number, unsigned table);
static void note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static uint64_t random_below(uint64_t limit);
static void die(const char *what);

static const publishers_options_t *options;
static publishers_shared_t *shared;
static publisher_t *publishers;
static publisher_t *wheel[WHEEL_MS];
static uint64_t wheel_ms;               /* up to which it has turned */
static unsigned opened;
static struct sockaddr_in publish_to, signal_to;
static int poll_fd;
static uint64_t random_state;
static uint64_t signal_number, signal_first_at;
static double duration_s;


void
publishers_run(const publishers_options_t *given, publishers_shared_t *memory)
{
    struct epoll_event events[EVENTS];

    options = given;
    shared = memory;
    random_state = given->first + 1;
    publish_to = tcp_address(NULL, given->port);
    signal_to = tcp_address(NULL, given->pubsub_port);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    publishers = calloc(given->count, sizeof(*publishers));
    wheel_ms = latency_now_us() / 1000;

    if (poll_fd < 0 || publishers == NULL) {
        die("start");
    }

    while (!shared->stopping) {
        if (opened < options->count) {
            connect_some();
        }

        int count = epoll_wait(poll_fd, events, EVENTS, TICK_MS);

        for (int i = 0; i < count; i++) {
            on_event(events[i].data.ptr);
        }

        turn_wheel();
    }
}


uint64_t
publishers_acked(const publishers_shared_t *memory, uint64_t number,
    unsigned table)
{
    for (unsigned i = 0; i < PUBLISHERS_GENERATIONS; i++) {
        if (memory->generations[i].number == number) {
            return memory->generations[i].acked[table];
        }
    }

    return 0;
}


double
publishers_json_number(const char *text, const char *key)
{
    char name[64];

    (void) snprintf(name, sizeof(name), "\"%s\": ", key);

    const char *at = strstr(text, name);

    return at ? strtod(at + strlen(name), NULL) : 0;
}


/* As many as are due since the start, at that rate. */
static void
connect_some(void)
{
    static uint64_t began;
    uint64_t now = latency_now_us();

    began = began ? began : now;

    uint64_t due = (now - began) * options->connects_per_s / 1000000 + 1;

    for (; opened < options->count && opened < due; opened++) {
        publisher_t *publisher = &publishers[opened];

        publisher->number = options->first + opened;
        publisher->signal_end.kind = ENDPOINT_SIGNAL;
        publisher->signal_end.publisher = publisher;
        publisher->publish_end.kind = options->use_zmq ? ENDPOINT_ZMQ
                                                       : ENDPOINT_HTTP;
        publisher->publish_end.publisher = publisher;
        open_signal(publisher);
        open_link(publisher);
    }
}


static void
open_link(publisher_t *publisher)
{
    int rc = options->use_zmq
        ? zmtp_open(&publisher->link.zmtp, ZMTP_REQ, &publish_to)
        : http_open(&publisher->link.http, &publish_to, NULL);

    if (rc != 0) {
        die("connect to publish");
    }

    watch(&publisher->publish_end,
          options->use_zmq ? publisher->link.zmtp.fd
                           : publisher->link.http.fd,
          EPOLL_CTL_ADD, 1);
}


static void
open_signal(publisher_t *publisher)
{
    if (zmtp_open(&publisher->signal, ZMTP_SUB, &signal_to) != 0) {
        die("connect to subscribe");
    }

    watch(&publisher->signal_end, publisher->signal.fd, EPOLL_CTL_ADD, 1);
}


static void
watch(endpoint_t *endpoint, int fd, int op, int writing)
{
    struct epoll_event event = {
        .events = EPOLLIN | (writing ? EPOLLOUT : 0),
        .data.ptr = endpoint
    };

    endpoint->writing = writing;

    if (epoll_ctl(poll_fd, op, fd, &event) != 0) {
        die("epoll_ctl");
    }
}


static void
on_event(endpoint_t *endpoint)
{
    switch (endpoint->kind) {
    case ENDPOINT_SIGNAL: on_signal(endpoint->publisher); break;
    case ENDPOINT_HTTP: on_http(endpoint->publisher); break;
    case ENDPOINT_ZMQ: on_zmq(endpoint->publisher); break;
    }
}


static void
on_signal(publisher_t *publisher)
{
    zmtp_t *signal = &publisher->signal;
    enum zmtp_event event = zmtp_write(signal) == 0 ? zmtp_read(signal)
                                                    : ZMTP_CLOSED;

    if (publisher->signal_end.writing && signal->out.count == 0
        && event != ZMTP_CLOSED)
    {
        watch(&publisher->signal_end, signal->fd, EPOLL_CTL_MOD, 0);
    }

    count_connected(publisher);

    if (event == ZMTP_CLOSED) {
        note("a subscription broke: %s", strerror(errno));
        zmtp_close(signal);
        open_signal(publisher);
        return;
    }

    if (event == ZMTP_AGAIN || signal->text_length <= SIGNAL_SIZE
        || strcmp(signal->text, SIGNAL) != 0)
    {
        return;
    }

    const char *json = signal->text + SIGNAL_SIZE;
    uint64_t number = (uint64_t) publishers_json_number(json,
                                                    "generation_number");

    if (number != signal_number) {
        signal_number = number;
        signal_first_at = latency_now_us();
        duration_s = publishers_json_number(json, "generation_duration_s");
    }

    if (shared->measuring) {
        latency_add(&shared->signal, latency_now_us() - signal_first_at);
    }

    if (publisher->in_round) {
        shared->late += (uint64_t) shared->measuring;
        publisher->round_again = 1;
        return;
    }

    uint64_t delay = options->delay_max_ms;

    if (delay > (uint64_t) (duration_s * 500)) {
        delay = (uint64_t) (duration_s * 500);
    }

    publisher->in_round = 1;
    publisher->table = 0;
    schedule(publisher, random_below(delay + 1));
}


static void
on_http(publisher_t *publisher)
{
    http_t *http = &publisher->link.http;

    if (http_write(http) != 0) {
        on_broken(publisher);
        return;
    }

    if (publisher->publish_end.writing && http->out.count == 0) {
        watch(&publisher->publish_end, http->fd, EPOLL_CTL_MOD, 0);
    }

    switch (http_read(http)) {

    case HTTP_AGAIN:
        break;

    case HTTP_DONE:
        on_reply(publisher, http->status, http->text);
        break;

    case HTTP_CLOSED:
        on_broken(publisher);
        break;
    }
}


static void
on_zmq(publisher_t *publisher)
{
    zmtp_t *zmtp = &publisher->link.zmtp;

    if (zmtp_write(zmtp) != 0) {
        on_broken(publisher);
        return;
    }

    if (publisher->publish_end.writing && zmtp->out.count == 0) {
        watch(&publisher->publish_end, zmtp->fd, EPOLL_CTL_MOD, 0);
    }

    switch (zmtp_read(zmtp)) {

    case ZMTP_AGAIN:
        count_connected(publisher);
        break;

    case ZMTP_MESSAGE:
        on_reply(publisher, 200, zmtp->text);
        break;

    case ZMTP_CLOSED:
        on_broken(publisher);
        break;
    }
}


/* HTTP says nothing before it is asked: it is there when it can be written
   to, which the subscription takes longer than. */
static void
count_connected(publisher_t *publisher)
{
    if (!publisher->counted && publisher->signal.ready
        && (!options->use_zmq || publisher->link.zmtp.ready))
    {
        publisher->counted = 1;
        shared->connected++;
    }
}


static void
schedule(publisher_t *publisher, uint64_t delay_ms)
{
    uint64_t at = latency_now_us() / 1000 + delay_ms;
    publisher_t **slot = &wheel[(at > wheel_ms ? at : wheel_ms + 1)
                                % WHEEL_MS];

    publisher->next = *slot;
    *slot = publisher;
}


static void
turn_wheel(void)
{
    uint64_t now = latency_now_us() / 1000;

    while (wheel_ms < now) {
        publisher_t **slot = &wheel[++wheel_ms % WHEEL_MS];

        while (*slot) {
            publisher_t *publisher = *slot;

            *slot = publisher->next;
            publish(publisher);
        }
    }
}


static void
publish(publisher_t *publisher)
{
    size_t length;
    int rc;

    publisher->request = make_request(publisher, &length);
    publisher->sent_at = latency_now_us();

    if (options->use_zmq) {
        zmtp_t *zmtp = &publisher->link.zmtp;

        rc = zmtp_send(zmtp, publisher->request, length);

        if (rc == 0 && zmtp->out.count) {
            watch(&publisher->publish_end, zmtp->fd, EPOLL_CTL_MOD, 1);
        }

    } else {
        struct iovec part = { publisher->request, length };
        http_t *http = &publisher->link.http;

        rc = http_send(http, &part, 1);

        if (rc == 0 && http->out.count) {
            watch(&publisher->publish_end, http->fd, EPOLL_CTL_MOD, 1);
        }
    }

    if (rc != 0) {
        on_broken(publisher);
    }
}


/* A table of two texts and three integers. */
static char *
make_request(const publisher_t *publisher, size_t *length)
{
    size_t size = 1024 + (size_t) options->rows * ROW_SIZE;
    char *text = malloc(size);
    char *body = text ? text + (options->use_zmq ? 0 : 256) : NULL;

    if (text == NULL) {
        die("memory");
    }

    char *at = body + sprintf(body, "{\"op\": \"add_table_data\", "
        "\"identity\": \"fleet%06u\", \"table\": {\"tablename\": "
        "\"fleet_%u\", \"column_names\": [\"host\", \"dc\", \"a\", \"b\", "
        "\"c\"], \"column_types\": [\"text\", \"text\", \"int\", \"int\", "
        "\"int\"], \"rows\": [", publisher->number, publisher->table);

    for (unsigned i = 0; i < options->rows; i++) {
        at += sprintf(at, "%s[\"host%06u.example.net\", \"BOS\", %u, %u, %u]",
                      i ? ", " : "", publisher->number, i,
                      (unsigned) (signal_number % 100000), i * 7919);
    }

    at += sprintf(at, "]}}");
    *length = (size_t) (at - body);

    if (!options->use_zmq) {
        size_t head = (size_t) sprintf(text,
            "POST /request?op=add_table_data HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
            *length);

        memmove(text + head, body, *length);
        *length += head;
    }

    return text;
}


/* Good is "ok" without a warning: one that says "reported before" was not
   taken. */
static void
on_reply(publisher_t *publisher, int status, const char *text)
{
    int good = status == 200 && strstr(text, "\"response_op\": \"ok\"")
               && !strstr(text, "\"warning\"");

    free(publisher->request);
    publisher->request = NULL;

    if (good) {
        count_acked((uint64_t) publishers_json_number(text,
                                                  "generation_number"),
                    publisher->table);
    } else {
        note("%d %s", status, text);
    }

    if (shared->measuring) {
        shared->acked += (uint64_t) good;
        shared->refused += (uint64_t) !good;
        latency_add(&shared->publish, latency_now_us() - publisher->sent_at);
    }

    if (++publisher->table < options->tables) {
        publish(publisher);
        return;
    }

    publisher->in_round = 0;

    if (publisher->round_again) {
        publisher->round_again = 0;
        publisher->in_round = 1;
        publisher->table = 0;
        publish(publisher);
    }
}


/* It connects anew, and sends the same table again after a while. */
static void
on_broken(publisher_t *publisher)
{
    if (publisher->request) {
        note("a connection broke: %s", strerror(errno));
        shared->failed += (uint64_t) shared->measuring;
        free(publisher->request);
        publisher->request = NULL;
        schedule(publisher, RETRY_MS);
    }

    if (options->use_zmq) {
        zmtp_close(&publisher->link.zmtp);
    } else {
        http_close(&publisher->link.http);
    }

    open_link(publisher);
}


/* The oldest makes room for a new one. */
static void
count_acked(uint64_t number, unsigned table)
{
    publishers_generation_t *oldest = &shared->generations[0];

    for (unsigned i = 0; i < PUBLISHERS_GENERATIONS; i++) {
        publishers_generation_t *generation = &shared->generations[i];

        if (generation->number == number) {
            generation->acked[table]++;
            return;
        }

        if (generation->number < oldest->number) {
            oldest = generation;
        }
    }

    memset(oldest, 0, sizeof(*oldest));
    oldest->acked[table] = 1;
    oldest->number = number;
}


static void
note(const char *format, ...)
{
    va_list args;

    if (shared->first_error[0] == '\0') {
        va_start(args, format);
        (void) vsnprintf(shared->first_error, sizeof(shared->first_error),
                         format, args);
        va_end(args);
    }
}


/* splitmix64: each run has the same delays. */
static uint64_t
random_below(uint64_t limit)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;

    return (x ^ (x >> 31)) % limit;
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-fleet: %s: %s\n", what, strerror(errno));
    exit(1);
}
