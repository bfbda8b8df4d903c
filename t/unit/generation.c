/* generation.c and store.c: what a file is after every kind of end. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "spare.h"
#include "worker_fixture.h"

static fixture_t fixture;
static uint64_t number = 1700000000;
static char *path;

static const char first[] =
    "{\"identity\": \"a\", \"table\": {\"tablename\": \"Hosts\", "
    "\"column_names\": [\"Name\", \"up\"], \"column_types\": [\"text\", "
    "\"int\"], \"rows\": [[\"h1\", 1], [\"h2\", 0]]}}";
static const char second[] =
    "{\"identity\": \"b\", \"table\": {\"tablename\": \"hosts\", "
    "\"column_names\": [\"NAME\", \"os\"], \"column_types\": [\"text\", "
    "\"text\"], \"rows\": [[\"h3\", \"linux\"]]}}";


static int
fresh(void **state)
{
    (void) state;
    path = generation_path(fixture.settings.db_dir, ++number);

    return path ? 0 : -1;
}


static int
done(void **state)
{
    (void) state;
    generation_unlink(path);
    free(path);

    return 0;
}


static int
exists(const char *name)
{
    return access(name, F_OK) == 0;
}


static int
journal_exists(void)
{
    char journal[256];

    (void) snprintf(journal, sizeof(journal), "%s-journal", path);

    return exists(journal);
}


static enum generation_state
probe(void)
{
    char error[GENERATION_ERROR_SIZE];

    return generation_probe(path, error);
}


static void
test_names(void **state)
{
    static const char *const bad[] = {
        "", "qasino_table_store_", "qasino_table_store_.db",
        "qasino_table_store_12", "qasino_table_store_12.db-journal",
        "qasino_table_store_12.dbx", "qasino_table_store_x.db",
        "qasino_table_store_-1.db", "qasino_table_store_ 1.db",
        "qasino_table_store_+1.db", "xqasino_table_store_1.db",
        ".qasino_table_store_1.db.part", "qasino_table_store_0.db"
    };
    char *name;

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(generation_number_of(bad[i]), 0);
    }

    assert_int_equal(generation_number_of("qasino_table_store_1.db"), 1);
    name = generation_path("/a/b", 1795331135);
    assert_string_equal(name, "/a/b/qasino_table_store_1795331135.db");
    assert_int_equal(generation_number_of(name + 5), 1795331135);
    free(name);
}


static void
test_continue(void **state)
{
    generation_t *generation = fixture_generation(&fixture, number);

    (void) state;

    assert_int_equal(generation->number, number);
    assert_string_equal(generation->store.path, path);
    assert_int_equal(fixture_publish(&fixture, generation, first),
                     REPORT_TAKEN);
    generation_close(generation);
    assert_false(journal_exists());
    assert_int_equal(probe(), GENERATION_OPEN);

    generation = fixture_generation(&fixture, number);

    const catalog_t *catalog = &generation->store.catalog;

    assert_int_equal(catalog->table_count, 1);
    assert_string_equal(catalog->tables[0]->name, "Hosts");
    assert_int_equal(catalog->tables[0]->rows, 2);
    assert_int_equal(catalog->tables[0]->updates, 1);
    assert_int_equal(catalog->tables[0]->column_count, 2);
    assert_true(catalog->tables[0]->last_update > 1e9);
    assert_int_equal(catalog->identity_count, 1);
    assert_string_equal(catalog->identities[0]->name, "a");

    /* who has reported is remembered, too */
    assert_int_equal(fixture_publish(&fixture, generation, first),
                     REPORT_DUPLICATE);
    assert_int_equal(fixture_publish(&fixture, generation, second),
                     REPORT_TAKEN);
    generation_close(generation);
    fixture_assert_file(path, "SELECT * FROM hosts ORDER BY 1",
                        "h1|1|NULL;h2|0|NULL;h3|NULL|linux");
}


static void
test_sealed(void **state)
{
    generation_t *generation = fixture_generation(&fixture, number);

    (void) state;

    assert_int_equal(fixture_publish(&fixture, generation, first),
                     REPORT_TAKEN);
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_rollback(&generation->store), 0);
    generation_close(generation);
    assert_int_equal(probe(), GENERATION_OPEN);

    generation = fixture_generation(&fixture, number);
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    generation_close(generation);
    assert_int_equal(probe(), GENERATION_SEALED);
    assert_int_equal(probe(), GENERATION_SEALED);
    fixture_assert_file(path, "SELECT count(*) FROM hosts", "2");
}


static void
write_file(const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}


static void
test_probe(void **state)
{
    char bytes[8192];
    sqlite3 *db;

    (void) state;

    assert_int_equal(probe(), GENERATION_UNREADABLE);
    assert_false(exists(path));

    write_file("", 0);
    assert_int_equal(probe(), GENERATION_EMPTY);

    memset(bytes, 'x', sizeof(bytes));
    write_file(bytes, sizeof(bytes));
    assert_int_equal(probe(), GENERATION_DAMAGED);

    /* a database of somebody else's */
    write_file("", 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL),
                     SQLITE_OK);
    (void) sqlite3_close(db);
    assert_int_equal(probe(), GENERATION_DAMAGED);

    generation_unlink(path);
    assert_false(exists(path));
    generation_unlink(path);
}


