/* qsn_reply.c: what is measured is written, and is valid JSON. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_parse.h>

#include "qsn_reply.h"

#define GUARD  0x5a


static int
is_json(const char *text, size_t length)
{
    yajl_handle yajl = yajl_alloc(NULL, NULL, NULL);
    int good = yajl_parse(yajl, (const unsigned char *) text, length)
               == yajl_status_ok
               && yajl_complete_parse(yajl) == yajl_status_ok;

    yajl_free(yajl);

    return good;
}


/* length bytes of random: any, or such as look like UTF-8. */
static void
random_text(char *text, size_t length)
{
    static const unsigned char heads[] = {
        0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4,
        0xf5, 0xff, '"', '\\', '\n', 0, 0x1f, 0x7f, 'a'
    };
    int kind = (int) (random() % 3);

    for (size_t i = 0; i < length; i++) {
        text[i] = (char) random();

        if (kind == 1 && random() % 2) {
            text[i] = (char) heads[(size_t) random() % sizeof(heads)];
        } else if (kind == 1) {
            text[i] = (char) (0x80 | (random() & 0x3f));
        } else if (kind == 2) {
            text[i] &= 0x7f;
        }
    }
}


static void
test_escape_size(void **state)
{
    char text[64];

    (void) state;
    srandom(3);

    for (int i = 0; i < 100000; i++) {
        size_t length = (size_t) random() % sizeof(text);
        char out[6 * sizeof(text) + 3];

        random_text(text, length);
        memset(out, GUARD, sizeof(out));

        size_t size = qsn_json_escaped_size(text, length);
        char *end = qsn_json_escape(out + 1, text, length);

        assert_int_equal(end - out - 1, size);
        assert_int_equal(out[size + 1], GUARD);
        out[0] = '"';
        *end = '"';

        if (!is_json(out, size + 2)) {
            fail_msg("round %d is no JSON", i);
        }
    }
}


static void
test_error(void **state)
{
    char out[256];
    char *end;

    (void) state;

    end = qsn_reply_error(out, QSN_FORMAT_JSON, "a\"b", "no\nway", 6);
    *end = '\0';
    assert_string_equal(out, "{\"response_op\": \"error\", "
                        "\"error_message\": \"no\\nway\", "
                        "\"identity\": \"a\\\"b\"}");
    assert_int_equal(qsn_reply_error_size(QSN_FORMAT_JSON, "a\"b", "no\nway",
                                          6), end - out);

    end = qsn_reply_error(out, QSN_FORMAT_TEXT, "id", "plain \"text\"", 12);
    assert_int_equal(end - out, 13);
    assert_memory_equal(out, "plain \"text\"\n", 13);

    end = qsn_reply_error(out, QSN_FORMAT_HTML, "id", "", 0);
    assert_int_equal(end - out, 1);
    assert_int_equal(out[0], '\n');
}


static void
test_error_size(void **state)
{
    char message[200];
    char identity[64];
    char out[2048];

    (void) state;
    srandom(4);

    for (int i = 0; i < 30000; i++) {
        size_t length = (size_t) random() % sizeof(message);
        enum qsn_format format = (enum qsn_format) (random() % 4);

        random_text(message, length);
        random_text(identity, sizeof(identity));
        identity[random() % 64] = '\0';
        identity[63] = '\0';
        memset(out, GUARD, sizeof(out));

        size_t size = qsn_reply_error_size(format, identity, message,
                                           length);

        assert_true(size < sizeof(out));
        assert_ptr_equal(qsn_reply_error(out, format, identity, message,
                                         length), out + size);
        assert_int_equal(out[size], GUARD);

        if (format == QSN_FORMAT_JSON && !is_json(out, size)) {
            fail_msg("round %d is no JSON", i);
        }
    }
}


/* Against the table of Unicode 15, 3.9: all that starts with two bytes. */
static size_t
expected_size(const unsigned char *p, size_t length)
{
    unsigned low = 0x80;
    unsigned high = 0xbf;
    size_t size;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }

    size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : low;
    high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : high;

    if (length < size || p[1] < low || p[1] > high) {
        return 0;
    }

    for (size_t i = 2; i < size; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }

    return size;
}


static void
test_utf8(void **state)
{
    static const unsigned char ends[] = { 0x00, 0x7f, 0x80, 0xbf, 0xc0 };

    (void) state;

    for (unsigned head = 0; head < 0x10000; head++) {
        for (size_t i = 0; i < sizeof(ends); i++) {
            for (size_t j = 0; j < sizeof(ends); j++) {
                const unsigned char text[4] = {
                    (unsigned char) (head >> 8), (unsigned char) head,
                    ends[i], ends[j]
                };

                for (size_t length = 1; length <= 4; length++) {
                    if (qsn_utf8_size((const char *) text, length)
                        != expected_size(text, length))
                    {
                        fail_msg("%02x %02x %02x %02x of %zu", text[0],
                                 text[1], text[2], text[3], length);
                    }
                }
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape_size),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_error_size),
        cmocka_unit_test(test_utf8)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
