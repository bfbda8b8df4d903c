/* qsn_settings: the command line, the YAML file, and that conf/worker.yaml
   tells the truth.  Runs in the project's top directory. */

#include "qsn_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SAMPLE  "conf/worker.yaml"

static char error[QSN_SETTINGS_ERROR_SIZE];
static qsn_settings_t settings;

/* Loads the words given, up to a NULL. */
static enum qsn_settings_result
load(const char *first, ...)
{
    char *argv[16] = { (char *) "test", (char *) first };
    int argc = 1;
    va_list words;

    va_start(words, first);
    while (argv[argc]) {
        argv[++argc] = va_arg(words, char *);
    }
    va_end(words);

    error[0] = '\0';

    return qsn_settings_load(&settings, argc, argv, error);
}


/* That loading fails, and names what it should. */
static void
refuses(const char *needle, enum qsn_settings_result result)
{
    assert_int_equal(result, QSN_SETTINGS_ERROR);
    if (strstr(error, needle) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, needle);
    }
    qsn_settings_free(&settings);
}


static char *
make_file(const char *text)
{
    static char path[64];

    (void) snprintf(path, sizeof(path), "/tmp/qasino-settings-XXXXXX");

    int fd = mkstemp(path);

    assert_true(fd != -1);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void) close(fd);

    return path;
}


static void
test_defaults(void **state)
{
    (void) state;

    assert_int_equal(load(NULL), QSN_SETTINGS_OK);
    assert_int_equal(settings.http_port, 15597);
    assert_int_equal(settings.https_port, 443);
    assert_int_equal(settings.zmq_port, 15598);
    assert_int_equal(settings.pubsub_port, 15596);
    assert_int_equal(settings.line_port, 15000);
    assert_int_equal(settings.generation_duration_ms, 30000);
    assert_int_equal(settings.query_deadline_ms, 10000);
    assert_int_equal(settings.max_body, 64 << 20);
    assert_int_equal(settings.demo, 0);
    assert_null(settings.keys_dir);
    assert_null(settings.views_file);
    assert_true(settings.identity[0] != '\0');
    assert_int_equal(settings.db_dir[0], '/');
    assert_int_equal(settings.run_dir[0], '/');
    assert_int_equal(settings.static_db[0], '/');
    qsn_settings_free(&settings);
}


static void
test_command_line(void **state)
{
    (void) state;

    assert_int_equal(load("-i", "me", "-g", "1.5", "--http-port=0",
                          "--max_body", "2k", "--line-port", "7", "--demo",
                          "--line-port", "8", NULL), QSN_SETTINGS_OK);
    assert_string_equal(settings.identity, "me");
    assert_int_equal(settings.generation_duration_ms, 1500);
    assert_int_equal(settings.http_port, 0);
    assert_int_equal(settings.max_body, 2048);
    assert_int_equal(settings.line_port, 8);
    assert_int_equal(settings.demo, 1);
    qsn_settings_free(&settings);

    assert_int_equal(load("-d", "here", NULL), QSN_SETTINGS_OK);
    assert_int_equal(settings.db_dir[0], '/');
    assert_non_null(strstr(settings.db_dir, "/here"));
    assert_non_null(strstr(settings.static_db, "/here/"));
    qsn_settings_free(&settings);

    /* the port is part of the default directories */
    assert_int_equal(load("--http-port", "1234", NULL), QSN_SETTINGS_OK);
    assert_non_null(strstr(settings.run_dir, "-1234"));
    assert_non_null(strstr(settings.db_dir, "-1234"));
    assert_non_null(strstr(settings.static_db, "-1234"));
    qsn_settings_free(&settings);
}


static void
test_bytes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        { "1024", 1024 }, { "1k", 1024 }, { "1K", 1024 }, { "1.5k", 1536 },
        { "3m", 3 << 20 }, { "3M", 3 << 20 }, { "1g", 1 << 30 }
    };
    static const char *const bad[] = {
        "1q", "k", "1kk", "1k ", " 1k", "", "-1", "1.5", "inf", "nan",
        "1023", "2g"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(load("--max-body", good[i].text, NULL),
                         QSN_SETTINGS_OK);
        assert_int_equal(settings.max_body, good[i].bytes);
        qsn_settings_free(&settings);
    }

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses("max_body", load("--max-body", bad[i], NULL));
    }
}


static void
test_bounds(void **state)
{
    (void) state;

    refuses("http_port", load("--http-port", "65536", NULL));
    refuses("http_port", load("--http-port", "-1", NULL));
    refuses("http_port", load("--http-port", "1.5", NULL));
    refuses("generation_duration", load("-g", "0.5", NULL));
    refuses("generation_duration", load("-g", "86401", NULL));
    refuses("query_deadline", load("--query-deadline", "0", NULL));
    refuses("max_columns", load("--max-columns", "2001", NULL));
    refuses("between 8m and 64g bytes", load("--query-heap", "1m", NULL));
    refuses("between 0 and 4096g", load("--max-generation", "-1", NULL));
    refuses("between 1 and 1024, not 1025",
            load("--zmq-max-in-flight", "1025", NULL));
    refuses("between 1000 and 1000000000000,",
            load("--query-max-work", "5", NULL));
    refuses("identity", load("-i", "", NULL));

    char name[257];

    memset(name, 'x', 256);
    name[256] = '\0';
    refuses("identity", load("-i", name, NULL));
    name[0] = '/';
    refuses("run_dir", load("--run-dir", name, NULL));
}


