/*
 * A session reads bytes into ->in and takes statements out of it one by
 * one: while a query runs, or the client does not take its answers, the rest
 * waits; so answers come in order and memory is bounded.  Lines end in CRLF or
 * LF.
 */

#include "line.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "outgoing.h"
#include "qsn_buf.h"
#include "qsn_hash.h"
#include "qsn_log.h"
#include "statement_splitter.h"
#include "telnet.h"
#include "unix_socket.h"

#define OUTPUT_HIGH  (1024 * 1024)

#define CTRL_C  0x03
#define CTRL_D  0x04

typedef struct session_s session_t;

struct session_s {
    worker_t *worker;
    uv_pipe_t pipe;
    session_t *previous;
    session_t *next;
    telnet_t telnet;
    qsn_buf_t in;               /* read, not looked at yet */
    qsn_buf_t statement;        /* so far, CR removed */
    size_t line_start;          /* in statement */
    int ran_on_line;            /* a statement has ended on this line */
    statement_splitter_t splitter;
    query_t query;
    qsn_buf_t sql;              /* of the running query */
    int running;
    int paused;
    int reading;
    int ended;                  /* the client sends no more */
    int closing;                /* after the last answer is sent */
    int closed;
    int handle_closed;          /* libuv has let go of it */
    int taking;                 /* take_input() is at work */
    outgoing_t outgoing;
};

static session_t *sessions;     /* all of them, for line_close_all() */

static void on_connection(uv_stream_t *listener, int status);
static session_t *create(worker_t *worker);
static void hand_over(const session_t *session);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
static void take_input(session_t *session);
static void take_byte(session_t *session, char byte);
static void line_ended(session_t *session);
static int is_goodbye(const char *text, size_t length);
static void run_statement(session_t *session);
static void reset_statement(session_t *session);
static void on_frame(query_t *query, const qsn_frame_t *frame,
    const uint8_t *args, const uint8_t *body);
static void say(session_t *session, const char *text);
static void put_text(session_t *session, const char *text, size_t length);
static void flush(session_t *session);
static void on_written(uv_stream_t *stream, int status);
static void balance(session_t *session);
static void close_session(session_t *session);
static void on_closed(uv_handle_t *handle);
static void free_session(session_t *session);


int
line_listen(worker_t *worker)
{
    return unix_socket_listen(worker, &worker->line_listener,
                              QSN_LINE_SOCKET, HANDOVER_LINES_LISTENER,
                              on_connection);
}


void
line_close_all(worker_t *worker)
{
    unix_socket_unlisten(worker, &worker->line_listener);

    for (session_t *session = sessions; session; session = session->next) {
        if (worker->draining) {
            hand_over(session);
        }

        close_session(session);
    }
}


static void
on_connection(uv_stream_t *listener, int status)
{
    worker_t *worker = listener->data;
    session_t *session;

    if (status < 0) {
        qsn_log("cannot accept a line session: %s", uv_strerror(status));
        return;
    }

    if (handover_accepts(worker, listener, HANDOVER_LINES)
        || (session = create(worker)) == NULL)
    {
        return;
    }

    if (unix_socket_accept(worker, listener, &session->pipe) != 0) {
        close_session(session);
        return;
    }

    balance(session);
}



static session_t *
create(worker_t *worker)
{
    session_t *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        qsn_log("out of memory for a line session");
        return NULL;
    }

    session->worker = worker;
    session->next = sessions;
    session->query.on_frame = on_frame;
    session->query.asker = session;
    session->query.client = qsn_hash(&session, sizeof(session));
    session->pipe.data = session;

    if (sessions) {
        sessions->previous = session;
    }

    sessions = session;
    (void) uv_pipe_init(&worker->loop, &session->pipe, 0);
    outgoing_init(&session->outgoing, (uv_stream_t *) &session->pipe,
                  on_written);

    return session;
}


int
line_all_quiet(void)
{
    for (const session_t *s = sessions; s; s = s->next) {
        if (!s->closed && (s->running || outgoing_backlog(&s->outgoing) > 0)) {
            return 0;
        }
    }

    return 1;
}


