/*
 * The real qasino-query over a socket pair: what the worker sees of it.
 * Answers are put together from their frames by receive().
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "qsn_buf.h"
#include "qsn_frame.h"
#include "qsn_op.h"
#include "qsn_page.h"
#include "query_fixture.h"

#define ENDLESS \
    "with recursive n(i) as (select 1 union all select i + 1 from n) " \
    "select count(*) from n"
#define ROWS(n) \
    "with recursive n(i) as (select 1 union all select i + 1 from n where " \
    "i < " n ") select i, 'row ' || i name, i * 0.5 half from n"

#define GENERATION  1795331135
#define ANY         UINT64_MAX

static query_fixture_t fixture;
static uint64_t generation = GENERATION;
static pid_t child;
static int fd;

typedef struct {
    qsn_frame_t head;           /* of the RESPONSE */
    qsn_frame_arg_t args[QSN_FRAME_TAGS];
    uint8_t argument_bytes[256];
    qsn_buf_t body;
    qsn_buf_t reason;           /* of an ABORT */
    int frames;
    size_t largest;
} reply_t;


static double
now(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static void
start(void)
{
    int pair[2];
    char binary[256], heap[] = "--query-heap=16m";
    const char *build = getenv("QASINO_BUILD");

    (void) snprintf(binary, sizeof(binary), "%s/qasino-query",
                    build ? build : "build/release");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
                                pair), 0);
    child = fork();

    if (child == 0) {
        (void) dup2(pair[1], 3);
        (void) fcntl(3, F_SETFD, 0);
        (void) execl(binary, binary, "--identity", "srv", "--run-dir",
                     fixture.dir, heap, (char *) NULL);
        _exit(127);
    }

    (void) close(pair[1]);
    fd = pair[0];
}


static int
stop(void)
{
    int status;

    (void) close(fd);
    assert_int_equal(waitpid(child, &status, 0), child);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}


static void
send_bytes(const void *data, size_t length)
{
    assert_int_equal(write(fd, data, length), length);
}


static void
send_request(uint64_t id, enum qsn_op op, enum qsn_format format,
    uint16_t flags, const char *sql, const char *snapshot, uint64_t deadline)
{
    static uint8_t bytes[128 * 1024];
    uint8_t *p = bytes + QSN_FRAME_HEADER_SIZE;
    qsn_frame_t frame = { .type = QSN_FRAME_REQUEST, .id = id,
                          .op = (uint8_t) op, .format = (uint8_t) format,
                          .flags = flags };

    if (sql) {
        p = qsn_frame_put_arg(p, QSN_ARG_SQL, sql, strlen(sql));
    }

    if (snapshot) {
        p = qsn_frame_put_arg(p, QSN_ARG_SNAPSHOT, snapshot,
                              strlen(snapshot));
    }

    if (op == QSN_OP_SNAPSHOT || op == QSN_OP_PREPARE) {
        p = qsn_frame_put_arg(p, QSN_ARG_STATIC_DB, fixture.statics,
                              strlen(fixture.statics));
        p = qsn_frame_put_u64(p, QSN_ARG_GENERATION, generation);
        p = qsn_frame_put_u64(p, QSN_ARG_STATIC_VERSION, 7);
    }

    if (deadline) {
        p = qsn_frame_put_u64(p, QSN_ARG_DEADLINE_MS, deadline);
    }

    frame.args_length = (uint32_t) (p - bytes - QSN_FRAME_HEADER_SIZE);
    qsn_frame_encode(bytes, &frame);
    send_bytes(bytes, (size_t) (p - bytes));
}


static void
send_cancel(uint64_t id)
{
    uint8_t bytes[QSN_FRAME_HEADER_SIZE];
    qsn_frame_t frame = { .type = QSN_FRAME_CANCEL, .id = id };

    qsn_frame_encode(bytes, &frame);
    send_bytes(bytes, sizeof(bytes));
}


static void
receive_bytes(void *data, size_t length)
{
    for (size_t got = 0; got < length; /* void */) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };

        assert_int_equal(poll(&ready, 1, 20000), 1);

        ssize_t n = read(fd, (char *) data + got, length - got);

        assert_true(n > 0);
        got += (size_t) n;
    }
}


