#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SCRATCH  (256 * 1024)

static enum http_event feed(http_t *http, const char *data, size_t length);
static size_t feed_line(http_t *http, const char *data, size_t length,
    int *whole);
static size_t feed_body(http_t *http, const char *data, size_t length);
static int on_line(http_t *http);
static int on_header(http_t *http);


int
http_open(http_t *http, const struct sockaddr_in *to,
    const struct sockaddr_in *from)
{
    memset(http, 0, sizeof(*http));
    http->fd = tcp_open(to, from);

    return http->fd >= 0 ? 0 : -1;
}


void
http_close(http_t *http)
{
    if (http->fd >= 0) {
        (void) close(http->fd);
    }

    http->fd = -1;
    http->out.count = 0;
}


int
http_send(http_t *http, const struct iovec *parts, int count)
{
    outgoing_set(&http->out, parts, count);
    http->state = HTTP_STATUS;
    http->status = 0;
    http->line_length = 0;
    http->text_length = 0;
    http->text[0] = '\0';
    http->body = 0;
    http->generation = 0;

    return http_write(http);
}


int
http_write(http_t *http)
{
    return outgoing_write(&http->out, http->fd);
}


enum http_event
http_read(http_t *http)
{
    static char scratch[SCRATCH];
    ssize_t got = recv(http->fd, scratch, sizeof(scratch), 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return HTTP_AGAIN;
    }

    return got > 0 ? feed(http, scratch, (size_t) got) : HTTP_CLOSED;
}


int
http_is_ok(const http_t *http, const char *expected)
{
    return http->status == 200 && strstr(http->text, expected) != NULL;
}


static enum http_event
feed(http_t *http, const char *data, size_t length)
{
    int done = 0;

    while (length && !done) {
        size_t used;
        int whole = 0;

        if (http->state == HTTP_BODY || http->state == HTTP_CHUNK) {
            used = feed_body(http, data, length);

            if (http->left == 0) {
                done = http->state == HTTP_BODY;
                http->state = HTTP_CHUNK_END;
            }

        } else {
            used = feed_line(http, data, length, &whole);
            done = whole ? on_line(http) : 0;

            if (done < 0) {
                return HTTP_CLOSED;
            }
        }

        data += used;
        length -= used;
    }

    /* nothing was asked for that could follow */
    return done ? length ? HTTP_CLOSED : HTTP_DONE : HTTP_AGAIN;
}


/* Collects a line without its end; *whole: it is there. */
static size_t
feed_line(http_t *http, const char *data, size_t length, int *whole)
{
    const char *end = memchr(data, '\n', length);
    size_t part = end ? (size_t) (end - data) : length;
    size_t room = sizeof(http->line) - 1 - http->line_length;
    size_t kept = part < room ? part : room;

    memcpy(http->line + http->line_length, data, kept);
    http->line_length += kept;

    if (end == NULL) {
        return length;
    }

    if (http->line_length && http->line[http->line_length - 1] == '\r') {
        http->line_length--;
    }

    http->line[http->line_length] = '\0';
    *whole = 1;

    return part + 1;
}


static size_t
feed_body(http_t *http, const char *data, size_t length)
{
    size_t part = length < http->left ? length : (size_t) http->left;
    size_t room = sizeof(http->text) - 1 - http->text_length;
    size_t kept = part < room ? part : room;

    memcpy(http->text + http->text_length, data, kept);
    http->text_length += kept;
    http->text[http->text_length] = '\0';
    http->left -= part;
    http->body += part;

    return part;
}


/* 1: the reply ends with this line; -1: no HTTP. */
static int
on_line(http_t *http)
{
    size_t length = http->line_length;

    http->line_length = 0;

    switch (http->state) {

    case HTTP_STATUS:
        http->status = length > 12 ? atoi(http->line + 9) : 0;
        http->chunked = 0;
        http->left = 0;
        http->state = HTTP_HEADER;
        return http->status ? 0 : -1;

    case HTTP_HEADER:
        if (length) {
            return on_header(http);
        }

        http->state = http->chunked ? HTTP_CHUNK_SIZE : HTTP_BODY;
        return !http->chunked && http->left == 0;

    case HTTP_CHUNK_SIZE:
        http->left = strtoull(http->line, NULL, 16);
        http->state = http->left ? HTTP_CHUNK : HTTP_TRAILER;
        return 0;

    case HTTP_CHUNK_END:
        http->state = HTTP_CHUNK_SIZE;
        return length ? -1 : 0;

    case HTTP_TRAILER:
        return length == 0;

    case HTTP_BODY:
    case HTTP_CHUNK:
        break;
    }

    return -1;
}


static int
on_header(http_t *http)
{
    const char *value = strchr(http->line, ':');

    if (value == NULL) {
        return -1;
    }

    value += strspn(value, ": ");

    switch (http->line[0] | 0x20) {

    case 'c':
        if (strncasecmp(http->line, "Content-Length:", 15) == 0) {
            http->left = strtoull(value, NULL, 10);
        }

        break;

    case 'q':
        if (strncasecmp(http->line, "Qasino-Generation:", 18) == 0) {
            http->generation = strtoull(value, NULL, 10);
        }

        break;

    case 't':
        http->chunked |= strcasecmp(http->line,
                                    "Transfer-Encoding: chunked") == 0;
        break;
    }

    return 0;
}
