/* carry.c: table by table, before a publish of the table, once whatever
   happens in between.  carry_reports.c: what each table gets, and how often
   it asks SQLite for what all its reports share. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "carry.h"
#include "worker_fixture.h"

static fixture_t fixture;
static char *sealed;

#define ALL_A  "SELECT host, x FROM a ORDER BY _rowid_"
#define ALL_B  "SELECT host, x FROM b ORDER BY _rowid_"


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
    free(sealed);
    sealed = NULL;
    fixture_close(&fixture);

    return 0;
}


/* A table "t" with the columns and the row, all as in JSON. */
static void
publish_columns(generation_t *generation, const char *identity,
    const char *options, const char *columns, const char *types,
    const char *row)
{
    char json[8192];

    assert_in_range(snprintf(json, sizeof(json), "{\"identity\": \"%s\", "
                             "\"persist\": 1%s, \"table\": {\"tablename\": "
                             "\"t\", \"column_names\": [%s], "
                             "\"column_types\": [%s], \"rows\": [[%s]]}}",
                             identity, options, columns, types, row),
                    1, sizeof(json) - 1);

    enum report_result result = fixture_apply(&fixture, generation, json);

    assert_true(result == REPORT_TAKEN || result == REPORT_DUPLICATE);
}


static enum report_result
publish(generation_t *generation, const char *identity, const char *table,
    const char *options, int x)
{
    char json[512];

    (void) snprintf(json, sizeof(json), "{\"identity\": \"%s\"%s, \"table\": "
                    "{\"tablename\": \"%s\", \"column_names\": [\"host\", "
                    "\"x\"], \"column_types\": [\"text\", \"int\"], "
                    "\"rows\": [[\"%s\", %d]]}}", identity, options, table,
                    identity, x);

    return fixture_apply(&fixture, generation, json);
}


/* Generation 1, until it is sealed. */
static generation_t *
begin_sealed(void)
{
    generation_t *generation = fixture_generation(&fixture, 1);

    assert_int_equal(store_begin(&generation->store), 0);

    return generation;
}


static void
seal(generation_t *generation)
{
    assert_int_equal(generation_mark_sealed(generation), 0);
    assert_int_equal(store_commit(&generation->store), 0);
    sealed = strdup(generation->store.path);
    generation_close(generation);
}


/* With persisted rows in a and b, and others in c. */
static void
make_sealed(void)
{
    generation_t *generation = begin_sealed();

    assert_int_equal(publish(generation, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h2", "a", ", \"persist\": 1", 2),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "b", ", \"persist\": 1", 3),
                     REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "c", "", 4), REPORT_TAKEN);
    assert_true(catalog_find(&generation->store.catalog, "b")->persists);
    assert_false(catalog_find(&generation->store.catalog, "c")->persists);
    seal(generation);
}


static carry_t *
begin(generation_t *generation)
{
    carry_t *carry;

    if (carry_begin(generation, sealed, &carry, fixture.error) != 0) {
        fail_msg("%s", fixture.error);
    }

    return carry;
}


static void
rest(carry_t *carry)
{
    while (carry) {
        if (carry_next(&carry, fixture.error) != 0) {
            fail_msg("%s", fixture.error);
        }
    }
}


static void
test_rest(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_non_null(carry);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    assert_null(catalog_find(&next->store.catalog, "c"));
    assert_null(begin(next));           /* once */
    assert_true(catalog_find(&next->store.catalog, "b")->persists);
    generation_close(next);
}


/* What the sealed one's catalog knows is expected; what there really is is
   seen when the file is looked into. */
