/*
 * The ROUTER socket.  Decisions, each with its reason:
 *
 * ROUTER_MANDATORY is on, so that sending tells apart a client that is gone
 * (EHOSTUNREACH: nothing to do, nothing to log) from one that does not read
 * (EAGAIN: its answer is dropped, which is logged).  The queue of one client
 * holds as many answers as may be in flight at all and a good many more, so
 * only a client that goes on asking without reading gets there.
 *
 * ROUTER_HANDOVER is off.  A client that names itself (ZMQ_IDENTITY) and
 * comes back while its old connection still stands is ignored until TCP
 * keepalive ends the old one; with handover on, anyone could take over
 * another client's answers by using its name.
 *
 * A request over zmq_max_message is answered with an error that says so, up
 * to twice that size; only beyond does libzmq cut the connection, which a
 * REQ client cannot tell from a slow answer.
 *
 * Answers are handed to libzmq without a copy.  Those that it has not sent
 * yet are counted, all clients together and each alone, and past a bound an
 * answer becomes an error: clients that ask and do not read cannot fill the
 * memory, nor can one of them take it from the others.
 */

#include "router.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_log.h"
#include "qsn_reply.h"

#define RECEIVE_HIGH_WATER  8   /* requests of one client that wait here */
#define SEND_HIGH_WATER  1000   /* answers, over zmq_max_in_flight */
#define UNREAD_REPLIES      8   /* times zmq_max_reply, all clients */
#define UNREAD_OF_CLIENT    2   /* the same, one client */
#define PARTS_MAX           (ENVELOPE_FRAMES_MAX + 1)

struct router {
    zmq_listen_t listener;
    char *identity;             /* the server's, for error documents */
    size_t max_message;
    size_t max_reply;
    atomic_size_t unread;       /* bytes that libzmq holds */
    atomic_size_t unread_of[ENVELOPE_CLIENTS];
};

/* An answer in libzmq's hands. */
typedef struct {
    router_t *router;
    atomic_size_t *client;      /* one of ->unread_of */
    char *data;
    size_t length;
} held_t;

static size_t receive_parts(router_t *router, zmq_msg_t *parts);
static void unpack(const router_t *router, zmq_msg_t *parts, size_t count,
    router_request_t *request);
static int send_envelope(router_t *router, const envelope_t *envelope);
static int send_copy(router_t *router, const void *data, size_t length,
    int flags);
static int send_held(router_t *router, held_t *held, size_t from);
static void let_go(void *data, void *hint);


router_t *
router_create(void *context, const curve_t *curve,
    const qsn_settings_t *settings, int given)
{
    const zmq_listen_options_t options = {
        .type = ZMQ_ROUTER,
        .purpose = "ZeroMQ requests",
        .port = settings->zmq_port,
        .given = given,
        .receive_high_water = RECEIVE_HIGH_WATER,
        .send_high_water = (int) settings->zmq_max_in_flight
                           + SEND_HIGH_WATER,
        .max_message = 2 * settings->zmq_max_message
    };
    router_t *router = calloc(1, sizeof(*router));
    int mandatory = 1;

    if (router == NULL || (router->identity = strdup(settings->identity))
                          == NULL)
    {
        qsn_log("out of memory");
        free(router);
        return NULL;
    }

    router->max_message = (size_t) settings->zmq_max_message;
    router->max_reply = (size_t) settings->zmq_max_reply;

    if (zmq_listen_open(&router->listener, context, curve, &options) != 0
        || zmq_setsockopt(router->listener.socket, ZMQ_ROUTER_MANDATORY,
                          &mandatory, sizeof(mandatory)) != 0)
    {
        router_close(router);
        router_destroy(router);
        return NULL;
    }

    return router;
}


void
router_close(router_t *router)
{
    if (router) {
        zmq_listen_close(&router->listener);
    }
}


void
router_destroy(router_t *router)
{
    if (router) {
        free(router->identity);
        free(router);
    }
}


zmq_listen_t *
router_listener(router_t *router)
{
    return &router->listener;
}


int
router_receive(router_t *router, router_request_t *request)
{
    zmq_msg_t parts[PARTS_MAX];
    size_t count = receive_parts(router, parts);

    if (count == 0) {
        return 0;
    }

    unpack(router, parts, count, request);

    for (size_t i = 0; i < count; i++) {
        (void) zmq_msg_close(&parts[i]);
    }

    return 1;
}


void
router_request_free(router_request_t *request)
{
    envelope_free(&request->envelope);
    (void) zmq_msg_close(&request->body);
}


void
router_reply(router_t *router, const envelope_t *envelope, qsn_buf_t *reply,
    size_t split)
{
    static const char all_unread[] =
        "Replies that clients have not read yet fill the memory kept for "
        "them, try again";
    static const char own_unread[] =
        "Replies that you have not read yet fill the memory kept for one "
        "client (twice zmq_max_reply), read them and try again";
    atomic_size_t *client = &router->unread_of[envelope->client];
    const char *refusal = NULL;
    held_t *held = malloc(sizeof(*held));

    if (held == NULL) {
        qsn_log("out of memory: an answer is lost");
        qsn_buf_free(reply);
        return;
    }

    if (atomic_load(client) + reply->length
        > UNREAD_OF_CLIENT * router->max_reply)
    {
        refusal = own_unread;

    } else if (atomic_load(&router->unread) + reply->length
               > UNREAD_REPLIES * router->max_reply)
    {
        refusal = all_unread;
    }

    if (refusal) {
        free(held);
        qsn_buf_free(reply);
        router_error(router, envelope, refusal, strlen(refusal));
        return;
    }

    *held = (held_t) { router, client, reply->data, reply->length };
    memset(reply, 0, sizeof(*reply));
    (void) atomic_fetch_add(&router->unread, held->length);
    (void) atomic_fetch_add(client, held->length);

    if (split >= held->length) {
        split = 0;
    }

    if (send_envelope(router, envelope) != 0
        || (split && send_copy(router, held->data, split, ZMQ_SNDMORE) != 0))
    {
        let_go(held->data, held);
        return;
    }

    (void) send_held(router, held, split);
}


