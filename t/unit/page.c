/* qsn_page.c: what readers see while a writer writes, dies, or is not yet. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "qsn_page.h"

/* Where the sequence stands in the file: magic, version, size, sequence. */
#define SEQUENCE_AT  16
#define SIZE_AT      12
#define READS        200000
#define SECONDS_MAX  30

static char dir[64];
static char path[128];


/* A state of which every part follows from n. */
static void
make_state(qsn_page_state_t *state, uint64_t n)
{
    memset(state, 0, sizeof(*state));
    state->generation_number = n;
    state->start_epoch_us = n * 3;
    state->duration_ms = n ^ 0x5555;
    state->expires_ms = ~n;
    state->static_version = n + 1;
    state->worker_start_id = n << 7;
    state->tables = n + 2;
    state->rows = n * 5;
    state->publishers = n ^ 3;
    state->frame_types = n + 6;
    (void) snprintf(state->identity, sizeof(state->identity), "%0*llu", 250,
                    (unsigned long long) n);
}


static void
assert_state(const qsn_page_state_t *state)
{
    qsn_page_state_t expected;

    make_state(&expected, state->generation_number);
    assert_memory_equal(state, &expected, sizeof(expected));
}


static void
write_file(const void *data, size_t length, off_t at)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, length, at), (ssize_t) length);
    assert_int_equal(close(fd), 0);
}


static uint64_t
sequence(void)
{
    uint64_t value = 0;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &value, sizeof(value), SEQUENCE_AT), 8);
    assert_int_equal(close(fd), 0);

    return value;
}


static int
fresh(void **state)
{
    (void) state;
    (void) unlink(path);

    return 0;
}


static void
test_publish(void **state)
{
    struct stat st;
    qsn_page_state_t own;
    qsn_page_state_t seen;
    qsn_page_t *page;
    const qsn_page_t *reader;

    (void) state;

    assert_null(qsn_page_open(path));

    page = qsn_page_create(path);
    assert_non_null(page);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(st.st_size, QSN_PAGE_SIZE);

    reader = qsn_page_open(path);
    assert_non_null(reader);
    assert_int_equal(qsn_page_read(reader, &seen), -1);

    for (uint64_t n = 1; n < 10; n++) {
        make_state(&own, n);
        qsn_page_publish(page, &own);
        assert_int_equal(qsn_page_read(reader, &seen), 0);
        assert_memory_equal(&seen, &own, sizeof(own));
        assert_int_equal(sequence(), 2 * n);
    }

    qsn_page_close(reader);
    qsn_page_close(page);
    qsn_page_close(NULL);
}


/* A new worker keeps the inode, so old mappings follow it. */
static void
test_restart(void **state)
{
    qsn_page_state_t own;
    qsn_page_state_t seen;
    qsn_page_t *page = qsn_page_create(path);
    const qsn_page_t *reader = qsn_page_open(path);

    (void) state;

    assert_non_null(page);
    assert_non_null(reader);
    make_state(&own, 5);
    qsn_page_publish(page, &own);
    qsn_page_close(page);

    page = qsn_page_create(path);
    assert_non_null(page);
    assert_int_equal(qsn_page_read(page, &seen), 0);
    assert_int_equal(seen.generation_number, 5);

    make_state(&own, 6);
    qsn_page_publish(page, &own);
    assert_int_equal(qsn_page_read(reader, &seen), 0);
    assert_int_equal(seen.generation_number, 6);
    assert_state(&seen);

    qsn_page_close(reader);
    qsn_page_close(page);
}


/* A worker from before a field was added says nothing in it, whatever a later
   one has left there. */
static void
test_former_worker(void **state)
{
    qsn_page_state_t own;
    qsn_page_state_t seen;
    qsn_page_t *page = qsn_page_create(path);
    uint32_t size = 24 + offsetof(qsn_page_state_t, frame_types);

    (void) state;

    assert_non_null(page);
    make_state(&own, 5);
    qsn_page_publish(page, &own);
    write_file(&size, sizeof(size), SIZE_AT);
    assert_int_equal(qsn_page_read(page, &seen), 0);
    own.frame_types = 0;
    assert_memory_equal(&seen, &own, sizeof(own));
    qsn_page_close(page);
}


