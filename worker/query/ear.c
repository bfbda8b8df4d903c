/*
 * Frames in.  The worker's end of the socket is trusted: what is no frame
 * there ends the process.  A peer's costs it its connection, and it may ask
 * for nothing but queries.
 */

#include "control_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader.h"
#include "qsn_log.h"
#include "qsn_op.h"

#define READ_SIZE     (64 * 1024)
#define DEADLINE_MAX  (24 * 3600 * 1000ull)

static void take_peer(void *data, peer_t *peer);
static int peer_may_ask(const control_job_t *job);
static ssize_t read_worker(control_t *control, char *room, size_t size);
static size_t take_frame(control_t *control);
static const char *find_frame(const qsn_buf_t *input, qsn_frame_t *frame,
    size_t *size);
static control_job_t *create_job(control_t *control,
    const qsn_frame_t *frame, const uint8_t *payload, const char **wrong);
static void queue_job(control_t *control, control_job_t *job);
static void take_request(control_t *control, const qsn_frame_t *frame,
    const uint8_t *payload);
static void take_connection(control_t *control);
static void take_cancel(control_t *control, uint64_t id);


void
control_listen(control_t *control)
{
    if (control->peers == NULL) {
        control_read_frames(control);
        return;
    }

    if (peers_wait(control->peers, control->fd, take_peer, control)) {
        control_read_frames(control);
    }

    control_charge_from_now(control);
}


/* What a peer has said: queries, or it is of no further use. */
static void
take_peer(void *data, peer_t *peer)
{
    control_t *control = data;
    const char *wrong = NULL;
    size_t at = 0;

    while (wrong == NULL) {
        qsn_buf_t left = { .data = peer->input.data + at,
                           .length = peer->input.length - at };
        qsn_frame_t frame = { 0 };
        size_t size;

        wrong = find_frame(&left, &frame, &size);

        if (wrong == NULL && frame.body_length > 0) {
            wrong = "sends a body";
        }

        if (wrong || size == 0) {
            break;
        }

        at += size;

        if (frame.type == QSN_FRAME_CANCEL) {
            continue;           /* it is as good as answered */
        }

        control_job_t *job = frame.type == QSN_FRAME_REQUEST
            ? create_job(control, &frame,
                         (uint8_t *) left.data + QSN_FRAME_HEADER_SIZE,
                         &wrong)
            : NULL;

        if (job == NULL || !peer_may_ask(job)) {
            wrong = wrong ? wrong : "asks for more than a query";
            control_free_job(job);
            break;
        }

        job->direct = 1;
        job->outlet = peer->outlet;
        queue_job(control, job);
    }

    qsn_buf_consume(&peer->input, at);

    if (wrong) {
        qsn_log("a connection from nginx %s: closed", wrong);
        peer->broken = 1;
    }
}


/* No file but the snapshot, no more time than others. */
static int
peer_may_ask(const control_job_t *job)
{
    return job->frame.op == QSN_OP_QUERY
           && job->args[QSN_ARG_SNAPSHOT].data == NULL
           && job->args[QSN_ARG_DEADLINE_MS].data == NULL;
}


void
control_read_frames(control_t *control)
{
    qsn_buf_t *input = &control->input;
    char *room = qsn_buf_reserve(input, READ_SIZE);

    if (room == NULL) {
        control_give_up("out of memory");
    }

    ssize_t n = read_worker(control, room, READ_SIZE);

    if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }

    if (n <= 0) {
        _exit(0);
    }

    qsn_buf_commit(input, (size_t) n);

    for ( ;; ) {
        size_t used = take_frame(control);

        if (used == 0) {
            return;
        }

        qsn_buf_consume(input, used);
    }
}


/* A connection comes with the bytes of its frame, one at a time. */
static ssize_t
read_worker(control_t *control, char *room, size_t size)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary;
    struct iovec bytes = { room, size };
    struct msghdr message = {
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = &ancillary,
        .msg_controllen = sizeof(ancillary)
    };

    if (control->peers == NULL) {
        return read(control->fd, room, size);
    }

    ssize_t n = recvmsg(control->fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    if (head && head->cmsg_level == SOL_SOCKET
        && head->cmsg_type == SCM_RIGHTS)
    {
        memcpy(&control->handed_over, CMSG_DATA(head), sizeof(int));
    }

    return n;
}


