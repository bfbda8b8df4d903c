/*
 * The policy: what is refused, what works, what is the same every time.
 * Each line of the hostile list is tried twice: through the whole way that
 * a user's text takes, and, as if statement.c were not there, straight at
 * SQLite.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "clock.h"
#include "execute.h"
#include "query_fixture.h"
#include "statement.h"

static query_fixture_t fixture;
static reader_t *reader;
static qsn_settings_t settings;
static const policy_limits_t limits = { 1024 * 1024, 65536, 10000000 };

static const char *const hostile[] = {
    "attach 'x.db' as x", "attach ':memory:' as x",
    "detach static", "detach main", "vacuum",
    "vacuum into '/tmp/qasino-stolen.db'", "reindex", "analyze",
    "insert into fix values (1, 2, 3, 4)", "update fix set id = 1",
    "delete from fix", "replace into fix values (1, 2, 3, 4)",
    "with x as (select 1) delete from fix",
    "with x as (select 1) insert into fix select 1, 2, 3, 4",
    "with x as (select 1) update fix set id = 1",
    "explain delete from fix", "explain attach 'x' as y",
    "explain pragma journal_mode = delete",
    "create table t (a)", "create temp table t (a)",
    "create temp view v as select 1", "create view v as select 1",
    "create temp trigger t after insert on fix begin select 1; end",
    "create index i on fix (id)", "drop table fix", "drop view good",
    "alter table fix rename to x", "alter table fix add column y",
    "create virtual table v using fts5(a)",
    "create virtual table temp.v using fts3(a)",
    "create virtual table temp.v using dbstat",
    "begin", "begin immediate", "commit", "rollback", "savepoint s",
    "release s", "end",
    "pragma writable_schema = 1", "pragma journal_mode = wal",
    "pragma journal_mode", "pragma wal_checkpoint",
    "pragma temp_store_directory = '/tmp'",
    "pragma hard_heap_limit = 0", "pragma soft_heap_limit = 0",
    "pragma mmap_size = 0", "pragma query_only = 0",
    "pragma trusted_schema = 1", "pragma database_list",
    "pragma function_list", "pragma module_list",
    "pragma compile_options", "pragma integrity_check",
    "pragma cell_size_check = 1", "pragma busy_timeout = 1000000",
    "pragma cache_size = 100000000", "pragma user_version = 3",
    "pragma optimize", "pragma case_sensitive_like = 1",
    "pragma temp_store = 1", "pragma threads = 8",
    "select * from pragma_database_list",
    "select * from PRAGMA_Database_List", "select * from "
    "pragma_function_list", "select * from pragma_module_list",
    "select * from pragma_compile_options",
    "select * from pragma_integrity_check", "select * from "
    "pragma_journal_mode", "select * from pragma_table_list",
    "select * from pragma_table_info('_qasino_reports')",
    "select load_extension('/tmp/evil.so')",
    "select load_extension('/tmp/evil.so', 'init')",
    "select fts3_tokenizer('simple')",
    "select fts3_tokenizer('simple', x'4141414141414141')",
    "select * from dbstat", "select * from sqlite_dbpage",
    "select * from sqlite_stmt", "select * from bytecode('select 1')",
    "select * from tables_used('select 1')",
    "select * from fts3tokenize", "select * from fts5vocab",
    "select * from generate_series(1, 2)", "select * from completion",
    "select sqlite_offset(id) from fix", "select sqlite_version()",
    "select sqlite_source_id()", "select sqlite_compileoption_get(1)",
    "select sqlite_compileoption_used('x')", "select sqlite_log(1, 'x')",
    "select fts5_source_id()", "select rtreecheck('fix')",
    "select readfile('/etc/passwd')", "select writefile('/tmp/x', 'y')",
    "select edit('x')", "select eval('select 1')",
    "select * from _qasino_reports", "select * from main._QASINO_reports",
    "select count(*) from _qasino_reports",
    "select (select identity from _qasino_reports)",
    "select 1 from fix where exists (select 1 from _qasino_reports)",
    "select * from qasino_server_reports, _qasino_reports",
    "with qasino_server_reports as (select * from _qasino_meta) "
    "select * from qasino_server_reports"
};

static const char *const harmless[] = {
    "select * from qasino_server_reports",
    "select * from fix", "select * from good", "select * from \"order\"",
    "select \"group\" from \"order\"", "select count(*), sum(id), avg(val),"
    " min(id), max(id), total(val), group_concat(name) from fix",
    "select name, row_number() over (order by id), lag(id) over (order by "
    "id), rank() over w, ntile(2) over w from fix window w as "
    "(order by id)", "select a.id from fix a join fix b using (id)",
    "with recursive n(i) as (select 1 union all select i + 1 from n where "
    "i < 5) select sum(i) from n", "values (1, 2), (3, 4)",
    "explain select * from fix", "explain query plan select * from fix",
    "select upper(name), substr(name, 1, 2), replace(name, 'a', 'b'), "
    "instr(name, 'a'), trim(name), printf('%5d', id), format('%s', name), "
    "hex(name), quote(name), length(name), unicode(name), char(65), "
    "coalesce(note, 'x'), ifnull(note, 1), nullif(1, 2), iif(1, 2, 3), "
    "typeof(id), round(val, 1), abs(id), soundex(name) from fix",
    "select json_extract('{\"a\": [1, 2]}', '$.a[0]'), '{\"a\": 1}' -> 'a',"
    " '{\"a\": 1}' ->> 'a', json_array(1), json_group_array(1)",
    "select value from json_each('[1, 2]')",
    "select fullkey from json_tree('{\"a\": {\"b\": 1}}')",
    "select sqrt(2), pow(2, 3), ln(2), sin(1), pi(), floor(1.5), mod(7, 3)",
    "select date('now'), datetime(0, 'unixepoch'), strftime('%Y'), "
    "julianday('now'), unixepoch(), current_timestamp, time('now')",
    "select random(), hex(randomblob(4)), hex(zeroblob(4))",
    "select name, type from pragma_table_info('fix')",
    "select name from pragma_table_xinfo('fix')",
    "select name from sqlite_schema", "select name from sqlite_master",
    "select 'a' like 'A', 'a' glob '*', 1 in (1, 2), 1 between 0 and 2",
    "select \"abc\"", "select * from static.st", "select * from st",
    "select id from fix union select 1 except select 2 intersect select 3"
};


static int
count_row(void *data, int columns, char **cells, char **names)
{
    (void) columns;
    (void) cells;
    (void) names;
    ++*(int *) data;

    return 0;
}


static void
note_cacheable(void *data, int cacheable)
{
    *(int *) data = cacheable;
}


static int
discard(sink_t *sink)
{
    qsn_buf_clear(&sink->buf);

    return 0;
}


static int
ask(const char *sql, failure_t *failure, int *cacheable)
{
    statement_t statement;
    render_t render;
    sink_t sink = { .limit = 65536, .flush = discard };
    execute_t execute = {
        .reader = reader,
        .settings = &settings,
        .begun = note_cacheable,
        .data = cacheable
    };
    int result;

    memset(failure, 0, sizeof(*failure));
    (void) render_init(&render, QSN_FORMAT_JSON, 0, "s", &sink);
    result = statement_parse(&statement, sql, strlen(sql), 65536, failure);

    if (result == 0) {
        result = execute_statement(&execute, &statement, &render, failure);
    }

    render_free(&render);
    statement_free(&statement);
    qsn_buf_free(&sink.buf);

    return result;
}


static int
setup(void **state)
{
    (void) state;
    (void) clock_start();
    settings.query_heap = 8 * 1024 * 1024;
    settings.max_cell = (int64_t) limits.max_cell;

    reader = query_fixture_read(&fixture, &limits);

    return reader ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;
    reader_close(reader);
    query_fixture_close(&fixture);

    return 0;
}


static void
test_hostile(void **state)
{
    (void) state;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        failure_t failure;
        int cacheable, rows = 0;

        if (ask(hostile[i], &failure, &cacheable) == 0) {
            fail_msg("answered: %s", hostile[i]);
        }

        assert_int_equal(failure.status, 400);
        failure_free(&failure);

        if (sqlite3_exec(reader->db, hostile[i], count_row, &rows, NULL)
            == SQLITE_OK)
        {
            fail_msg("SQLite did: %s", hostile[i]);
        }

        assert_int_equal(rows, 0);
    }

    struct stat stat_buf;

    assert_int_equal(stat("/tmp/qasino-stolen.db", &stat_buf), -1);
}


static void
test_harmless(void **state)
{
    (void) state;

    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        failure_t failure;
        int cacheable;

        if (ask(harmless[i], &failure, &cacheable) == -1) {
            fail_msg("%s: %s", harmless[i], qsn_buf_text(&failure.text));
        }
    }
}


static void
test_cacheable(void **state)
{
    static const char *const steady[] = {
        "select * from fix", "select upper(name) from fix", "show tables",
        "show info", "show connections", "desc fix", "select * from st"
    };
    static const char *const changing[] = {
        "select random()", "select hex(randomblob(2))",
        "select date('now')", "select current_timestamp",
        "select id from fix order by random()", "select changes()",
        "select * from fix where val > julianday()",
        "with x as (select unixepoch() u) select 1 from x where u > 0"
    };
    failure_t failure;
    int cacheable;

    (void) state;

    for (size_t i = 0; i < sizeof(steady) / sizeof(steady[0]); i++) {
        cacheable = -1;
        assert_int_equal(ask(steady[i], &failure, &cacheable), 0);
        assert_int_equal(cacheable, 1);
    }

    for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++) {
        cacheable = -1;
        assert_int_equal(ask(changing[i], &failure, &cacheable), 0);
        assert_int_equal(cacheable, 0);
    }
}


static void
says(const char *sql, int status, const char *expected)
{
    failure_t failure;
    int cacheable;

    assert_int_equal(ask(sql, &failure, &cacheable), -1);
    assert_string_equal(qsn_buf_text(&failure.text), expected);
    assert_int_equal(failure.status, status);
    failure_free(&failure);
}


static void
test_sentences(void **state)
{
    (void) state;

    says("select * from nosuch", 400, "SQLError: no such table: nosuch");
    says("select nocol from fix", 400, "SQLError: no such column: nocol");
    says("select 1 +;", 400, "SQLError: near \";\": syntax error");
    says("select 'a' regexp 'b'", 400,
         "SQLError: no such function: regexp");
    says("select ?", 400,
         "Statement has 1 bindings but you didn't supply any!");
    says("select load_extension('x')", 400, "SQLError: not authorized to "
         "use function: load_extension (function load_extension: only "
         "reading is allowed)");
    says("with x as (select 1) delete from fix", 400, "SQLError: not "
         "authorized (DELETE: only reading is allowed)");
    says("select hex(zeroblob(900000))", 413, "SQLError: string or blob "
         "too big: option max_cell allows 1048576 bytes");
    says("desc nosuch", 400, "Table nosuch not found");
    says("desc broken", 400, "Table broken not found");
    says("desc _qasino_reports", 400, "Table _qasino_reports not found");
    says("desc static.order", 400, "Table static.order not found");
    says("desc nodb.fix", 400, "Table nodb.fix not found");
    says("select * from broken", 400,
         "SQLError: no such table: main.nosuch_table");
}


/* A publisher's wide table must not fail anybody's query. */
static void
test_wide_table(void **state)
{
    qsn_buf_t sql = { 0 };
    failure_t failure;
    int cacheable;

    (void) state;

    qsn_buf_string(&sql, "CREATE TABLE wide (");

    for (int i = 0; i < 1999; i++) {
        qsn_buf_printf(&sql, "column_with_a_name_that_is_long_so_that_the_"
                       "text_of_the_statement_is_long_too_%d INTEGER, ", i);
    }

    qsn_buf_string(&sql, "last TEXT)");

    /* Another process adds it while the reader is open. */
    assert_int_equal(query_fixture_file(fixture.statics, qsn_buf_text(&sql)),
                     0);
    qsn_buf_free(&sql);

    assert_int_equal(ask("select * from fix", &failure, &cacheable), 0);
    assert_int_equal(ask("select * from wide", &failure, &cacheable), 0);
    assert_int_equal(ask("select last from st, wide", &failure, &cacheable),
                     0);

    /* A schema read again takes nothing away. */
    test_harmless(state);
}