void
router_error(router_t *router, const envelope_t *envelope,
    const char *message, size_t length)
{
    size_t size = qsn_reply_error_size(QSN_FORMAT_JSON, router->identity,
                                       message, length);
    char *text = malloc(size);

    if (text == NULL) {
        qsn_log("out of memory: an answer is lost");
        return;
    }

    (void) qsn_reply_error(text, QSN_FORMAT_JSON, router->identity, message,
                           length);

    if (send_envelope(router, envelope) == 0) {
        (void) send_copy(router, text, size, 0);
    }

    free(text);
}


size_t
router_unread(const router_t *router)
{
    return atomic_load(&router->unread);
}


/*
 * The frames of one message up to its body, as envelope_shape() will see
 * it; those after it are dropped as they come.
 */

static size_t
receive_parts(router_t *router, zmq_msg_t *parts)
{
    size_t count = 0;
    size_t wanted = PARTS_MAX;
    int delimited = 0;
    int more = 1;

    while (more) {
        zmq_msg_t part;

        (void) zmq_msg_init(&part);

        if (zmq_msg_recv(&part, router->listener.socket, ZMQ_DONTWAIT) == -1) {
            /* a message arrives whole: this is before its first frame */
            (void) zmq_msg_close(&part);
            return 0;
        }

        more = zmq_msg_more(&part);

        if (count == wanted) {
            (void) zmq_msg_close(&part);
            continue;
        }

        if (count && count < ENVELOPE_FRAMES_MAX && !delimited
            && zmq_msg_size(&part) == 0)
        {
            delimited = 1;
            wanted = count + 2; /* the delimiter and the body */
        }

        (void) zmq_msg_init(&parts[count]);
        (void) zmq_msg_move(&parts[count++], &part);
        (void) zmq_msg_close(&part);
    }

    return count;
}


static void
unpack(const router_t *router, zmq_msg_t *parts, size_t count,
    router_request_t *request)
{
    size_t lengths[PARTS_MAX] = { 0 };

    memset(request, 0, sizeof(*request));
    (void) zmq_msg_init(&request->body);
    request->fd = zmq_msg_get(&parts[count - 1], ZMQ_SRCFD);

    for (size_t i = 0; i < count; i++) {
        lengths[i] = zmq_msg_size(&parts[i]);
    }

    envelope_shape_t shape = envelope_shape(lengths, count);

    for (size_t i = 0; i < shape.back; i++) {
        if (envelope_add(&request->envelope, zmq_msg_data(&parts[i]),
                         lengths[i]) != 0)
        {
            request->refusal = "The frames before the request's body are too "
                               "long";
            break;
        }
    }

    if (shape.body < count) {
        (void) zmq_msg_move(&request->body, &parts[shape.body]);
    }

    const char *client = zmq_msg_gets(&request->body, "Peer-Address");

    request->client = client ? client : "";

    const char *identity = zmq_msg_gets(&request->body, "User-Id");

    request->identity = identity ? identity : "";

    if (zmq_msg_size(&request->body) > router->max_message) {
        (void) snprintf(request->refusal_text, sizeof(request->refusal_text),
                        "The request is larger than zmq_max_message (%zu "
                        "bytes): send less at once or raise that option",
                        router->max_message);
        request->refusal = request->refusal_text;
    }
}


/* The first frame decides: after it the others cannot fail. */

static int
send_envelope(router_t *router, const envelope_t *envelope)
{
    size_t cursor = 0;
    const void *data;
    size_t length;

    while (envelope_next(envelope, &cursor, &data, &length)) {
        if (send_copy(router, data, length, ZMQ_SNDMORE) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
send_copy(router_t *router, const void *data, size_t length, int flags)
{
    int rc;

    do {
        rc = zmq_send(router->listener.socket, data, length,
                      flags | ZMQ_DONTWAIT);
    } while (rc == -1 && errno == EINTR);

    if (rc == -1 && errno != EHOSTUNREACH) {
        qsn_log("an answer is dropped: %s", errno == EAGAIN
                ? "its client does not read" : zmq_strerror(errno));
    }

    return rc == -1 ? -1 : 0;
}


/* Passes held->data from an offset on to libzmq, for good. */

static int
send_held(router_t *router, held_t *held, size_t from)
{
    zmq_msg_t message;

    if (held->data == NULL
        || zmq_msg_init_data(&message, held->data + from,
                             held->length - from, let_go, held) != 0)
    {
        let_go(NULL, held);
        return send_copy(router, "", 0, 0);
    }

    int rc;

    do {
        rc = zmq_msg_send(&message, router->listener.socket, ZMQ_DONTWAIT);
    } while (rc == -1 && errno == EINTR);

    if (rc == -1) {
        (void) zmq_msg_close(&message);         /* lets go */
        return -1;
    }

    return 0;
}


/* Threads: libzmq calls this from its I/O thread. */

static void
let_go(void *data, void *hint)
{
    held_t *held = hint;

    (void) data;
    (void) atomic_fetch_sub(&held->router->unread, held->length);
    (void) atomic_fetch_sub(held->client, held->length);
    free(held->data);
    free(held);
}
