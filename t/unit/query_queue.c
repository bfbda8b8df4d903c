/* query_queue.c: clients take turns, and each one's come in their order. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query_queue.h"

#define QUERIES_MAX  16

static query_queue_t queue;
static query_t queries[QUERIES_MAX];
static size_t used;


static int
begin(void **state)
{
    (void) state;

    memset(&queue, 0, sizeof(queue));
    memset(queries, 0, sizeof(queries));
    used = 0;

    return 0;
}


/* A letter is a client, its queries are numbered from 0. */
static query_t *
push(char client)
{
    query_t *query = &queries[used++];
    int number = 0;

    for (size_t i = 0; i + 1 < used; i++) {
        number += queries[i].client == (uint64_t) client;
    }

    query->client = (uint64_t) client;
    query->format = (uint8_t) number;
    query_queue_push(&queue, query);

    return query;
}


static void
push_all(const char *clients)
{
    while (*clients) {
        (void) push(*clients++);
    }
}


static void
assert_next(const char *expected)
{
    for (/* void */; *expected; expected += 2) {
        const query_t *query = query_queue_pop(&queue);

        assert_int_equal(query->client, expected[0]);
        assert_int_equal(query->format, expected[1] - '0');
        assert_null(query->queue);
    }
}


static void
assert_empty(void)
{
    assert_null(queue.first);
    assert_null(queue.last);
    assert_int_equal(queue.count, 0);
}


static void
one_client_in_its_order(void **state)
{
    (void) state;

    push_all("aaa");
    assert_int_equal(queue.count, 3);
    assert_next("a0a1a2");
    assert_empty();
}


static void
clients_take_turns(void **state)
{
    (void) state;

    push_all("aaaabbc");
    assert_next("a0b0c0a1b1a2a3");
    assert_empty();
}


static void
a_late_one_waits_for_a_round(void **state)
{
    (void) state;

    push_all("aaaaabbb");
    assert_next("a0b0a1");
    push_all("c");
    assert_next("b1a2b2c0a3a4");
    assert_empty();
}


/* Who comes back at once does not pass those who wait. */
static void
who_comes_back_waits(void **state)
{
    (void) state;

    push_all("ab");
    assert_next("a0");
    push_all("a");
    assert_next("b0a1");
    assert_empty();
}


/* ... neither for their first nor for their next one. */
static void
who_comes_back_again_and_again(void **state)
{
    (void) state;

    push_all("acbb");
    assert_next("a0");
    push_all("a");
    assert_next("c0");
    push_all("c");
    assert_next("b0b1a1");
    push_all("a");
    assert_next("c1a2");
    assert_empty();
}


static void
first_of_all(void **state)
{
    query_t *again;

    (void) state;

    push_all("aabb");
    again = query_queue_pop(&queue);
    query_queue_push_first(&queue, again);
    assert_next("a0b0a1b1");
    assert_empty();

    query_queue_push_first(&queue, again);
    assert_next("a0");
    assert_empty();
}


static void
out_of_any_place(void **state)
{
    query_t *first;
    query_t *middle;
    query_t *last;

    (void) state;

    first = push('a');
    middle = push('b');
    last = push('c');
    query_queue_remove(middle);
    query_queue_remove(middle);
    assert_int_equal(queue.count, 2);
    query_queue_remove(last);
    query_queue_remove(first);
    assert_empty();
}


static void
an_heir_has_the_place(void **state)
{
    query_t *query;
    query_t *heir = &queries[QUERIES_MAX - 1];

    (void) state;

    push_all("a");
    query = push('b');
    push_all("c");
    query->queued_ms = 42;
    heir->client = 'h';
    query_queue_replace(query, heir);
    assert_int_equal(heir->queued_ms, 42);
    assert_null(query->queue);
    assert_next("a0h0c0");
    assert_empty();
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_client_in_its_order, begin),
        cmocka_unit_test_setup(clients_take_turns, begin),
        cmocka_unit_test_setup(a_late_one_waits_for_a_round, begin),
        cmocka_unit_test_setup(who_comes_back_waits, begin),
        cmocka_unit_test_setup(who_comes_back_again_and_again, begin),
        cmocka_unit_test_setup(first_of_all, begin),
        cmocka_unit_test_setup(out_of_any_place, begin),
        cmocka_unit_test_setup(an_heir_has_the_place, begin)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
