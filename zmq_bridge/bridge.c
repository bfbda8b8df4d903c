/*
 * One thread, one loop, four things to wait for:
 *
 *   clients --ROUTER--> router --envelope--> flight
 *                          |                   ^ |
 *                        body                  | | answer, envelope
 *                          v                   | v
 *                     worker_link --frames-----+ router --> clients
 *
 *   worker --EVENT--> signals --PUB--> subscribers
 *
 *   libzmq --clients that come and go--> admission
 *
 *   the kernel --bytes that came from each client--> hoard
 *
 * The bridge reads no JSON.  A request's body goes to the worker as it came,
 * with op 0 ("the body says"), under an id of our own; the answer's id leads
 * to the envelope it goes back in.  Any number of requests share the one
 * connection, so a slow one holds up nobody.
 *
 * What is bounded, and what happens there: at zmq_max_in_flight, or while
 * the worker does not take what is queued for it (it works on so many
 * requests of a connection), the ROUTER is not read.  Requests then wait in
 * libzmq and in TCP, as they would for a slow server; an error would only
 * make their clients ask again.  But one client alone does not bring that
 * about: past its share it gets errors.  A worker that is away is
 * another matter, too: every request gets its error at once.
 *
 * A client that leaves is not seen as such: libzmq does not tell a ROUTER who
 * it was.  Its query runs to its end or its deadline and the answer is
 * dropped.
 *
 * A bridge that another replaces (SIGQUIT) goes on for as long as its clients
 * stay, at most as long as nginx does in that case: what is on its way in a
 * connection can be passed on to nobody, and a REQ client does not ask again.
 */

#include "bridge.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "admission.h"
#include "curve.h"
#include "flight.h"
#include "hoard.h"
#include "qsn_clock.h"
#include "qsn_log.h"
#include "qsn_op.h"
#include "qsn_page.h"
#include "qsn_sockets.h"
#include "router.h"
#include "signals.h"
#include "worker_link.h"

#define BACKLOG_MAX     (256 * 1024)    /* then the ROUTER waits */
#define REQUESTS_A_TURN 64
#define SLACK_MS        2000
#define LEAVE_MIN_MS    60000           /* that clients have to go by then */
#define LEAVE_SLACK_MS  10000
#define CLIENT_MAX      128             /* bytes of an address */

static const char away[] = "The Qasino worker is away, try again";
static const char lost[] =
    "The Qasino worker went away before it answered, try again";
static const char silent[] = "The Qasino worker does not answer, try again";
static const char stopping[] = "The Qasino server is stopping, try again";
static const char no_reason[] = "The worker broke off its answer";
static const char enough[] =
    "Too many requests of yours are in work (zmq_max_in_flight): wait for "
    "their answers";
static const char crowded[] = "The ZeroMQ bridge is out of memory, try again";

typedef struct {
    void *context;
    curve_t *curve;             /* NULL: in the clear */
    router_t *router;
    flight_t *flight;
    worker_link_t link;         /* requests and their answers */
    uint64_t heard_ms;          /* something of it, or began to wait for it */
    uint64_t patience_ms;       /* without a word, while requests wait */
    signals_t signals;
    admission_t admission;
    hoard_t hoard;
    uint64_t leave_ms;          /* when it ends; 0: it is not replaced */
    uint64_t leave_takes_ms;
    char worker_path[QSN_RUN_DIR_MAX + sizeof("/" QSN_WORKER_SOCKET)];
} bridge_t;

static int bridge_open(bridge_t *bridge, const qsn_settings_t *settings);
static void bridge_close(bridge_t *bridge);
static int serve(bridge_t *bridge, int signal_fd);
static int is_to_end(bridge_t *bridge, int signal_fd);
static void leave(bridge_t *bridge);
static int has_left(const bridge_t *bridge);
static int nobody_is_here(const bridge_t *bridge);
static void give_up_silent(bridge_t *bridge);
static void look_for_hoard(bridge_t *bridge);
static size_t count_clients(const bridge_t *bridge);
static zmq_pollitem_t link_item(const worker_link_t *link);
static long timeout(const bridge_t *bridge);
static int takes_requests(const bridge_t *bridge);
static void serve_clients(bridge_t *bridge);
static void serve_request(bridge_t *bridge, router_request_t *request);
static void forward(bridge_t *bridge, router_request_t *request,
    uint64_t id);
static void serve_worker(bridge_t *bridge);
static int serve_event(bridge_t *bridge, enum worker_link_event event);
static void answer(bridge_t *bridge, flight_request_t *request);
static void cancel(bridge_t *bridge, uint64_t id);
static void fail_all(bridge_t *bridge, const char *why);


