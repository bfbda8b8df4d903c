/* spare.c: there is a file when it is asked for, or there is none; never is
   one left over. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <dirent.h>

#include <cmocka.h>

#include "spare.h"
#include "worker_fixture.h"

static fixture_t fixture;
static uv_loop_t loop;
static spare_t spare;


static int
start(void **state)
{
    (void) state;
    memset(&spare, 0, sizeof(spare));

    return uv_loop_init(&loop) == 0 ? fixture_open(&fixture) : -1;
}


static int
stop(void **state)
{
    (void) state;
    fixture_close(&fixture);

    return uv_loop_close(&loop);
}


static void
make(void)
{
    spare_make(&spare, &loop, &fixture.settings);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
}


/* With that at the beginning of their names. */
static int
files(const char *prefix)
{
    DIR *dir = opendir(fixture.dir);
    struct dirent *entry;
    int count = 0;

    assert_non_null(dir);

    while ((entry = readdir(dir)) != NULL) {
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }

    (void) closedir(dir);

    return count;
}


static void
test_taken(void **state)
{
    (void) state;
    assert_null(spare_take(&spare));
    make();
    make();                     /* there is one */
    assert_int_equal(files(SPARE_PREFIX), 2);   /* its journal, too */

    generation_t *generation = spare_take(&spare);

    assert_non_null(generation);
    assert_null(spare_take(&spare));
    spare_put(&spare, generation);
    assert_ptr_equal(spare_take(&spare), generation);
    assert_int_equal(generation_name(generation, &fixture.settings, 7,
                                     fixture.error), 0);
    assert_int_equal(files(SPARE_PREFIX), 0);

    /* the next one while that is in use */
    make();
    assert_int_equal(files(SPARE_PREFIX), 2);
    assert_int_equal(fixture_publish(&fixture, generation, "{\"identity\": "
        "\"a\", \"table\": {\"tablename\": \"t\", \"column_names\": "
        "[\"x\"], \"column_types\": [\"int\"], \"rows\": [[1]]}}"),
        REPORT_TAKEN);
    generation_discard(generation);
    assert_int_equal(files("qasino_table_store_"), 0);
    spare_stop(&spare);
    assert_int_equal(files(SPARE_PREFIX), 0);
}


static void
test_stopped_meanwhile(void **state)
{
    (void) state;
    spare_make(&spare, &loop, &fixture.settings);
    spare_stop(&spare);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_null(spare_take(&spare));
    assert_int_equal(files(SPARE_PREFIX), 0);
}


static void
test_no_room(void **state)
{
    (void) state;
    fixture.settings.db_dir = (char *) "/nonexistent";
    make();
    assert_null(spare_take(&spare));
    fixture.settings.db_dir = fixture.dir;
    make();
    assert_non_null(spare.generation);
    spare_stop(&spare);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken, start, stop),
        cmocka_unit_test_setup_teardown(test_stopped_meanwhile, start, stop),
        cmocka_unit_test_setup_teardown(test_no_room, start, stop)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
