/* Frames out. */

#include "answer.h"

#include <string.h>

#include "qsn_op.h"
#include "qsn_reply.h"
#include "render.h"

#define ARGS_SIZE  (4 * (QSN_FRAME_ARG_SIZE + 8))
#define SINK_KEEP  (1024 * 1024)

static int flush_sink(sink_t *sink);
static void send_body(answer_t *answer, uint16_t flags, uint16_t status);
static size_t put_args(const answer_t *answer, uint8_t *out);
static uint64_t max_age_ms(const answer_t *answer);
static void error_body(answer_t *answer, const failure_t *failure);


void
answer_begin(answer_t *answer, const qsn_frame_t *request)
{
    if (answer->sink.buf.capacity > SINK_KEEP) {
        qsn_buf_free(&answer->sink.buf);
    }

    qsn_buf_clear(&answer->sink.buf);
    answer->sink.limit = ANSWER_FIRST;
    answer->sink.flush = flush_sink;
    answer->sink.stopped = 0;
    answer->sink.flushed = 0;

    answer->id = request->id;
    answer->op = request->op;
    answer->format = request->format;
    answer->generation = 0;
    answer->has_static_version = 0;
    answer->is_current = 0;
    answer->cacheable = 0;
    answer->direct = 0;
    answer->repeated = 0;
    answer->status = 0;
    answer->head_sent = 0;
}


void
answer_free(answer_t *answer)
{
    qsn_buf_free(&answer->sink.buf);
}


void
answer_finish(answer_t *answer)
{
    send_body(answer, 0, 200);
}


void
answer_part(answer_t *answer)
{
    send_body(answer, QSN_FLAG_MORE, 200);
    answer->sink.limit = ANSWER_CHUNK;
}


void
answer_fail(answer_t *answer, const failure_t *failure)
{
    qsn_buf_t *buf = &answer->sink.buf;

    qsn_buf_clear(buf);
    answer->cacheable = 0;

    if (answer->head_sent) {
        qsn_buf_append(buf, failure->text.data, failure->text.length);
        send_body(answer, QSN_FLAG_ABORT, 0);
        return;
    }

    error_body(answer, failure);
    send_body(answer, 0, (uint16_t) failure->status);
}


static int
flush_sink(sink_t *sink)
{
    answer_t *answer = (answer_t *) sink;

    if (sink->buf.failed || control_stopped(answer->control)) {
        return -1;
    }

    if (answer->direct) {
        control_move(answer->control);
        return -1;
    }

    answer_part(answer);

    return outlet_broken(answer->outlet) ? -1 : 0;
}


/* Sends and empties the sink; the first frame is the RESPONSE. */
static void
send_body(answer_t *answer, uint16_t flags, uint16_t status)
{
    qsn_buf_t *buf = &answer->sink.buf;
    uint8_t head[QSN_FRAME_HEADER_SIZE + ARGS_SIZE];
    qsn_frame_t frame = {
        .type = answer->head_sent ? QSN_FRAME_DATA : QSN_FRAME_RESPONSE,
        .op = answer->op,
        .format = answer->format,
        .flags = flags,
        .status = answer->head_sent ? 0 : status,
        .id = answer->id,
        .body_length = buf->length
    };
    size_t args = answer->head_sent
                  ? 0 : put_args(answer, head + QSN_FRAME_HEADER_SIZE);

    frame.args_length = (uint32_t) args;
    qsn_frame_encode(head, &frame);

    struct iovec parts[] = {
        { head, QSN_FRAME_HEADER_SIZE + args },
        { buf->data, buf->length }
    };

    outlet_put(answer->outlet, parts, 2, flags & QSN_FLAG_MORE);

    if (!answer->head_sent) {
        answer->head_sent = 1;
        answer->status = status;
    }

    qsn_buf_clear(buf);
}


static size_t
put_args(const answer_t *answer, uint8_t *out)
{
    uint8_t *p = out;
    uint64_t max_age = max_age_ms(answer);

    if (answer->generation) {
        p = qsn_frame_put_u64(p, QSN_ARG_GENERATION, answer->generation);
    }

    if (answer->has_static_version) {
        p = qsn_frame_put_u64(p, QSN_ARG_STATIC_VERSION,
                              answer->static_version);
    }

    if (max_age) {
        p = qsn_frame_put_u64(p, QSN_ARG_MAX_AGE_MS, max_age);
    }

    if (answer->direct && !answer->repeated) {
        p = qsn_frame_put_u64(p, QSN_ARG_COST_US,
                              control_spent_us(answer->control));
    }

    return (size_t) (p - out);
}


/* What is left of our generation, 0 if it is not the one being served. */
static uint64_t
max_age_ms(const answer_t *answer)
{
    qsn_page_state_t state;
    uint64_t now = control_now_ms();

    if (!answer->cacheable || answer->page == NULL
        || qsn_page_read(answer->page, &state) == -1
        || state.generation_number != answer->generation
        || state.static_version != answer->static_version
        || state.expires_ms <= now)
    {
        return 0;
    }

    return state.expires_ms - now;
}


static void
error_body(answer_t *answer, const failure_t *failure)
{
    qsn_buf_t *buf = &answer->sink.buf;
    qsn_buf_t text = { 0 };

    if (answer->format != QSN_FORMAT_JSON && !failure->plain) {
        qsn_buf_string(&text, "SQL error: ");
    }

    qsn_buf_append(&text, failure->text.data, failure->text.length);

    if (answer->format == QSN_FORMAT_HTML) {
        render_html_page(buf, answer->identity, qsn_buf_text(&text),
                         text.length);

    } else {
        enum qsn_format format = (enum qsn_format) answer->format;
        size_t size = qsn_reply_error_size(format, answer->identity,
                                           qsn_buf_text(&text), text.length);
        char *room = qsn_buf_reserve(buf, size);

        if (room) {
            (void) qsn_reply_error(room, format, answer->identity,
                                   qsn_buf_text(&text), text.length);
            qsn_buf_commit(buf, size);
        }
    }

    qsn_buf_free(&text);
}