/* The static database may come to be after the snapshot was opened. */
static void
test_late_static(void **state)
{
    failure_t failure = { 0 };
    reader_t *first = reader;
    char path[160];
    int cacheable;

    (void) state;

    (void) snprintf(path, sizeof(path), "%s/late.db", fixture.dir);
    reader = reader_open(fixture.snapshot, path, &limits, &failure);
    assert_non_null(reader);
    assert_int_equal(ask("select * from st", &failure, &cacheable), -1);
    failure_free(&failure);

    assert_int_equal(query_fixture_file(path, "CREATE TABLE st (a)"), 0);
    assert_int_equal(reader_refresh(reader), 0);
    assert_int_equal(ask("select * from st", &failure, &cacheable), 0);
    assert_int_equal(ask("attach 'x' as y", &failure, &cacheable), -1);
    failure_free(&failure);
    assert_int_equal(sqlite3_exec(reader->db, "attach 'x' as y", NULL, NULL,
                                  NULL), SQLITE_AUTH);

    reader_close(reader);
    reader = first;
}


/* An interruption that comes too late does not hit the next statement. */
static void
test_settle(void **state)
{
    failure_t failure;
    int cacheable;

    (void) state;

    sqlite3_interrupt(reader->db);
    reader_settle(reader);
    assert_int_equal(ask("select * from fix", &failure, &cacheable), 0);
}


/* A table of an earlier version that is named like a function does not keep
   the file from being read, nor DESC from answering. */
static void
test_named_like_function(void **state)
{
    char path[sizeof(fixture.dir) + 16];
    failure_t failure = { 0 };
    reader_t *served = reader;
    int cacheable;

    (void) state;
    (void) snprintf(path, sizeof(path), "%s/named.db", fixture.dir);
    assert_int_equal(query_fixture_file(path,
                                        "CREATE TABLE json_each (a);"
                                        "CREATE TABLE json_tree (a);"
                                        "CREATE TABLE pragma_table_info (a);"
                                        "CREATE TABLE pragma_table_xinfo (a)"),
                     0);
    reader = reader_open(path, NULL, &limits, &failure);
    assert_non_null(reader);
    assert_int_equal(ask("desc json_each", &failure, &cacheable), 0);
    assert_int_equal(ask("select a from pragma_table_info", &failure,
                         &cacheable), 0);
    reader_close(reader);
    reader = served;
    failure_free(&failure);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_harmless),
        cmocka_unit_test(test_cacheable),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_late_static),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_wide_table),
        cmocka_unit_test(test_named_like_function)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
