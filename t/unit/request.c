/* request.c: every check on a published table, and its sentence. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "request.h"

static const request_limits_t limits = {
    .max_cell = 1000, .max_columns = 5, .max_sql = 1000
};


static void
set(request_t *request, text_t *text, const char *string)
{
    assert_int_equal(request_set_text(request, text, string, strlen(string)),
                     0);
}


/* "a,b" into list. */
static void
set_list(request_t *request, text_list_t *list, const char *names)
{
    while (*names) {
        size_t length = strcspn(names, ",");

        assert_int_equal(request_add_text(request, list, names, length), 0);
        names += length + (names[length] == ',');
    }
}


/* A good request with these parts; NULL: the part is missing. */
static void
make(request_t *request, const char *table, const char *columns,
    const char *types, const char *identity, const char *keycols)
{
    request_init(request, &limits);
    request->has_table = 1;
    request->table.has_rows = 1;

    if (table) {
        set(request, &request->table.name, table);
    }

    if (identity) {
        set(request, &request->identity, identity);
    }

    if (columns) {
        request->table.has_column_names = 1;
        set_list(request, &request->table.column_names, columns);
    }

    if (types) {
        request->table.has_column_types = 1;
        set_list(request, &request->table.column_types, types);
    }

    if (keycols) {
        assert_int_equal(request_set_keycols(request, keycols,
                                             strlen(keycols)), 0);
    }
}


static void
assert_error(request_t *request, int rc, unsigned status, const char *phrase)
{
    assert_int_equal(rc, -1);
    assert_int_equal(request->status, status);

    if (strstr(request->error, phrase) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", phrase, request->error);
    }

    request_free(request);
}


static void
refused(const char *table, const char *columns, const char *types,
    const char *identity, const char *keycols, const char *phrase)
{
    request_t request;

    make(&request, table, columns, types, identity, keycols);
    assert_error(&request, request_check_table(&request), 400, phrase);
}


static void
taken(const char *table, const char *columns, const char *types,
    const char *identity, const char *keycols)
{
    request_t request;

    make(&request, table, columns, types, identity, keycols);

    if (request_check_table(&request) != 0) {
        fail_msg("%s", request.error);
    }

    assert_int_equal(request.status, 0);
    request_free(&request);
}


static void
test_missing(void **state)
{
    request_t request;

    (void) state;

    request_init(&request, &limits);
    assert_error(&request, request_check_table(&request), 400,
                 "Invalid input format: no 'table'");
    refused(NULL, "a", "int", "me", NULL,
            "Invalid input format: no 'tablename'");
    refused("t", NULL, "int", "me", NULL,
            "Invalid input format: no 'column_names' in table 't'");
    refused("t", "a", NULL, "me", NULL,
            "Invalid input format: no 'column_types' in table 't'");
    refused("t", "", "", "me", NULL, "table 't' has no columns");
    refused("t", "a", "int", NULL, NULL, "Must specify 'identity'");
    refused("t", "a", "int", "", NULL, "Must specify 'identity'");

    make(&request, "t", "a", "int", "me", NULL);
    request.table.has_rows = 0;
    assert_error(&request, request_check_table(&request), 400,
                 "Invalid input format: no 'rows' in table 't'");
}


static void
test_names(void **state)
{
    static const char *const bad[] = {
        "", " ", "1a", "_a", "a b", "a-b", "a.b", "a\"b", "a'b", "a;b",
        "\xc3\xa9", "a\xc3\xa9", "-", "a\n", "$a"
    };
    char longest[129];
    char longer[130];

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request_t request;

        refused(bad[i], "a", "int", "me", NULL, "Invalid table name '");

        make(&request, "t", "", "int,int", "me", NULL);
        set_list(&request, &request.table.column_names, "good");
        assert_int_equal(request_add_text(&request,
                                          &request.table.column_names,
                                          bad[i], strlen(bad[i])), 0);
        assert_error(&request, request_check_table(&request), 400,
                     "Invalid column name '");
    }

    memset(longest, 'a', sizeof(longest) - 1);
    longest[128] = '\0';
    memset(longer, 'a', sizeof(longer) - 1);
    longer[129] = '\0';
    taken(longest, longest, "int", "me", NULL);
    refused(longer, "a", "int", "me", NULL, "longer than 128 bytes");
    refused("t", longer, "int", "me", NULL, "longer than 128 bytes");

    taken("select", "order,group", "int,int", "me", NULL);
    taken("Z9_", "rowid,oid", "int,int", "me", NULL);
}


