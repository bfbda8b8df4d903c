/* Frames out of a stream cut at every place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_frame_parser.h"

#define BODY  "{\"op\": \"query\"}"

/* A RESPONSE with an argument and a body, then an EVENT with neither. */

static size_t
two_frames(uint8_t *out)
{
    uint8_t *p = out + QSN_FRAME_HEADER_SIZE;

    p = qsn_frame_put_u64(p, QSN_ARG_GENERATION, 77);

    qsn_frame_t first = {
        .type = QSN_FRAME_RESPONSE, .id = 5, .status = 200,
        .args_length = (uint32_t) (p - out - QSN_FRAME_HEADER_SIZE),
        .body_length = sizeof(BODY) - 1
    };
    qsn_frame_t second = { .type = QSN_FRAME_EVENT, .id = 6 };

    qsn_frame_encode(out, &first);
    memcpy(p, BODY, sizeof(BODY) - 1);
    p += sizeof(BODY) - 1;
    qsn_frame_encode(p, &second);

    return (size_t) (p + QSN_FRAME_HEADER_SIZE - out);
}


/* What the events said, in letters, and all pieces of bodies in a row. */

typedef struct {
    char events[64];
    qsn_buf_t body;
    uint64_t generation;
} seen_t;

static void
drain(qsn_frame_parser_t *parser, seen_t *seen)
{
    static const char letters[] = "-HBE!";
    enum qsn_frame_parser_event event;

    while ((event = qsn_frame_parser_next(parser))
           != QSN_FRAME_PARSER_HUNGRY)
    {
        size_t n = strlen(seen->events);

        if (event == QSN_FRAME_PARSER_BODY) {
            qsn_buf_append(&seen->body, parser->piece, parser->piece_length);
        }

        if (event == QSN_FRAME_PARSER_HEAD && parser->frame.id == 5) {
            seen->generation = qsn_frame_arg_u64(
                &parser->args[QSN_ARG_GENERATION], 0);
        }

        if (event != QSN_FRAME_PARSER_BODY || n == 0
            || seen->events[n - 1] != 'B')
        {
            seen->events[n] = letters[event];
        }

        if (event == QSN_FRAME_PARSER_BROKEN) {
            return;
        }
    }
}


static void
check(const seen_t *seen)
{
    assert_string_equal(seen->events, "HBEHE");
    assert_int_equal(seen->body.length, sizeof(BODY) - 1);
    assert_memory_equal(seen->body.data, BODY, sizeof(BODY) - 1);
    assert_int_equal(seen->generation, 77);
}


static void
test_cut_everywhere(void **state)
{
    uint8_t bytes[256];
    size_t length = two_frames(bytes);

    (void) state;

    for (size_t cut = 0; cut <= length; cut++) {
        qsn_frame_parser_t parser = { 0 };
        seen_t seen = { 0 };

        qsn_frame_parser_reset(&parser);
        qsn_frame_parser_feed(&parser, bytes, cut);
        drain(&parser, &seen);
        qsn_frame_parser_feed(&parser, bytes + cut, length - cut);
        drain(&parser, &seen);
        check(&seen);

        qsn_frame_parser_free(&parser);
        qsn_buf_free(&seen.body);
    }
}


static void
test_byte_by_byte(void **state)
{
    uint8_t bytes[256];
    size_t length = two_frames(bytes);
    qsn_frame_parser_t parser = { 0 };
    seen_t seen = { 0 };

    (void) state;
    qsn_frame_parser_reset(&parser);

    for (size_t i = 0; i < length; i++) {
        uint8_t *alone = malloc(1);     /* so that ASan sees a step past */

        *alone = bytes[i];
        qsn_frame_parser_feed(&parser, alone, 1);
        drain(&parser, &seen);
        free(alone);
    }

    check(&seen);
    qsn_frame_parser_free(&parser);
    qsn_buf_free(&seen.body);
}


static void
broken_by(size_t offset, uint8_t value)
{
    uint8_t bytes[256];
    size_t length = two_frames(bytes);
    qsn_frame_parser_t parser = { 0 };
    seen_t seen = { 0 };

    bytes[offset] = value;
    qsn_frame_parser_reset(&parser);
    qsn_frame_parser_feed(&parser, bytes, length);
    drain(&parser, &seen);

    assert_string_equal(seen.events, "!");
    assert_non_null(parser.error);

    /* it stays broken until the next connection */
    assert_int_equal(qsn_frame_parser_next(&parser), QSN_FRAME_PARSER_BROKEN);
    qsn_frame_parser_reset(&parser);
    (void) two_frames(bytes);
    qsn_frame_parser_feed(&parser, bytes, length);
    memset(&seen, 0, sizeof(seen));
    drain(&parser, &seen);
    check(&seen);

    qsn_frame_parser_free(&parser);
    qsn_buf_free(&seen.body);
}


static void
test_broken(void **state)
{
    (void) state;

    broken_by(0, 'X');                  /* magic */
    broken_by(4, 9);                    /* version */
    broken_by(5, 200);                  /* type */
    broken_by(23, 0xff);                /* length of the arguments */
    broken_by(31, 0xff);                /* length of the body */
    broken_by(QSN_FRAME_HEADER_SIZE, 0xee);             /* tag */
    broken_by(QSN_FRAME_HEADER_SIZE + 4, 0xff);         /* its length */
}


/* A gigabyte announced costs nothing until it comes. */

static void
test_long_body_is_not_kept(void **state)
{
    uint8_t bytes[QSN_FRAME_HEADER_SIZE + 100] = { 0 };
    qsn_frame_t frame = { .type = QSN_FRAME_DATA,
                          .body_length = QSN_FRAME_BODY_MAX };
    qsn_frame_parser_t parser = { 0 };

    (void) state;
    qsn_frame_encode(bytes, &frame);
    qsn_frame_parser_reset(&parser);
    qsn_frame_parser_feed(&parser, bytes, sizeof(bytes));

    assert_int_equal(qsn_frame_parser_next(&parser), QSN_FRAME_PARSER_HEAD);
    assert_int_equal(qsn_frame_parser_next(&parser), QSN_FRAME_PARSER_BODY);
    assert_int_equal(parser.piece_length, 100);
    assert_int_equal(qsn_frame_parser_next(&parser), QSN_FRAME_PARSER_HUNGRY);
    assert_true(parser.head.capacity < 4096);

    qsn_frame_parser_free(&parser);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_long_body_is_not_kept)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
