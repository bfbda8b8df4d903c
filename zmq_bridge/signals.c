/*
 * The subscriber and publisher of generation signals.  A signal that nobody
 * listens to, or that a slow subscriber's full queue has no room for, is
 * dropped by libzmq: the next one is as good.
 */

#include "signals.h"

#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "qsn_log.h"
#include "qsn_op.h"

#define SUBSCRIPTION_ID   1
#define MESSAGE_MAX       (64 * 1024)
#define HIGH_WATER        16    /* signals kept for a slow subscriber */
#define MAX_MESSAGE       1024  /* subscribers only send subscriptions */

static const char prefix[] = "GENSIG";  /* its NUL is sent too */

static const char *begin(signals_t *signals);
static void publish(signals_t *signals);


int
signals_open(signals_t *signals, void *context, const curve_t *curve,
    const qsn_settings_t *settings, const char *path, int given)
{
    const zmq_listen_options_t options = {
        .type = ZMQ_PUB,
        .purpose = "generation signals",
        .port = settings->pubsub_port,
        .given = given,
        .receive_high_water = HIGH_WATER,
        .send_high_water = HIGH_WATER,
        .max_message = MAX_MESSAGE
    };

    memset(signals, 0, sizeof(*signals));
    worker_link_init(&signals->link, path, "generation signals");

    return zmq_listen_open(&signals->listener, context, curve, &options);
}


void
signals_close(signals_t *signals)
{
    if (signals->link.path == NULL) {
        return;                 /* never opened */
    }

    worker_link_close(&signals->link);
    qsn_buf_free(&signals->message);
    zmq_listen_close(&signals->listener);
    signals->link.path = NULL;
}


void
signals_leave(signals_t *signals)
{
    zmq_listen_leave(&signals->listener);
    signals->leaving = 1;
}


void
signals_connect(signals_t *signals)
{
    const qsn_frame_t subscribe = {
        .type = QSN_FRAME_REQUEST,
        .op = QSN_OP_SUBSCRIBE,
        .id = SUBSCRIPTION_ID
    };

    if (signals->link.path && worker_link_connect(&signals->link)) {
        worker_link_send(&signals->link, &subscribe, NULL, NULL);
        worker_link_flush(&signals->link);
    }
}


void
signals_serve(signals_t *signals)
{
    worker_link_t *link = &signals->link;
    const char *error;

    for ( ;; ) {
        switch (worker_link_next(link)) {

        case WORKER_LINK_IDLE:
        case WORKER_LINK_LOST:
            return;

        case WORKER_LINK_HEAD:
            error = begin(signals);

            if (error) {
                worker_link_drop(link, error);
                return;
            }

            break;

        case WORKER_LINK_BODY:
            qsn_buf_append(&signals->message, link->parser.piece,
                           link->parser.piece_length);
            break;

        case WORKER_LINK_END:
            if (link->parser.frame.type == QSN_FRAME_EVENT) {
                publish(signals);

                if (signals->leaving) {
                    signals_close(signals);
                    return;
                }
            }
        }
    }
}


/* NULL, or what is wrong with the frame that begins. */

static const char *
begin(signals_t *signals)
{
    const qsn_frame_t *frame = &signals->link.parser.frame;

    qsn_buf_clear(&signals->message);
    qsn_buf_append(&signals->message, prefix, sizeof(prefix));

    if (frame->id != SUBSCRIPTION_ID || (frame->flags & QSN_FLAG_MORE)) {
        return "neither the subscription nor an event of it";
    }

    if (frame->body_length > MESSAGE_MAX) {
        return "a generation signal of more than 64 KB";
    }

    if (frame->type == QSN_FRAME_RESPONSE && frame->status != 200) {
        return "it refused the subscription";
    }

    return frame->type == QSN_FRAME_RESPONSE || frame->type == QSN_FRAME_EVENT
           ? NULL : "neither the subscription nor an event of it";
}


static void
publish(signals_t *signals)
{
    int rc;

    if (signals->message.failed) {
        qsn_log("out of memory: a generation signal is lost");
        return;
    }

    do {
        rc = zmq_send(signals->listener.socket, signals->message.data,
                      signals->message.length, ZMQ_DONTWAIT);
    } while (rc == -1 && errno == EINTR);

    if (rc == -1) {
        qsn_log("a generation signal is lost: %s", zmq_strerror(errno));
    }
}
