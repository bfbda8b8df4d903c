/* Replies, verdicts, signals, options and index lines of the clients. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_file.h"
#include "agent_index.h"
#include "arguments.h"
#include "identity.h"
#include "publish.h"
#include "reply.h"
#include "subscription.h"

/* Cells joined by |, rows by /. */
static int
join_row(void *ctx, const reply_cell_t *cells, size_t count)
{
    qsn_buf_t *buf = ctx;

    for (size_t i = 0; i < count; i++) {
        qsn_buf_string(buf, i ? "|" : "");
        qsn_buf_string(buf, cells[i].kind == REPLY_NULL ? "NULL" : "");
        qsn_buf_append(buf, cells[i].text, cells[i].length);
        qsn_buf_string(buf, cells[i].kind == REPLY_NUMBER ? "#" : "");
    }

    qsn_buf_byte(buf, '/');

    return buf->length > 1000 ? 7 : 0;
}


static void
test_reply_table(void **state)
{
    /* in our order and in the original's */
    static const char *const texts[] = {
        "{\"response_op\": \"result_table\", \"identity\": \"s\", "
        "\"table\": {\"column_names\": [\"a\", \"b\"], \"rows\": "
        "[[\"1\", \"\\u00e9\"], [2.50, null], [true, \"\"]]}, "
        "\"max_widths\": {\"0\": 4, \"1\": 1}}",
        "{\"max_widths\": {\"1\": 1, \"0\": 4}, \"table\": {\"rows\": "
        "[[\"1\", \"\\u00e9\"], [2.50, null], [true, \"\"]], "
        "\"column_names\": [\"a\", \"b\"]}, \"identity\": \"s\", "
        "\"response_op\": \"result_table\"}"
    };

    (void) state;

    for (size_t i = 0; i < 2; i++) {
        reply_t reply;
        qsn_buf_t rows = { 0 };

        assert_int_equal(reply_parse(&reply, texts[i], strlen(texts[i])), 0);
        assert_true(reply_is_ok(&reply));
        assert_string_equal(reply.identity, "s");
        assert_true(reply.has_table);
        assert_int_equal(reply.column_count, 2);
        assert_string_equal(reply.column_names[1], "b");
        assert_int_equal(reply.row_count, 3);
        assert_int_equal(reply.max_widths[0], 4);
        assert_int_equal(reply.max_widths[1], 1);
        assert_int_equal(reply_rows(texts[i], strlen(texts[i]), join_row,
                                    &rows), 0);
        assert_string_equal(qsn_buf_text(&rows),
                            "1|\xc3\xa9/2.50#|NULL/true|/");
        qsn_buf_free(&rows);
        reply_free(&reply);
    }
}


static int
stop_at_once(void *ctx, const reply_cell_t *cells, size_t count)
{
    (void) cells;
    (void) count;
    ++*(int *) ctx;

    return 42;
}


static void
test_reply_others(void **state)
{
    static const char two[] = "{\"response_op\": \"tables_list\"}\n{\"t\": 1}";
    static const char table[] = "{\"table\": {\"rows\": [[1],[2]]}}";
    static const char *const bad[] = {
        "", "[]", "7", "<html>", "{\"a\": ",
        "{\"table\": {\"rows\": [[[1]]]}}"
    };
    reply_t reply;
    int calls = 0;

    (void) state;

    assert_int_equal(reply_parse(&reply, two, strlen(two)), 0);
    assert_string_equal(reply.response_op, "tables_list");
    assert_false(reply.has_table);
    reply_free(&reply);

    assert_int_equal(reply_rows(table, strlen(table), stop_at_once, &calls),
                     42);
    assert_int_equal(calls, 1);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(reply_parse(&reply, bad[i], strlen(bad[i])), -1);
        assert_non_null(strstr(reply.error, "not the JSON of a Qasino"));
        assert_null(strchr(reply.error, '\n'));
        reply_free(&reply);
    }
}


static enum publish_result
judge(const char *text, int again, publish_outcome_t *outcome)
{
    reply_t reply;

    memset(outcome, 0, sizeof(*outcome));
    assert_int_equal(reply_parse(&reply, text, strlen(text)), 0);

    enum publish_result result = publish_judge(&reply, again, outcome);

    reply_free(&reply);

    return result;
}