static void
test_expected(void **state)
{
    (void) state;

    generation_t *before = begin_sealed();

    assert_int_equal(publish(before, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "b", ", \"persist\": 1", 2),
                     REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "b", "", 3), REPORT_DUPLICATE);
    assert_int_equal(publish(before, "h1", "c", "", 4), REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "d", "", 5), REPORT_TAKEN);
    assert_int_equal(publish(before, "h1", "d", ", \"persist\": 1", 6),
                     REPORT_DUPLICATE);
    assert_int_equal(generation_mark_sealed(before), 0);
    assert_int_equal(store_commit(&before->store), 0);
    assert_int_equal(generation_unlock(before), 0);
    sealed = strdup(before->store.path);

    /* as after a report that persisted and then did not */
    catalog_find(&before->store.catalog, "c")->persists = 1;

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry;

    assert_int_equal(carry_expect(next, sealed, &before->store.catalog,
                                  &carry, fixture.error), 0);
    assert_non_null(carry);
    assert_false(carry_is_open(carry));
    assert_true(carry_has(carry, "A"));
    assert_true(carry_has(carry, "b"));
    assert_true(carry_has(carry, "c"));
    assert_true(carry_has(carry, "d"));
    assert_false(carry_has(carry, "e"));
    assert_int_equal(next->store.promised, 4);

    /* others are published meanwhile, and undone */
    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(publish(next, "h2", "e", "", 7), REPORT_TAKEN);
    assert_int_equal(store_rollback(&next->store), 0);
    assert_int_equal(carry_rolled_back(carry), 0);
    assert_int_equal(next->store.promised, 4);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_true(carry_is_open(carry));
    assert_false(carry_has(carry, "c"));
    assert_int_equal(next->store.promised, 3);
    generation_close(before);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1");
    fixture_assert_rows(next->store.db, "SELECT x FROM d", "6");
    assert_null(catalog_find(&next->store.catalog, "b"));
    assert_null(begin(next));
    generation_close(next);
}


/* Nothing that is expected, a file that cannot be opened, a kill before it
   is looked into. */
static void
test_expected_in_vain(void **state)
{
    catalog_t none;
    carry_t *carry;

    (void) state;
    make_sealed();
    catalog_init(&none);

    generation_t *next = fixture_generation(&fixture, 2);

    assert_int_equal(carry_expect(next, sealed, &none, &carry,
                                  fixture.error), 0);
    assert_null(carry);
    assert_null(begin(next));
    generation_discard(next);

    catalog_add(&none, "a")->persists = 1;
    next = fixture_generation(&fixture, 2);
    assert_int_equal(carry_expect(next, fixture.dir, &none, &carry,
                                  fixture.error), 0);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(carry_next(&carry, fixture.error), -1);
        assert_non_null(strstr(fixture.error, fixture.dir));
        assert_int_equal(store_rollback(&next->store), 0);
        assert_int_equal(carry_rolled_back(carry), 0);
        assert_false(carry_is_open(carry));
        assert_true(carry_has(carry, "a"));
    }

    carry_stop(carry);
    assert_int_equal(carry_expect(next, sealed, &none, &carry,
                                  fixture.error), 0);
    carry_stop(carry);
    generation_close(next);

    next = fixture_generation(&fixture, 2);
    rest(begin(next));
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    generation_close(next);
    catalog_clear(&none);
}


/* Deleted by hand, or made anew since: there is nothing to wait for. */
static void
test_gone(void **state)
{
    (void) state;

    for (int empty = 0; empty < 2; empty++) {
        catalog_t before;
        carry_t *carry;

        make_sealed();
        assert_int_equal(empty ? truncate(sealed, 0) : unlink(sealed), 0);
        catalog_init(&before);
        catalog_add(&before, "a")->persists = 1;

        generation_t *next = fixture_generation(&fixture, 2);

        assert_int_equal(carry_expect(next, sealed, &before, &carry,
                                      fixture.error), 0);
        assert_int_equal(next->store.promised, 1);
        assert_int_equal(carry_next(&carry, fixture.error), 0);
        assert_null(carry);
        assert_int_equal(next->store.promised, 0);
        assert_int_equal(store_meta(&next->store, "carried", 0), 1);
        assert_int_equal(publish(next, "h1", "a", "", 10), REPORT_TAKEN);
        generation_discard(next);

        next = fixture_generation(&fixture, 2);
        assert_null(begin(next));
        assert_int_equal(access(sealed, F_OK), empty ? 0 : -1);
        generation_discard(next);
        generation_unlink(sealed);
        free(sealed);
        sealed = NULL;
        catalog_clear(&before);
    }
}


/* Of what was carried by a worker that was killed nothing is lost. */
static void
test_gone_half_way(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    carry_stop(carry);
    generation_close(next);
    assert_int_equal(unlink(sealed), 0);

    next = fixture_generation(&fixture, 2);
    assert_null(begin(next));
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    assert_null(catalog_find(&next->store.catalog, "b"));
    assert_null(begin(next));
    generation_close(next);
}