/* A NUL would end the name for SQLite, but not for us. */
static void
test_embedded_nul(void **state)
{
    request_t request;

    (void) state;

    make(&request, NULL, "a", "int", "me", NULL);
    assert_int_equal(request_set_text(&request, &request.table.name,
                                      "t\0x", 3), 0);
    assert_error(&request, request_check_table(&request), 400,
                 "Invalid table name");

    make(&request, "t", "", "int", "me", NULL);
    assert_int_equal(request_add_text(&request, &request.table.column_names,
                                      "a\0b", 3), 0);
    assert_error(&request, request_check_table(&request), 400,
                 "Invalid column name");

    make(&request, "t", "a", "", "me", NULL);
    assert_int_equal(request_add_text(&request, &request.table.column_types,
                                      "int\0x", 5), 0);
    assert_error(&request, request_check_table(&request), 400,
                 "Invalid column type");
}


static void
test_reserved(void **state)
{
    (void) state;

    refused("qasino_server_info", "a", "int", "me", NULL, "reserved");
    refused("QASINO_Server_x", "a", "int", "me", NULL, "reserved");
    refused("sqlite_master", "a", "int", "me", NULL, "reserved");
    refused("SQLITE_x", "a", "int", "me", NULL, "reserved");
    taken("qasino_serve", "a", "int", "me", NULL);
    taken("sqlite", "a", "int", "me", NULL);
    taken("t", "sqlite_a,qasino_server_b", "int,int", "me", NULL);
}


static void
test_types(void **state)
{
    static const struct {
        const char *name;
        enum column_type type;
    } known[] = {
        { "integer", COLUMN_INTEGER }, { "int", COLUMN_INTEGER },
        { "ll", COLUMN_INTEGER }, { "time", COLUMN_INTEGER },
        { "real", COLUMN_REAL }, { "float", COLUMN_REAL },
        { "double", COLUMN_REAL }, { "text", COLUMN_TEXT },
        { "varchar", COLUMN_TEXT }, { "string", COLUMN_TEXT },
        { "str", COLUMN_TEXT }, { "ip", COLUMN_TEXT },
        { "INTEGER", COLUMN_INTEGER }, { "VarChar", COLUMN_TEXT },
        { "ReAl", COLUMN_REAL }
    };
    static const char *const bad[] = {
        "", "blob", "integers", "in", "int ", " int", "varchar(20)", "null",
        "text; drop table t"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        request_t request;
        char types[64];

        (void) snprintf(types, sizeof(types), "text,%s", known[i].name);
        make(&request, "t", "a,b", types, "me", NULL);
        assert_int_equal(request_check_table(&request), 0);
        assert_int_equal(request.table.types[0], COLUMN_TEXT);
        assert_int_equal(request.table.types[1], known[i].type);
        request_free(&request);
    }

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request_t request;

        make(&request, "t", "a", "", "me", NULL);
        assert_int_equal(request_add_text(&request,
                                          &request.table.column_types,
                                          bad[i], strlen(bad[i])), 0);
        assert_error(&request, request_check_table(&request), 400,
                     "Invalid column type '");
    }

    refused("t", "a,b", "int", "me", NULL,
            "has 2 column names but 1 column types");

    /* those past the last name do not count */
    request_t surplus;

    make(&surplus, "t", "a", "int,blob", "me", NULL);
    assert_int_equal(request_check_table(&surplus), 0);
    request_free(&surplus);
}