/* A statement so far is read once more, for the splitter's sake. */
static void
hand_over(const session_t *session)
{
    handover_item_t item = { .kind = HANDOVER_LINES };
    qsn_buf_t data = { 0 };

    if (session->closed || session->closing || session->running
        || outgoing_backlog(&session->outgoing) > 0)
    {
        return;
    }

    qsn_buf_append(&data, session->statement.data, session->statement.length);
    qsn_buf_append(&data, session->in.data, session->in.length);
    item.length = (uint32_t) data.length;

    if (data.failed || handover_keep(&session->pipe, &item, data.data) != 0) {
        qsn_log("a line session is lost to the new program");
    }

    qsn_buf_free(&data);
}


void
line_adopt(worker_t *worker, const handover_item_t *item, const char *data)
{
    session_t *session = create(worker);

    if (session == NULL) {
        (void) close(item->fd);
        return;
    }

    if (uv_pipe_open(&session->pipe, item->fd) != 0) {
        (void) close(item->fd);
        close_session(session);
        return;
    }

    qsn_buf_append(&session->in, data, item->length);
    take_input(session);
}


static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    session_t *session = stream->data;

    if (n == UV_EOF) {
        session->ended = 1;     /* what it asked is still answered */
    } else if (n < 0) {
        close_session(session);
        return;
    } else {
        qsn_buf_append(&session->in, buf->base, (size_t) n);
    }

    take_input(session);
}


static void
take_input(session_t *session)
{
    size_t taken = 0;

    if (session->taking) {
        return;                 /* a query answered at once: the loop below
                                   goes on */
    }

    session->taking = 1;

    while (taken < session->in.length && !session->running
           && !session->closing && !session->closed
           && outgoing_backlog(&session->outgoing) < OUTPUT_HIGH
           && !session->worker->draining)
    {
        unsigned char byte = (unsigned char) session->in.data[taken++];

        if (!telnet_skips(&session->telnet, byte)) {
            take_byte(session, (char) byte);
        }
    }

    qsn_buf_consume(&session->in, taken);
    session->taking = 0;

    if (session->ended && !session->running && session->in.length == 0
        && !session->worker->draining)
    {
        session->closing = 1;
    }

    balance(session);
}


static void
take_byte(session_t *session, char byte)
{
    qsn_buf_t *statement = &session->statement;
    size_t limit = (size_t) session->worker->settings.line_max_statement;
    int has_content;

    if (byte == '\0') {
        say(session, "ERROR: a NUL byte cannot be part of a statement");
        session->closing = 1;
        return;
    }

    if (byte == '\r') {
        return;
    }

    if (statement->length >= limit) {
        char text[128];

        (void) snprintf(text, sizeof(text), "ERROR: the statement is longer "
                        "than line_max_statement (%zu bytes)", limit);
        say(session, text);
        session->closing = 1;
        return;
    }

    qsn_buf_byte(statement, byte);

    if (statement->failed) {
        say(session, "ERROR: out of memory");
        session->closing = 1;

    } else if (statement_splitter_byte(&session->splitter, byte,
                                       &has_content))
    {
        /* "select 1;;" is one statement, ";" alone is a wrong one */
        if (has_content || !session->ran_on_line) {
            run_statement(session);
        }

        session->ran_on_line = 1;
        reset_statement(session);

    } else if (byte == '\n') {
        line_ended(session);
    }
}


static void
line_ended(session_t *session)
{
    qsn_buf_t *statement = &session->statement;
    const char *line = statement->data + session->line_start;
    size_t length = statement->length - session->line_start - 1;

    session->ran_on_line = 0;

    if (length == 1 && (line[0] == CTRL_C || line[0] == CTRL_D)) {
        session->closing = 1;

    } else if (session->line_start == 0 && is_goodbye(line, length)) {
        say(session, "Bye!");
        session->closing = 1;

    } else if (statement_splitter_blank(&session->splitter)) {
        reset_statement(session);       /* an empty line, a comment */

    } else {
        session->line_start = statement->length;
    }
}


static int
is_goodbye(const char *text, size_t length)
{
    static const char *const words[] = { "quit", "exit", "logout" };

    while (length && isspace((unsigned char) text[0])) {
        text++;
        length--;
    }

    while (length && (isspace((unsigned char) text[length - 1])
                      || text[length - 1] == ';'))
    {
        length--;
    }

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) == length
            && strncasecmp(words[i], text, length) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
run_statement(session_t *session)
{
    qsn_buf_t *sql = &session->sql;
    query_t *query = &session->query;

    if (is_goodbye(session->statement.data, session->statement.length)) {
        say(session, "Bye!");
        session->closing = 1;
        return;
    }

    qsn_buf_clear(sql);
    qsn_buf_append(sql, session->statement.data, session->statement.length);
    query->op = QSN_OP_QUERY;
    query->format = QSN_FORMAT_TEXT;
    query->flags = 0;
    query->sql = sql->data;
    query->sql_length = sql->length;
    session->running = 1;
    pool_submit(session->worker->pool, query);
}