static void
test_meta(void **state)
{
    generation_t *generation = fixture_generation(&fixture, number);
    store_t *store = &generation->store;

    (void) state;

    assert_int_equal(store_meta(store, "x", 7), 7);
    assert_int_equal(store_set_meta(store, "x", 1ll << 60), 0);
    assert_int_equal(store_set_meta(store, "it's", -3), 0);
    assert_true(store_meta(store, "x", 7) == 1ll << 60);
    assert_int_equal(store_set_meta(store, "x", 5), 0);
    assert_int_equal(store_meta(store, "x", 7), 5);
    assert_int_equal(store_meta(store, "it's", 7), -3);
    generation_close(generation);
}


static void
test_bad_dir(void **state)
{
    fixture_t nowhere = fixture;

    (void) state;

    nowhere.settings.db_dir = "/nonexistent/dir";
    nowhere.error[0] = '\0';
    assert_null(generation_open(&nowhere.settings, 1, nowhere.error));
    assert_non_null(strstr(nowhere.error, "/nonexistent/dir"));
    generation_close(NULL);
}


/* Large enough to spill the cache into the file before the commit. */
static void
spill(generation_t *generation)
{
    char *text = NULL;
    int rc = sqlite3_exec(generation->store.db,
                          "PRAGMA cache_size = 10;"
                          "CREATE TABLE spilled(x);"
                          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                          "SELECT i + 1 FROM n LIMIT 300) "
                          "INSERT INTO spilled SELECT zeroblob(10000) FROM n",
                          NULL, NULL, &text);

    sqlite3_free(text);

    if (rc != SQLITE_OK) {
        _exit(3);
    }
}


/* Made under another name before, as a spare one is. */
static generation_t *
open_spare(void)
{
    char name[128];

    (void) snprintf(name, sizeof(name), "%s/" SPARE_PREFIX "1.db",
                    fixture.dir);

    generation_t *generation = generation_open_path(&fixture.settings, name,
                                                    0, fixture.error);

    assert_non_null(generation);

    if (generation_name(generation, &fixture.settings, number, fixture.error)
        == 0)
    {
        return generation;
    }

    generation_discard(generation);

    return NULL;
}


/* In a child: some committed publishes, then a kill inside the next. */
static void
die_inside(int seal, int spare)
{
    pid_t pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        generation_t *generation = spare ? open_spare()
            : generation_open(&fixture.settings, number, fixture.error);

        if (generation == NULL
            || fixture_publish(&fixture, generation, first) != REPORT_TAKEN
            || store_begin(&generation->store) != 0
            || fixture_apply(&fixture, generation, second) != REPORT_TAKEN
            || (seal && generation_mark_sealed(generation) != 0))
        {
            _exit(2);
        }

        spill(generation);
        (void) kill(getpid(), SIGKILL);
    }

    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}


static void
test_killed(void **state)
{
    struct stat st;

    (void) state;

    for (int i = 0; i < 4; i++) {
        generation_unlink(path);
        die_inside(i % 2, i / 2);

        /* the test is one only if something has to be undone */
        assert_true(journal_exists());
        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size > 1000000);

        assert_int_equal(probe(), GENERATION_OPEN);

        generation_t *generation = fixture_generation(&fixture, number);

        assert_int_equal(generation->store.catalog.table_count, 1);
        assert_int_equal(generation->store.catalog.tables[0]->rows, 2);
        assert_int_equal(generation->store.catalog.identity_count, 1);
        fixture_assert_rows(generation->store.db, "PRAGMA integrity_check",
                            "ok");
        fixture_assert_rows(generation->store.db,
                            "SELECT * FROM hosts ORDER BY 1", "h1|1;h2|0");
        assert_int_equal(fixture_publish(&fixture, generation, second),
                         REPORT_TAKEN);
        generation_close(generation);
        fixture_assert_file(path, "SELECT count(*) FROM hosts", "3");
    }
}


/* Without the probe, too: opening recovers as well. */
static void
test_killed_then_opened(void **state)
{
    (void) state;

    die_inside(1, 0);

    generation_t *generation = fixture_generation(&fixture, number);

    assert_int_equal(generation->store.catalog.tables[0]->rows, 2);
    generation_close(generation);
    assert_int_equal(probe(), GENERATION_OPEN);
}