/* A fresh report finds what it replaces, whatever came first. */
static void
test_before_a_publish(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "A"), 0);
    assert_int_equal(publish(next, "h1", "A", "", 10), REPORT_TAKEN);
    assert_int_equal(carry_table(carry, "a"), 0);
    assert_int_equal(carry_table(carry, "other"), 0);
    assert_int_equal(store_commit(&next->store), 0);
    fixture_assert_rows(next->store.db, ALL_A, "h2|2;h1|10");

    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h2|2;h1|10");
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    generation_close(next);
}


static void
test_rolled_back(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "a"), 0);
    assert_int_equal(store_rollback(&next->store), 0);
    assert_int_equal(carry_rolled_back(carry), 0);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    generation_close(next);
}


/* The worker is killed when one table is done: the next goes on. */
static void
test_goes_on(void **state)
{
    (void) state;
    make_sealed();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_non_null(carry);
    carry_stop(carry);
    generation_close(next);

    next = fixture_generation(&fixture, 2);
    assert_non_null(catalog_find(&next->store.catalog, "a"));
    assert_null(catalog_find(&next->store.catalog, "b"));
    carry = begin(next);
    rest(carry);
    fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
    fixture_assert_rows(next->store.db, ALL_B, "h1|3");
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM sqlite_schema "
                        "WHERE name = '_qasino_carried'", "0");
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM "
                        "temp.sqlite_schema", "0");
    generation_close(next);
}


/* A former worker's sealed file has no index of what persists, and one still
   older no ids. */