static void
test_odd_sequence(void **state)
{
    qsn_page_state_t own;
    qsn_page_state_t seen;
    qsn_page_t *page = qsn_page_create(path);
    const qsn_page_t *reader = qsn_page_open(path);
    uint64_t odd = 7;

    (void) state;

    assert_non_null(page);
    assert_non_null(reader);
    make_state(&own, 1);
    qsn_page_publish(page, &own);

    /* as a writer that was killed leaves it */
    write_file(&odd, sizeof(odd), SEQUENCE_AT);
    assert_int_equal(qsn_page_read(reader, &seen), -1);
    qsn_page_close(page);

    /* its successor's first publish counts again */
    page = qsn_page_create(path);
    assert_non_null(page);
    make_state(&own, 2);
    qsn_page_publish(page, &own);
    assert_int_equal(sequence() & 1, 0);
    assert_int_equal(qsn_page_read(reader, &seen), 0);
    assert_int_equal(seen.generation_number, 2);
    assert_state(&seen);

    qsn_page_close(reader);
    qsn_page_close(page);
}


static void
test_other_files(void **state)
{
    char bytes[QSN_PAGE_SIZE] = "not a page";
    qsn_page_state_t own;
    qsn_page_state_t seen;
    const qsn_page_t *reader;
    qsn_page_t *page;
    uint32_t version = QSN_PAGE_VERSION + 1;

    (void) state;

    /* mapping what is shorter than a page would end in SIGBUS */
    write_file(bytes, 100, 0);
    assert_null(qsn_page_open(path));
    write_file(bytes, QSN_PAGE_SIZE - 1, 0);
    assert_null(qsn_page_open(path));

    write_file(bytes, QSN_PAGE_SIZE, 0);
    reader = qsn_page_open(path);
    assert_non_null(reader);
    assert_int_equal(qsn_page_read(reader, &seen), -1);

    /* the worker makes a page of whatever is there */
    page = qsn_page_create(path);
    assert_non_null(page);
    make_state(&own, 3);
    qsn_page_publish(page, &own);
    assert_int_equal(qsn_page_read(reader, &seen), 0);
    assert_state(&seen);

    write_file(&version, sizeof(version), 8);
    assert_int_equal(qsn_page_read(reader, &seen), -1);

    qsn_page_close(reader);
    qsn_page_close(page);

    assert_null(qsn_page_open("/nonexistent/page"));
    assert_null(qsn_page_create("/nonexistent/page"));
}


/* An identity that is not terminated must not run out of the state. */
static void
test_terminated(void **state)
{
    qsn_page_state_t own;
    qsn_page_state_t seen;
    qsn_page_t *page = qsn_page_create(path);

    (void) state;

    assert_non_null(page);
    make_state(&own, 1);
    memset(own.identity, 'x', sizeof(own.identity));
    qsn_page_publish(page, &own);
    assert_int_equal(qsn_page_read(page, &seen), 0);
    assert_int_equal(strlen(seen.identity), QSN_IDENTITY_MAX);
    qsn_page_close(page);
}


static void
hammer(void)
{
    qsn_page_t *page = qsn_page_create(path);
    qsn_page_state_t own;

    if (page == NULL) {
        _exit(1);
    }

    for (uint64_t n = 1; /* until killed */; n++) {
        make_state(&own, n);
        qsn_page_publish(page, &own);
    }
}


static void
test_hammer(void **state)
{
    const qsn_page_t *reader = NULL;
    qsn_page_state_t seen;
    uint64_t last = 0;
    int different = 0;

    (void) state;

    pid_t pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        hammer();
    }

    for (int i = 0; reader == NULL && i < 5000; i++) {
        (void) usleep(1000);
        reader = qsn_page_open(path);
    }

    assert_non_null(reader);

    /* on a busy machine the two take turns: read until both have run */
    time_t end = time(NULL) + SECONDS_MAX;

    for (int i = 0; i < READS || (different < 100 && time(NULL) < end); i++) {
        if (qsn_page_read(reader, &seen) != 0) {
            continue;           /* the writer was stopped in the middle */
        }

        assert_state(&seen);
        assert_true(seen.generation_number >= last);
        different += seen.generation_number != last;
        last = seen.generation_number;
    }

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(different >= 100);
    qsn_page_close(reader);
}


static int
make_dir(void **state)
{
    (void) state;
    (void) snprintf(dir, sizeof(dir), "/tmp/qasino-page-XXXXXX");

    if (mkdtemp(dir) == NULL) {
        return -1;
    }

    (void) snprintf(path, sizeof(path), "%s/page", dir);

    return 0;
}


static int
remove_dir(void **state)
{
    (void) state;
    (void) unlink(path);

    return rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_publish, fresh),
        cmocka_unit_test_setup(test_restart, fresh),
        cmocka_unit_test_setup(test_former_worker, fresh),
        cmocka_unit_test_setup(test_odd_sequence, fresh),
        cmocka_unit_test_setup(test_other_files, fresh),
        cmocka_unit_test_setup(test_terminated, fresh),
        cmocka_unit_test_setup(test_hammer, fresh)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
