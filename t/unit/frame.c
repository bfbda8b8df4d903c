/* qsn_frame.c: the layout byte by byte, and every refusal. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_frame.h"

static const qsn_frame_t sample = {
    .type = QSN_FRAME_RESPONSE,
    .op = 4,
    .format = 2,
    .flags = 0x8001,
    .status = 504,
    .id = 0x0123456789abcdefull,
    .args_length = 0x00030201,
    .body_length = 0x0000000012345678ull
};


/* docs/protocol.md, in bytes: both ends of the wire are not this codec. */
static void
test_layout(void **state)
{
    static const uint8_t expected[QSN_FRAME_HEADER_SIZE] = {
        'Q', 'S', 'N', 'F', 1, 2, 4, 2,
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
        0x01, 0x80, 0xf8, 0x01, 0x01, 0x02, 0x03, 0x00,
        0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0
    };
    uint8_t out[QSN_FRAME_HEADER_SIZE + 1];

    (void) state;

    memset(out, 0x5a, sizeof(out));
    qsn_frame_encode(out, &sample);
    assert_memory_equal(out, expected, sizeof(expected));
    assert_int_equal(out[QSN_FRAME_HEADER_SIZE], 0x5a);
}


static void
test_round_trip(void **state)
{
    uint8_t out[QSN_FRAME_HEADER_SIZE];

    (void) state;
    srandom(1);

    for (int i = 0; i < 20000; i++) {
        qsn_frame_t in;
        qsn_frame_t frame = {
            .type = (uint8_t) (1 + random() % 5),
            .op = (uint8_t) random(),
            .format = (uint8_t) random(),
            .flags = (uint16_t) random(),
            .status = (uint16_t) random(),
            .id = (uint64_t) random() << 40 ^ (uint64_t) random(),
            .args_length = (uint32_t) random() % (QSN_FRAME_ARGS_MAX + 1),
            .body_length = (uint64_t) random() % (QSN_FRAME_BODY_MAX + 1)
        };

        qsn_frame_encode(out, &frame);
        assert_null(qsn_frame_decode(out, &in));
        assert_int_equal(in.type, frame.type);
        assert_int_equal(in.op, frame.op);
        assert_int_equal(in.format, frame.format);
        assert_int_equal(in.flags, frame.flags);
        assert_int_equal(in.status, frame.status);
        assert_int_equal(in.id, frame.id);
        assert_int_equal(in.args_length, frame.args_length);
        assert_int_equal(in.body_length, frame.body_length);
    }
}


static void
refuses(size_t at, uint8_t byte, const char *phrase)
{
    uint8_t out[QSN_FRAME_HEADER_SIZE];
    qsn_frame_t frame = { .type = QSN_FRAME_REQUEST };
    qsn_frame_t in;

    qsn_frame_encode(out, &frame);
    assert_null(qsn_frame_decode(out, &in));
    out[at] = byte;

    const char *wrong = qsn_frame_decode(out, &in);

    assert_non_null(wrong);
    assert_non_null(strstr(wrong, phrase));
}


static void
test_refusals(void **state)
{
    (void) state;

    for (size_t at = 0; at < 4; at++) {
        refuses(at, 'q', "magic");
    }

    refuses(4, 0, "version");
    refuses(4, 2, "version");
    refuses(4, 255, "version");
    refuses(5, 0, "type");
    refuses(5, 7, "type");
    refuses(5, 255, "type");
    refuses(23, 1, "arguments are too long");
    refuses(27, 0x80, "body is too long");
    refuses(31, 0x80, "body is too long");
}


static void
test_length_limits(void **state)
{
    uint8_t out[QSN_FRAME_HEADER_SIZE];
    qsn_frame_t in;
    qsn_frame_t frame = {
        .type = QSN_FRAME_DATA,
        .args_length = QSN_FRAME_ARGS_MAX,
        .body_length = QSN_FRAME_BODY_MAX
    };

    (void) state;

    qsn_frame_encode(out, &frame);
    assert_null(qsn_frame_decode(out, &in));

    frame.args_length++;
    qsn_frame_encode(out, &frame);
    assert_string_equal(qsn_frame_decode(out, &in),
                        "frame arguments are too long");

    frame.args_length--;
    frame.body_length++;
    qsn_frame_encode(out, &frame);
    assert_string_equal(qsn_frame_decode(out, &in),
                        "frame body is too long");
}


