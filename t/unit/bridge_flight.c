/* Requests in flight: ids, answers in any order, answers that go wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flight.h"
#include "qsn_op.h"

#define SLOTS      100
#define MAX_REPLY  16

static flight_t *flight;

static int
setup(void **state)
{
    (void) state;
    flight = flight_create(SLOTS, MAX_REPLY);

    return flight == NULL;
}


static int
teardown(void **state)
{
    (void) state;
    flight_destroy(flight);

    return 0;
}


static flight_request_t *
add(const char *name)
{
    envelope_t envelope = { 0 };

    assert_int_equal(envelope_add(&envelope, name, strlen(name)), 0);

    flight_request_t *request = flight_add(flight, &envelope);

    if (request == NULL) {
        envelope_free(&envelope);
    }

    return request;
}


/* A whole frame; what its head said if that is the end of it, else what
   its end said. */

static enum flight_result
frame(uint8_t type, uint64_t id, uint16_t flags, const char *body,
    flight_request_t **request)
{
    const qsn_frame_t head = {
        .type = type, .op = QSN_OP_QUERY, .id = id, .flags = flags,
        .body_length = strlen(body)
    };
    enum flight_result result = flight_head(flight, &head, request);

    if (result == FLIGHT_BROKEN) {
        return result;
    }

    for (const char *p = body; *p; p++) {
        flight_body(flight, p, 1);
    }

    enum flight_result end = flight_end(flight, request);

    return result == FLIGHT_GIVEN_UP ? result : end;
}


static void
check_reply(const flight_request_t *request, const char *reply)
{
    assert_int_equal(request->failed, 0);
    assert_int_equal(request->reply.length, strlen(reply));
    assert_memory_equal(request->reply.data, reply, strlen(reply));
}


static void
test_any_order(void **state)
{
    flight_request_t *a = add("a"), *b = add("b"), *done;

    (void) state;

    assert_int_not_equal(a->id, b->id);
    assert_int_equal(frame(QSN_FRAME_RESPONSE, a->id, QSN_FLAG_MORE, "a1",
                           &done), FLIGHT_ON);
    assert_int_equal(frame(QSN_FRAME_RESPONSE, b->id, 0, "b1", &done),
                     FLIGHT_DONE);
    assert_ptr_equal(done, b);
    check_reply(b, "b1");
    flight_remove(flight, b);

    assert_int_equal(frame(QSN_FRAME_DATA, a->id, QSN_FLAG_MORE, "a2", &done),
                     FLIGHT_ON);
    assert_int_equal(frame(QSN_FRAME_DATA, a->id, 0, "", &done),
                     FLIGHT_DONE);
    assert_ptr_equal(done, a);
    check_reply(a, "a1a2");
    assert_int_equal(a->split, 0);
}


static void
test_parts(void **state)
{
    flight_request_t *a = add("a"), *done;
    qsn_frame_t head = {
        .type = QSN_FRAME_RESPONSE, .op = QSN_OP_GET_TABLE_LIST, .id = a->id,
        .flags = QSN_FLAG_MORE, .body_length = 4
    };

    (void) state;

    assert_int_equal(flight_head(flight, &head, &done), FLIGHT_ON);
    flight_body(flight, "meta", 4);
    assert_int_equal(flight_end(flight, &done), FLIGHT_ON);
    assert_int_equal(frame(QSN_FRAME_DATA, a->id, 0, "tables", &done),
                     FLIGHT_DONE);
    check_reply(a, "metatables");
    assert_int_equal(a->split, 4);
    flight_remove(flight, a);

    /* an error is one document, whatever was asked */
    a = add("a");
    head.id = a->id;
    head.flags = 0;
    assert_int_equal(flight_head(flight, &head, &done), FLIGHT_ON);
    flight_body(flight, "oops", 4);
    assert_int_equal(flight_end(flight, &done), FLIGHT_DONE);
    assert_int_equal(a->split, 0);
}


static void
test_too_large(void **state)
{
    flight_request_t *a = add("a"), *done;

    (void) state;

    assert_int_equal(frame(QSN_FRAME_RESPONSE, a->id, QSN_FLAG_MORE,
                           "0123456789abcdef", &done), FLIGHT_ON);
    assert_int_equal(frame(QSN_FRAME_DATA, a->id, QSN_FLAG_MORE, "g", &done),
                     FLIGHT_GIVEN_UP);
    assert_ptr_equal(done, a);
    assert_int_equal(a->failed, 1);
    assert_non_null(strstr(qsn_buf_text(&a->failure), "zmq_max_reply"));
    a->answered = 1;

    /* the rest is dropped, and the slot is taken until the end */
    assert_int_equal(frame(QSN_FRAME_DATA, a->id, QSN_FLAG_MORE, "h", &done),
                     FLIGHT_ON);
    assert_int_equal(a->reply.length, 0);
    assert_int_equal(frame(QSN_FRAME_DATA, a->id, QSN_FLAG_ABORT, "stopped",
                           &done), FLIGHT_DONE);
    assert_ptr_equal(done, a);
    assert_int_equal(done->answered, 1);
}