static void
receive(reply_t *reply, uint64_t id)
{
    uint8_t head[QSN_FRAME_HEADER_SIZE];
    qsn_frame_t frame;

    memset(reply, 0, sizeof(*reply));

    do {
        receive_bytes(head, sizeof(head));
        assert_null(qsn_frame_decode(head, &frame));
        id = id == ANY ? frame.id : id;
        assert_int_equal(frame.id, id);
        assert_int_equal(frame.type, reply->frames++ ? QSN_FRAME_DATA
                                                     : QSN_FRAME_RESPONSE);

        if (reply->frames == 1) {
            assert_true(frame.args_length <= sizeof(reply->argument_bytes));
            receive_bytes(reply->argument_bytes, frame.args_length);
            assert_null(qsn_frame_parse_args(reply->argument_bytes,
                                             frame.args_length,
                                             reply->args));
            reply->head = frame;
        } else {
            assert_int_equal(frame.args_length, 0);
        }

        qsn_buf_t *to = frame.flags & QSN_FLAG_ABORT ? &reply->reason
                                                     : &reply->body;
        char *room = qsn_buf_reserve(to, frame.body_length + 1);

        receive_bytes(room, frame.body_length);
        qsn_buf_commit(to, frame.body_length);
        reply->largest = frame.body_length > reply->largest
                         ? frame.body_length : reply->largest;
    } while (frame.flags & QSN_FLAG_MORE);

    (void) qsn_buf_text(&reply->body);
    (void) qsn_buf_text(&reply->reason);
}


static void
forget(reply_t *reply)
{
    qsn_buf_free(&reply->body);
    qsn_buf_free(&reply->reason);
}


static void
query(reply_t *reply, enum qsn_format format, const char *sql)
{
    static uint64_t id = 1000;

    send_request(++id, QSN_OP_QUERY, format, 0, sql, NULL, 0);
    receive(reply, id);
    assert_int_equal(reply->head.op, QSN_OP_QUERY);
}


static void
answers(enum qsn_format format, const char *sql, int status,
    const char *expected)
{
    reply_t reply;

    query(&reply, format, sql);
    assert_string_equal(reply.body.data, expected);
    assert_int_equal(reply.head.status, status);
    assert_int_equal(reply.frames, 1);
    forget(&reply);
}


static void
tell(enum qsn_op op, const char *snapshot, int status)
{
    reply_t reply;

    send_request(1, op, 0, 0, NULL, snapshot, 0);
    receive(&reply, 1);
    assert_int_equal(reply.head.status, status);
    assert_int_equal(reply.head.op, op);
    forget(&reply);
}


static void
serve(void)
{
    tell(QSN_OP_SNAPSHOT, fixture.snapshot, 200);
}


static int
setup(void **state)
{
    (void) state;

    return query_fixture_open(&fixture);
}


static int
teardown(void **state)
{
    (void) state;
    query_fixture_close(&fixture);

    return 0;
}


static int
start_serving(void **state)
{
    (void) state;
    generation = GENERATION;
    start();
    serve();

    return 0;
}


static int
stop_serving(void **state)
{
    (void) state;

    return stop() == 0 ? 0 : -1;
}


static void
test_before_snapshot(void **state)
{
    reply_t reply;

    (void) state;
    start();

    answers(QSN_FORMAT_JSON, "select 1", 503,
            "{\"response_op\": \"error\", \"error_message\": \"No generation "
            "is being served yet\", \"identity\": \"srv\"}");

    send_request(2, QSN_OP_SNAPSHOT, 0, 0, NULL, "/nonexistent", 0);
    receive(&reply, 2);
    assert_int_equal(reply.head.status, 500);
    assert_non_null(strstr(reply.body.data, "/nonexistent"));
    forget(&reply);

    serve();

    /* A snapshot that can't be served leaves the one before. */
    send_request(3, QSN_OP_SNAPSHOT, 0, 0, NULL, "/etc/ld.so.cache", 0);
    receive(&reply, 3);
    assert_int_equal(reply.head.status, 500);
    forget(&reply);

    answers(QSN_FORMAT_TEXT, "select count(*) n from fix", 200,
            "n\n=\n4\n1 rows returned\n");
    assert_int_equal(stop(), 0);
}


