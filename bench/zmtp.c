#include "zmtp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING  64
#define SCRATCH   (64 * 1024)

#define FLAG_MORE     1
#define FLAG_LONG     2
#define FLAG_COMMAND  4

static int feed(zmtp_t *zmtp, const unsigned char *data, size_t length);
static void say_hello(zmtp_t *zmtp);
static size_t feed_length(zmtp_t *zmtp, const unsigned char *data,
    size_t length);
static int end_frame(zmtp_t *zmtp);

/* Signature, version 3.0, NULL as a client, and the filler. */
static const unsigned char greeting[GREETING] = {
    0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'N', 'U', 'L', 'L'
};

/* READY, then the subscription, which in 3.0 is a message. */
static const char sub_hello[] =
    "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB"
    "\x00\x07\x01GENSIG";
static const char req_hello[] =
    "\x04\x26\x05READY\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\0";


int
zmtp_open(zmtp_t *zmtp, enum zmtp_kind kind, const struct sockaddr_in *to)
{
    struct iovec part = { (void *) greeting, sizeof(greeting) };

    memset(zmtp, 0, sizeof(*zmtp));
    zmtp->kind = kind;
    zmtp->greeting = GREETING;
    zmtp->fd = tcp_open(to, NULL);
    outgoing_set(&zmtp->out, &part, 1);

    return zmtp->fd >= 0 ? 0 : -1;
}


void
zmtp_close(zmtp_t *zmtp)
{
    if (zmtp->fd >= 0) {
        (void) close(zmtp->fd);
    }

    zmtp->fd = -1;
    zmtp->out.count = 0;
}


/* An empty frame, then the body's, as a REQ does. */
int
zmtp_send(zmtp_t *zmtp, const void *data, size_t length)
{
    unsigned char *head = zmtp->head;
    struct iovec parts[] = { { head, 11 }, { (void *) data, length } };

    head[0] = FLAG_MORE;
    head[1] = 0;
    head[2] = FLAG_LONG;

    for (unsigned i = 0; i < 8; i++) {
        head[3 + i] = (unsigned char) ((uint64_t) length >> (56 - 8 * i));
    }

    outgoing_set(&zmtp->out, parts, 2);

    return zmtp_write(zmtp);
}


int
zmtp_write(zmtp_t *zmtp)
{
    return outgoing_write(&zmtp->out, zmtp->fd);
}


enum zmtp_event
zmtp_read(zmtp_t *zmtp)
{
    static unsigned char scratch[SCRATCH];
    ssize_t got = recv(zmtp->fd, scratch, sizeof(scratch), 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ZMTP_AGAIN;
    }

    return got <= 0 ? ZMTP_CLOSED
           : feed(zmtp, scratch, (size_t) got) ? ZMTP_MESSAGE : ZMTP_AGAIN;
}


/* 1: a message ended.  (Of two at once the last is kept: nobody asks twice,
   and of two signals the newer counts.) */
static int
feed(zmtp_t *zmtp, const unsigned char *data, size_t length)
{
    int whole = 0;

    while (length) {
        size_t used;

        if (zmtp->greeting) {
            used = length < zmtp->greeting ? length : zmtp->greeting;
            zmtp->greeting -= used;

            if (zmtp->greeting == 0) {
                say_hello(zmtp);
            }

        } else if (zmtp->left == 0) {
            used = feed_length(zmtp, data, length);

        } else {
            size_t room = sizeof(zmtp->text) - 1 - zmtp->text_length;

            used = length < zmtp->left ? length : (size_t) zmtp->left;
            room = used < room ? used : room;
            memcpy(zmtp->text + zmtp->text_length, data, room);
            zmtp->text_length += room;
            zmtp->left -= used;

            if (zmtp->left == 0) {
                whole |= end_frame(zmtp);
            }
        }

        data += used;
        length -= used;
    }

    return whole;
}


/* Not before the peer's greeting: libzmq's PUB hangs up on a subscription
   that comes in one piece with ours. */
static void
say_hello(zmtp_t *zmtp)
{
    int is_sub = zmtp->kind == ZMTP_SUB;
    struct iovec part = {
        .iov_base = (void *) (is_sub ? sub_hello : req_hello),
        .iov_len = (is_sub ? sizeof(sub_hello) : sizeof(req_hello)) - 1
    };

    outgoing_set(&zmtp->out, &part, 1);
    (void) zmtp_write(zmtp);
}


/* Flags and size, byte by byte: they may be cut anywhere. */
static size_t
feed_length(zmtp_t *zmtp, const unsigned char *data, size_t length)
{
    size_t used = 0;

    while (used < length) {
        zmtp->length[zmtp->length_length++] = data[used++];

        size_t whole = zmtp->length[0] & FLAG_LONG ? 9 : 2;

        if (zmtp->length_length == whole) {
            for (size_t i = 1; i < whole; i++) {
                zmtp->left = zmtp->left << 8 | zmtp->length[i];
            }

            zmtp->length_length = 0;
            zmtp->text_length = 0;
            break;
        }
    }

    return used;
}


/* 1: it was the last of a message. */
static int
end_frame(zmtp_t *zmtp)
{
    zmtp->text[zmtp->text_length] = '\0';

    if (zmtp->length[0] & FLAG_COMMAND) {
        zmtp->ready = 1;
        return 0;
    }

    return !(zmtp->length[0] & FLAG_MORE);
}
