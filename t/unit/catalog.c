/* catalog.c: names without regard to case, in order, by the thousand. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog.h"
#include "qsn_siphash.h"

#define MANY  5000


static void
test_case(void **state)
{
    catalog_t catalog;

    (void) state;
    catalog_init(&catalog);
    assert_null(catalog_find(&catalog, "t"));

    catalog_table_t *table = catalog_add(&catalog, "Hosts");

    assert_non_null(table);
    assert_ptr_equal(catalog_find(&catalog, "hOSTS"), table);
    assert_string_equal(table->name, "Hosts");
    assert_null(catalog_find(&catalog, "Host"));
    assert_null(catalog_find(&catalog, "Hosts "));

    assert_null(catalog_find_column(table, "Os"));
    assert_int_equal(catalog_add_column(table, "Os"), 0);
    assert_string_equal(catalog_find_column(table, "OS"), "Os");
    assert_null(catalog_find_column(table, "o"));

    /* identities are data */
    catalog_identity_t *me = catalog_identity(&catalog, "me");

    assert_non_null(me);
    assert_ptr_equal(catalog_identity(&catalog, "me"), me);
    assert_ptr_not_equal(catalog_identity(&catalog, "Me"), me);
    assert_int_equal(catalog.identity_count, 2);
    catalog_clear(&catalog);
}


/* Who has changed since is taken once, in the order of that. */
static void
test_unlisted(void **state)
{
    catalog_t catalog;

    (void) state;
    catalog_init(&catalog);
    assert_null(catalog_take_unlisted(&catalog));

    catalog_identity_t *a = catalog_identity(&catalog, "a");
    catalog_identity_t *b = catalog_identity(&catalog, "b");

    assert_ptr_equal(catalog_find_identity(&catalog, "b"), b);
    assert_null(catalog_find_identity(&catalog, "c"));
    assert_int_equal(b->place, 1);
    catalog_unlist(&catalog, a);        /* it is already */
    assert_ptr_equal(catalog_take_unlisted(&catalog), a);
    catalog_unlist(&catalog, a);
    assert_ptr_equal(catalog_take_unlisted(&catalog), b);
    assert_ptr_equal(catalog_take_unlisted(&catalog), a);
    assert_null(catalog_take_unlisted(&catalog));
    catalog_unlist(&catalog, b);
    assert_ptr_equal(catalog_take_unlisted(&catalog), b);
    assert_null(catalog_take_unlisted(&catalog));
    catalog_clear(&catalog);
}


static void
test_copies(void **state)
{
    catalog_t catalog;
    char name[] = "abc";

    (void) state;
    catalog_init(&catalog);

    catalog_table_t *table = catalog_add(&catalog, name);

    assert_int_equal(catalog_add_column(table, name), 0);
    assert_non_null(catalog_identity(&catalog, name));
    name[0] = 'x';
    assert_non_null(catalog_find(&catalog, "abc"));
    assert_string_equal(catalog_find_column(table, "ABC"), "abc");
    assert_string_equal(catalog_identity(&catalog, "abc")->name, "abc");
    catalog_clear(&catalog);
}


/* Names i * 7919 mod MANY: in no order that a tree would like. */
static void
name_of(char *name, size_t i)
{
    (void) sprintf(name, "Name_%zu", i * 7919 % MANY);
}


static void
test_many(void **state)
{
    catalog_t catalog;
    char name[32];

    (void) state;
    catalog_init(&catalog);

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            name_of(name, i);

            catalog_table_t *table = catalog_add(&catalog, name);

            assert_non_null(table);
            table->rows = i;
            assert_int_equal(catalog_add_column(catalog.tables[0], name), 0);
            assert_non_null(catalog_identity(&catalog, name));
        }

        assert_int_equal(catalog.table_count, MANY);
        assert_int_equal(catalog.identity_count, MANY);
        assert_int_equal(catalog.tables[0]->column_count, MANY);

        for (size_t i = 0; i < MANY; i++) {
            name_of(name, i);
            assert_string_equal(catalog.tables[i]->name, name);
            assert_string_equal(catalog.tables[0]->columns[i], name);
            name[0] = 'n';
            assert_int_equal(catalog_find(&catalog, name)->rows, i);
            assert_non_null(catalog_find_column(catalog.tables[0], name));
        }

        catalog_clear(&catalog);
        assert_int_equal(catalog.table_count, 0);
        assert_int_equal(catalog.identity_count, 0);
        assert_null(catalog_find(&catalog, "Name_1"));
    }

    catalog_clear(&catalog);
}


/* Values of the authors' test vectors, and of CPython's bytes.__hash__ with
   PYTHONHASHSEED=0. */
static void
test_siphash(void **state)
{
    static const uint64_t counting[2] = {
        0x0706050403020100u, 0x0f0e0d0c0b0a0908u
    };
    static const uint64_t zero[2];

    (void) state;
    assert_true(qsn_siphash(counting, "", 0) == 0xabac0158050fc4dcu);
    assert_true(qsn_siphash(zero, "a", 1) == 0x407448d2b89b1813u);
    assert_true(qsn_siphash(zero, "identity", 8) == 0xf0954fd7d5368655u);
    assert_true(qsn_siphash(zero, "a name of some length", 21)
                == 0x6eda2fbd61d59d7fu);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_unlisted),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_siphash),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