/* A name of the fixture's snapshot that lets whoever opens it wait. */
static void
make_fifo(char *path, size_t size)
{
    (void) snprintf(path, size, "%s/fifo", fixture.dir);
    (void) unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
}


/* Whoever waits for it gets what is no database. */
static void
let_go(const char *path)
{
    int out = open(path, O_WRONLY);

    assert_true(out >= 0);
    (void) close(out);
}


static void
is_generation(uint64_t expected)
{
    reply_t reply;

    query(&reply, QSN_FORMAT_TEXT, "select count(*) n from fix");
    assert_int_equal(reply.head.status, 200);
    assert_string_equal(reply.body.data, "n\n=\n4\n1 rows returned\n");
    assert_int_equal(qsn_frame_arg_u64(&reply.args[QSN_ARG_GENERATION], 0),
                     expected);
    forget(&reply);
}


/* The schema of the next snapshot is read beside the one that is served, and
   beside a query that runs. */
static void
test_prepare(void **state)
{
    uint64_t first = GENERATION;
    char fifo[sizeof(fixture.dir) + 8];
    reply_t reply;

    (void) state;
    make_fifo(fifo, sizeof(fifo));
    generation++;

    /* that takes as long as it takes: nobody waits for it */
    send_request(5, QSN_OP_PREPARE, 0, 0, NULL, fifo, 0);
    is_generation(first);
    is_generation(first);
    let_go(fifo);
    receive(&reply, 5);
    assert_int_equal(reply.head.op, QSN_OP_PREPARE);
    assert_int_equal(reply.head.status, 500);
    assert_non_null(strstr(reply.body.data, fifo));
    forget(&reply);

    /* answered while a query runs that never ends */
    send_request(6, QSN_OP_QUERY, 0, 0, ENDLESS, NULL, 0);
    tell(QSN_OP_PREPARE, fixture.snapshot, 200);
    send_cancel(6);
    receive(&reply, 6);
    assert_int_equal(reply.head.status, 503);
    forget(&reply);

    /* served when that is said, from what is open already: by then its file
       need not even be there */
    is_generation(first);
    tell(QSN_OP_SNAPSHOT, fixture.snapshot, 200);
    is_generation(first + 1);
    generation++;
    tell(QSN_OP_PREPARE, fixture.snapshot, 200);
    tell(QSN_OP_SNAPSHOT, "/nonexistent", 200);
    is_generation(first + 2);

    /* another one than what was prepared; and it is of no use any more */
    generation++;
    tell(QSN_OP_PREPARE, fixture.snapshot, 200);
    generation++;
    tell(QSN_OP_SNAPSHOT, "/nonexistent", 500);
    is_generation(first + 2);
    tell(QSN_OP_SNAPSHOT, fixture.snapshot, 200);
    is_generation(first + 4);

    /* one that is still under way when it is served is waited for */
    generation++;
    send_request(7, QSN_OP_PREPARE, 0, 0, NULL, fifo, 0);
    send_request(8, QSN_OP_SNAPSHOT, 0, 0, NULL, fixture.snapshot, 0);
    let_go(fifo);

    for (int i = 0; i < 2; i++) {       /* in either order */
        receive(&reply, ANY);
        assert_int_equal(reply.head.op, reply.head.id == 7 ? QSN_OP_PREPARE
                                                           : QSN_OP_SNAPSHOT);
        assert_int_equal(reply.head.status, reply.head.id == 7 ? 500 : 200);
        forget(&reply);
    }

    is_generation(first + 5);

    /* and one of another generation is not */
    generation++;
    send_request(9, QSN_OP_PREPARE, 0, 0, NULL, fifo, 0);
    generation++;
    tell(QSN_OP_SNAPSHOT, fixture.snapshot, 200);
    is_generation(first + 7);
    let_go(fifo);
    receive(&reply, 9);
    forget(&reply);
    is_generation(first + 7);
}


