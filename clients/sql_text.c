/* Safe text and its width, one character at a time. */

#include "sql_text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "qsn_reply.h"

#define ELLIPSIS    "\xe2\x80\xa6"
#define SHOWN_SIZE  16

/* What becomes of one character. */
typedef struct {
    size_t used;                /* bytes of the source */
    const char *text;           /* what is shown: the source or shown */
    size_t length;
    size_t width;
    char shown[SHOWN_SIZE];
} glyph_t;

static void next_glyph(glyph_t *glyph, const char *text, size_t left);
static uint32_t decode(const char *text, size_t size);
static int is_treacherous(uint32_t code);
static void show(glyph_t *glyph, const char *format, uint32_t code);
static size_t fitting(const char *text, size_t length, size_t max,
    size_t *width);


void
sql_text_init(void)
{
    setlocale(LC_CTYPE, "");

    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
}


size_t
sql_text_width(const char *text, size_t length)
{
    size_t width = 0;
    glyph_t glyph;

    for (size_t i = 0; i < length; i += glyph.used) {
        next_glyph(&glyph, text + i, length - i);
        width += glyph.width;
    }

    return width;
}


size_t
sql_text_put(qsn_buf_t *out, const char *text, size_t length, size_t max)
{
    size_t width;
    size_t end = fitting(text, length, max, &width);
    int is_cut = end < length;
    glyph_t glyph;

    if (is_cut && max > 0) {
        end = fitting(text, length, max - 1, &width);
    }

    for (size_t i = 0; i < end; i += glyph.used) {
        next_glyph(&glyph, text + i, length - i);
        qsn_buf_append(out, glyph.text, glyph.length);
    }

    if (is_cut && max > 0) {
        qsn_buf_string(out, ELLIPSIS);
        width++;
    }

    return width;
}


void
sql_text_put_lines(qsn_buf_t *out, const char *text, size_t length)
{
    glyph_t glyph;

    for (size_t i = 0; i < length; i += glyph.used) {
        if (text[i] == '\n' || text[i] == '\t') {
            glyph.used = 1;
            qsn_buf_byte(out, text[i]);
            continue;
        }

        next_glyph(&glyph, text + i, length - i);
        qsn_buf_append(out, glyph.text, glyph.length);
    }
}


/* Bytes of text that take at most max columns. */
static size_t
fitting(const char *text, size_t length, size_t max, size_t *width)
{
    size_t i = 0;
    glyph_t glyph;

    for (*width = 0; i < length; i += glyph.used) {
        next_glyph(&glyph, text + i, length - i);

        if (glyph.width > max - *width) {
            break;
        }

        *width += glyph.width;
    }

    return i;
}


static void
next_glyph(glyph_t *glyph, const char *text, size_t left)
{
    unsigned char byte = (unsigned char) text[0];
    static const char named[] = "\nn\tt\rr";

    glyph->used = 1;
    glyph->text = text;
    glyph->length = 1;
    glyph->width = 1;

    if (byte >= 0x20 && byte < 0x7f) {
        return;
    }

    if (byte < 0x80) {
        for (const char *n = named; *n; n += 2) {
            if (n[0] == text[0]) {
                show(glyph, "\\%c", (uint32_t) n[1]);
                return;
            }
        }

        show(glyph, "\\x%02x", byte);
        return;
    }

    size_t size = qsn_utf8_size(text, left);

    if (size == 0) {
        show(glyph, "\\x%02x", byte);
        return;
    }

    uint32_t code = decode(text, size);
    int width = wcwidth((wchar_t) code);

    glyph->used = size;

    if (width < 0 || is_treacherous(code)) {
        show(glyph, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
        return;
    }

    glyph->length = size;
    glyph->width = (size_t) width;
}


static void
show(glyph_t *glyph, const char *format, uint32_t code)
{
    glyph->length = (size_t) snprintf(glyph->shown, SHOWN_SIZE, format, code);
    glyph->width = glyph->length;
    glyph->text = glyph->shown;
}


static uint32_t
decode(const char *text, size_t size)
{
    static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t code = (unsigned char) text[0] & first[size];

    for (size_t i = 1; i < size; i++) {
        code = code << 6 | ((unsigned char) text[i] & 0x3f);
    }

    return code;
}


/* C1 controls, what changes the direction of text, separators that some
   terminals take for line ends, byte order marks, invisible tags. */
static int
is_treacherous(uint32_t code)
{
    return code < 0xa0 || code == 0x61c || code == 0x200e || code == 0x200f
           || (code >= 0x2028 && code <= 0x202e)
           || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff
           || (code >= 0xe0000 && code <= 0xe007f);
}
