/* What is kept prepared, and what goes. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "prepared.h"

static sqlite3 *db;
static prepared_list_t *list;


static int
setup(void **state)
{
    (void) state;
    list = prepared_create();

    return list && sqlite3_open(":memory:", &db) == SQLITE_OK ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    prepared_destroy(list);

    /* refuses while there are statements */
    return sqlite3_close(db) == SQLITE_OK ? 0 : -1;
}


static void
keep(const char *text, size_t length)
{
    statement_t statement = { 0 };
    sqlite3_stmt *handle;

    qsn_buf_append(&statement.sql, text, length);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT 1", -1, &handle, NULL),
                     SQLITE_OK);
    prepared_keep(list, text, length, &statement, handle, 1);
    assert_null(statement.sql.data);
}


static void
test_find(void **state)
{
    (void) state;
    keep("one", 3);
    assert_non_null(prepared_find(list, "one", 3));
    assert_int_equal(prepared_find(list, "one", 3)->volatile_functions, 1);
    assert_null(prepared_find(list, "one", 2));
    assert_null(prepared_find(list, "onE", 3));
    prepared_drop(list, prepared_find(list, "one", 3));
    assert_null(prepared_find(list, "one", 3));
}


static void
test_due(void **state)
{
    (void) state;
    assert_int_equal(prepared_is_due(list, "once", 4), 0);
    assert_int_equal(prepared_is_due(list, "other", 5), 0);
    assert_int_equal(prepared_is_due(list, "once", 4), 1);
    assert_int_equal(prepared_is_due(list, "once", 4), 1);
}


/* The one used longest ago goes. */
static void
test_bound(void **state)
{
    char text[32];

    (void) state;

    for (int i = 0; i < 1000; i++) {
        keep(text, (size_t) snprintf(text, sizeof(text), "number %d", i));
        assert_non_null(prepared_find(list, "number 0", 8));
    }

    assert_non_null(prepared_find(list, "number 999", 10));
    assert_non_null(prepared_find(list, "number 980", 10));
    assert_null(prepared_find(list, "number 1", 8));
    assert_null(prepared_find(list, "number 900", 10));
    prepared_clear(list);
    assert_null(prepared_find(list, "number 0", 8));
}


/* Nor do a few large ones stay. */
static void
test_bytes(void **state)
{
    static char text[1024 * 1024];

    (void) state;
    memset(text, 'x', sizeof(text));

    for (size_t i = 0; i < 10; i++) {
        keep(text, sizeof(text) - i);
    }

    assert_non_null(prepared_find(list, text, sizeof(text) - 9));
    assert_null(prepared_find(list, text, sizeof(text) - 5));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_due, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
