/* snapshot.c: when a sealed file goes, and where to. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "snapshot.h"
#include "worker_fixture.h"

static fixture_t fixture;
static uv_loop_t loop;
static char archive[80];
static uint64_t number = 1000;


/* A file that stands for a generation's; path is to be freed. */
static char *
make_file(size_t size)
{
    char *path = generation_path(fixture.settings.db_dir, ++number);
    FILE *file = fopen(path, "w");

    assert_non_null(file);

    for (size_t i = 0; i < size; i++) {
        (void) fputc((int) (i % 251), file);
    }

    assert_int_equal(fclose(file), 0);

    return path;
}


/* What make_file() wrote is there; closes it. */
static void
assert_whole(FILE *file, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (fgetc(file) != (int) (i % 251)) {
            fail_msg("differs at byte %zu", i);
        }
    }

    assert_int_equal(fgetc(file), EOF);
    assert_int_equal(fclose(file), 0);
}


static int
exists(const char *path)
{
    return access(path, F_OK) == 0;
}


static void
run_loop(void)
{
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
}


static void
test_references(void **state)
{
    char *path = make_file(10);
    char *copy = strdup(path);
    snapshot_t *snapshot = snapshot_create(&loop, &fixture.settings, number,
                                           path);

    (void) state;

    assert_non_null(snapshot);
    assert_int_equal(snapshot->number, number);
    assert_ptr_equal(snapshot_get(snapshot), snapshot);
    snapshot->retired = 1;
    snapshot_put(snapshot);
    run_loop();
    assert_true(exists(copy));
    snapshot_put(snapshot);
    run_loop();
    assert_false(exists(copy));
    snapshot_put(NULL);
    free(copy);
}


/* The one being served stays when the worker ends. */
static void
test_not_retired(void **state)
{
    char *path = make_file(10);
    char *copy = strdup(path);

    (void) state;

    snapshot_put(snapshot_create(&loop, &fixture.settings, number, path));
    run_loop();
    assert_true(exists(copy));
    assert_int_equal(unlink(copy), 0);
    free(copy);
}


static void
test_archive(void **state)
{
    char *path = make_file(1000000);
    char *copy = strdup(path);
    char kept[160];
    char part[160];
    struct stat st;

    (void) state;

    (void) snprintf(kept, sizeof(kept), "%s%s", archive,
                    strrchr(path, '/'));
    (void) snprintf(part, sizeof(part), "%s/.%s.part", archive,
                    strrchr(path, '/') + 1);

    /* what a killed worker left half-way is no obstacle */
    FILE *file = fopen(part, "w");

    assert_non_null(file);
    (void) fputs("half", file);
    assert_int_equal(fclose(file), 0);

    fixture.settings.archive_db_dir = archive;

    snapshot_t *snapshot = snapshot_create(&loop, &fixture.settings, number,
                                           path);

    snapshot->retired = 1;
    snapshot_put(snapshot);
    run_loop();
    fixture.settings.archive_db_dir = NULL;
    assert_false(exists(copy));
    assert_false(exists(part));
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(st.st_size, 1000000);

    file = fopen(kept, "r");
    assert_non_null(file);
    assert_whole(file, 1000000);
    assert_int_equal(unlink(kept), 0);
    free(copy);
}


/* No archive is no reason to fill the tmpfs. */
static void
test_no_archive(void **state)
{
    char *path = make_file(10);

    (void) state;

    fixture.settings.archive_db_dir = "/nonexistent/archive";
    snapshot_dispose(&loop, &fixture.settings, path);
    run_loop();
    fixture.settings.archive_db_dir = NULL;
    assert_false(exists(path));
    free(path);
}


static void
test_dispose(void **state)
{
    char *path = make_file(10);
    char journal[160];
    FILE *file;

    (void) state;

    (void) snprintf(journal, sizeof(journal), "%s-journal", path);
    file = fopen(journal, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    snapshot_dispose(&loop, &fixture.settings, path);
    run_loop();
    assert_false(exists(path));
    assert_false(exists(journal));
    free(path);
}


/* Its pages are given back slice by slice, but not those of a file that
   somebody reads, or has a link to. */
static void
test_shared(void **state)
{
    char *read = make_file(2000000);
    char *linked = make_file(2000000);
    char *alone = make_file(2000000);
    char link_path[160];
    FILE *file = fopen(read, "r");

    (void) state;

    (void) snprintf(link_path, sizeof(link_path), "%s/mine", archive);
    assert_non_null(file);
    assert_int_equal(link(linked, link_path), 0);
    snapshot_dispose(&loop, &fixture.settings, read);
    snapshot_dispose(&loop, &fixture.settings, linked);
    snapshot_dispose(&loop, &fixture.settings, alone);
    run_loop();
    assert_false(exists(read));
    assert_false(exists(linked));
    assert_false(exists(alone));
    assert_whole(file, 2000000);
    file = fopen(link_path, "r");
    assert_non_null(file);
    assert_whole(file, 2000000);
    assert_int_equal(unlink(link_path), 0);
    free(read);
    free(linked);
    free(alone);
}


static int
open_fixture(void **state)
{
    (void) state;

    if (fixture_open(&fixture) != 0 || uv_loop_init(&loop) != 0) {
        return -1;
    }

    (void) snprintf(archive, sizeof(archive), "%s/archive", fixture.dir);

    return mkdir(archive, 0700);
}


static int
close_fixture(void **state)
{
    (void) state;
    fixture_close(&fixture);

    return uv_loop_close(&loop);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_not_retired),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_no_archive),
        cmocka_unit_test(test_dispose),
        cmocka_unit_test(test_shared)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