/* The bytes of the first frame in the input, 0 while it is not whole. */
static size_t
take_frame(control_t *control)
{
    const uint8_t *data = (const uint8_t *) control->input.data;
    qsn_frame_t frame;
    size_t size;
    const char *wrong = find_frame(&control->input, &frame, &size);

    if (wrong) {
        control_give_up(wrong);
    }

    if (size == 0) {
        return 0;
    }

    if (frame.type == QSN_FRAME_REQUEST && frame.op == QSN_OP_PEER) {
        take_connection(control);
    } else if (frame.type == QSN_FRAME_REQUEST) {
        take_request(control, &frame, data + QSN_FRAME_HEADER_SIZE);
    } else if (frame.type == QSN_FRAME_CANCEL) {
        take_cancel(control, frame.id);
    } else {
        control_give_up("neither a request nor a cancel");
    }

    return size;
}


/* *size: of the first frame, 0 while it is not whole; *frame is there once its
   head is.  NULL, or what is wrong. */
static const char *
find_frame(const qsn_buf_t *input, qsn_frame_t *frame, size_t *size)
{
    const char *wrong;

    *size = 0;

    if (input->length < QSN_FRAME_HEADER_SIZE) {
        return NULL;
    }

    wrong = qsn_frame_decode((const uint8_t *) input->data, frame);

    if (wrong == NULL) {
        uint64_t all = QSN_FRAME_HEADER_SIZE + frame->args_length
                       + frame->body_length;

        *size = input->length < all ? 0 : (size_t) all;
    }

    return wrong;
}


/* The body is not kept: all that a query process needs is arguments.  NULL and
   what is *wrong. */
static control_job_t *
create_job(control_t *control, const qsn_frame_t *frame,
    const uint8_t *payload, const char **wrong)
{
    control_job_t *job = calloc(1, sizeof(*job));

    if (job) {
        job->bytes = malloc(frame->args_length + 1u);
    }

    if (job == NULL || job->bytes == NULL) {
        control_free_job(job);
        *wrong = "out of memory";
        return NULL;
    }

    memcpy(job->bytes, payload, frame->args_length);
    job->frame = *frame;
    job->outlet = control->outlet;
    *wrong = qsn_frame_parse_args(job->bytes, frame->args_length, job->args);

    if (*wrong) {
        control_free_job(job);
        return NULL;
    }

    job->deadline_ms = qsn_frame_arg_u64(&job->args[QSN_ARG_DEADLINE_MS],
                                         control->deadline_ms);

    if (job->deadline_ms > DEADLINE_MAX) {
        job->deadline_ms = DEADLINE_MAX;
    }

    job->due = control_now_ms() + job->deadline_ms;

    return job;
}


static void
queue_job(control_t *control, control_job_t *job)
{
    (void) pthread_mutex_lock(&control->mutex);
    *control->last = job;
    control->last = &job->next;
    (void) pthread_cond_signal(&control->arrived);
    (void) pthread_mutex_unlock(&control->mutex);
}


static void
take_request(control_t *control, const qsn_frame_t *frame,
    const uint8_t *payload)
{
    const char *wrong;
    control_job_t *job = create_job(control, frame, payload, &wrong);

    if (job == NULL) {
        control_give_up(wrong);
    }

    if (frame->op == QSN_OP_PREPARE) {
        if (loader_begin(control->loader, job) == -1) {
            control_give_up("prepares two snapshots at a time");
        }

        return;
    }

    if (frame->op == QSN_OP_SNAPSHOT) {
        job->due = UINT64_MAX;  /* not a user's: it takes what it takes */
    }

    queue_job(control, job);
}


static void
take_connection(control_t *control)
{
    if (control->handed_over != -1) {
        peers_add(control->peers, control->handed_over);
        control->handed_over = -1;
    }
}


static void
take_cancel(control_t *control, uint64_t id)
{
    (void) pthread_mutex_lock(&control->mutex);

    if (control->running && control->running->frame.id == id) {
        control_stop_job(control, control->running, CONTROL_CANCELLED);
    }

    for (control_job_t *job = control->first; job; job = job->next) {
        if (job->frame.id == id) {
            control_stop_job(control, job, CONTROL_CANCELLED);
        }
    }

    (void) pthread_mutex_unlock(&control->mutex);
}


void
control_free_job(control_job_t *job)
{
    if (job) {
        free(job->bytes);
        free(job);
    }
}


char *
control_job_text(const control_job_t *job, enum qsn_frame_tag tag)
{
    const qsn_frame_arg_t *arg = &job->args[tag];

    if (arg->data == NULL || memchr(arg->data, '\0', arg->length)) {
        return NULL;
    }

    return strndup((const char *) arg->data, arg->length);
}


_Noreturn void
control_give_up(const char *why)
{
    qsn_log("the worker's connection is of no further use: %s", why);
    _exit(1);
}