static void
test_refused(void **state)
{
    (void) state;

    refuses("--db-dir", load("-f", "x", NULL));
    refuses("--db-dir", load("--db-file", "x", NULL));
    refuses("not supported", load("-s", "x", NULL));
    refuses("not supported", load("--static-content-dir", "x", NULL));
    refuses("not supported", load("-t", "x", NULL));
    refuses("not supported", load("--templates-dir", "x", NULL));
    refuses("\"--bogus\"", load("--bogus", NULL));
    refuses("\"word\"", load("word", NULL));
    refuses("\"-z\"", load("-z", NULL));
    refuses("needs a value", load("--http-port", NULL));
    refuses("needs a value", load("-i", NULL));
    refuses("both", load("-K", "/keys", NULL));
    refuses("both", load("-p", "/htpasswd", NULL));
    refuses("both", load("--client-ca-file", "/ca", NULL));
}


static void
test_file(void **state)
{
    char *path = make_file("# a comment\n"
                           "identity: from file\n"
                           "http_port: 1111\n"
                           "line-port: 2222\n"
                           "max_body: 3k\n"
                           "demo: true\n");

    (void) state;

    assert_int_equal(load("--config", path, "--http-port", "3333", NULL),
                     QSN_SETTINGS_OK);
    assert_string_equal(settings.identity, "from file");
    assert_int_equal(settings.http_port, 3333);
    assert_int_equal(settings.line_port, 2222);
    assert_int_equal(settings.max_body, 3072);
    assert_int_equal(settings.demo, 1);
    qsn_settings_free(&settings);
    (void) unlink(path);

    path = make_file("");
    assert_int_equal(load("--config", path, NULL), QSN_SETTINGS_OK);
    qsn_settings_free(&settings);
    (void) unlink(path);

    refuses("/no/such/file", load("--config", "/no/such/file", NULL));
}


static void
test_bad_files(void **state)
{
    static const struct {
        const char *text;
        const char *needle;
    } bad[] = {
        { "identity: x\nbogus: 1\n", ":2: unknown option \"bogus\"" },
        { "config: x\n", "\"config\"" },
        { "- identity\n", "option: value" },
        { "identity: [a, b]\n", "one plain value" },
        { "identity: {a: b}\n", "one plain value" },
        { "http_port: many\n", "http_port" },
        { "\nhttp_port: 70000\n", ":2" },
        { "identity: \"x\n", ":" },
        { "identity: \"a\\0b\"\n", ":1: \"identity\" takes one plain value without NUL" },
        { "identity: x\n---\nhttp_port: 1\n", ":3: all belongs" },
        { "identity: x\n...\n[\n", ":" },
        { "identity: x\n\nidentity: x\n",
          ":3: \"identity\" stands on line 1 already" },
        { "max_body: 2k\ndemo: 1\nmax-body: 3k\n",
          ":3: \"max_body\" stands on line 1 already" },
        { "http_port:\n", "http_port" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *path = make_file(bad[i].text);

        refuses(bad[i].needle, load("--config", path, NULL));
        (void) unlink(path);
    }
}


/* The line of the sample that sets an option, "#name: value". */
static char *
sample_value(const char *sample, const char *name)
{
    char start[80];
    const char *found;

    (void) snprintf(start, sizeof(start), "\n#%s: ", name);
    found = strstr(sample, start);

    if (found == NULL || strstr(found + 1, start)) {
        return NULL;
    }

    found += strlen(start);

    return strndup(found, strcspn(found, "\n"));
}


static void
test_sample(void **state)
{
    FILE *file = fopen(SAMPLE, "r");
    static char sample[64 * 1024];
    static char live[64 * 1024];
    const char *fallback;
    const char *name;

    (void) state;

    if (file == NULL) {
        fail_msg("cannot read %s: run this in the top directory", SAMPLE);
        return;
    }

    size_t n = fread(sample, 1, sizeof(sample) - 1, file);

    (void) fclose(file);
    assert_true(n > 0 && n < sizeof(sample) - 1);

    for (size_t i = 0; (name = qsn_settings_option(i, &fallback)); i++) {
        char *value = sample_value(sample, name);

        if (strcmp(name, "config") == 0) {
            assert_null(value);
            continue;
        }

        if (value == NULL) {
            fail_msg("%s does not have \"#%s: \" once", SAMPLE, name);
            return;
        }

        if (fallback[0]) {
            assert_string_equal(value, fallback);
        }

        free(value);
    }

    /* as it stands it sets nothing, with every # taken away all of it */
    assert_int_equal(load("--config", SAMPLE, NULL), QSN_SETTINGS_OK);
    qsn_settings_free(&settings);

    char *to = live;

    for (char *from = sample; *from; from++) {
        if (*from == '#' && (from == sample || from[-1] == '\n')
            && from[1] >= 'a' && from[1] <= 'z')
        {
            continue;
        }

        *to++ = *from;
    }

    char *path = make_file(live);

    if (load("--config", path, NULL) != QSN_SETTINGS_OK) {
        fail_msg("%s", error);
    }

    assert_string_equal(settings.identity, "qasino.example.org");
    assert_string_equal(settings.keys_dir, "/etc/qasino/keys");
    assert_int_equal(settings.zmq_max_in_flight, 1024);
    qsn_settings_free(&settings);
    (void) unlink(path);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_sample)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