/* One at a time: what else the worker sends is not to be trusted. */
static void
test_prepare_twice(void **state)
{
    char fifo[sizeof(fixture.dir) + 8];
    int status;

    (void) state;
    start();
    make_fifo(fifo, sizeof(fifo));
    send_request(5, QSN_OP_PREPARE, 0, 0, NULL, fifo, 0);
    send_request(6, QSN_OP_PREPARE, 0, 0, NULL, fifo, 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 1 << 8);
    (void) close(fd);
}


static void
test_shortcuts(void **state)
{
    (void) state;

    answers(QSN_FORMAT_TEXT, "show info;", 200,
            "generation_number  generation_duration_s  "
            "generation_start_epoch    generation_start_datetime\n"
            "=================  =====================  "
            "======================  ===========================\n"
            "       1795331135                      4           "
            "1795331139.21  2026-11-22 07:05:39.210 UTC\n"
            "1 rows returned\n");
    answers(QSN_FORMAT_TEXT, "show tables like 'it''s'", 200,
            "tablename  nr_rows  nr_updates  last_update_epoch  static"
            "         last_update_datetime\n"
            "=========  =======  ==========  =================  ======"
            "  ===========================\n"
            "     it's        0           2       1795331127.0       0"
            "  2026-11-22 07:05:27.000 UTC\n1 rows returned\n");
    answers(QSN_FORMAT_TEXT, "show connections", 200,
            "identity  nr_tables  last_update_epoch"
            "         last_update_datetime\n"
            "========  =========  ================="
            "  ===========================\n"
            "       a          2      1795331127.06"
            "  2026-11-22 07:05:27.060 UTC\n"
            "       b          1      1795331127.06"
            "  2026-11-22 07:05:27.060 UTC\n2 rows returned\n");
    answers(QSN_FORMAT_TEXT, "show views", 200,
            "viewname  loaded  errormsg\n========  ======  ========\n"
            "    good       1          \n1 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc view GOOD;", 200,
            "                   view\n=======================\n"
            "create view good as ...\n1 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc view nosuch", 200,
            "view\n====\n0 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc FIX", 200,
            "column_name  column_type\n===========  ===========\n"
            "         id      INTEGER\n       name         TEXT\n"
            "        val         REAL\n       note         TEXT\n"
            "4 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc \"order\"", 200,
            "column_name  column_type\n===========  ===========\n"
            "      group      INTEGER\n1 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc good", 200,
            "column_name  column_type\n===========  ===========\n"
            "         id      INTEGER\n        one             \n"
            "2 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc nosuch", 400,
            "SQL error: Table nosuch not found\n");
    answers(QSN_FORMAT_JSON, "quit;", 200, "{\"response_op\": \"ok\", "
            "\"identity\": \"srv\", \"message\": \"Bye!\"}");
    answers(QSN_FORMAT_TEXT, "logout", 200, "Bye!\n");
}


static void
test_errors(void **state)
{
    reply_t reply;

    (void) state;

    answers(QSN_FORMAT_JSON, "select * from nosuch", 400,
            "{\"response_op\": \"error\", \"error_message\": \"SQLError: no "
            "such table: nosuch\", \"identity\": \"srv\"}");
    answers(QSN_FORMAT_TEXT, "select * from nosuch", 400,
            "SQL error: SQLError: no such table: nosuch\n");
    answers(QSN_FORMAT_TEXT, "select 'x", 400,
            "Incomplete sql statement\n");
    answers(QSN_FORMAT_TEXT, NULL, 400, "Must specify 'sql' param.\n");
    answers(QSN_FORMAT_JSON, NULL, 400,
            "{\"response_op\": \"error\", \"error_message\": \"Must specify "
            "'sql' param\", \"identity\": \"srv\"}");

    query(&reply, QSN_FORMAT_HTML, "<script>alert(1)</script>");
    assert_int_equal(reply.head.status, 400);
    assert_null(strstr(reply.body.data, "<script>"));
    assert_non_null(strstr(reply.body.data, "&lt;script&gt;"));
    forget(&reply);

    send_request(9, QSN_OP_SUBSCRIBE, 0, 0, NULL, NULL, 0);
    receive(&reply, 9);
    assert_int_equal(reply.head.status, 400);
    forget(&reply);

    send_request(10, QSN_OP_QUERY, 9, 0, "select 1", NULL, 0);
    receive(&reply, 10);
    assert_int_equal(reply.head.status, 400);
    forget(&reply);
}


