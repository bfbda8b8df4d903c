/*
 * What is said to a query process, and what it says.  Frames that come back
 * are handed out whole, in the order of the queries; one that breaks the
 * rules ends its process.
 */

#include "query_process_private.h"

#include <string.h>
#include <sys/socket.h>

#include "qsn_log.h"
#include "qsn_op.h"
#include "unix_socket.h"

#define FRAME_MAX  (8 * 1024 * 1024)

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
static void take_frames(query_process_t *process);
static const char *take_frame(query_process_t *process,
    const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);
static const char *take_answer(query_process_t *process,
    const qsn_frame_t *frame, const uint8_t *args, const uint8_t *body);


int
query_process_send(query_process_t *process, void *query, qsn_frame_t *frame,
    const qsn_frame_arg_t *args, uint64_t kill_ms, uint32_t cost_us)
{
    query_process_sent_t *sent = &process->sent[process->sent_count];

    frame->id = ++process->next_id;

    if (query_process_put(process, frame, args) != 0) {
        return -1;
    }

    *sent = (query_process_sent_t) {
        .query = query,
        .id = frame->id,
        .kill_ms = kill_ms,
        .cost_us = cost_us
    };

    if (process->sent_count++ == 0) {
        process->since_ms = uv_now(process->loop);
    }

    query_process_limit(process, kill_ms);

    return 0;
}


uint64_t
query_process_load(const query_process_t *process)
{
    uint64_t load = 0;

    for (size_t i = 0; i < process->sent_count; i++) {
        load += process->sent[i].cost_us;
    }

    return load;
}


void
query_process_replace(query_process_t *process, const void *query,
    void *heir)
{
    for (size_t i = 0; i < process->sent_count; i++) {
        if (process->sent[i].query == query) {
            process->sent[i].query = heir;
        }
    }
}


void
query_process_forget(query_process_t *process, const void *query)
{
    for (size_t i = 0; i < process->sent_count; i++) {
        if (process->sent[i].query == query) {
            qsn_frame_t frame = {
                .type = QSN_FRAME_CANCEL,
                .id = process->sent[i].id
            };

            process->sent[i].query = NULL;
            (void) query_process_put(process, &frame, NULL);
            return;
        }
    }
}


void
query_process_pause(query_process_t *process)
{
    if (!process->paused && process->alive) {
        process->paused = 1;
        (void) uv_read_stop((uv_stream_t *) &process->pipe);
    }
}


void
query_process_resume(query_process_t *process)
{
    if (process->paused && process->alive) {
        process->paused = 0;
        query_process_listen(process);
        /* what is here already; it may answer the query, or pause again */
        take_frames(process);
    }
}


int
query_process_give(query_process_t *process, int fd)
{
    uint8_t head[QSN_FRAME_HEADER_SIZE];
    qsn_frame_t frame = { .type = QSN_FRAME_REQUEST, .op = QSN_OP_PEER };
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = { .head = {
        .cmsg_level = SOL_SOCKET,
        .cmsg_type = SCM_RIGHTS,
        .cmsg_len = CMSG_LEN(sizeof(int))
    } };
    struct iovec bytes = { head, sizeof(head) };
    struct msghdr message = {
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = &ancillary,
        .msg_controllen = sizeof(ancillary)
    };
    uv_os_fd_t socket;

    query_process_flush(process);

    if (!query_process_is_up(process)
        || outgoing_backlog(&process->outgoing) > 0
        || uv_fileno((uv_handle_t *) &process->pipe, &socket) != 0)
    {
        return -1;
    }

    memcpy(CMSG_DATA(&ancillary.head), &fd, sizeof(fd));
    qsn_frame_encode(head, &frame);

    ssize_t n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0 && n < (ssize_t) sizeof(head)) {
        query_process_kill(process);    /* half a frame */
    }

    return n == (ssize_t) sizeof(head) ? 0 : -1;
}


void
query_process_flush(query_process_t *process)
{
    /* a write that fails: it has died, and its exit follows */
    if (process->alive && outgoing_flush(&process->outgoing) != 0) {
        query_process_kill(process);
    }
}