/* Killed right after a commit: acknowledged is in. */
static void
test_killed_after_commit(void **state)
{
    int status;
    pid_t pid = fork();

    (void) state;
    assert_true(pid >= 0);

    if (pid == 0) {
        generation_t *generation = generation_open(&fixture.settings, number,
                                                   fixture.error);

        if (generation
            && fixture_publish(&fixture, generation, first) == REPORT_TAKEN
            && fixture_publish(&fixture, generation, second) == REPORT_TAKEN)
        {
            (void) kill(getpid(), SIGKILL);
        }

        _exit(2);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(probe(), GENERATION_OPEN);
    fixture_assert_file(path, "SELECT count(*) FROM hosts", "3");
}


/* What SQLite opened under another name is its own under this one: no file of
   the other name comes back, whatever is done to it. */
static void
test_named(void **state)
{
    char command[192];

    (void) state;

    generation_t *generation = open_spare();

    assert_non_null(generation);
    assert_int_equal(generation->number, number);
    assert_string_equal(generation->store.path, path);
    assert_int_equal(fixture_publish(&fixture, generation, first),
                     REPORT_TAKEN);
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(fixture_apply(&fixture, generation, second),
                     REPORT_TAKEN);
    spill(generation);
    assert_int_equal(store_rollback(&generation->store), 0);
    fixture_assert_rows(generation->store.db, "SELECT * FROM hosts", "h1|1;"
                        "h2|0");
    assert_int_equal(probe(), GENERATION_UNREADABLE);   /* it is ours */
    assert_int_equal(store_begin(&generation->store), 0);
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    assert_int_equal(generation_unlock(generation), 0);
    assert_int_equal(probe(), GENERATION_SEALED);
    (void) snprintf(command, sizeof(command), "! ls %s | grep -q "
                    SPARE_PREFIX, fixture.dir);
    assert_int_equal(system(command), 0);
    generation_close(generation);
    assert_true(exists(path));
    assert_false(journal_exists());

    /* a directory in its place: it is of no use, and discarded */
    generation_unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(open_spare());
    assert_non_null(strstr(fixture.error, "cannot rename"));
    assert_int_equal(rmdir(path), 0);
}


static int
open_fixture(void **state)
{
    (void) state;

    return fixture_open(&fixture);
}


static int
close_fixture(void **state)
{
    (void) state;
    fixture_close(&fixture);

    return 0;
}


#define TEST(function)  cmocka_unit_test_setup_teardown(function, fresh, done)

/* A worker before this one left its file: reports had a key, and no id. */
static void
test_former_layout(void **state)
{
    char file[128];
    sqlite3 *db = NULL;

    (void) state;
    (void) snprintf(file, sizeof(file), "%s/qasino_table_store_7.db",
                    fixture.dir);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
        "CREATE TABLE _qasino_meta(key TEXT PRIMARY KEY, value) WITHOUT "
        "ROWID; INSERT INTO _qasino_meta VALUES('layout', 1);"
        "CREATE TABLE _qasino_reports(tablename TEXT COLLATE NOCASE, "
        "identity TEXT, is_update INTEGER, nr_rows INTEGER, first_rowid "
        "INTEGER, last_rowid INTEGER, epoch REAL, persist INTEGER, carried "
        "INTEGER, updates INTEGER, columns TEXT, PRIMARY KEY(tablename, "
        "identity, is_update)) WITHOUT ROWID;"
        "INSERT INTO _qasino_reports VALUES('t', 'h', 0, 1, 1, 1, 5.5, 1, 0, "
        "1, 'x');"
        "CREATE TABLE _qasino_updated(tablename TEXT COLLATE NOCASE, row_id "
        "INTEGER, identity TEXT, owned INTEGER, PRIMARY KEY(tablename, "
        "row_id)) WITHOUT ROWID;"
        "CREATE TABLE _qasino_next(tablename TEXT COLLATE NOCASE, identity "
        "TEXT, source TEXT, columns TEXT, epoch REAL, PRIMARY KEY(tablename, "
        "identity)) WITHOUT ROWID;"
        "CREATE TABLE t(x INTEGER); INSERT INTO t VALUES(1);",
        NULL, NULL, NULL), SQLITE_OK);
    (void) sqlite3_close(db);

    for (int i = 0; i < 2; i++) {
        generation_t *generation = fixture_generation(&fixture, 7);

        assert_true(generation->store.catalog.tables[0]->persists);
        assert_int_equal(generation->store.catalog.tables[0]->rows, 1);
        assert_int_equal(fixture_publish(&fixture, generation,
            "{\"identity\": \"h\", \"table\": {\"tablename\": \"t\", "
            "\"column_names\": [\"x\"], \"column_types\": [\"int\"], "
            "\"rows\": [[2]]}}"), REPORT_DUPLICATE);
        fixture_assert_rows(generation->store.db, "SELECT id, identity, "
                            "columns FROM _qasino_reports", "1|h|x");
        generation_close(generation);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names), TEST(test_continue), TEST(test_sealed),
        TEST(test_probe), TEST(test_meta), TEST(test_bad_dir),
        TEST(test_killed), TEST(test_killed_then_opened),
        TEST(test_killed_after_commit), TEST(test_former_layout),
        TEST(test_named)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
