/* write_copy.c: a copy that is made between publishes has what was committed
   before its last step, however it came there, and ends in any case. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "sql.h"
#include "worker_fixture.h"
#include "write_copy.h"

#define LARGE  5000             /* pages, hundreds of steps */

static fixture_t fixture;
static writer_t writer;
static mailbox_t answers;
static write_copy_t copy;
static uint64_t number = 1000;
static sqlite3 *db;


static void
exec(const char *sql)
{
    if (sql_exec(db, sql) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}


/* A generation with a page a row. */
static int
start(void **state)
{
    (void) state;

    memset(&writer, 0, sizeof(writer));
    writer.generation = fixture_generation(&fixture, ++number);
    writer.answers = &answers;
    writer.budget.settings = &fixture.settings;
    mailbox_open(&answers, NULL);
    db = writer.generation->store.db;
    exec("CREATE TABLE t(n INTEGER PRIMARY KEY, v INTEGER, x BLOB)");
    assert_int_equal(sql_execf(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                               "ALL SELECT i + 1 FROM n LIMIT %d) INSERT "
                               "INTO t SELECT i, 0, zeroblob(4000) FROM n",
                               LARGE), SQLITE_OK);

    return 0;
}


static int
stop(void **state)
{
    (void) state;

    assert_null(writer.copy);
    mailbox_close(&answers);

    /* SQLite closes nothing of which a copy is being made */
    assert_int_equal(sql_int64(db, "SELECT count(*) > 0 FROM t", 0), 1);
    generation_close(writer.generation);

    return 0;
}


static void
begin(int have_last)
{
    memset(&copy, 0, sizeof(copy));
    copy.writer = &writer;
    copy.have_last = have_last;
    write_copy_init(&copy);
    copy.job.run(&copy.job);
    assert_ptr_equal(writer.copy, &copy);
    assert_null(copy.job.done);
}


/* As if jobs were done all the time, so each is a short one. */
static void
step(void)
{
    assert_non_null(writer.copy);
    write_copy_step(&writer, 1);
}


static void
go_on_to(int pages)
{
    while (copy.copied < pages) {
        step();
    }
}


static enum write_copy_end
go_on(void)
{
    while (writer.copy) {
        write_copy_step(&writer, 0);
    }

    assert_ptr_equal(mailbox_take(&answers, 0), &copy.job);

    return copy.end;
}


/* Rolls a transaction back that has written into the file already. */
static void
roll_back(const char *sql)
{
    exec("PRAGMA cache_size = 10");
    exec("BEGIN IMMEDIATE");
    exec(sql);
    exec("ROLLBACK");
}


static void
what_is_committed_between_steps(void **state)
{
    (void) state;

    begin(0);
    go_on_to(LARGE / 2);
    exec("UPDATE t SET v = 1 WHERE n IN (2, 3, 900)");
    exec("INSERT INTO t SELECT n + 10000, 2, x FROM t LIMIT 300");
    step();
    roll_back("UPDATE t SET v = 3");
    step();
    exec("DELETE FROM t WHERE n BETWEEN 10 AND 19");
    step();
    roll_back("INSERT INTO t SELECT n + 20000, 4, x FROM t LIMIT 1000");
    assert_int_equal(go_on(), WRITE_COPY_MADE);
    assert_int_equal(copy.number, number);
    exec("UPDATE t SET v = 5");

    fixture_assert_file(copy.path, "SELECT v, count(*) FROM t GROUP BY v "
                        "ORDER BY v", "0|4987;1|3;2|300");
    free(copy.path);
}


static void
as_many_pages_as_come(void **state)
{
    (void) state;

    int most = LARGE / 8 + 10;
    int n = 20000;

    begin(0);

    while (writer.copy && --most) {
        assert_int_equal(sql_execf(db, "INSERT INTO t SELECT n + %d, 1, x "
                                   "FROM t LIMIT 100", n), SQLITE_OK);
        n += 100;
        step();
    }

    assert_true(most > 0);
    assert_int_equal(go_on(), WRITE_COPY_MADE);
    free(copy.path);
}


static void
the_last_one(void **state)
{
    (void) state;

    begin(0);
    assert_int_equal(go_on(), WRITE_COPY_MADE);
    free(copy.path);

    begin(1);
    assert_int_equal(go_on(), WRITE_COPY_SAME);
    assert_null(copy.path);

    writer.copy_from_ms += 3600000;     /* as if it had taken so long */
    exec("INSERT INTO t VALUES(6000, 1, NULL)");
    begin(1);
    assert_int_equal(go_on(), WRITE_COPY_RESTS);
    assert_in_range(copy.rest_ms, 1, 3700000);
    assert_null(copy.path);

    writer.copied--;            /* of the generation before */
    begin(1);
    assert_int_equal(go_on(), WRITE_COPY_MADE);
    fixture_assert_file(copy.path, "SELECT max(n) FROM t", "6000");
    free(copy.path);
}


static void
over(void **state)
{
    (void) state;

    write_copy_stop(&writer);   /* there is none */
    begin(0);
    write_copy_stop(&writer);
    assert_int_equal(go_on(), WRITE_COPY_OVER);
    assert_null(copy.path);

    begin(0);
    go_on_to(LARGE / 2);
    write_copy_stop(&writer);
    exec("UPDATE t SET v = 1");
    assert_int_equal(go_on(), WRITE_COPY_OVER);
    assert_int_equal(unlink(copy.path), 0);
    free(copy.path);

    begin(1);                   /* nothing has been copied */
    assert_int_equal(go_on(), WRITE_COPY_MADE);
    free(copy.path);
}


static void
failed(void **state)
{
    (void) state;

    fixture.settings.db_dir = (char *) "/nonexistent";
    begin(0);
    assert_int_equal(go_on(), WRITE_COPY_FAILED);
    fixture.settings.db_dir = fixture.dir;
    assert_string_equal(copy.error, "the generation cannot be copied: "
                        "unable to open database file");
    free(copy.path);

    writer.budget.max_generation = INT64_MAX;   /* has no room anywhere */
    begin(0);
    assert_int_equal(go_on(), WRITE_COPY_FAILED);
    assert_non_null(strstr(copy.error, "no room for a copy"));
    assert_null(copy.path);

    generation_t *generation = writer.generation;

    writer.budget.max_generation = 0;
    writer.generation = NULL;
    (void) strcpy(writer.refusing, "full");
    begin(0);
    assert_int_equal(go_on(), WRITE_COPY_FAILED);
    assert_string_equal(copy.error, "No generation is being collected: full");
    writer.generation = generation;
}


/* Its file has room, of which there is less while it is copied. */
static void
no_room_meanwhile(void **state)
{
    (void) state;

    begin(0);
    go_on_to(LARGE / 2);
    writer.budget.max_generation = INT64_MAX;
    assert_int_equal(go_on(), WRITE_COPY_FAILED);
    assert_non_null(strstr(copy.error, "no room for a copy"));
    assert_int_equal(unlink(copy.path), 0);
    free(copy.path);
}


/* A file that cannot be written: SQLite gives its cache up, which begins the
   copy anew. */
static void
begun_anew(void **state)
{
    struct rlimit before, limit;

    (void) state;

    begin(0);
    go_on_to(LARGE / 2);
    exec("PRAGMA cache_size = 10");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = (LARGE + 100) * 4096;
    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_not_equal(sql_exec(db, "INSERT INTO t SELECT n + 20000, 1, x "
                                  "FROM t LIMIT 500"), SQLITE_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(go_on(), WRITE_COPY_FAILED);
    assert_string_equal(copy.error, "the generation cannot be copied: its "
                        "file could not be written meanwhile");
    assert_int_equal(unlink(copy.path), 0);
    free(copy.path);

    begin(0);
    assert_int_equal(go_on(), WRITE_COPY_MADE);
    fixture_assert_file(copy.path, "SELECT count(*) FROM t", "5000");
    free(copy.path);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_between_steps,
                                        start, stop),
        cmocka_unit_test_setup_teardown(as_many_pages_as_come, start, stop),
        cmocka_unit_test_setup_teardown(the_last_one, start, stop),
        cmocka_unit_test_setup_teardown(over, start, stop),
        cmocka_unit_test_setup_teardown(failed, start, stop),
        cmocka_unit_test_setup_teardown(no_room_meanwhile, start, stop),
        cmocka_unit_test_setup_teardown(begun_anew, start, stop)
    };

    if (fixture_open(&fixture) != 0) {
        return 1;
    }

    int failures = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_close(&fixture);

    return failures;
}