static void
test_too_large_at_once(void **state)
{
    flight_request_t *a = add("a"), *done;

    (void) state;

    assert_int_equal(frame(QSN_FRAME_RESPONSE, a->id, 0, "0123456789abcdefg",
                           &done), FLIGHT_GIVEN_UP);
    assert_int_equal(flight_end(flight, &done), FLIGHT_DONE);
}


static void
test_abort(void **state)
{
    flight_request_t *a = add("a"), *done;

    (void) state;

    assert_int_equal(frame(QSN_FRAME_RESPONSE, a->id, QSN_FLAG_MORE, "half",
                           &done), FLIGHT_ON);
    assert_int_equal(frame(QSN_FRAME_DATA, a->id, QSN_FLAG_ABORT, "deadline",
                           &done), FLIGHT_DONE);
    assert_int_equal(a->failed, 1);
    assert_string_equal(qsn_buf_text(&a->failure), "deadline");
    flight_remove(flight, a);

    /* without a reason it is a failure all the same; a long one is cut */
    a = add("a");
    assert_int_equal(frame(QSN_FRAME_RESPONSE, a->id, QSN_FLAG_ABORT, "",
                           &done), FLIGHT_DONE);
    assert_int_equal(a->failed, 1);
    flight_remove(flight, a);

    char *reason = malloc(10001);

    memset(reason, 'x', 10000);
    reason[10000] = '\0';
    a = add("a");
    assert_int_equal(frame(QSN_FRAME_RESPONSE, a->id, QSN_FLAG_ABORT, reason,
                           &done), FLIGHT_DONE);
    assert_int_equal(a->failure.length, 4096);
    free(reason);
}


static void
test_broken(void **state)
{
    flight_request_t *a = add("a"), *done;
    uint64_t id = a->id;

    (void) state;

    assert_int_equal(frame(QSN_FRAME_DATA, id, 0, "", &done), FLIGHT_BROKEN);
    assert_non_null(flight_error(flight));
    assert_int_equal(frame(QSN_FRAME_RESPONSE, id + 1, 0, "", &done),
                     FLIGHT_BROKEN);
    assert_int_equal(frame(QSN_FRAME_RESPONSE, UINT64_MAX, 0, "", &done),
                     FLIGHT_BROKEN);
    assert_int_equal(frame(QSN_FRAME_REQUEST, id, 0, "", &done),
                     FLIGHT_BROKEN);
    assert_int_equal(frame(QSN_FRAME_EVENT, id, 0, "", &done),
                     FLIGHT_BROKEN);

    assert_int_equal(frame(QSN_FRAME_RESPONSE, id, QSN_FLAG_MORE, "", &done),
                     FLIGHT_ON);
    assert_int_equal(frame(QSN_FRAME_RESPONSE, id, 0, "", &done),
                     FLIGHT_BROKEN);
    assert_int_equal(frame(QSN_FRAME_DATA, id,
                           QSN_FLAG_MORE | QSN_FLAG_ABORT, "", &done),
                     FLIGHT_BROKEN);

    /* an id is good for one request, its slot for the next one */
    flight_remove(flight, a);
    a = add("b");
    assert_int_equal(a->id & UINT32_MAX, id & UINT32_MAX);
    assert_int_equal(frame(QSN_FRAME_RESPONSE, id, 0, "", &done),
                     FLIGHT_BROKEN);
}


static void
test_full_and_random(void **state)
{
    flight_request_t *requests[SLOTS], *done;
    unsigned seed = 7;

    (void) state;

    for (int i = 0; i < SLOTS; i++) {
        requests[i] = add("x");
        assert_non_null(requests[i]);
    }

    assert_true(flight_is_full(flight));
    assert_null(add("one too many"));

    for (int turn = 0; turn < 10000; turn++) {
        int i = (int) ((seed = seed * 1103515245 + 12345) >> 16) % SLOTS;

        assert_int_equal(frame(QSN_FRAME_RESPONSE, requests[i]->id, 0, "ok",
                               &done), FLIGHT_DONE);
        assert_ptr_equal(done, requests[i]);
        flight_remove(flight, done);
        requests[i] = add("y");
    }

    for (int i = 0; i < SLOTS; i++) {
        flight_request_t *any = flight_any(flight);

        assert_non_null(any);
        flight_remove(flight, any);
    }

    assert_null(flight_any(flight));
}


/* How many requests one client may have of so many. */
static size_t
share_of(size_t max_in_flight)
{
    flight_t *some = flight_create(max_in_flight, MAX_REPLY);
    envelope_t envelope = { .client = 7 }, other = { .client = 8 };
    size_t share = 0;

    assert_non_null(some);

    while (!flight_has_enough(some, &envelope)
           && flight_add(some, &envelope) != NULL)
    {
        envelope.client = 7;
        share++;
    }

    assert_false(flight_has_enough(some, &other));
    flight_destroy(some);

    return share;
}


static void
test_share(void **state)
{
    (void) state;

    assert_int_equal(share_of(1), 1);
    assert_int_equal(share_of(2), 1);
    assert_int_equal(share_of(3), 2);
    assert_int_equal(share_of(100), 50);
    assert_int_equal(share_of(1023), 512);
}


int
main(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_any_order),
        TEST(test_parts),
        TEST(test_too_large),
        TEST(test_too_large_at_once),
        TEST(test_abort),
        TEST(test_broken),
        TEST(test_full_and_random),
        TEST(test_share)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
