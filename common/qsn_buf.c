/* The growing byte buffer. */

#include "qsn_buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_reply.h"

#define FIRST_CAPACITY  256


void
qsn_buf_free(qsn_buf_t *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof(*buf));
}


void
qsn_buf_clear(qsn_buf_t *buf)
{
    buf->length = 0;
    buf->failed = 0;
}


char *
qsn_buf_grow(qsn_buf_t *buf, size_t length)
{
    if (buf->failed || length == 0) {
        return NULL;
    }

    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;

    if (length > SIZE_MAX / 4 || buf->length > SIZE_MAX / 4) {
        buf->failed = 1;
        return NULL;
    }

    while (capacity - buf->length < length) {
        capacity *= 2;
    }

    char *data = realloc(buf->data, capacity);

    if (data == NULL) {
        buf->failed = 1;
        return NULL;
    }

    buf->data = data;
    buf->capacity = capacity;

    return data + buf->length;
}


void
qsn_buf_fill(qsn_buf_t *buf, char byte, size_t times)
{
    char *room = times ? qsn_buf_reserve(buf, times) : NULL;

    if (room) {
        memset(room, byte, times);
        buf->length += times;
    }
}


void
qsn_buf_printf(qsn_buf_t *buf, const char *format, ...)
{
    size_t left = buf->failed ? 0 : buf->capacity - buf->length;
    va_list args;

    va_start(args, format);
    int length = vsnprintf(left ? buf->data + buf->length : NULL, left,
                           format, args);
    va_end(args);

    if (length < 0) {
        buf->failed = 1;
        return;
    }

    if ((size_t) length < left) {
        buf->length += (size_t) length;
        return;
    }

    char *room = qsn_buf_reserve(buf, (size_t) length + 1);

    if (room) {
        va_start(args, format);
        (void) vsnprintf(room, (size_t) length + 1, format, args);
        va_end(args);
        buf->length += (size_t) length;
    }
}


void
qsn_buf_json(qsn_buf_t *buf, const char *string)
{
    size_t length = strlen(string);
    size_t size = qsn_json_escaped_size(string, length);
    char *room = size ? qsn_buf_reserve(buf, size) : NULL;

    if (room) {
        (void) qsn_json_escape(room, string, length);
        qsn_buf_commit(buf, size);
    }
}


void
qsn_buf_file_uri(qsn_buf_t *buf, const char *path, const char *query)
{
    static const char hex[] = "0123456789ABCDEF";

    qsn_buf_string(buf, "file:");

    for (const char *p = path; *p; p++) {
        unsigned char byte = (unsigned char) *p;

        if (byte <= ' ' || byte >= 0x7f || strchr("%?#", byte)) {
            qsn_buf_byte(buf, '%');
            qsn_buf_byte(buf, hex[byte >> 4]);
            qsn_buf_byte(buf, hex[byte & 15]);
        } else {
            qsn_buf_byte(buf, *p);
        }
    }

    qsn_buf_byte(buf, '?');
    qsn_buf_string(buf, query);
}


void
qsn_buf_consume(qsn_buf_t *buf, size_t length)
{
    if (length >= buf->length) {
        buf->length = 0;
        return;
    }

    memmove(buf->data, buf->data + length, buf->length - length);
    buf->length -= length;
}


const char *
qsn_buf_text(qsn_buf_t *buf)
{
    char *end = qsn_buf_reserve(buf, 1);

    if (end == NULL) {
        return "";
    }

    *end = '\0';

    return buf->data;
}