int
bridge_run(const qsn_settings_t *settings, int signal_fd, int ready_fd)
{
    bridge_t *bridge = calloc(1, sizeof(*bridge));
    int status = 1;

    if (bridge == NULL) {
        qsn_log("out of memory");
        return 1;
    }

    if (bridge_open(bridge, settings) == 0) {
        if (ready_fd != -1) {
            if (write(ready_fd, "", 1) != 1) {
                qsn_log("cannot say that we are ready: %s", strerror(errno));
            }

            (void) close(ready_fd);
        }

        status = serve(bridge, signal_fd);
        fail_all(bridge, stopping);
        qsn_log_flush();

        /* to close what has been left to another bridge would let clients in
           once more, for a moment */
        if (status == 0 && bridge->leave_ms && nobody_is_here(bridge)) {
            _exit(0);
        }
    }

    bridge_close(bridge);
    free(bridge);

    return status;
}


static int
bridge_open(bridge_t *bridge, const qsn_settings_t *settings)
{
    int given[] = { -1, -1 };   /* of requests, of signals */

    (void) qsn_sockets_take(given, 2);
    (void) snprintf(bridge->worker_path, sizeof(bridge->worker_path), "%s/%s",
                    settings->run_dir, QSN_WORKER_SOCKET);
    worker_link_init(&bridge->link, bridge->worker_path, "requests");

    /* a query waits for as long as one may take, and runs twice that long */
    bridge->patience_ms = 3 * (uint64_t) settings->query_deadline_ms
                          + SLACK_MS;
    bridge->leave_takes_ms = 2 * (uint64_t) settings->query_deadline_ms
                             + LEAVE_SLACK_MS;

    if (bridge->leave_takes_ms < LEAVE_MIN_MS) {
        bridge->leave_takes_ms = LEAVE_MIN_MS;
    }

    bridge->context = zmq_ctx_new();
    bridge->flight = flight_create((size_t) settings->zmq_max_in_flight,
                                   (size_t) settings->zmq_max_reply);

    if (bridge->context == NULL || bridge->flight == NULL) {
        qsn_log("cannot start ZeroMQ: %s", strerror(errno));
        return -1;
    }

    if (curve_open(&bridge->curve, bridge->context, settings) != 0) {
        return -1;
    }

    bridge->router = router_create(bridge->context, bridge->curve, settings,
                                   given[0]);

    if (bridge->router == NULL
        || signals_open(&bridge->signals, bridge->context, bridge->curve,
                        settings, bridge->worker_path, given[1]) != 0)
    {
        return -1;
    }

    admission_open(&bridge->admission, router_listener(bridge->router),
                   &bridge->signals.listener);
    hoard_open(&bridge->hoard, settings);

    return 0;
}


static void
bridge_close(bridge_t *bridge)
{
    worker_link_close(&bridge->link);
    signals_close(&bridge->signals);
    router_close(bridge->router);

    if (bridge->context) {
        if (bridge->curve) {
            (void) zmq_ctx_shutdown(bridge->context);
            curve_close(bridge->curve);
        }

        while (zmq_ctx_term(bridge->context) == -1 && errno == EINTR) {
            /* waits for what lingers */
        }
    }

    router_destroy(bridge->router);
    flight_destroy(bridge->flight);
    hoard_close(&bridge->hoard);
}


static int
serve(bridge_t *bridge, int signal_fd)
{
    zmq_listen_t *listener = router_listener(bridge->router);

    while (!has_left(bridge)) {
        (void) worker_link_connect(&bridge->link);
        signals_connect(&bridge->signals);

        /* poll() skips a descriptor of -1 */
        zmq_pollitem_t signal = { .fd = signal_fd, .events = ZMQ_POLLIN };
        zmq_pollitem_t clients = {
            .socket = listener->socket,
            .events = takes_requests(bridge) ? ZMQ_POLLIN : 0
        };
        zmq_pollitem_t items[] = {
            signal, link_item(&bridge->link), link_item(&bridge->signals.link),
            clients, zmq_listen_item(listener),
            zmq_listen_item(&bridge->signals.listener)
        };

        if (zmq_poll(items, sizeof(items) / sizeof(items[0]),
                     timeout(bridge)) == -1)
        {
            if (errno == EINTR) {
                continue;
            }

            qsn_log("cannot wait for clients: %s", zmq_strerror(errno));
            return 1;
        }

        if (items[0].revents && is_to_end(bridge, signal_fd)) {
            break;
        }

        if (items[1].revents) {
            serve_worker(bridge);
        }

        if (items[2].revents) {
            signals_serve(&bridge->signals);
        }

        if (items[3].revents) {
            serve_clients(bridge);
        }

        if (items[4].revents || items[5].revents) {
            admission_look(&bridge->admission);
        }

        give_up_silent(bridge);
        look_for_hoard(bridge);
        qsn_log_held();
        worker_link_flush(&bridge->link);
        worker_link_flush(&bridge->signals.link);
    }

    return 0;
}


