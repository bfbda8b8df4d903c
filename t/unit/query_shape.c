/* Which values are taken out of a statement, and that it makes no difference
   but to the rows. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "execute.h"
#include "query_fixture.h"

static const policy_limits_t limits = {
    .max_cell = 1024 * 1024, .max_sql = 65536, .max_work = 1000000
};
static qsn_settings_t settings = {
    .query_heap = 8 * 1024 * 1024, .max_cell = 1024 * 1024
};
static query_fixture_t fixture;
static reader_t *reader;


static const struct {
    const char *text;
    const char *shape;
} cases[] = {
    { "select * from fix where id = 17", "select * from fix where id = ?1" },
    { "SELECT * FROM fix WHERE id=17;", "SELECT * FROM fix WHERE id=?1;" },
    { "select 1 from fix where id=17 and name <> 'a b' and val>=2 limit 17",
      "select 1 from fix where id=?1 and name <> ?2 and val>=?3 limit 17" },
    { "with a as (select 5 = 17 x) select x = 17 from a where x=='17'",
      "with a as (select 5 = 17 x) select x = 17 from a where x==?1" },
    { "select * from fix where id < 17/* c */", "select * from fix where id <"
      " ?1/* c */" },
    { "select 1 where 3=2 and 3!=123456789012345678",
      "select 1 where 3=?1 and 3!=?2" },
    { "select 1 where 'where' = '' and \"x\" = '~ \"`[-- /*'",
      "select 1 where 'where' = ?1 and \"x\" = ?2" },

    /* nothing to take out, or not here */
    { "select 1", NULL },
    { "select id = 17 from fix", NULL },
    { "explain select * from fix where id = 17", NULL },
    { "show tables like 'a'", NULL },
    { "select * from fix where id = 1 and id = 0 and id = 00", NULL },
    { "select * from fix where id > 17 or id = 17", NULL },
    { "select * from fix where id = -17", NULL },
    { "select * from fix where id = 17.5 and id = 1e3 and id = 0x11", NULL },
    { "select * from fix where id = 1234567890123456789", NULL },
    { "select * from fix where name = \"17\" and name = 'it''s'", NULL },
    { "select * from fix where name = 'a\tb' and name = 'a\xc3\xa9'", NULL },
    { "select * from fix where name = x'17'", NULL },
    { "select * from fix where (id = 17) and id in (17)", NULL },
    { "select * from fix where id in (select 5 where 5 = 17)", NULL },
    { "select * from fix where id << 17 and id >> 17 and id -> 17"
      " and id ->> '17'", NULL },
    { "select * from fix where name like '17' and 17 = id", NULL },
    { "select * from fix where id is 17 and id between 17 and 17", NULL },
    { "select id from fix where id > 1 group by id = 17 having id = 17"
      " union select id = 17 from fix where id = 17", NULL },
    { "select 1 where 5 = ?1 and 5 = 17", NULL },
    { "select 1 where 5 = '17'17 and 5 = 17'17'", NULL },
    { "select 1 where 5 = 17 and 5 = '17", NULL },
    { "select 1 where 5 = 17 and /*", NULL },
    { "", NULL }
};


static void
test_shapes(void **state)
{
    shape_t shape;

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text;
        const char *expected = cases[i].shape ? cases[i].shape : text;

        shape_of(&shape, text, strlen(text));
        assert_int_equal(shape.length, strlen(expected));
        assert_memory_equal(shape.text, expected, shape.length);
        assert_int_equal(shape.count > 0, cases[i].shape != NULL);
    }
}


/* More of them, and more text, than there is room for. */
static void
test_bounds(void **state)
{
    static char text[2 * SHAPE_TEXT_MAX];
    shape_t shape;
    size_t length;

    (void) state;
    strcpy(text, "select 1 where 5 = 2");

    for (size_t i = 1; i < SHAPE_VALUES_MAX; i++) {
        strcat(text, " and 5 = 2");
    }

    length = strlen(text);
    shape_of(&shape, text, length);
    assert_int_equal(shape.count, SHAPE_VALUES_MAX);
    assert_int_equal(shape.length, length + SHAPE_VALUES_MAX);

    strcpy(text + length, " and 5 = 2");
    shape_of(&shape, text, strlen(text));
    assert_int_equal(shape.count, 0);

    memset(text + length, ' ', sizeof(text) - length);
    shape_of(&shape, text, SHAPE_TEXT_MAX - SHAPE_VALUES_MAX);
    assert_int_equal(shape.length, SHAPE_TEXT_MAX);
    shape_of(&shape, text, SHAPE_TEXT_MAX - SHAPE_VALUES_MAX + 1);
    assert_int_equal(shape.count, 0);
    assert_ptr_equal(shape.text, text);
}


