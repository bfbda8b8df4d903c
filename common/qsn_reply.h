#ifndef QSN_REPLY_H
#define QSN_REPLY_H

/*
 * How short answers look, the same from nginx, the worker and the bridge:
 *
 *   {"response_op": "error", "error_message": "...", "identity": "..."}
 *
 * or, as text, the message alone.  The functions measure and write into the
 * caller's memory (nginx has its own), they allocate nothing.
 */

#include <stddef.h>

#include "qsn_op.h"

/* Bytes that text takes inside a JSON string, without the quotes.  What is
   not UTF-8 becomes U+FFFD, so that every reply is valid JSON. */
size_t qsn_json_escaped_size(const char *text, size_t length);

/* Writes them, returns the byte after; no quotes, no NUL. */
char *qsn_json_escape(char *out, const char *text, size_t length);

/* The body of an error reply.  format HTML is answered as text. */
size_t qsn_reply_error_size(enum qsn_format format, const char *identity,
    const char *message, size_t length);
char *qsn_reply_error(char *out, enum qsn_format format,
    const char *identity, const char *message, size_t length);

/* Length in bytes of the UTF-8 character at text (1 to 4), or 0 where the
   bytes there are none.  length is what is left, at least 1. */
size_t qsn_utf8_size(const char *text, size_t length);

/* 1 if all of text is UTF-8. */
int qsn_utf8_valid(const char *text, size_t length);

#endif
