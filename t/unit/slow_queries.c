/* slow_queries.c: which are kept, in what order, and how much of them. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "slow_queries.h"


static void
add(slow_queries_t *list, const char *statement, uint64_t ms)
{
    slow_queries_add(list, statement, strlen(statement), ms, 200, 1.5);
}


static void
assert_list(const slow_queries_t *list, const char *expected)
{
    char text[1024] = "";
    size_t length = 0;

    for (size_t i = 0; i < list->count; i++) {
        const slow_query_t *query = &list->queries[i];

        length += (size_t) snprintf(text + length, sizeof(text) - length,
                                    "%.*s %d;", (int) query->length,
                                    query->statement, (int) query->ms);
    }

    assert_string_equal(text, expected);
}


static void
test_order(void **state)
{
    slow_queries_t list = { 0 };

    (void) state;

    add(&list, "quick", SLOW_QUERIES_MS - 1);
    slow_queries_add(&list, NULL, 0, 1000, 200, 1.5);
    assert_list(&list, "");

    add(&list, "b", 200);
    add(&list, "d", SLOW_QUERIES_MS);
    add(&list, "a", 300);
    add(&list, "c", 200);
    assert_list(&list, "a 300;b 200;c 200;d 100;");
}


static void
test_fields(void **state)
{
    slow_queries_t list = { 0 };

    (void) state;

    slow_queries_add(&list, "select 1", 8, 4000, 504, 1795331139.25);
    assert_int_equal(list.queries[0].status, 504);
    assert_true(list.queries[0].finished_epoch == 1795331139.25);
}


/* The slowest of more than there is room for, whatever order they come in. */
static void
test_full(void **state)
{
    slow_queries_t list = { 0 };

    (void) state;

    for (unsigned i = 0; i < 10 * SLOW_QUERIES_MAX; i++) {
        char statement[16];
        unsigned n = i * 7 % (10 * SLOW_QUERIES_MAX);

        (void) snprintf(statement, sizeof(statement), "%u", n);
        add(&list, statement, SLOW_QUERIES_MS + n);
    }

    assert_int_equal(list.count, SLOW_QUERIES_MAX);

    for (unsigned i = 0; i < SLOW_QUERIES_MAX; i++) {
        assert_int_equal(list.queries[i].ms, SLOW_QUERIES_MS
                         + 10 * SLOW_QUERIES_MAX - 1 - i);
    }

    add(&list, "as slow as the last", list.queries[SLOW_QUERIES_MAX - 1].ms);
    assert_memory_equal(list.queries[SLOW_QUERIES_MAX - 1].statement, "180",
                        3);
}


static void
test_cut(void **state)
{
    static const struct {
        const char *end;        /* after one byte less than there is room */
        size_t kept;            /* of that */
    } ends[] = {
        { "", 0 }, { "b", 1 }, { "bc", 1 }, { "\xc3\xa9", 0 },
        { "\xff", 0 }
    };
    static const struct {
        const char *text;
        size_t length;
        size_t kept;
    } texts[] = {
        { "a\xc3\xa9", 3, 3 }, { "a\xc3", 2, 1 }, { "a\xff" "b", 3, 1 },
        { "a\0b", 3, 1 }, { "", 0, 0 }
    };
    char statement[SLOW_QUERIES_TEXT + 2];

    (void) state;

    memset(statement, 'a', sizeof(statement));

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        slow_queries_t list = { 0 };
        size_t length = strlen(ends[i].end);

        memcpy(statement + SLOW_QUERIES_TEXT - 1, ends[i].end, length);
        slow_queries_add(&list, statement, SLOW_QUERIES_TEXT - 1 + length,
                         1000, 200, 1.5);
        assert_int_equal(list.queries[0].length,
                         SLOW_QUERIES_TEXT - 1 + ends[i].kept);
        assert_memory_equal(list.queries[0].statement, statement,
                            list.queries[0].length);
    }

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        slow_queries_t list = { 0 };

        slow_queries_add(&list, texts[i].text, texts[i].length, 1000, 200,
                         1.5);
        assert_int_equal(list.queries[0].length, texts[i].kept);
    }
}


static void
test_merge(void **state)
{
    slow_queries_t list = { 0 };
    slow_queries_t more = { 0 };

    (void) state;

    slow_queries_merge(&list, &more);
    assert_list(&list, "");
    add(&list, "b", 200);
    add(&more, "a", 300);
    add(&more, "c", 100);
    slow_queries_merge(&list, &more);
    assert_list(&list, "a 300;b 200;c 100;");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_merge)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