static void
test_former_file(void **state)
{
    static const char *const former[] = {
        "DROP INDEX " STORE_PERSISTING,
        "ALTER TABLE _qasino_reports RENAME TO newer;"
        "CREATE TABLE _qasino_reports(tablename TEXT COLLATE NOCASE, "
        "identity TEXT, is_update INTEGER, nr_rows INTEGER, first_rowid "
        "INTEGER, last_rowid INTEGER, epoch REAL, persist INTEGER, carried "
        "INTEGER, updates INTEGER, columns TEXT, PRIMARY KEY(tablename, "
        "identity, is_update)) WITHOUT ROWID;"
        "INSERT INTO _qasino_reports SELECT tablename, identity, is_update, "
        "nr_rows, first_rowid, last_rowid, epoch, persist, carried, updates, "
        "columns FROM newer; DROP TABLE newer"
    };

    (void) state;
    make_sealed();

    for (uint64_t i = 0; i < 2; i++) {
        sqlite3 *db;

        assert_int_equal(sqlite3_open(sealed, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, former[i], NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);

        generation_t *next = fixture_generation(&fixture, 2 + i);

        rest(begin(next));
        fixture_assert_rows(next->store.db, ALL_A, "h1|1;h2|2");
        fixture_assert_rows(next->store.db, ALL_B, "h1|3");
        fixture_assert_rows(next->store.db, "SELECT count(*) FROM "
                            "temp.sqlite_schema", "0");
        generation_close(next);
    }
}


/* What SQLite is asked to compile: it calls this each time. */
typedef struct {
    int infos;                  /* reads of a sealed table's columns */
    int copies;                 /* insertions into table t */
    int moves;                  /* notes where a report is now */
    int marks;                  /* look-ups of rows that updates have set */
} compiled_t;

static int
count_compiled(void *data, int action, const char *first, const char *second,
    const char *database, const char *trigger)
{
    compiled_t *compiled = data;

    (void) trigger;

    if (action == SQLITE_PRAGMA) {
        compiled->infos += strcmp(first, "table_info") == 0
                           && strcmp(database, "sealed") == 0;

    } else if (action == SQLITE_INSERT) {
        compiled->copies += strcmp(first, "t") == 0;
        compiled->moves += strcmp(first, "_qasino_moved") == 0;

    } else if (action == SQLITE_READ) {
        compiled->marks += strcmp(first, "_qasino_marks_to_carry") == 0
                           && strcmp(second, "identity") == 0;
    }

    return SQLITE_OK;
}


/* However many reports a table has: with as many columns, anything done for
   each report and each column blocks the writer for seconds. */
static void
test_asks_once(void **state)
{
    generation_t *generation = begin_sealed();
    compiled_t compiled = { 0 };
    char identity[16];

    (void) state;

    for (int i = 0; i < 200; i++) {
        (void) snprintf(identity, sizeof(identity), "plain%d", i);
        publish_columns(generation, identity, "", "\"k\", \"a\", \"b\"",
                        "\"int\", \"int\", \"text\"", "1, 2, \"x\"");
        (void) snprintf(identity, sizeof(identity), "update%d", i);
        publish_columns(generation, identity,
                        ", \"update\": 1, \"keycols\": \"id\"",
                        "\"id\", \"b\"", "\"text\", \"text\"",
                        i % 2 ? "\"odd\", \"y\"" : "\"even\", \"z\"");
    }

    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    (void) sqlite3_set_authorizer(next->store.db, count_compiled, &compiled);
    rest(carry);
    (void) sqlite3_set_authorizer(next->store.db, NULL, NULL);

    assert_int_equal(compiled.infos, 1);
    assert_int_equal(compiled.copies, 2);       /* plain ones, updates */
    assert_int_equal(compiled.moves, 1);
    assert_int_equal(compiled.marks, 1);
    fixture_assert_rows(next->store.db, "SELECT id, count(*), sum(a) FROM t "
                        "GROUP BY id ORDER BY id",
                        "NULL|200|400;even|1|NULL;odd|1|NULL");
    fixture_assert_rows(next->store.db, "SELECT is_update, count(*), "
                        "sum(nr_rows) FROM _qasino_reports GROUP BY 1",
                        "0|200|200;1|200|2");
    generation_close(next);
}


/* Columns that only some reports have, in whatever case, and a second report
   that knows others: each column comes once, with its type, in the order of
   the reports. */
static void
test_columns(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;
    publish_columns(generation, "plain", "", "\"gone\"", "\"int\"", "0");
    publish_columns(generation, "h1", "", "\"a\", \"b\"",
                    "\"int\", \"real\"", "1, 1.5");
    publish_columns(generation, "h2", "", "\"B\", \"A\"",
                    "\"real\", \"int\"", "2.5, 2");
    publish_columns(generation, "h3", "", "\"b\", \"c\"",
                    "\"real\", \"text\"", "3.5, \"c3\"");
    publish_columns(generation, "h4", "", "\"A\", \"b\"",
                    "\"int\", \"real\"", "4, 4.5");
    publish_columns(generation, "up", ", \"update\": 1, \"keycols\": \"A\"",
                    "\"a\", \"set\"", "\"int\", \"text\"", "1, \"by up\"");
    publish_columns(generation, "up", ", \"update\": 1, \"keycols\": \"A\"",
                    "\"A\", \"Set\"", "\"int\", \"text\"",
                    "9, \"made by up\"");
    publish_columns(generation, "plain", "", "\"d\", \"SET\"",
                    "\"int\", \"text\"", "5, \"own\"");
    publish_columns(generation, "h5", "", "\"a\", \"b\"",
                    "\"int\", \"real\"", "6, 6.5");
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT name, type FROM "
                        "pragma_table_info('t')", "a|INTEGER;b|REAL;"
                        "set|TEXT;c|TEXT;d|INTEGER");
    fixture_assert_rows(next->store.db, "SELECT a, b, \"set\", c, d FROM t "
                        "ORDER BY _rowid_",
                        "1|1.5|by up|NULL|NULL;2|2.5|NULL|NULL|NULL;"
                        "NULL|3.5|NULL|c3|NULL;4|4.5|NULL|NULL|NULL;"
                        "6|6.5|NULL|NULL|NULL;NULL|NULL|own|NULL|5;"
                        "9|NULL|made by up|NULL|NULL");
    generation_close(next);
}


/* A report that has no room any more is dropped, and those that have it are
   not, whichever came before. */
static void
test_refused(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;

    for (int i = 0; i < 2; i++) {
        publish_columns(generation, i ? "h3" : "h1", "", "\"a\", \"b\"",
                        "\"int\", \"int\"", "1, 2");
        publish_columns(generation, i ? "h4" : "h2", "", "\"c\", \"b\"",
                        "\"int\", \"int\"", "3, 4");
    }

    seal(generation);
    fixture.settings.max_columns = 2;

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT * FROM t", "1|2;1|2");
    fixture_assert_rows(next->store.db, "SELECT identity FROM "
                        "_qasino_reports ORDER BY 1", "h1;h3");
    generation_close(next);
}


