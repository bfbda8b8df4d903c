/* What is envelope and what is body, and that envelopes come back whole. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "envelope.h"

#define SHAPE(...)                                                           \
    envelope_shape((const size_t[]) { __VA_ARGS__ },                         \
                   sizeof((const size_t[]) { __VA_ARGS__ }) / sizeof(size_t))

static void
check(envelope_shape_t shape, size_t back, size_t body)
{
    assert_int_equal(shape.back, back);
    assert_int_equal(shape.body, body);
}


static void
test_shapes(void **state)
{
    (void) state;

    check(SHAPE(5, 0, 30), 2, 2);               /* REQ */
    check(SHAPE(5, 0, 30, 40), 2, 2);           /* a frame too many */
    check(SHAPE(5, 0, 0, 30), 2, 2);            /* REQ, empty body */
    check(SHAPE(5, 3, 0, 30), 3, 3);            /* txzmq's DEALER */
    check(SHAPE(5, 3, 4, 5, 0, 30), 5, 5);
    check(SHAPE(5, 30), 1, 1);                  /* plain DEALER */
    check(SHAPE(5, 30, 40), 1, 1);
    check(SHAPE(5, 0), 2, 2);                   /* nothing to do: no body */
    check(SHAPE(5, 30, 0), 3, 3);
    check(SHAPE(5), 1, 1);
    check(SHAPE(0, 0, 30), 2, 2);               /* identity is never one */
}


static void
test_deep_envelope_is_plain(void **state)
{
    size_t lengths[ENVELOPE_FRAMES_MAX + 2];

    (void) state;

    for (size_t i = 0; i < ENVELOPE_FRAMES_MAX + 2; i++) {
        lengths[i] = 1;
    }

    lengths[ENVELOPE_FRAMES_MAX - 1] = 0;
    check(envelope_shape(lengths, ENVELOPE_FRAMES_MAX + 1),
          ENVELOPE_FRAMES_MAX, ENVELOPE_FRAMES_MAX);

    lengths[ENVELOPE_FRAMES_MAX - 1] = 1;
    lengths[ENVELOPE_FRAMES_MAX] = 0;
    check(envelope_shape(lengths, ENVELOPE_FRAMES_MAX + 2), 1, 1);
}


static void
test_kept(void **state)
{
    envelope_t envelope = { 0 };
    const void *data;
    size_t cursor = 0;
    size_t length;

    (void) state;

    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 0);

    assert_int_equal(envelope_add(&envelope, "\0id\xff", 4), 0);
    assert_int_equal(envelope_add(&envelope, "", 0), 0);
    assert_int_equal(envelope_add(&envelope, "msg-1", 5), 0);

    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 1);
    assert_int_equal(length, 4);
    assert_memory_equal(data, "\0id\xff", 4);
    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 1);
    assert_int_equal(length, 0);
    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 1);
    assert_int_equal(length, 5);
    assert_memory_equal(data, "msg-1", 5);
    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 0);

    envelope_free(&envelope);
}


/* The first frame says who asks, and nothing after it. */
static void
test_client(void **state)
{
    envelope_t one = { 0 };
    envelope_t same = { 0 };
    envelope_t other = { 0 };

    (void) state;

    assert_int_equal(envelope_add(&one, "\0id\xff", 4), 0);
    assert_int_equal(envelope_add(&same, "\0id\xff", 4), 0);
    assert_int_equal(envelope_add(&other, "\0id\xfe", 4), 0);
    assert_int_equal(envelope_add(&same, "msg-1", 5), 0);
    assert_in_range(one.client, 0, ENVELOPE_CLIENTS - 1);
    assert_int_equal(same.client, one.client);
    assert_int_not_equal(other.client, one.client);

    envelope_free(&one);
    envelope_free(&same);
    envelope_free(&other);
}


static void
test_too_long(void **state)
{
    static char big[ENVELOPE_BYTES_MAX + 1];
    envelope_t envelope = { 0 };
    const void *data;
    size_t cursor = 0;
    size_t length;

    (void) state;

    assert_int_equal(envelope_add(&envelope, "id", 2), 0);
    assert_int_equal(envelope_add(&envelope, big, sizeof(big)), -1);
    assert_int_equal(envelope_add(&envelope, big, sizeof(big) - 1), -1);

    /* the identity is still there to answer to */
    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 1);
    assert_int_equal(length, 2);
    assert_int_equal(envelope_next(&envelope, &cursor, &data, &length), 0);

    envelope_free(&envelope);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_deep_envelope_is_plain),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_too_long)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