static void
test_publish_judge(void **state)
{
    publish_outcome_t outcome;

    (void) state;

    assert_int_equal(judge("{\"response_op\": \"ok\", \"rows\": 1, "
                           "\"generation_number\": 17}", 0, &outcome),
                     PUBLISH_TAKEN);
    assert_int_equal(outcome.generation_number, 17);

    /* the original says no more than this */
    assert_int_equal(judge("{\"response_op\": \"ok\"}", 0, &outcome),
                     PUBLISH_TAKEN);
    assert_int_equal(outcome.generation_number, -1);

    assert_int_equal(judge("{\"response_op\": \"ok\", \"warning\": \"w\"}", 0,
                           &outcome), PUBLISH_DUPLICATE);
    assert_string_equal(outcome.text, "w");
    assert_int_equal(judge("{\"response_op\": \"ok\", \"warning\": \"w\"}", 1,
                           &outcome), PUBLISH_TAKEN);
    assert_int_equal(judge("{\"response_op\": \"error\", \"error_message\": "
                           "\"no\"}", 0, &outcome), PUBLISH_REFUSED);
    assert_string_equal(outcome.text, "no");
    assert_int_equal(judge("{\"identity\": \"x\"}", 0, &outcome),
                     PUBLISH_REFUSED);
}


static void
test_signal(void **state)
{
    static const char good[] = "GENSIG\0{\"op\": \"generation_signal\", "
        "\"identity\": \"s\", \"generation_number\": 1795411283, "
        "\"generation_duration_s\": 30}";
    static const char other[] = "GENSIG\0{\"op\": \"other\"}";
    subscription_signal_t signal;

    (void) state;

    assert_int_equal(subscription_parse(good, sizeof(good) - 1, &signal), 0);
    assert_string_equal(signal.identity, "s");
    assert_int_equal(signal.generation_number, 1795411283);
    assert_true(signal.generation_duration_s == 30);
    assert_int_equal(subscription_parse(other, sizeof(other) - 1, &signal),
                     -1);
    assert_int_equal(subscription_parse("GENSIG", 6, &signal), -1);
    assert_int_equal(subscription_parse("GENSIG\0{", 8, &signal), -1);
    assert_int_equal(subscription_parse("", 0, &signal), -1);
}


static void
test_arguments(void **state)
{
    int port = 0;
    unsigned value = 0;
    size_t bytes = 0;
    char word[] = "secret";
    char *copy = arguments_secret(word);

    (void) state;

    assert_string_equal(copy, "secret");
    assert_string_equal(word, "xxxxxx");
    free(copy);

    /* they complain on stderr */
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);

    (void) dup2(null, STDERR_FILENO);
    assert_int_equal(arguments_port("port", "15598", &port), 0);
    assert_int_equal(port, 15598);
    assert_int_equal(arguments_port("port", "0", &port), -1);
    assert_int_equal(arguments_port("port", "65536", &port), -1);
    assert_int_equal(arguments_port("port", "8x", &port), -1);
    assert_int_equal(arguments_port("port", "-1", &port), -1);
    assert_int_equal(arguments_port("port", "", &port), -1);
    assert_int_equal(arguments_count("retries", "7", 10, &value), 0);
    assert_int_equal(value, 7);
    assert_int_equal(arguments_count("retries", "11", 10, &value), -1);
    assert_int_equal(arguments_seconds("timeout", "1.5", 1, &value), 0);
    assert_int_equal(value, 1500);
    assert_int_equal(arguments_seconds("timeout", "0", 1, &value), -1);
    assert_int_equal(arguments_seconds("delay", "0", 0, &value), 0);
    assert_int_equal(arguments_seconds("delay", "0x10", 0, &value), -1);
    assert_int_equal(arguments_seconds("delay", "nan", 0, &value), -1);
    assert_int_equal(arguments_seconds("delay", "-1", 0, &value), -1);
    assert_int_equal(arguments_seconds("delay", "1e9", 0, &value), -1);
    assert_int_equal(arguments_bytes("max", "64m", &bytes), 0);
    assert_int_equal(bytes, 64 * 1024 * 1024);
    assert_int_equal(arguments_bytes("max", "10K", &bytes), 0);
    assert_int_equal(bytes, 10240);
    assert_int_equal(arguments_bytes("max", "0", &bytes), -1);
    assert_int_equal(arguments_bytes("max", "1kb", &bytes), -1);
    assert_int_equal(arguments_bytes("max", "99999999999999999999", &bytes),
                     -1);
    (void) dup2(saved, STDERR_FILENO);
    (void) close(saved);
    (void) close(null);
}


