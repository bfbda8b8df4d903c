/* The last answers to peers: which is found again, and which is not. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memo.h"
#include "qsn_op.h"

static memo_t *memo;
static qsn_frame_arg_t sql;
static memo_key_t key;


static int
setup(void **state)
{
    (void) state;
    memo = memo_create();
    sql = (qsn_frame_arg_t) { (const uint8_t *) "select 1", 8 };
    key = (memo_key_t) {
        .sql = &sql,
        .format = QSN_FORMAT_JSON,
        .flags = QSN_FLAG_NATIVE,
        .static_version = 7
    };

    return memo ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    memo_clear(memo);
    memo_destroy(memo);

    return 0;
}


static void
keep(const char *body)
{
    qsn_buf_t buf = { 0 };

    qsn_buf_string(&buf, body);
    memo_keep(memo, &key, &buf);
    qsn_buf_free(&buf);
}


static void
assert_found(const char *body)
{
    const qsn_buf_t *found = memo_find(memo, &key);

    assert_non_null(found);
    assert_int_equal(found->length, strlen(body));
    assert_memory_equal(found->data, body, strlen(body));
}


static void
test_same(void **state)
{
    (void) state;
    assert_null(memo_find(memo, &key));
    keep("first");
    assert_found("first");
    keep("second");
    assert_found("second");
    memo_clear(memo);
    assert_null(memo_find(memo, &key));
    keep("third");
    assert_found("third");
}


/* All that an answer depends on. */
static void
test_other(void **state)
{
    memo_key_t before;

    (void) state;
    keep("answer");
    before = key;

    key.format = QSN_FORMAT_TEXT;
    assert_null(memo_find(memo, &key));
    key = before;
    key.flags |= QSN_FLAG_FROZEN;
    assert_null(memo_find(memo, &key));
    key = before;
    key.static_version++;
    assert_null(memo_find(memo, &key));
    key = before;
    sql.data = (const uint8_t *) "select 2";
    assert_null(memo_find(memo, &key));
    sql.data = (const uint8_t *) "select 1 ";
    sql.length = 9;
    assert_null(memo_find(memo, &key));
}


/* Many share few places: each has its own answer or none. */
static void
test_many(void **state)
{
    char text[32], body[32];
    size_t found = 0;

    (void) state;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            (void) snprintf(text, sizeof(text), "select %d", i);
            (void) snprintf(body, sizeof(body), "is %d", i);
            sql = (qsn_frame_arg_t) { (uint8_t *) text, strlen(text) };

            if (round == 0) {
                keep(body);
            } else if (memo_find(memo, &key)) {
                assert_found(body);
                found++;
            }
        }
    }

    assert_true(found > 0 && found < 1000);
}


static void
test_long(void **state)
{
    char *body = malloc(MEMO_BODY_MAX + 1);

    (void) state;
    assert_non_null(body);
    memset(body, 'x', MEMO_BODY_MAX);
    body[MEMO_BODY_MAX] = '\0';
    keep(body);
    assert_null(memo_find(memo, &key));
    body[MEMO_BODY_MAX - sql.length] = '\0';
    keep(body);
    assert_found(body);
    free(body);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