static int
is_to_end(bridge_t *bridge, int signal_fd)
{
    struct signalfd_siginfo info;

    if (read(signal_fd, &info, sizeof(info)) != sizeof(info)) {
        return 0;
    }

    if (info.ssi_signo != SIGQUIT) {
        return 1;
    }

    if (bridge->leave_ms == 0) {
        leave(bridge);
    }

    return 0;
}


static void
leave(bridge_t *bridge)
{
    zmq_listen_t *listener = router_listener(bridge->router);

    bridge->leave_ms = qsn_clock_monotonic_ms() + bridge->leave_takes_ms;
    admission_leave(&bridge->admission);
    zmq_listen_leave(listener);
    signals_leave(&bridge->signals);
    admission_look(&bridge->admission);         /* who came before that */
    qsn_log("new clients are another's, %zu are still here",
            listener->connections);
}


static int
has_left(const bridge_t *bridge)
{
    return bridge->leave_ms
           && (nobody_is_here(bridge)
               || qsn_clock_monotonic_ms() >= bridge->leave_ms);
}


static int
nobody_is_here(const bridge_t *bridge)
{
    return router_listener(bridge->router)->connections == 0
           && flight_is_empty(bridge->flight);
}


/* A worker that hangs takes connections, and requests, and says nothing. */

static void
give_up_silent(bridge_t *bridge)
{
    if (!flight_is_empty(bridge->flight)
        && qsn_clock_monotonic_ms() - bridge->heard_ms >= bridge->patience_ms)
    {
        worker_link_drop(&bridge->link, "it does not answer");
        fail_all(bridge, silent);
    }
}


static void
look_for_hoard(bridge_t *bridge)
{
    size_t clients = count_clients(bridge);

    if (hoard_is_too_large(&bridge->hoard, clients)) {
        hoard_cut(&bridge->hoard, clients, flight_bytes(bridge->flight)
                                           + router_unread(bridge->router)
                                           + bridge->link.out.capacity);
    }
}


/* Of both sockets. */

static size_t
count_clients(const bridge_t *bridge)
{
    return router_listener(bridge->router)->connections
           + bridge->signals.listener.connections;
}


static zmq_pollitem_t
link_item(const worker_link_t *link)
{
    zmq_pollitem_t item = { .fd = link->fd, .events = ZMQ_POLLIN };

    if (worker_link_backlog(link)) {
        item.events |= ZMQ_POLLOUT;
    }

    return item;
}


/* Milliseconds until a link wants to connect, or something has waited long
   enough; -1: nothing of that. */

static long
timeout(const bridge_t *bridge)
{
    long waits[] = {
        worker_link_timeout(&bridge->link),
        worker_link_timeout(&bridge->signals.link), qsn_log_timeout(),
        hoard_timeout(&bridge->hoard, count_clients(bridge)), -1, -1
    };
    uint64_t now = qsn_clock_monotonic_ms();
    long least = -1;

    if (!flight_is_empty(bridge->flight)) {
        uint64_t silence = now - bridge->heard_ms;

        waits[4] = silence < bridge->patience_ms
                   ? (long) (bridge->patience_ms - silence) : 0;
    }

    if (bridge->leave_ms) {
        waits[5] = now < bridge->leave_ms ? (long) (bridge->leave_ms - now)
                                          : 0;
    }

    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        if (waits[i] != -1 && (least == -1 || waits[i] < least)) {
            least = waits[i];
        }
    }

    return least;
}


static int
takes_requests(const bridge_t *bridge)
{
    return !worker_link_is_up(&bridge->link)    /* errors are cheap */
           || (!flight_is_full(bridge->flight)
               && worker_link_backlog(&bridge->link) < BACKLOG_MAX);
}


static void
serve_clients(bridge_t *bridge)
{
    router_request_t request;

    for (int i = 0; i < REQUESTS_A_TURN && takes_requests(bridge); i++) {
        if (!router_receive(bridge->router, &request)) {
            return;
        }

        hoard_taken(&bridge->hoard, request.fd);
        serve_request(bridge, &request);
        router_request_free(&request);
    }
}