static void
reset_statement(session_t *session)
{
    qsn_buf_clear(&session->statement);
    memset(&session->splitter, 0, sizeof(session->splitter));
    session->line_start = 0;
}


static void
on_frame(query_t *query, const qsn_frame_t *frame, const uint8_t *args,
    const uint8_t *body)
{
    session_t *session = query->asker;
    int aborted = frame->flags & QSN_FLAG_ABORT;

    (void) args;
    session->running = frame->flags & QSN_FLAG_MORE;

    if (session->closed) {
        free_session(session);
        return;
    }

    if (aborted) {
        put_text(session, "\nERROR: ", 8);
    }

    put_text(session, (const char *) body, (size_t) frame->body_length);

    if (aborted) {
        put_text(session, "\n", 1);
    }

    flush(session);

    if (!session->running) {
        take_input(session);

    } else if (outgoing_backlog(&session->outgoing) >= OUTPUT_HIGH) {
        session->paused = 1;
        pool_pause(query);
    }
}


/* A line of the server's own. */
static void
say(session_t *session, const char *text)
{
    put_text(session, text, strlen(text));
    put_text(session, "\n", 1);
    flush(session);
}


/* Every LF goes out as CRLF. */
static void
put_text(session_t *session, const char *text, size_t length)
{
    qsn_buf_t *queued = &session->outgoing.queued;

    for (const char *end = text + length; text < end; /* void */) {
        const char *stop = memchr(text, '\n', (size_t) (end - text));
        const char *next = stop ? stop : end;

        qsn_buf_append(queued, text, (size_t) (next - text));

        if (stop) {
            qsn_buf_append(queued, "\r\n", 2);
            next++;
        }

        text = next;
    }
}


static void
flush(session_t *session)
{
    if (!session->closed && outgoing_flush(&session->outgoing) != 0) {
        close_session(session);

    } else if (session->outgoing.queued.length == 0) {
        qsn_buf_free(&session->outgoing.queued);    /* it may be the last */
    }
}


static void
on_written(uv_stream_t *stream, int status)
{
    session_t *session = stream->data;

    if (session->closed) {
        return;                 /* freed when its handle is closed */
    }

    if (status < 0) {
        close_session(session);
        return;
    }

    if (session->paused
        && outgoing_backlog(&session->outgoing) < OUTPUT_HIGH)
    {
        session->paused = 0;
        pool_resume(&session->query);   /* may finish, even close it */
        return;
    }

    take_input(session);
}


/* Reads while there is room for more input; closes when all is said. */
static void
balance(session_t *session)
{
    size_t limit = (size_t) session->worker->settings.line_max_statement;

    if (session->closed) {
        return;
    }

    if (session->closing) {
        if (!session->running && outgoing_backlog(&session->outgoing) == 0) {
            close_session(session);
        }

        return;
    }

    int wanted = !session->ended && session->in.length < limit;

    if (wanted && !session->reading) {
        (void) uv_read_start((uv_stream_t *) &session->pipe,
                             unix_socket_buffer, on_read);
    } else if (!wanted && session->reading) {
        (void) uv_read_stop((uv_stream_t *) &session->pipe);
    }

    session->reading = wanted;
}


static void
close_session(session_t *session)
{
    if (session->closed) {
        return;
    }

    session->closed = 1;

    if (session->running) {
        pool_cancel(session->worker->pool, &session->query);
    }

    uv_close((uv_handle_t *) &session->pipe, on_closed);
}


static void
on_closed(uv_handle_t *handle)
{
    session_t *session = handle->data;

    session->handle_closed = 1;
    free_session(session);
}


/* Freed by whichever comes last: the handle's end or the query's. */
static void
free_session(session_t *session)
{
    if (session->running || !session->handle_closed) {
        return;
    }

    if (session->previous) {
        session->previous->next = session->next;
    } else {
        sessions = session->next;
    }

    if (session->next) {
        session->next->previous = session->previous;
    }

    qsn_buf_free(&session->in);
    qsn_buf_free(&session->statement);
    qsn_buf_free(&session->sql);
    outgoing_free(&session->outgoing);
    free(session);
}
