/* sql_complete: what could stand at the cursor. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sql_complete.h"

static sql_name_t known[] = {
    { "hosts", NULL }, { "disks", NULL }, { "HostKeys", NULL },
    { "hosts", "name" }, { "hosts", "nr_cpus" }, { "disks", "name" },
    { "disks", "nr_free" }, { "HostKeys", "fingerprint" }
};
static const sql_name_list_t names = {
    known, sizeof(known) / sizeof(known[0])
};

/* The candidates, with spaces between. */
static void
check(const char *text, const char *expected)
{
    sql_completion_t completion;
    char got[4096] = "";

    assert_int_equal(sql_complete(&completion, text, strlen(text), &names),
                     0);

    for (size_t i = 0; i < completion.count; i++) {
        strcat(strcat(got, i ? " " : ""), completion.candidates[i]);
    }

    if (strcmp(got, expected) != 0) {
        print_error("after: %s\n", text);
    }

    assert_string_equal(got, expected);
    sql_completion_free(&completion);
}


static void
keywords(void **state)
{
    (void) state;
    check("", "");
    check("se", "select set");
    check("SEL", "SELECT");
    check("select 1; SEL", "SELECT");
    check("show ", "CONNECTIONS INFO TABLES VIEWS");
    check("show t", "tables");
    check("set u", "use_write_db");
    check("select 1 gr", "group group_concat");
    check("zzz", "");
}


static void
tables(void **state)
{
    (void) state;
    check("select * from ", "disks HostKeys hosts");
    check("select * from ho", "HostKeys hosts");
    check("select * from hosts, d", "disks");
    check("select * from hosts join di", "disks");
    check("select * from hosts wher", "where");
    check("desc h", "HostKeys hosts");
    check("describe h", "HostKeys hosts");
    check("select 1 from a; select 2 from d", "disks");
    check("select\n*\nfrom\nd", "disks");
    check("select * from \"ho", "HostKeys hosts");
}


static void
columns(void **state)
{
    (void) state;
    check("select n", "name natural nocase not notnull nr_cpus nr_free null"
          " nulls");
    check("select * from hosts where nr", "nr_cpus");
    check("select * from hosts, disks where nr", "nr_cpus nr_free");
    check("select hosts.", "name nr_cpus");
    check("select h.n from hosts h where h.", "name nr_cpus");
    check("select * from hosts as a join disks as b on a.nr", "nr_cpus");
    check("select * from hosts as a join disks as b on b.nr", "nr_free");
    check("select * from hosts a, disks b where b.nr", "nr_free");
    check("select x.", "");
    check("select * from hosts order by na", "name natural");
    check("select * from hostkeys where f", "filter fingerprint from full");
}


static void
nothing(void **state)
{
    char text[2000];

    (void) state;
    check("select 'fro", "");
    check("select 1 -- sel", "");
    check("select /* sel", "");
    check("select 'from' n", "name natural nocase not notnull nr_cpus nr_free"
          " null nulls");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    check(text, "");

    for (size_t i = 0; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "a ", 2);
    }

    memcpy(text + sizeof(text) - 8, "from di", 8);
    check(text, "disks");
}


static void
commands(void **state)
{
    sql_completion_t completion;

    (void) state;
    check(".he", ".headers .help");
    check("  .mode m", "markdown");
    check(".mode ", "csv json line markdown ndjson table tsv");
    check(".timer o", "off on");
    check(".schema d", "disks");
    check(".help .r", ".read");
    check(".watch select * from d", "disks");
    check(".quit x", "");
    check(".nope x", "");

    assert_int_equal(sql_complete(&completion, ".read /tmp/a", 12, &names),
                     0);
    assert_int_equal(completion.kind, SQL_COMPLETE_FILES);
    assert_int_equal(completion.typed, 6);
    sql_completion_free(&completion);
}


static void
common(void **state)
{
    sql_completion_t completion;

    (void) state;
    assert_int_equal(sql_complete(&completion, "desc h", 6, &names), 0);
    assert_int_equal(completion.count, 2);
    assert_int_equal(completion.typed, 1);
    assert_int_equal(sql_completion_common(&completion), 4);    /* host */
    sql_completion_free(&completion);
    assert_int_equal(sql_completion_common(&completion), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords),
        cmocka_unit_test(tables),
        cmocka_unit_test(columns),
        cmocka_unit_test(nothing),
        cmocka_unit_test(commands),
        cmocka_unit_test(common),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