int
query_process_put(query_process_t *process, qsn_frame_t *frame,
    const qsn_frame_arg_t *args)
{
    size_t length = 0;

    for (int tag = 0; args && tag < QSN_FRAME_TAGS; tag++) {
        length += args[tag].data ? qsn_frame_arg_size(args[tag].length) : 0;
    }

    size_t size = QSN_FRAME_HEADER_SIZE + length;
    qsn_buf_t *queued = &process->outgoing.queued;
    uint8_t *out = (uint8_t *) qsn_buf_reserve(queued, size);

    if (out == NULL) {
        query_process_kill(process);  /* what it was told before may be lost */
        return -1;
    }

    frame->args_length = (uint32_t) length;
    qsn_frame_encode(out, frame);
    out += QSN_FRAME_HEADER_SIZE;

    for (int tag = 0; args && tag < QSN_FRAME_TAGS; tag++) {
        if (args[tag].data) {
            out = qsn_frame_put_arg(out, (enum qsn_frame_tag) tag,
                                    args[tag].data, args[tag].length);
        }
    }

    qsn_buf_commit(queued, size);

    return 0;
}


void
query_process_listen(query_process_t *process)
{
    (void) uv_read_start((uv_stream_t *) &process->pipe,
                         unix_socket_buffer, on_read);
}


static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    query_process_t *process = stream->data;

    if (n < 0) {
        (void) uv_read_stop(stream);    /* its exit is on the way */
        return;
    }

    qsn_buf_append(&process->in, buf->base, (size_t) n);
    take_frames(process);
}


static void
take_frames(query_process_t *process)
{
    size_t at = 0;
    const char *wrong = process->in.failed ? "out of memory" : NULL;

    if (process->taking) {
        return;                 /* whoever takes them already goes on */
    }

    process->taking = 1;

    while (!process->paused && wrong == NULL
           && process->in.length - at >= QSN_FRAME_HEADER_SIZE)
    {
        const uint8_t *head = (uint8_t *) process->in.data + at;
        qsn_frame_t frame;

        wrong = qsn_frame_decode(head, &frame);

        if (wrong == NULL && frame.body_length > FRAME_MAX) {
            wrong = "frame is too long";
        }

        if (wrong) {
            break;
        }

        size_t size = QSN_FRAME_HEADER_SIZE + frame.args_length
                      + (size_t) frame.body_length;

        if (process->in.length - at < size) {
            break;
        }

        wrong = take_frame(process, &frame, head + QSN_FRAME_HEADER_SIZE,
                           head + QSN_FRAME_HEADER_SIZE + frame.args_length);
        at += size;
    }

    process->taking = 0;
    qsn_buf_consume(&process->in, at);

    if (wrong) {
        qsn_log("query process %d: %s: killed", process->own.pid, wrong);
        (void) uv_read_stop((uv_stream_t *) &process->pipe);
        query_process_kill(process);
    }
}


static const char *
take_frame(query_process_t *process, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    if (frame->type == QSN_FRAME_RESPONSE && frame->op == QSN_OP_SNAPSHOT) {
        return query_process_confirmed(process, frame, body);
    }

    if (frame->type == QSN_FRAME_RESPONSE && frame->op == QSN_OP_PREPARE) {
        return query_process_prepared(process);
    }

    return take_answer(process, frame, args, body);
}


/* Answers come in the order of the queries. */
static const char *
take_answer(query_process_t *process, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body)
{
    query_process_sent_t *first = &process->sent[0];
    void *query = first->query;

    if (process->sent_count == 0 || frame->id != first->id) {
        return "answers what was not asked";
    }

    if (frame->type != (first->answered ? QSN_FRAME_DATA
                                        : QSN_FRAME_RESPONSE))
    {
        return "answers out of order";
    }

    first->answered = 1;

    if (!(frame->flags & QSN_FLAG_MORE)) {
        uint64_t now = uv_now(process->loop);

        process->sent_count--;
        process->ran_ms = now - process->since_ms;
        process->since_ms = now;
        memmove(first, first + 1, process->sent_count * sizeof(*first));
    }

    if (query) {
        process->events->on_frame(process, query, frame, args, body);

    } else if (!(frame->flags & QSN_FLAG_MORE)) {
        process->events->on_ready(process);
    }

    return NULL;
}
