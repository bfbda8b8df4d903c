#ifndef QSN_BUF_H
#define QSN_BUF_H

/*
 * A growing byte buffer.  One owner, who calls qsn_buf_free().  Running out
 * of memory is remembered in ->failed and later appends do nothing, so that
 * a renderer checks once, at its end.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    char *data;
    size_t length;
    size_t capacity;
    int failed;
} qsn_buf_t;

void qsn_buf_free(qsn_buf_t *buf);      /* leaves an empty buffer */
void qsn_buf_clear(qsn_buf_t *buf);     /* keeps the memory */

void qsn_buf_fill(qsn_buf_t *buf, char byte, size_t times);
void qsn_buf_printf(qsn_buf_t *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* string, escaped to stand inside a JSON string; no quotes. */
void qsn_buf_json(qsn_buf_t *buf, const char *string);

/* file:path?query with what a URI can't hold as %XX. */
void qsn_buf_file_uri(qsn_buf_t *buf, const char *path, const char *query);

/* For qsn_buf_reserve(), where there is not enough. */
char *qsn_buf_grow(qsn_buf_t *buf, size_t length);

/* Room for length more bytes; NULL (and failed) without memory.  What was
   written there counts only after qsn_buf_commit(). */
static inline char *
qsn_buf_reserve(qsn_buf_t *buf, size_t length)
{
    return buf->capacity - buf->length >= length && buf->data && !buf->failed
           ? buf->data + buf->length : qsn_buf_grow(buf, length);
}

static inline void
qsn_buf_commit(qsn_buf_t *buf, size_t length)
{
    buf->length += length;
}

static inline void
qsn_buf_append(qsn_buf_t *buf, const void *data, size_t length)
{
    char *room = length ? qsn_buf_reserve(buf, length) : NULL;

    if (room) {
        memcpy(room, data, length);
        qsn_buf_commit(buf, length);
    }
}

static inline void
qsn_buf_byte(qsn_buf_t *buf, char byte)
{
    qsn_buf_append(buf, &byte, 1);
}

static inline void
qsn_buf_string(qsn_buf_t *buf, const char *string)
{
    qsn_buf_append(buf, string, strlen(string));
}

/* Drops the first length bytes. */
void qsn_buf_consume(qsn_buf_t *buf, size_t length);

/* Appends a NUL that is not counted and returns the text; "" if empty. */
const char *qsn_buf_text(qsn_buf_t *buf);

#endif
