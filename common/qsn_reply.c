/* JSON escaping and the error document. */

#include "qsn_reply.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT  "\xef\xbf\xbd"

static size_t escape_one(char *out, unsigned char byte);

static const char error_open[] =
    "{\"response_op\": \"error\", \"error_message\": \"";
static const char error_identity[] = "\", \"identity\": \"";
static const char error_close[] = "\"}";


size_t
qsn_json_escaped_size(const char *text, size_t length)
{
    char scratch[8];
    size_t size = 0;

    for (size_t i = 0; i < length; /* void */) {
        unsigned char byte = (unsigned char) text[i];

        if (byte < 0x80) {
            size += escape_one(scratch, byte);
            i++;
            continue;
        }

        size_t character = qsn_utf8_size(text + i, length - i);

        size += character ? character : sizeof(REPLACEMENT) - 1;
        i += character ? character : 1;
    }

    return size;
}


char *
qsn_json_escape(char *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; /* void */) {
        unsigned char byte = (unsigned char) text[i];

        if (byte < 0x80) {
            out += escape_one(out, byte);
            i++;
            continue;
        }

        size_t character = qsn_utf8_size(text + i, length - i);

        if (character) {
            memcpy(out, text + i, character);
            out += character;
            i += character;

        } else {
            memcpy(out, REPLACEMENT, sizeof(REPLACEMENT) - 1);
            out += sizeof(REPLACEMENT) - 1;
            i++;
        }
    }

    return out;
}


size_t
qsn_reply_error_size(enum qsn_format format, const char *identity,
    const char *message, size_t length)
{
    if (format != QSN_FORMAT_JSON) {
        return length + 1;
    }

    return sizeof(error_open) - 1 + sizeof(error_identity) - 1
           + sizeof(error_close) - 1
           + qsn_json_escaped_size(message, length)
           + qsn_json_escaped_size(identity, strlen(identity));
}


char *
qsn_reply_error(char *out, enum qsn_format format, const char *identity,
    const char *message, size_t length)
{
    if (format != QSN_FORMAT_JSON) {
        memcpy(out, message, length);
        out[length] = '\n';
        return out + length + 1;
    }

    memcpy(out, error_open, sizeof(error_open) - 1);
    out = qsn_json_escape(out + sizeof(error_open) - 1, message, length);
    memcpy(out, error_identity, sizeof(error_identity) - 1);
    out = qsn_json_escape(out + sizeof(error_identity) - 1, identity,
                          strlen(identity));
    memcpy(out, error_close, sizeof(error_close) - 1);

    return out + sizeof(error_close) - 1;
}


size_t
qsn_utf8_size(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *) text;
    size_t size;
    uint32_t code;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        size = 2;
        code = p[0] & 0x1f;
    } else if ((p[0] & 0xf0) == 0xe0) {
        size = 3;
        code = p[0] & 0x0f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        size = 4;
        code = p[0] & 0x07;
    } else {
        return 0;
    }

    if (length < size) {
        return 0;
    }

    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    /* overlong forms, surrogates, past the last plane */
    if ((size == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
        || (size == 4 && (code < 0x10000 || code > 0x10ffff)))
    {
        return 0;
    }

    return size;
}


int
qsn_utf8_valid(const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        uint64_t eight;

        if ((size_t) (end - text) >= sizeof(eight)) {
            memcpy(&eight, text, sizeof(eight));

            if ((eight & 0x8080808080808080ull) == 0) {
                text += sizeof(eight);
                continue;
            }
        }

        size_t size = qsn_utf8_size(text, (size_t) (end - text));

        if (size == 0) {
            return 0;
        }

        text += size;
    }

    return 1;
}


static size_t
escape_one(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";

    for (const char *n = named; *n; n += 2) {
        if ((unsigned char) n[0] == byte) {
            out[0] = '\\';
            out[1] = n[1];
            return 2;
        }
    }

    if (byte < 0x20 || byte == 0x7f) {
        memcpy(out, "\\u00", 4);
        out[4] = hex[byte >> 4];
        out[5] = hex[byte & 15];
        return 6;
    }

    out[0] = (char) byte;

    return 1;
}