static void
check_line(const char *text, const char *file, const char *table,
    int is_command)
{
    char line[200];
    agent_index_entry_t entry;

    (void) snprintf(line, sizeof(line), "%s", text);
    assert_int_equal(agent_index_parse(line, &entry), file != NULL);

    if (file) {
        assert_string_equal(entry.text, file);
        assert_int_equal(entry.is_command, is_command);

        if (table) {
            assert_string_equal(entry.tablename, table);
        } else {
            assert_null(entry.tablename);
        }
    }
}


static void
test_index_lines(void **state)
{
    (void) state;

    check_line("table1", "table1", NULL, 0);
    check_line("file.csv,table1", "file.csv", "table1", 0);
    check_line("file.csv, table1,more", "file.csv", "table1", 0);
    check_line("exec:ps -eo pid,rss,ps", "ps -eo pid,rss", "ps", 1);
    check_line("exec:true", "true", NULL, 1);
    check_line("", NULL, NULL, 0);
    check_line("  ", NULL, NULL, 0);
    check_line(" # exec:x,y", NULL, NULL, 0);
}


static void
test_connection_options(void **state)
{
    connection_options_t options;
    char error[CONNECTION_ERROR_SIZE];
    static const char *const bad[] = { "", "a b", "a/b", "u@h", "h?x" };

    (void) state;

    connection_defaults(&options);
    options.transport = CONNECTION_HTTP;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.hostname = bad[i];
        assert_null(connection_create(&options, error));
        assert_non_null(strstr(error, "hostname"));
    }

    options.hostname = "::1";

    connection_t *connection = connection_create(&options, error);

    assert_string_equal(connection_address(connection),
                        "http://[::1]:15597");
    connection_destroy(connection);
    connection_destroy(NULL);

    assert_int_equal(connection_parse_transport("zmq", &options.transport),
                     0);
    assert_int_equal(options.transport, CONNECTION_ZMQ);
    assert_int_equal(connection_parse_transport("ftp", &options.transport),
                     -1);

    (void) setenv("TEST_USERNAME", "someone", 1);
    (void) setenv("TEST_PASSWORD", "", 1);
    connection_credentials(&options, "TEST");
    assert_string_equal(options.username, "someone");
    assert_null(options.password);
}


/* While somebody has the file open for writing it is not read, and neither
   just after. */
static void
test_file(void **state)
{
    static const char half[] = "1\nt\na\nint\n\n";
    char path[] = "/tmp/client_parts.XXXXXX";
    int fd = mkstemp(path);
    agent_file_rules_t rules = { .settle_ms = 60000, .max_size = 1000 };
    agent_file_stamp_t stamp, again;
    struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    draft_t draft;

    (void) state;

    draft_init(&draft);
    assert_int_equal(write(fd, half, strlen(half)), strlen(half));
    assert_int_equal(agent_file_read(path, &rules, &draft, &stamp),
                     AGENT_FILE_UNSETTLED);
    assert_string_equal(draft.error, "the file is being written");
    draft_free(&draft);

    (void) close(fd);
    assert_int_equal(agent_file_read(path, &rules, &draft, &stamp),
                     AGENT_FILE_UNSETTLED);
    assert_string_equal(draft.error, "the file has just been changed");
    draft_free(&draft);

    (void) utimensat(AT_FDCWD, path, old, 0);
    assert_int_equal(agent_file_read(path, &rules, &draft, &stamp),
                     AGENT_FILE_READ);
    assert_string_equal(draft.tablename.name, "t");
    assert_int_equal(stamp.mtime.tv_sec, 1000);
    draft_free(&draft);

    agent_file_stamp(path, &again);
    assert_true(agent_file_same(&stamp, &again));
    rules.max_size = 3;
    assert_int_equal(agent_file_read(path, &rules, &draft, &stamp),
                     AGENT_FILE_BAD);
    draft_free(&draft);

    (void) unlink(path);
    assert_int_equal(agent_file_read(path, &rules, &draft, &stamp),
                     AGENT_FILE_MISSING);
    draft_free(&draft);
    assert_int_equal(agent_file_read("/tmp", &rules, &draft, &stamp),
                     AGENT_FILE_BAD);
    draft_free(&draft);
}


static void
test_identity(void **state)
{
    char identity[IDENTITY_SIZE];

    (void) state;

    identity_default(identity);
    assert_true(strlen(identity) > 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_table),
        cmocka_unit_test(test_reply_others),
        cmocka_unit_test(test_publish_judge),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_index_lines),
        cmocka_unit_test(test_connection_options),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_identity)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
