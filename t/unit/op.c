/* qsn_op.c: names and numbers of operations and formats. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "qsn_op.h"

static const struct {
    const char *name;
    int op;                     /* as docs/protocol.md numbers it */
} ops[] = {
    { "add_table_data", 1 }, { "add_csv_table_data", 2 },
    { "name_value_update", 3 }, { "query", 4 }, { "get_table_list", 5 },
    { "generation_signal", 6 }
};


static void
test_ops(void **state)
{
    (void) state;

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        const char *name = ops[i].name;
        size_t length = strlen(name);
        char longer[64];

        assert_int_equal(qsn_op_parse(name, length), ops[i].op);
        assert_string_equal(qsn_op_name((enum qsn_op) ops[i].op), name);

        /* the length counts, not a NUL */
        assert_int_equal(qsn_op_parse(name, length - 1), QSN_OP_UNKNOWN);
        (void) snprintf(longer, sizeof(longer), "%sx", name);
        assert_int_equal(qsn_op_parse(longer, length), ops[i].op);
        assert_int_equal(qsn_op_parse(longer, length + 1), QSN_OP_UNKNOWN);
        assert_int_equal(qsn_op_parse(name, length + 1), QSN_OP_UNKNOWN);
    }
}


static void
test_other_ops(void **state)
{
    static const char *const names[] = {
        "Query", "QUERY", "subscribe", "snapshot", "-", "unknown", " query"
    };

    (void) state;

    assert_int_equal(qsn_op_parse("", 0), QSN_OP_UNKNOWN);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(qsn_op_parse(names[i], strlen(names[i])),
                         QSN_OP_UNKNOWN);
    }

    for (int op = 0; op < 256; op++) {
        assert_non_null(qsn_op_name((enum qsn_op) op));

        if (op < 1 || op > 6) {
            assert_string_equal(qsn_op_name((enum qsn_op) op), "-");
        }
    }
}


static void
test_classes(void **state)
{
    (void) state;

    assert_int_equal(qsn_op_classes(QSN_OP_QUERY), QSN_CLASS_QUERY);
    assert_int_equal(qsn_op_classes(QSN_OP_GET_TABLE_LIST), QSN_CLASS_QUERY);
    assert_int_equal(qsn_op_classes(QSN_OP_NAME_VALUE_UPDATE),
                     QSN_CLASS_UPDATE);
    assert_int_equal(qsn_op_classes(QSN_OP_ADD_TABLE_DATA),
                     QSN_CLASS_ALL & ~QSN_CLASS_QUERY);
    assert_int_equal(qsn_op_classes(QSN_OP_ADD_CSV_TABLE_DATA),
                     QSN_CLASS_ALL & ~QSN_CLASS_QUERY);
    assert_int_equal(qsn_op_classes(QSN_OP_GENERATION_SIGNAL), 0);
    assert_int_equal(qsn_op_classes(QSN_OP_NONE), 0);
    assert_int_equal(qsn_op_classes((enum qsn_op) 99), 0);

    assert_string_equal(qsn_class_name(0), "");
    assert_string_equal(qsn_class_name(QSN_CLASS_ALL), "query");
    assert_string_equal(qsn_class_name(QSN_CLASS_UPDATE | QSN_CLASS_STATIC),
                        "update");
    assert_string_equal(qsn_class_name(QSN_CLASS_STATIC), "static");
    assert_string_equal(qsn_class_name(1u << 4), "");
}


static void
test_formats(void **state)
{
    static const struct {
        const char *name;
        int format;
    } known[] = {
        { "", 0 }, { "json", 0 }, { "JSON", 0 }, { "text", 1 },
        { "Text", 1 }, { "html", 2 }, { "hTmL", 2 }
    };
    static const char *const unknown[] = {
        "jso", "jsonx", "xml", "tex", " json", "csv"
    };
    enum qsn_format format;

    (void) state;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        format = (enum qsn_format) 77;
        assert_int_equal(qsn_format_parse(known[i].name,
                                          strlen(known[i].name), &format), 0);
        assert_int_equal(format, known[i].format);
    }

    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(qsn_format_parse(unknown[i], strlen(unknown[i]),
                                          &format), -1);
    }

    assert_string_equal(qsn_format_content_type(QSN_FORMAT_JSON),
                        "application/json");
    assert_string_equal(qsn_format_content_type(QSN_FORMAT_TEXT),
                        "text/plain; charset=utf-8");
    assert_string_equal(qsn_format_content_type(QSN_FORMAT_HTML),
                        "text/html; charset=utf-8");

    /* the byte comes from the wire */
    assert_string_equal(qsn_format_content_type((enum qsn_format) 3),
                        "application/json");
    assert_string_equal(qsn_format_content_type((enum qsn_format) 255),
                        "application/json");

    assert_non_null(strstr(qsn_format_names(), "json"));
    assert_non_null(strstr(qsn_format_names(), "text"));
    assert_non_null(strstr(qsn_format_names(), "html"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_other_ops),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_formats)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