static void
test_listing(void **state)
{
    static const char tables[] =
        "{\"fix\": {\"updates\": 1, \"nr_rows\": 4, "
        "\"last_update_epoch\": 1795331127.06}, "
        "\"it's\": {\"updates\": 2, \"nr_rows\": 0, "
        "\"last_update_epoch\": 1795331127.0}}";
    char whole[600];
    reply_t reply;

    (void) state;

    (void) snprintf(whole, sizeof(whole), "{\"response_op\": \"tables_list\""
                    ", \"identity\": \"srv\", \"tables\": %s}", tables);
    send_request(5, QSN_OP_GET_TABLE_LIST, 0, 0, NULL, NULL, 0);
    receive(&reply, 5);
    assert_int_equal(reply.head.status, 200);
    assert_string_equal(reply.body.data, whole);
    assert_int_equal(reply.frames, 1);
    forget(&reply);

    (void) snprintf(whole, sizeof(whole), "{\"response_op\": \"tables_list\""
                    ", \"identity\": \"srv\"}%s", tables);
    send_request(6, QSN_OP_GET_TABLE_LIST, 0, QSN_FLAG_PARTS, NULL, NULL, 0);
    receive(&reply, 6);
    assert_string_equal(reply.body.data, whole);
    assert_int_equal(reply.frames, 2);
    forget(&reply);
}


/* Every row arrives, in frames of bounded size. */
static void
stream(enum qsn_format format, const char *last)
{
    reply_t reply;

    query(&reply, format, ROWS("300000"));
    assert_int_equal(reply.head.status, 200);
    assert_true(reply.frames > 20);
    assert_true(reply.largest < 512 * 1024);
    assert_int_equal(reply.reason.length, 0);
    assert_non_null(strstr(reply.body.data, last));

    const char *p = reply.body.data;
    char name[32];

    for (int i = 1; i <= 300000; i++) {
        size_t left = (size_t) (reply.body.data + reply.body.length - p);

        /* not far: strstr() would measure all the rest each time */
        (void) snprintf(name, sizeof(name), "row %d", i);
        p = memmem(p, left < 2048 ? left : 2048, name, strlen(name));
        assert_non_null(p);
    }

    forget(&reply);
}


static void
test_streaming(void **state)
{
    (void) state;

    stream(QSN_FORMAT_JSON, "\"max_widths\": {\"0\": 6, \"1\": 10, "
           "\"2\": 8}}");
    stream(QSN_FORMAT_TEXT, "\n300000 rows returned\n");
    stream(QSN_FORMAT_HTML, "</html>\n");
}


static void
test_deadline(void **state)
{
    reply_t reply;
    double before;

    (void) state;

    for (int i = 0; i < 3; i++) {
        before = now();
        send_request(20, QSN_OP_QUERY, 0, 0, ENDLESS, NULL, 300);
        receive(&reply, 20);
        assert_int_equal(reply.head.status, 504);
        assert_non_null(strstr(reply.body.data, "after 0.3 s"));
        assert_non_null(strstr(reply.body.data, "query_deadline"));
        assert_true(now() - before > 0.29 && now() - before < 5);
        forget(&reply);

        answers(QSN_FORMAT_TEXT, "select 1 a", 200,
                "a\n=\n1\n1 rows returned\n");
    }

    /* Past the first part of the answer, its end says so. */
    send_request(21, QSN_OP_QUERY, 0, 0, "with recursive n(i) as (select 1 "
                 "union all select i + 1 from n) select i from n", NULL, 300);
    receive(&reply, 21);
    assert_int_equal(reply.head.status, 200);
    assert_true(reply.frames > 2);
    assert_non_null(strstr(reply.reason.data, "query_deadline"));
    forget(&reply);

    answers(QSN_FORMAT_TEXT, "select 1 a", 200,
            "a\n=\n1\n1 rows returned\n");
}