static void
test_args(void **state)
{
    uint8_t out[256];
    uint8_t *end = out;
    qsn_frame_arg_t found[QSN_FRAME_TAGS];

    (void) state;

    end = qsn_frame_put_arg(end, QSN_ARG_SQL, "select 1", 8);
    end = qsn_frame_put_arg(end, QSN_ARG_IDENTITY, "", 0);
    end = qsn_frame_put_u64(end, QSN_ARG_GENERATION, 0x1122334455667788ull);
    end = qsn_frame_put_arg(end, QSN_ARG_SQL, "the second", 10);
    assert_int_equal(end - out, qsn_frame_arg_size(8)
                                + qsn_frame_arg_size(0)
                                + qsn_frame_arg_size(8)
                                + qsn_frame_arg_size(10));

    memset(found, 0x5a, sizeof(found));
    assert_null(qsn_frame_parse_args(out, (size_t) (end - out), found));

    assert_int_equal(found[QSN_ARG_SQL].length, 8);
    assert_memory_equal(found[QSN_ARG_SQL].data, "select 1", 8);
    assert_non_null(found[QSN_ARG_IDENTITY].data);      /* empty, but there */
    assert_int_equal(found[QSN_ARG_IDENTITY].length, 0);
    assert_null(found[QSN_ARG_CLIENT].data);
    assert_int_equal(qsn_frame_arg_u64(&found[QSN_ARG_GENERATION], 7),
                     0x1122334455667788ull);
    assert_int_equal(qsn_frame_arg_u64(&found[QSN_ARG_MAX_AGE_MS], 7), 7);
    assert_int_equal(qsn_frame_arg_u64(&found[QSN_ARG_IDENTITY], 7), 7);
    assert_int_equal(qsn_frame_arg_u64(&found[QSN_ARG_SQL], 0),
                     0x31207463656c6573ull);

    assert_null(qsn_frame_parse_args(out, 0, found));
    assert_null(found[QSN_ARG_SQL].data);
}


/* Cut anywhere but between two arguments. */
static void
test_args_truncated(void **state)
{
    uint8_t out[64];
    uint8_t *end = out;
    qsn_frame_arg_t found[QSN_FRAME_TAGS];

    (void) state;

    end = qsn_frame_put_arg(end, QSN_ARG_NAME, "t.c", 3);
    end = qsn_frame_put_arg(end, QSN_ARG_VALUE, "12", 2);

    for (size_t cut = 0; cut <= (size_t) (end - out); cut++) {
        /* a copy of just that size, so that a sanitizer sees over-reading */
        uint8_t *copy = malloc(cut ? cut : 1);

        assert_non_null(copy);
        memcpy(copy, out, cut);

        const char *wrong = qsn_frame_parse_args(copy, cut, found);

        if (cut == 0 || cut == 11 || cut == 21) {
            assert_null(wrong);
        } else {
            assert_non_null(wrong);
        }

        free(copy);
    }
}


static void
test_args_lengths(void **state)
{
    uint8_t out[QSN_FRAME_ARG_SIZE + 4];
    qsn_frame_arg_t found[QSN_FRAME_TAGS];

    (void) state;

    (void) qsn_frame_put_arg(out, QSN_ARG_SQL, "abcd", 4);
    out[4] = 5;
    assert_string_equal(qsn_frame_parse_args(out, sizeof(out), found),
                        "a frame argument is longer than its frame");
    memset(out + 4, 0xff, 4);
    assert_string_equal(qsn_frame_parse_args(out, sizeof(out), found),
                        "a frame argument is longer than its frame");

    /* the rest is too short for one more */
    out[4] = 3;
    memset(out + 5, 0, 3);
    assert_string_equal(qsn_frame_parse_args(out, sizeof(out), found),
                        "frame arguments are cut off");
}


static void
test_args_tags(void **state)
{
    static const int known[] = {
        QSN_ARG_IDENTITY, QSN_ARG_CLIENT, QSN_ARG_SQL, QSN_ARG_NAME,
        QSN_ARG_VALUE, QSN_ARG_CLAIMED_IDENTITY, QSN_ARG_ALLOW,
        QSN_ARG_SNAPSHOT, QSN_ARG_STATIC_DB, QSN_ARG_DEADLINE_MS,
        QSN_ARG_CLAIM, QSN_ARG_GENERATION,
        QSN_ARG_STATIC_VERSION, QSN_ARG_MAX_AGE_MS, QSN_ARG_RETRY_AFTER,
        QSN_ARG_COST_US
    };
    uint8_t out[QSN_FRAME_ARG_SIZE];
    qsn_frame_arg_t found[QSN_FRAME_TAGS];

    (void) state;

    for (unsigned tag = 0; tag <= 0xffff; tag++) {
        int expected = 0;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            expected |= tag == (unsigned) known[i];
        }

        (void) qsn_frame_put_arg(out, (enum qsn_frame_tag) tag, NULL, 0);

        const char *wrong = qsn_frame_parse_args(out, sizeof(out), found);

        if (expected) {
            assert_null(wrong);
            assert_non_null(found[tag].data);
        } else {
            assert_non_null(wrong);
            assert_non_null(strstr(wrong, "unknown"));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_length_limits),
        cmocka_unit_test(test_args),
        cmocka_unit_test(test_args_truncated),
        cmocka_unit_test(test_args_lengths),
        cmocka_unit_test(test_args_tags)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
