/* json_row.c: what a plain row is, and that nothing else is taken. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json_row.h"


/* Wherever it is cut, it is no row. */
static void
assert_row(const char *text, size_t cells, json_row_t *row)
{
    size_t length = strlen(text);

    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(json_row_read(text, cut, row), 0);
    }

    assert_int_equal(json_row_read(text, length, row), length);
    assert_int_equal(row->count, cells);
}


static void
test_cells(void **state)
{
    json_row_t row;

    (void) state;
    assert_row("[]", 0, &row);
    assert_row("\t\n\v\f\r [ \n]", 0, &row);
    assert_row(" [ 1,\"a\" , -2.5e+1,\ttrue,false , null,NaN,Infinity,"
               "-Infinity, \"\", 0, -0, 1e-400]", 13, &row);

    assert_int_equal(row.cells[0].kind, CELL_INTEGER);
    assert_int_equal(row.cells[0].as.integer, 1);
    assert_int_equal(row.cells[1].kind, CELL_TEXT);
    assert_int_equal(row.cells[1].as.text.length, 1);
    assert_memory_equal(row.cells[1].as.text.data, "a", 1);
    assert_int_equal(row.cells[2].kind, CELL_REAL);
    assert_true(row.cells[2].as.real == -25);
    assert_int_equal(row.cells[3].as.integer, 1);
    assert_int_equal(row.cells[4].kind, CELL_INTEGER);
    assert_int_equal(row.cells[4].as.integer, 0);
    assert_int_equal(row.cells[5].kind, CELL_NULL);
    assert_int_equal(row.cells[6].kind, CELL_NULL);
    assert_true(row.cells[7].as.real == INFINITY);
    assert_true(row.cells[8].as.real == -INFINITY);
    assert_int_equal(row.cells[9].kind, CELL_TEXT);
    assert_int_equal(row.cells[9].as.text.length, 0);
    assert_int_equal(row.cells[11].kind, CELL_INTEGER);
    assert_int_equal(row.cells[11].as.integer, 0);
    assert_true(row.cells[12].as.real == 0);
}


static void
test_text(void **state)
{
    json_row_t row;

    (void) state;
    assert_row("[\"\xe2\x82\xac \x7f]\"]", 1, &row);
    assert_int_equal(row.cells[0].as.text.length, 6);
}


static void
test_integers(void **state)
{
    json_row_t row;

    (void) state;
    assert_row("[999999999999999999, -999999999999999999]", 2, &row);
    assert_true(row.cells[0].as.integer == 999999999999999999);
    assert_true(row.cells[1].as.integer == -999999999999999999);
}


/* They are yajl's, be they right or wrong. */
static void
test_not_plain(void **state)
{
    static const char *const rows[] = {
        "[\"\\n\"]", "[\"\n\"]", "[\"\xed\xa0\x80\"]", "[\"\xff\"]",
        "[1000000000000000000]", "[9223372036854775808]", "[1e999]",
        "[01]", "[-01]", "[+1]", "[-]", "[1.]", "[.5]", "[1e]", "[1e+]",
        "[1.e1]", "[0x1]", "[1 2]", "[1,]", "[,1]", "[,]", "[nul]",
        "[nullx]", "[True]", "[nan]", "[-NaN]", "[- 1]", "[Infinit]",
        "[[1]]", "[{}]", "[\"a\":1]", "[1}", "{}", "1", "null", "]", "",
        "[1 /* */]"
    };
    char long_number[200] = "[1.";
    char wide[300] = "[";
    json_row_t row;

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (json_row_read(rows[i], strlen(rows[i]), &row) != 0) {
            fail_msg("taken: %s", rows[i]);
        }
    }

    assert_int_equal(json_row_read("[1\0]", 4, &row), 0);
    assert_int_equal(json_row_read("[\"\0\"]", 5, &row), 0);

    memset(long_number + 3, '1', 100);
    strcat(long_number, "]");
    assert_int_equal(json_row_read(long_number, strlen(long_number), &row),
                     0);

    for (int i = 0; i < JSON_ROW_CELLS; i++) {
        strcat(wide, i ? ",1" : "1");
    }

    strcat(wide, "]");
    assert_row(wide, JSON_ROW_CELLS, &row);
    strcpy(wide + strlen(wide) - 1, ",1]");
    assert_int_equal(json_row_read(wide, strlen(wide), &row), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_not_plain)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