static void
serve_request(bridge_t *bridge, router_request_t *request)
{
    const char *error = request->refusal;

    if (error == NULL && !worker_link_is_up(&bridge->link)) {
        error = away;
    }

    if (error == NULL
        && flight_has_enough(bridge->flight, &request->envelope))
    {
        error = enough;
    }

    if (error == NULL && flight_is_empty(bridge->flight)) {
        bridge->heard_ms = qsn_clock_monotonic_ms();    /* waiting begins */
    }

    if (error == NULL) {
        flight_request_t *mine = flight_add(bridge->flight,
                                            &request->envelope);
        if (mine) {
            forward(bridge, request, mine->id);
            return;
        }

        error = crowded;
    }

    router_error(bridge->router, &request->envelope, error, strlen(error));
}


static void
forward(bridge_t *bridge, router_request_t *request, uint64_t id)
{
    uint8_t args[2 * QSN_FRAME_ARG_SIZE + CLIENT_MAX + QSN_IDENTITY_MAX];
    size_t length = strnlen(request->client, CLIENT_MAX);
    uint8_t *end = qsn_frame_put_arg(args, QSN_ARG_CLIENT, request->client,
                                     length);

    if (request->identity[0]) {
        end = qsn_frame_put_arg(end, QSN_ARG_IDENTITY, request->identity,
                                strnlen(request->identity,
                                        QSN_IDENTITY_MAX));
    }

    const qsn_frame_t frame = {
        .type = QSN_FRAME_REQUEST,
        .op = QSN_OP_NONE,
        .format = QSN_FORMAT_JSON,
        .flags = QSN_FLAG_PARTS,
        .id = id,
        .args_length = (uint32_t) (end - args),
        .body_length = zmq_msg_size(&request->body)
    };

    worker_link_send(&bridge->link, &frame, args,
                     zmq_msg_data(&request->body));
}


static void
serve_worker(bridge_t *bridge)
{
    bridge->heard_ms = qsn_clock_monotonic_ms();

    for ( ;; ) {
        enum worker_link_event event = worker_link_next(&bridge->link);

        if (event == WORKER_LINK_IDLE) {
            return;
        }

        if (event != WORKER_LINK_LOST && serve_event(bridge, event) != 0) {
            worker_link_drop(&bridge->link, flight_error(bridge->flight));
            event = WORKER_LINK_LOST;
        }

        if (event == WORKER_LINK_LOST) {
            fail_all(bridge, lost);
            return;
        }
    }
}


/* A piece of an answer; -1 if the worker may not send it. */

static int
serve_event(bridge_t *bridge, enum worker_link_event event)
{
    qsn_frame_parser_t *parser = &bridge->link.parser;
    enum flight_result result = FLIGHT_ON;
    flight_request_t *request;

    if (event == WORKER_LINK_HEAD) {
        result = flight_head(bridge->flight, &parser->frame, &request);

    } else if (event == WORKER_LINK_BODY) {
        flight_body(bridge->flight, parser->piece, parser->piece_length);

    } else {
        result = flight_end(bridge->flight, &request);
    }

    if (result == FLIGHT_GIVEN_UP) {
        answer(bridge, request);

        if (parser->frame.flags & QSN_FLAG_MORE) {
            cancel(bridge, request->id);
        }

    } else if (result == FLIGHT_DONE) {
        answer(bridge, request);
        flight_remove(bridge->flight, request);
    }

    return result == FLIGHT_BROKEN ? -1 : 0;
}


static void
answer(bridge_t *bridge, flight_request_t *request)
{
    if (request->answered) {
        return;
    }

    request->answered = 1;

    if (request->failed) {
        const char *why = qsn_buf_text(&request->failure);

        why = why[0] ? why : no_reason;
        router_error(bridge->router, &request->envelope, why, strlen(why));

    } else {
        router_reply(bridge->router, &request->envelope, &request->reply,
                     request->split);
    }
}


static void
cancel(bridge_t *bridge, uint64_t id)
{
    const qsn_frame_t frame = { .type = QSN_FRAME_CANCEL, .id = id };

    worker_link_send(&bridge->link, &frame, NULL, NULL);
}


static void
fail_all(bridge_t *bridge, const char *why)
{
    flight_request_t *request;

    while ((request = flight_any(bridge->flight)) != NULL) {
        if (!request->answered) {
            router_error(bridge->router, &request->envelope, why,
                         strlen(why));
        }

        flight_remove(bridge->flight, request);
    }
}
