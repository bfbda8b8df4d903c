/* heap.c: what a thread may take of SQLite's memory. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <pthread.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "heap.h"

#define MIB  (1024 * 1024)


static int
start(void **state)
{
    (void) state;

    return heap_start();
}


/* From what is held when it is set; what is given back may be taken again. */
static void
test_bound(void **state)
{
    void *before = sqlite3_malloc(4 * MIB);
    void *memory[8];

    (void) state;
    assert_non_null(before);
    heap_limit(4 * MIB + 64 * 1024);

    for (int i = 0; i < 4; i++) {
        memory[i] = sqlite3_malloc(MIB);
        assert_non_null(memory[i]);
    }

    assert_null(sqlite3_malloc(MIB));
    assert_null(sqlite3_realloc(memory[0], 2 * MIB));
    memory[0] = sqlite3_realloc(memory[0], 1024);
    assert_non_null(memory[0]);
    memory[4] = sqlite3_malloc(MIB / 2);
    assert_non_null(memory[4]);
    sqlite3_free(memory[1]);
    memory[1] = sqlite3_malloc(MIB);
    assert_non_null(memory[1]);
    assert_null(sqlite3_malloc(MIB));

    heap_limit(0);
    memory[5] = sqlite3_malloc(64 * MIB);
    assert_non_null(memory[5]);

    for (int i = 0; i < 6; i++) {
        sqlite3_free(memory[i]);
    }

    sqlite3_free(before);
}


static void *
take_much(void *out)
{
    *(void **) out = sqlite3_malloc(64 * MIB);

    return NULL;
}


/* What another thread takes meanwhile is no part of it. */
static void
test_other_thread(void **state)
{
    pthread_t thread;
    void *theirs = NULL;

    (void) state;
    heap_limit(MIB);
    assert_int_equal(pthread_create(&thread, NULL, take_much, &theirs), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(theirs);

    void *ours = sqlite3_malloc(MIB / 2);

    assert_non_null(ours);
    assert_null(sqlite3_malloc(MIB));
    sqlite3_free(ours);
    heap_limit(0);
    sqlite3_free(theirs);
}


/* A statement that needs more than there is says so. */
static void
test_statement(void **state)
{
    sqlite3 *db;

    (void) state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    heap_limit(MIB);
    assert_int_equal(sqlite3_exec(db, "SELECT length(zeroblob(4000000) || "
                                  "'x')", NULL, NULL, NULL), SQLITE_NOMEM);
    assert_int_equal(sqlite3_exec(db, "SELECT length(zeroblob(400000) || "
                                  "'x')", NULL, NULL, NULL), SQLITE_OK);
    heap_limit(0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_other_thread),
        cmocka_unit_test(test_statement)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, start, NULL);
}