static void
test_columns(void **state)
{
    request_t request;

    (void) state;

    taken("t", "a,b,c,d,e", "int,int,int,int,int", "me", NULL);
    make(&request, "t", "a,b,c,d,e,f", "int,int,int,int,int,int", "me", NULL);
    assert_error(&request, request_check_table(&request), 413,
                 "6 columns, more than max_columns (5)");
    refused("t", "a,b,a", "int,int,int", "me", NULL, "there twice");
    refused("t", "Abc,x,aBC", "int,int,int", "me", NULL, "there twice");

    make(&request, "t", "a,b", "int,int", "me", NULL);
    request.table.rows = 1;
    request.table.row_width = 3;
    assert_error(&request, request_check_table(&request), 400,
                 "rows of table 't' have 3 cells, but there are 2 columns");

    /* no row, no width */
    make(&request, "t", "a,b", "int,int", "me", NULL);
    request.table.row_width = 3;
    assert_int_equal(request_check_table(&request), 0);
    request_free(&request);
}


static void
test_identity(void **state)
{
    request_t request;
    char longest[257];

    (void) state;

    memset(longest, 'i', sizeof(longest) - 1);
    longest[256] = '\0';
    refused("t", "a", "int", longest, NULL, "longer than 255 bytes");
    longest[255] = '\0';
    taken("t", "a", "int", longest, NULL);
    taken("t", "a", "int", "host-1.example:\xc3\xa9 'x'", NULL);
    refused("t", "a", "int", "a\tb", NULL, "control character at byte 2");
    refused("t", "a", "int", "ab\x1f", NULL, "control character at byte 3");
    refused("t", "a", "int", "h\xe9te", NULL, "'identity' is not UTF-8");

    make(&request, "t", "a", "int", NULL, NULL);
    assert_int_equal(request_set_text(&request, &request.identity, "a\0b",
                                      3), 0);
    assert_error(&request, request_check_table(&request), 400,
                 "control character at byte 2");
}


static void
test_keycols(void **state)
{
    request_t request;

    (void) state;

    taken("t", "a,b", "int,int", "me", "a");
    taken("t", "a,b", "int,int", "me", "B; A");
    taken("t", "a,b", "int,int", "me", ";;");
    refused("t", "a,b", "int,int", "me", "c",
            "key column 'c' is no column of table 't'");

    make(&request, "t", "a,b", "int,int", "me", "  a ; b;;  ;c d ;");
    assert_int_equal(request.table.keycols.count, 3);
    assert_string_equal(request.table.keycols.items[0].data, "a");
    assert_string_equal(request.table.keycols.items[1].data, "b");
    assert_string_equal(request.table.keycols.items[2].data, "c d");
    request_free(&request);
}


static void
test_flag(void **state)
{
    static const char *const off[] = {
        "", "0", "no", "No", "NO", "false", "False", "FALSE"
    };
    static const char *const on[] = {
        "1", "yes", "true", "00", "n", "off", " ", "0 ", "nope", "2"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        assert_int_equal(request_flag(off[i], strlen(off[i])), 0);
    }

    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        assert_int_equal(request_flag(on[i], strlen(on[i])), 1);
    }

    assert_int_equal(request_flag("0x", 1), 0);     /* the length counts */
}