static int
setup(void **state)
{
    (void) state;
    (void) clock_start();

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


static int
refuse_flush(sink_t *sink)
{
    (void) sink;

    return -1;
}


/* What a user is answered: rows or the sentence.  keep: as queries of the
   snapshot are, else as those of a file for one query. */
static void
ask(qsn_buf_t *out, const char *sql, int keep)
{
    size_t length = strlen(sql);
    statement_t statement = { 0 };
    failure_t failure = { 0 };
    render_t render;
    sink_t sink = { .limit = 65536, .flush = refuse_flush };
    shape_t shape;
    execute_t execute = { .reader = reader, .settings = &settings };
    int result = 0;

    (void) render_init(&render, QSN_FORMAT_JSON, 0, "s", &sink);

    if (keep) {
        shape_of(&shape, sql, length);
        execute.shape = &shape;
        execute.kept = prepared_find(reader->prepared, shape.text,
                                     shape.length);
    }

    if (execute.kept == NULL) {
        result = statement_parse(&statement, sql, length, 65536, &failure);
    }

    if (result == 0) {
        result = execute_statement(&execute, &statement, &render, &failure);
    }

    qsn_buf_clear(out);
    qsn_buf_append(out, result == 0 ? sink.buf.data : failure.text.data,
                   result == 0 ? sink.buf.length : failure.text.length);
    render_free(&render);
    statement_free(&statement);
    failure_free(&failure);
    qsn_buf_free(&sink.buf);
}


static void
assert_same(const char *sql)
{
    qsn_buf_t once = { 0 }, kept = { 0 };

    ask(&once, sql, 0);

    for (int i = 0; i < 3; i++) {
        ask(&kept, sql, 1);
        assert_string_equal(qsn_buf_text(&kept), qsn_buf_text(&once));
    }

    qsn_buf_free(&once);
    qsn_buf_free(&kept);
}


/* A column of each type, compared with what looks like another. */
static void
test_rows(void **state)
{
    static const char *const sides[] = {
        "id", "name", "val", "note", "id + 1", "+id", "cast(id as text)",
        "lower(name)", "'3'", "3", "NULL"
    };
    static const char *const values[] = {
        "2", "3", "17", "'2'", "'3'", "'2.0'", "'plain'", "''", "'1.5'",
        "2 + 1", "3 || ''", "'plain' COLLATE NOCASE", "'PLAIN' COLLATE NOCASE"
    };
    static const char *const signs[] = { "=", "<", ">=", "<>" };
    char sql[256];

    (void) state;

    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            for (size_t k = 0; k < sizeof(signs) / sizeof(signs[0]); k++) {
                (void) snprintf(sql, sizeof(sql), "select *, 1=1 from fix"
                                " where %s %s %s and id < 17 order by id",
                                sides[i], signs[k], values[j]);
                assert_same(sql);
            }
        }
    }
}


static void
test_answers(void **state)
{
    static const char *const statements[] = {
        "select * from good where id = 2",
        "select st.a, fix.name from static.st join fix on fix.id = st.a"
        " where st.b = 'v1'",
        "select id from fix where id = 2 union select id from fix"
        " where id = 3",
        "select id from fix where nosuch = 17",
        "select id from fix where id = 17 and nosuch(17) = 17",
        "select id from fix where id = 17 and id = :x",
        "select id, :x from fix where id = 2",
        "select id, @x from fix where id = 2",
        "select $x from fix where id = 2 and val < 17",
        "select id from fix where id = ?1",
        "select id from fix where id = 'a'17",
        "select id from fix where id = 17 18",
        "select id from _qasino_meta where key = 'secret'",
        "select id from fix where load_extension('x') = 17",
        "select id from fix where json_extract(name, '$.x') = 17",
        "select id from fix where id = 17; select 1",
        "select 1 where 2 = 2; ;",
        "select id from fix where id = 2 and id > 17 or id = 17"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        assert_same(statements[i]);
    }

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_same(cases[i].text);
    }
}


/* One for all values. */
static void
test_kept(void **state)
{
    qsn_buf_t out = { 0 };
    shape_t shape;
    char sql[64];

    (void) state;

    for (int i = 2; i < 40; i++) {
        (void) snprintf(sql, sizeof(sql), "select 5, name from fix"
                        " where id = %d", i);
        assert_same(sql);
    }

    shape_of(&shape, sql, strlen(sql));
    assert_non_null(prepared_find(reader->prepared, shape.text,
                                  shape.length));
    assert_null(prepared_find(reader->prepared, sql, strlen(sql)));

    /* a value that is too large took none of the memory that these have */
    ask(&out, "select hex(zeroblob(2147483000))", 1);
    assert_non_null(strstr(qsn_buf_text(&out), "max_cell"));
    assert_non_null(prepared_find(reader->prepared, shape.text,
                                  shape.length));

    /* it is nobody's way around "you didn't supply any" */
    ask(&out, "select 5, name from fix where id = ?1", 1);
    assert_non_null(strstr(qsn_buf_text(&out), "1 bindings"));
    qsn_buf_free(&out);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
