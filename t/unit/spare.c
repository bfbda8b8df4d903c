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
static snapshot_t *sealed;

static const char publish[] =
    "{\"identity\": \"a\", \"table\": {\"tablename\": \"t\", "
    "\"column_names\": [\"x\"], \"column_types\": [\"int\"], "
    "\"rows\": [[1]]}}";


static int
start(void **state)
{
    (void) state;
    memset(&spare, 0, sizeof(spare));

    if (uv_loop_init(&loop) != 0 || fixture_open(&fixture) != 0) {
        return -1;
    }

    generation_t *generation = fixture_generation(&fixture, 5);

    assert_int_equal(fixture_publish(&fixture, generation, publish),
                     REPORT_TAKEN);
    generation_close(generation);
    sealed = snapshot_create(&loop, &fixture.settings, 5,
                             generation_path(fixture.dir, 5));

    return sealed ? 0 : -1;
}


static int
stop(void **state)
{
    (void) state;
    assert_int_equal(sealed->references, 1);
    snapshot_put(sealed);
    fixture_close(&fixture);

    return uv_loop_close(&loop);
}


static void
make(void)
{
    spare_make(&spare, sealed, 1000, 1000);
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
    assert_int_equal(files(SPARE_PREFIX), 3);   /* its journal, the template */

    generation_t *generation = spare_take(&spare);

    assert_non_null(generation);
    assert_null(spare_take(&spare));
    spare_put(&spare, generation);
    assert_ptr_equal(spare_take(&spare), generation);
    assert_int_equal(generation_name(generation, &fixture.settings, 7,
                                     fixture.error), 0);
    assert_int_equal(files(SPARE_PREFIX), 1);

    /* the next one while that is in use */
    make();
    assert_int_equal(files(SPARE_PREFIX), 3);
    assert_int_equal(generation->store.catalog.table_count, 0);
    assert_int_equal(fixture_publish(&fixture, generation, publish),
                     REPORT_TAKEN);
    assert_int_equal(files("qasino_table_store_7.db"), 2);
    generation_discard(generation);
    assert_int_equal(files("qasino_table_store_"), 1);
    spare_stop(&spare);
    assert_int_equal(files(SPARE_PREFIX), 0);
}


static void
test_stopped_meanwhile(void **state)
{
    (void) state;
    spare_make(&spare, sealed, 1000, 1000);
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
    spare_stop(&spare);

    memset(&spare, 0, sizeof(spare));
    fixture.settings.db_dir = fixture.dir;
    make();
    assert_non_null(spare.generation);
    spare_stop(&spare);
}


/* Then it begins without tables, and without a file of that name. */
static void
test_sealed_is_gone(void **state)
{
    (void) state;
    generation_unlink(sealed->path);
    make();

    generation_t *generation = spare_take(&spare);

    assert_non_null(generation);
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM "
                        "sqlite_schema WHERE name = 't'", "0");
    assert_int_equal(files("qasino_table_store_"), 0);
    spare_put(&spare, generation);
    spare_stop(&spare);
    assert_int_equal(files(SPARE_PREFIX), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken, start, stop),
        cmocka_unit_test_setup_teardown(test_stopped_meanwhile, start, stop),
        cmocka_unit_test_setup_teardown(test_no_room, start, stop),
        cmocka_unit_test_setup_teardown(test_sealed_is_gone, start, stop)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