static void
test_cancel(void **state)
{
    reply_t reply;
    double before = now();

    (void) state;

    send_request(30, QSN_OP_QUERY, 0, 0, ENDLESS, NULL, 60000);
    send_request(31, QSN_OP_QUERY, 0, 0, ENDLESS, NULL, 60000);
    send_request(32, QSN_OP_QUERY, QSN_FORMAT_TEXT, 0, "select 1 a", NULL,
                 60000);
    (void) poll(NULL, 0, 50);
    send_cancel(31);            /* still waiting */
    send_cancel(99);            /* nobody */
    (void) poll(NULL, 0, 50);
    send_cancel(30);            /* running */

    receive(&reply, 30);
    assert_int_equal(reply.head.status, 503);
    forget(&reply);
    receive(&reply, 31);
    assert_int_equal(reply.head.status, 503);
    forget(&reply);
    receive(&reply, 32);
    assert_int_equal(reply.head.status, 200);
    forget(&reply);
    assert_true(now() - before < 10);
}


/* Cancels that race with the end of their query never hit the next. */
static void
test_cancel_race(void **state)
{
    reply_t reply;

    (void) state;

    for (uint64_t i = 0; i < 2000; i++) {
        send_request(2 * i, QSN_OP_QUERY, 0, 0, "select count(*) from fix, "
                     "fix b, fix c, fix d", NULL, 0);
        send_request(2 * i + 1, QSN_OP_QUERY, 0, 0, "select 1", NULL, 0);
        send_cancel(2 * i);
        receive(&reply, 2 * i);
        assert_true(reply.head.status == 200 || reply.head.status == 503);
        forget(&reply);
        receive(&reply, 2 * i + 1);
        assert_int_equal(reply.head.status, 200);
        forget(&reply);
    }
}


static void
test_limits(void **state)
{
    reply_t reply;

    (void) state;

    query(&reply, 0, "with recursive n(i) as (select 1 union all select "
          "i + 1 from n where i < 400) select group_concat(hex(zeroblob("
          "2000))) from n");
    assert_int_equal(reply.head.status, 413);
    assert_non_null(strstr(reply.body.data, "max_cell"));
    forget(&reply);

    query(&reply, 0, "with recursive n(i) as (select 1 union all select "
          "i + 1 from n where i < 40000) select i, hex(randomblob(500)) r "
          "from n order by r");
    assert_int_equal(reply.head.status, 413);
    assert_non_null(strstr(reply.body.data, "query_heap"));
    forget(&reply);

    answers(QSN_FORMAT_TEXT, "select 1 a", 200,
            "a\n=\n1\n1 rows returned\n");
}


static void
test_arguments(void **state)
{
    char path[160];
    reply_t reply;
    qsn_page_t *page;
    qsn_page_state_t served = {
        .generation_number = GENERATION, .static_version = 7,
        .expires_ms = (uint64_t) (now() * 1000) + 30000
    };

    (void) state;

    query(&reply, 0, "select * from fix");
    assert_int_equal(qsn_frame_arg_u64(&reply.args[QSN_ARG_GENERATION], 0),
                     GENERATION);
    assert_int_equal(qsn_frame_arg_u64(&reply.args[QSN_ARG_STATIC_VERSION],
                                       0), 7);
    assert_null(reply.args[QSN_ARG_MAX_AGE_MS].data);
    forget(&reply);

    (void) snprintf(path, sizeof(path), "%s/%s", fixture.dir,
                    "generation.page");
    page = qsn_page_create(path);
    assert_non_null(page);
    qsn_page_publish(page, &served);
    serve();

    query(&reply, 0, "select * from fix");
    assert_in_range(qsn_frame_arg_u64(&reply.args[QSN_ARG_MAX_AGE_MS], 0),
                    1000, 30000);
    forget(&reply);

    query(&reply, 0, "select random()");
    assert_null(reply.args[QSN_ARG_MAX_AGE_MS].data);
    forget(&reply);

    query(&reply, 0, "select nothing");
    assert_null(reply.args[QSN_ARG_MAX_AGE_MS].data);
    forget(&reply);

    served.generation_number++;
    served.static_version++;
    qsn_page_publish(page, &served);

    query(&reply, 0, "select * from fix");
    assert_null(reply.args[QSN_ARG_MAX_AGE_MS].data);
    forget(&reply);
    qsn_page_close(page);
}


