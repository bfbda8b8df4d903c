/* denylist.c: what is in it, and what one too many makes forgotten. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "denylist.h"


static void
add(denylist_t *list, const char *sql)
{
    denylist_add(list, sql, strlen(sql));
}


static int
has(const denylist_t *list, const char *sql)
{
    return denylist_has(list, sql, strlen(sql));
}


static void
test_whole(void **state)
{
    denylist_t list = { 0 };

    (void) state;

    add(&list, "select 1");
    assert_true(has(&list, "select 1"));
    assert_false(has(&list, "select 2"));
    assert_false(has(&list, "select 1 "));
    assert_false(has(&list, "select "));

    denylist_clear(&list);
    assert_false(has(&list, "select 1"));
}


static void
test_nothing(void **state)
{
    denylist_t list = { 0 };

    (void) state;

    denylist_add(&list, NULL, 0);
    assert_false(has(&list, ""));

    add(&list, "");
    assert_true(has(&list, ""));
    assert_false(denylist_has(&list, NULL, 0));
    denylist_clear(&list);
}


static void
test_full(void **state)
{
    denylist_t list = { 0 };
    char sql[32];

    (void) state;

    for (int i = 0; i <= DENYLIST_MAX; i++) {
        (void) snprintf(sql, sizeof(sql), "select %d", i);
        add(&list, sql);
        add(&list, sql);        /* takes no second place */
    }

    assert_false(has(&list, "select 0"));

    for (int i = 1; i <= DENYLIST_MAX; i++) {
        (void) snprintf(sql, sizeof(sql), "select %d", i);
        assert_true(has(&list, sql));
    }

    denylist_clear(&list);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_full)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