/* The names of all of them together are longer than a row may be. */
static void
test_many_updates(void **state)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t names = { 0 };
    qsn_buf_t types = { 0 };
    qsn_buf_t row = { 0 };
    char identity[16];

    (void) state;

    for (int i = 0; i < 30; i++) {
        qsn_buf_printf(&names, "%s\"column%0100d\"", i ? "," : "", i);
        qsn_buf_string(&types, i ? ",\"int\"" : "\"int\"");
        qsn_buf_string(&row, i ? ",1" : "1");
    }

    for (int i = 0; i < 60; i++) {
        (void) snprintf(identity, sizeof(identity), "h%d", i);
        publish_columns(generation, identity, ", \"update\": 1",
                        qsn_buf_text(&names), qsn_buf_text(&types),
                        qsn_buf_text(&row));
    }

    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM t", "1");
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM "
                        "_qasino_reports", "60");
    generation_close(next);
    qsn_buf_free(&names);
    qsn_buf_free(&types);
    qsn_buf_free(&row);
}


/* Tables "big", of 3,000 rows in one report and some more, which an update
   has set a row of in each, and "a". */
static void
make_big(void)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t json = { 0 };

    for (int report = 0; report < 3; report++) {
        qsn_buf_clear(&json);
        qsn_buf_printf(&json, "{\"identity\": \"h%d\", \"persist\": 1, "
                       "\"table\": {\"tablename\": \"big\", "
                       "\"column_names\": [\"host\", \"x\", \"t\"], "
                       "\"column_types\": [\"text\", \"int\", \"text\"], "
                       "\"rows\": [", report);

        for (int row = 0; row < (report == 1 ? 3000 : 30); row++) {
            qsn_buf_printf(&json, "%s[\"h%d\", %d, \"\"]", row ? "," : "",
                           report, row);
        }

        qsn_buf_string(&json, "]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)), REPORT_TAKEN);
    }

    assert_int_equal(fixture_apply(&fixture, generation,
        "{\"identity\": \"up\", \"persist\": 1, \"update\": 1, "
        "\"keycols\": \"host;x\", \"table\": {\"tablename\": \"big\", "
        "\"column_names\": [\"host\", \"x\", \"t\"], "
        "\"column_types\": [\"text\", \"int\", \"text\"], \"rows\": "
        "[[\"h0\", 7, \"set\"], [\"h1\", 2900, \"set\"], "
        "[\"h2\", 3, \"set\"], [\"new\", 1, \"set\"]]}}"), REPORT_TAKEN);
    assert_int_equal(publish(generation, "h1", "c", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    seal(generation);
    qsn_buf_free(&json);
}


static void
assert_big(generation_t *generation, int more)
{
    char expected[64];

    (void) snprintf(expected, sizeof(expected), "%d", 3061 + more);
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM big",
                        expected);
    fixture_assert_rows(generation->store.db, "SELECT host, x FROM big WHERE "
                        "t = 'set' ORDER BY _rowid_",
                        "h0|7;h1|2900;h2|3;new|1");
    fixture_assert_rows(generation->store.db, "SELECT identity, nr_rows, "
                        "(SELECT count(*) FROM big WHERE host = identity "
                        "AND _rowid_ BETWEEN first_rowid AND last_rowid) "
                        "FROM _qasino_reports WHERE tablename = 'big' "
                        "AND carried AND NOT is_update ORDER BY 1",
                        "h0|30|30;h1|3000|3000;h2|30|30");
    fixture_assert_rows(generation->store.db, "SELECT host, x, owned FROM "
                        "_qasino_updated u JOIN big b ON b._rowid_ = row_id "
                        "ORDER BY row_id",
                        "h0|7|0;h1|2900|0;h2|3|0;new|1|1");
    fixture_assert_rows(generation->store.db, "SELECT count(*) FROM "
                        "_qasino_meta WHERE key = 'half_carried'", "0");

    const catalog_table_t *table = catalog_find(&generation->store.catalog,
                                                "big");

    assert_non_null(table);
    assert_int_equal(table->rows, 3061 + more);
}


/* With the big one half there. */
static carry_t *
begin_big(generation_t *next)
{
    carry_t *carry = begin(next);

    assert_int_equal(carry_next(&carry, fixture.error), 0);
    assert_non_null(carry);
    fixture_assert_rows(next->store.db, "SELECT count(*) > 30 "
                        "AND count(*) < 1100 FROM big", "1");
    fixture_assert_rows(next->store.db, "SELECT identity FROM "
                        "_qasino_reports", "h0");

    return carry;
}


static void
test_in_parts(void **state)
{
    (void) state;
    make_big();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin_big(next);

    assert_true(carry_has(carry, "big"));
    rest(carry);
    assert_big(next, 0);
    generation_close(next);
}


static void
test_killed_half_way(void **state)
{
    (void) state;
    make_big();

    generation_t *next = fixture_generation(&fixture, 2);

    carry_stop(begin_big(next));
    generation_close(next);
    next = fixture_generation(&fixture, 2);
    rest(begin(next));
    assert_big(next, 0);
    generation_close(next);
}


/* Whoever publishes the table has all of it before him; that undone, it goes
   on from where it was.  Another table is not held up. */
static void
test_published_half_way(void **state)
{
    static const char one[] = "{\"identity\": \"h9\", \"table\": "
        "{\"tablename\": \"big\", \"column_names\": [\"host\"], "
        "\"column_types\": [\"text\"], \"rows\": [[\"h9\"]]}}";

    (void) state;
    make_big();

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin_big(next);

    assert_int_equal(store_begin(&next->store), 0);
    assert_int_equal(carry_table(carry, "c"), 0);
    assert_int_equal(publish(next, "h2", "c", "", 2), REPORT_TAKEN);
    assert_int_equal(store_commit(&next->store), 0);
    fixture_assert_rows(next->store.db, "SELECT host FROM c ORDER BY 1",
                        "h1;h2");
    assert_int_equal(carry_next(&carry, fixture.error), 0);

    for (int undone = 1; undone >= 0; undone--) {
        assert_int_equal(store_begin(&next->store), 0);
        assert_int_equal(carry_table(carry, "big"), 0);
        assert_int_equal(fixture_apply(&fixture, next, one), REPORT_TAKEN);
        assert_big(next, 1);

        if (undone) {
            assert_int_equal(store_rollback(&next->store), 0);
            assert_int_equal(carry_rolled_back(carry), 0);
            assert_int_equal(carry_next(&carry, fixture.error), 0);
        } else {
            assert_int_equal(store_commit(&next->store), 0);
        }
    }

    rest(carry);
    assert_big(next, 1);
    fixture_assert_rows(next->store.db, "SELECT host FROM c ORDER BY 1",
                        "h1;h2");
    generation_close(next);
}


/* A report that turns out not to fit when the first parts of it are there
   does not go over, nor do its rows come to life in the generation after. */
static void
test_too_big_half_way(void **state)
{
    qsn_buf_t json = { 0 };

    (void) state;

    generation_t *generation = begin_sealed();

    for (int report = 0; report < 3; report++) {
        qsn_buf_clear(&json);
        qsn_buf_printf(&json, "{\"identity\": \"h%d\", \"persist\": 1, "
                       "\"table\": {\"tablename\": \"big\", "
                       "\"column_names\": [\"x\"], \"column_types\": "
                       "[\"text\"], \"rows\": [[\"", report);

        for (int i = 0; i < (report == 1 ? 3000 : 10); i++) {
            qsn_buf_string(&json, i ? "\"],[\"" : "");
        }

        for (int i = 0; i < (report == 1 ? 99000 : 0); i++) {
            qsn_buf_byte(&json, 'x');
        }

        qsn_buf_string(&json, "\"]]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)), REPORT_TAKEN);
    }

    seal(generation);
    fixture.settings.max_cell = 1000;

    for (uint64_t number = 2; number < 4; number++) {
        generation_t *next = fixture_generation(&fixture, number);

        rest(begin(next));
        fixture_assert_rows(next->store.db, "SELECT count(*) FROM big", "20");
        fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                            "_qasino_reports ORDER BY 1",
                            "h0|10;h1|0;h2|10");
        assert_int_equal(store_begin(&next->store), 0);
        free(sealed);
        seal(next);
    }

    qsn_buf_free(&json);
}


/* By sixteen sets of key columns, a column each, from that one on. */
static void
update_by_all_keys(generation_t *generation, const char *table, int first)
{
    char json[256];

    for (int key = first; key < first + 16; key++) {
        (void) snprintf(json, sizeof(json), "{\"identity\": \"u\", "
                        "\"update\": 1, \"table\": {\"tablename\": "
                        "\"%s\", \"column_names\": [\"c%d\"], "
                        "\"column_types\": [\"int\"], \"rows\": [[1]]}}",
                        table, key);
        assert_int_equal(fixture_apply(&fixture, generation, json),
                         REPORT_TAKEN);
    }
}


/* The sealed generation, which is attached meanwhile, has a table of the same
   name with as many indexes as there may be: an update has its own. */
static void
test_key_sets(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;
    assert_int_equal(publish(generation, "h1", "a", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    update_by_all_keys(generation, "same", 1);
    update_by_all_keys(generation, "others", 1);
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);

    assert_non_null(carry);
    assert_int_equal(store_begin(&next->store), 0);
    update_by_all_keys(next, "same", 1);
    update_by_all_keys(next, "others", 17);
    assert_int_equal(store_commit(&next->store), 0);
    fixture_assert_rows(next->store.db, "SELECT tbl_name, count(*) "
                        "FROM main.sqlite_schema WHERE type = 'index' "
                        "AND name LIKE '\\_qasino\\_key%' ESCAPE '\\' "
                        "GROUP BY 1", "others|16;same|16");
    rest(carry);
    generation_close(next);
}


/* One column of texts: rows of one byte, and then a large one. */
static enum report_result
publish_texts(generation_t *generation, const char *identity, int rows,
    int large)
{
    qsn_buf_t json = { 0 };

    qsn_buf_printf(&json, "{\"identity\": \"%s\", \"persist\": 1, "
                   "\"table\": {\"tablename\": \"texts\", "
                   "\"column_names\": [\"x\"], \"column_types\": "
                   "[\"text\"], \"rows\": [", identity);

    for (int i = 0; i < rows; i++) {
        qsn_buf_string(&json, i ? ",[\"y\"]" : "[\"y\"]");
    }

    qsn_buf_string(&json, large ? ",[\"" : "");

    for (int i = 0; i < large; i++) {
        qsn_buf_byte(&json, 'x');
    }

    qsn_buf_string(&json, large ? "\"]]}}" : "]}}");

    enum report_result result = fixture_apply(&fixture, generation,
                                              qsn_buf_text(&json));

    qsn_buf_free(&json);

    return result;
}


/* Nothing is left of what does not fit, whether it is a first report or a
   second one; and the next generations can be begun. */
static void
test_too_big(void **state)
{
    generation_t *generation = begin_sealed();

    (void) state;
    assert_int_equal(publish_texts(generation, "h0", 3, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h1", 9, 99000),
                     REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h2", 3, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h3", 4, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h3", 5, 99000),
                     REPORT_DUPLICATE);
    assert_int_equal(publish_texts(generation, "h4", 6, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h4", 7, 0),
                     REPORT_DUPLICATE);
    seal(generation);
    fixture.settings.max_cell = 1000;

    for (uint64_t number = 2; number < 4; number++) {
        generation_t *next = fixture_generation(&fixture, number);

        rest(begin(next));
        fixture_assert_rows(next->store.db, "SELECT count(*) FROM texts",
                            "13");
        fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                            "_qasino_reports ORDER BY 1",
                            "h0|3;h1|0;h2|3;h3|0;h4|7");
        assert_int_equal(catalog_find(&next->store.catalog, "texts")->rows,
                         13);
        assert_int_equal(store_begin(&next->store), 0);
        free(sealed);
        seal(next);
    }
}


/* Second reports and updates go over in parts, too. */
static void
test_all_in_parts(void **state)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t json = { 0 };
    int steps = 0;

    (void) state;

    for (int update = 0; update < 2; update++) {
        qsn_buf_clear(&json);
        qsn_buf_printf(&json, "{\"identity\": \"up%d\", \"persist\": 1, "
                       "\"update\": 1, \"keycols\": \"x\", "
                       "\"table\": {\"tablename\": \"texts\", "
                       "\"column_names\": [\"x\"], \"column_types\": "
                       "[\"text\"], \"rows\": [", update);

        for (int i = 0; i < 3000; i++) {
            qsn_buf_printf(&json, "%s[\"%d\"]", i ? "," : "",
                           i + 2000 * update);
        }

        qsn_buf_string(&json, "]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)), REPORT_TAKEN);
    }

    assert_int_equal(publish_texts(generation, "h1", 10, 0), REPORT_TAKEN);
    assert_int_equal(publish_texts(generation, "h1", 3000, 0),
                     REPORT_DUPLICATE);
    assert_int_equal(publish(generation, "h1", "zz", ", \"persist\": 1", 1),
                     REPORT_TAKEN);
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);
    carry_t *carry = begin(next);
    sqlite3_int64 before = sqlite3_total_changes64(next->store.db);

    while (carry) {
        assert_int_equal(carry_next(&carry, fixture.error), 0);

        sqlite3_int64 now = sqlite3_total_changes64(next->store.db);

        assert_in_range(now - before, 0, 2100);     /* a row and its mark */
        before = now;

        /* what goes wrong in between costs nothing of what is done */
        if (++steps % 3 == 0 && carry) {
            assert_int_equal(store_begin(&next->store), 0);
            assert_int_equal(carry_table(carry, "zz"), 0);
            assert_int_equal(store_rollback(&next->store), 0);
            assert_int_equal(carry_rolled_back(carry), 0);
            before = sqlite3_total_changes64(next->store.db);
        }
    }

    assert_in_range(steps, 10, 30);
    fixture_assert_rows(next->store.db, "SELECT count(*), count(DISTINCT x) "
                        "FROM texts", "8000|5001");
    fixture_assert_rows(next->store.db, "SELECT identity, count(*) FROM "
                        "_qasino_updated GROUP BY 1", "up0|2000;up1|3000");
    fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                        "_qasino_reports WHERE tablename = 'texts' "
                        "ORDER BY 1", "h1|3000;up0|2000;up1|3000");
    generation_close(next);
    qsn_buf_free(&json);
}


/* The limit is lower than it was: what was taken goes on, all of it. */
static void
test_wide_in_parts(void **state)
{
    generation_t *generation = begin_sealed();
    qsn_buf_t json = { 0 };

    (void) state;

    for (int report = 0; report < 2; report++) {
        qsn_buf_clear(&json);
        qsn_buf_string(&json, "{\"identity\": \"h1\", \"persist\": 1, "
                       "\"table\": {\"tablename\": \"wide\", "
                       "\"column_names\": [\"a\", \"b\", \"c\"], "
                       "\"column_types\": [\"int\", \"int\", \"int\"], "
                       "\"rows\": [");

        for (int i = 0; i < 3000; i++) {
            qsn_buf_printf(&json, "%s[%d, 2, 3]", i ? "," : "", i);
        }

        qsn_buf_string(&json, "]}}");
        assert_int_equal(fixture_apply(&fixture, generation,
                                       qsn_buf_text(&json)),
                         report ? REPORT_DUPLICATE : REPORT_TAKEN);
    }

    seal(generation);
    qsn_buf_free(&json);
    fixture.settings.max_columns = 2;

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    fixture_assert_rows(next->store.db, "SELECT count(*) FROM wide", "3000");
    fixture_assert_rows(next->store.db, "SELECT identity, nr_rows FROM "
                        "_qasino_reports", "h1|3000");
    generation_close(next);
}


/* Whose update set a row last counts it, when the one who made it goes. */
static void
test_taken_over(void **state)
{
    static const char update[] = ", \"update\": 1, \"keycols\": \"a\"";
    generation_t *generation = begin_sealed();

    (void) state;
    publish_columns(generation, "u1", update, "\"a\", \"b\"",
                    "\"int\", \"int\"", "1, 1],[2, 1],[3, 1");
    seal(generation);

    generation_t *next = fixture_generation(&fixture, 2);

    rest(begin(next));
    assert_int_equal(store_begin(&next->store), 0);
    publish_columns(next, "u2", update, "\"a\", \"b\"",
                    "\"int\", \"int\"", "2, 2");
    publish_columns(next, "u1", "", "\"a\", \"b\"", "\"int\", \"int\"",
                    "9, 9");
    assert_int_equal(store_commit(&next->store), 0);

    for (int opened = 0; opened < 2; opened++) {
        fixture_assert_rows(next->store.db, "SELECT a, b FROM t ORDER BY 1",
                            "2|2;9|9");
        fixture_assert_rows(next->store.db, "SELECT sum(nr_rows) FROM "
                            "_qasino_reports", "2");
        assert_int_equal(catalog_find(&next->store.catalog, "t")->rows, 2);
        generation_close(next);
        next = fixture_generation(&fixture, 2);
    }

    generation_close(next);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rest, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_expected, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_expected_in_vain, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_gone, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_gone_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_before_a_publish, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_rolled_back, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_goes_on, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_former_file, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_asks_once, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_columns, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_refused, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_many_updates, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_in_parts, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_killed_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_published_half_way,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_too_big_half_way, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_too_big, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_all_in_parts, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_wide_in_parts, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_taken_over, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_key_sets, open_fixture,
                                        close_fixture)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