/* use_write_db: another sealed file, for one query. */
static void
test_one_off(void **state)
{
    char path[160];
    reply_t reply;

    (void) state;

    (void) snprintf(path, sizeof(path), "%s/collecting.db", fixture.dir);
    assert_int_equal(query_fixture_file(path, "CREATE TABLE fresh (a);"
                                        "INSERT INTO fresh VALUES (41)"), 0);
    send_request(40, QSN_OP_QUERY, QSN_FORMAT_TEXT, QSN_FLAG_WRITE_DB,
                 "select a from fresh", path, 0);
    receive(&reply, 40);
    assert_string_equal(reply.body.data, " a\n==\n41\n1 rows returned\n");
    assert_null(reply.args[QSN_ARG_MAX_AGE_MS].data);
    forget(&reply);

    answers(QSN_FORMAT_TEXT, "select a from fresh", 400,
            "SQL error: SQLError: no such table: fresh\n");
}


static void
test_static(void **state)
{
    char path[160];
    qsn_page_state_t served = { .static_version = 100 };
    sqlite3 *writer;

    (void) state;

    answers(QSN_FORMAT_TEXT, "select b from st", 400,
            "SQL error: SQLError: no such table: st\n");
    assert_int_equal(query_fixture_static(&fixture), 0);

    /* as the worker does: a reader may not make the WAL's index itself */
    assert_int_equal(sqlite3_open(fixture.statics, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "SELECT 1 FROM st", NULL, NULL,
                                  NULL), SQLITE_OK);

    (void) snprintf(path, sizeof(path), "%s/generation.page", fixture.dir);

    qsn_page_t *page = qsn_page_create(path);

    assert_non_null(page);
    qsn_page_publish(page, &served);
    qsn_page_close(page);

    answers(QSN_FORMAT_TEXT, "select b from st", 200,
            " b\n==\nv1\n1 rows returned\n");
    answers(QSN_FORMAT_TEXT, "desc static.fix", 200,
            "column_name  column_type\n===========  ===========\n"
            "     hidden         TEXT\n1 rows returned\n");
    assert_int_equal(query_fixture_file(fixture.statics,
                                        "UPDATE st SET b = 'v2'"), 0);
    answers(QSN_FORMAT_TEXT, "select b from static.st", 200,
            " b\n==\nv2\n1 rows returned\n");
    (void) sqlite3_close(writer);
}


/* What is no frame ends the process; so does the end of the connection,
   also while a query runs. */
static void
test_end(void **state)
{
    char garbage[64];
    int status;

    (void) state;

    start();
    memset(garbage, 'x', sizeof(garbage));
    send_bytes(garbage, sizeof(garbage));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    (void) close(fd);

    start();
    serve();
    send_request(50, QSN_OP_QUERY, 0, 0, ENDLESS, NULL, 60000);
    (void) poll(NULL, 0, 50);
    assert_int_equal(stop(), 0);
}


int
main(void)
{
#define SERVING(test) \
    cmocka_unit_test_setup_teardown(test, start_serving, stop_serving)

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_snapshot),
        SERVING(test_prepare),
        cmocka_unit_test(test_prepare_twice),
        SERVING(test_shortcuts),
        SERVING(test_errors),
        SERVING(test_listing),
        SERVING(test_streaming),
        SERVING(test_deadline),
        SERVING(test_cancel),
        SERVING(test_cancel_race),
        SERVING(test_limits),
        SERVING(test_arguments),
        SERVING(test_one_off),
        SERVING(test_static),
        cmocka_unit_test(test_end)
    };

    (void) signal(SIGPIPE, SIG_IGN);
    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