static void
test_name_value(void **state)
{
    static const char *const bad[] = {
        "t", ".", "t.", ".c", "a.b.c", "", "t..c"
    };
    request_t request;
    tape_reader_t reader;
    cell_t cell;

    (void) state;

    request_init(&request, &limits);
    set(&request, &request.name, "hosts.os");
    set(&request, &request.value, "linux");
    set(&request, &request.identity, "h1");
    assert_int_equal(request_make_name_value(&request), 0);
    assert_int_equal(request_check_table(&request), 0);
    assert_string_equal(request.table.name.data, "hosts");
    assert_int_equal(request.table.column_names.count, 2);
    assert_string_equal(request.table.column_names.items[0].data,
                        "identity");
    assert_string_equal(request.table.column_names.items[1].data, "os");
    assert_int_equal(request.table.keycols.count, 1);
    assert_string_equal(request.table.keycols.items[0].data, "identity");
    assert_int_equal(request.update, 1);
    assert_int_equal(request.persist, 1);
    assert_int_equal(request.table.rows, 1);
    tape_rewind(&request.table.tape, &reader);
    tape_read(&reader, &cell);
    assert_int_equal(cell.as.text.length, 2);
    assert_memory_equal(cell.as.text.data, "h1", 2);
    tape_read(&reader, &cell);
    assert_int_equal(cell.as.text.length, 5);
    assert_memory_equal(cell.as.text.data, "linux", 5);
    request_free(&request);

    /* without an identity it is "unknown" */
    request_init(&request, &limits);
    set(&request, &request.name, "hosts.os");
    set(&request, &request.value, "");
    assert_int_equal(request_make_name_value(&request), 0);
    assert_string_equal(request.identity.data, "unknown");
    assert_int_equal(request_check_table(&request), 0);
    request_free(&request);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request_init(&request, &limits);
        set(&request, &request.name, bad[i]);
        set(&request, &request.value, "1");
        assert_error(&request, request_make_name_value(&request), 400,
                     "Invalid name in name value update");
    }

    request_init(&request, &limits);
    set(&request, &request.value, "1");
    assert_error(&request, request_make_name_value(&request), 400,
                 "Invalid name in name value update");

    request_init(&request, &limits);
    set(&request, &request.name, "t.c");
    assert_error(&request, request_make_name_value(&request), 400,
                 "Must specify 'value' param");

    /* the identity column is the key: it cannot be set as well */
    request_init(&request, &limits);
    set(&request, &request.name, "t.Identity");
    set(&request, &request.value, "1");
    assert_int_equal(request_make_name_value(&request), 0);
    assert_error(&request, request_check_table(&request), 400,
                 "there twice");

    /* limits hold here, too */
    char large[1001];

    memset(large, 'v', sizeof(large));
    request_init(&request, &limits);
    set(&request, &request.name, "t.c");
    assert_int_equal(request_set_text(&request, &request.value, large,
                                      sizeof(large)), 0);
    assert_error(&request, request_make_name_value(&request), 413,
                 "max_cell");

    request_init(&request, &limits);
    set(&request, &request.name, "t.c");
    set(&request, &request.value, "\xff");
    assert_error(&request, request_make_name_value(&request), 400,
                 "'value' is not UTF-8");
}


static void
test_fail(void **state)
{
    request_t request;
    char text[2 * REQUEST_ERROR_SIZE];

    (void) state;

    request_init(&request, &limits);
    assert_int_equal(request_fail(&request, 413, "first %d", 1), -1);
    assert_int_equal(request_fail(&request, 400, "second"), -1);
    assert_int_equal(request.status, 413);
    assert_string_equal(request.error, "first 1");
    request_free(&request);

    memset(text, 'e', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    request_init(&request, &limits);
    assert_int_equal(request_fail(&request, 400, "%s", text), -1);
    assert_int_equal(strlen(request.error), REQUEST_ERROR_SIZE - 1);
    request_free(&request);
}


static void
test_lists(void **state)
{
    request_t request;
    text_list_t list = { 0 };
    char name[16];

    (void) state;

    request_init(&request, &limits);

    for (int i = 0; i < 5000; i++) {
        (void) snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(request_add_text(&request, &list, name,
                                          strlen(name)), 0);
    }

    assert_int_equal(list.count, 5000);

    for (int i = 0; i < 5000; i++) {
        (void) snprintf(name, sizeof(name), "n%d", i);
        assert_string_equal(list.items[i].data, name);
    }

    request_free(&request);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_embedded_nul),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_keycols),
        cmocka_unit_test(test_flag),
        cmocka_unit_test(test_name_value),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_lists)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
