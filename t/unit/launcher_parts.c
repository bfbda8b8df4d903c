/* The launcher's smaller parts: what nginx -V says, ports, command lines, the
   life of one child (with /bin/sh as the child). */

#include "nginx_find.h"
#include "listen_ports.h"
#include "options.h"
#include "child.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE  1000          /* times 10 ms */

static char error[QSN_SETTINGS_ERROR_SIZE];


static int
is_ours(const char *path)
{
    return strcmp(path, "/src/qasino") == 0;
}


static void
test_nginx_version(void **state)
{
    layout_t layout = { 0 };

    (void) state;

    nginx_find_read_version(&layout, "nginx version: nginx/1.22.1\n"
        "configure arguments: --modules-path=/m --with-stream=dynamic "
        "--with-stream_ssl_module --add-module=/src/other\n", is_ours);
    assert_string_equal(layout.nginx_modules, "/m");
    assert_false(layout.stream_built_in);
    assert_false(layout.module_built_in);

    nginx_find_read_version(&layout, "configure arguments: --with-stream "
        "--add-module=/src/other --add-module=/src/qasino\n", is_ours);
    assert_string_equal(layout.nginx_modules, "/usr/lib/nginx/modules");
    assert_true(layout.stream_built_in);
    assert_true(layout.module_built_in);

    nginx_find_read_version(&layout,
        "configure arguments: --add-dynamic-module=/src/qasino\n", is_ours);
    assert_false(layout.stream_built_in);
    assert_false(layout.module_built_in);

    layout_free(&layout);
}


static int
listen_on(int64_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
        || bind(fd, (struct sockaddr *) &address, sizeof(address)) == -1
        || listen(fd, 1) == -1)
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}


static void
test_ports(void **state)
{
    qsn_settings_t settings = { 0 };
    qsn_settings_t second = { 0 };
    listen_ports_t ports;
    listen_ports_t others;

    (void) state;

    /* all chosen, all different; https is off */
    assert_int_equal(listen_ports_reserve(&ports, &settings, 0, error), 0);
    assert_true(settings.http_port && settings.line_port
                && settings.zmq_port && settings.pubsub_port);
    assert_true(settings.http_port != settings.line_port
                && settings.zmq_port != settings.pubsub_port);
    assert_int_equal(settings.https_port, 0);

    /* a child can listen on a reserved port */
    assert_false(listen_ports_accepting(settings.http_port));

    int fd = listen_on(settings.http_port);

    assert_true(fd != -1);
    assert_true(listen_ports_accepting(settings.http_port));

    /* and another server then cannot */
    second.http_port = settings.http_port;
    assert_int_equal(listen_ports_reserve(&others, &second, 0, error), -1);
    assert_non_null(strstr(error, "--http-port"));
    assert_non_null(strstr(error, "already in use"));
    (void) close(fd);

    second.http_port = 1025;
    second.line_port = 1025;
    assert_int_equal(listen_ports_reserve(&others, &second, 0, error), -1);
    assert_non_null(strstr(error, "given twice"));

    listen_ports_release(&ports);
}


static void
test_options(void **state)
{
    char *argv[] = { (char *) "server", (char *) "-g", (char *) "2", NULL };
    qsn_settings_t settings = { .http_port = 1, .https_port = 2,
                                .zmq_port = 3, .pubsub_port = 4,
                                .line_port = 5 };
    options_t options;

    (void) state;

    options_create(&options, 3, argv);
    options_add_ports(&options, &settings);
    options_set_program(&options, "/worker");
    assert_false(options.failed);
    assert_int_equal(options.argc, 8);
    assert_string_equal(options.argv[0], "/worker");
    assert_string_equal(options.argv[2], "2");
    assert_string_equal(options.argv[3], "--http-port=1");
    assert_string_equal(options.argv[7], "--line-port=5");
    assert_null(options.argv[8]);
    options_destroy(&options);
}


/* What is there is replaced, or it stays. */
static void
test_write(void **state)
{
    char dir[] = "/tmp/qasino-launcher-XXXXXX";
    char path[sizeof(dir) + 8];
    qsn_buf_t text = { 0 };
    qsn_buf_t read = { 0 };
    struct rlimit all;

    (void) state;

    assert_non_null(mkdtemp(dir));
    (void) snprintf(path, sizeof(path), "%s/name", dir);
    qsn_buf_string(&text, "old");
    assert_int_equal(layout_write(dir, "name", &text, NULL, error), 0);
    qsn_buf_string(&text, "er text");

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);

    struct rlimit little = { .rlim_cur = 5, .rlim_max = all.rlim_max };

    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(layout_write(dir, "name", &text, NULL, error), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    (void) signal(SIGXFSZ, SIG_DFL);

    assert_int_equal(layout_read(path, &read, error), 0);
    assert_string_equal(qsn_buf_text(&read), "old");

    qsn_buf_clear(&read);
    assert_int_equal(layout_write(dir, "name", &text, NULL, error), 0);
    assert_int_equal(layout_read(path, &read, error), 0);
    assert_string_equal(qsn_buf_text(&read), "older text");

    qsn_buf_free(&read);
    qsn_buf_free(&text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);    /* nothing else was left in it */
}


static void
test_delay(void **state)
{
    int64_t delay = 0;
    int64_t total = 0;

    (void) state;

    assert_int_equal(child_next_delay(500, 10000), 0);

    for (int i = 0; i < 10; i++) {
        int64_t next = child_next_delay(delay, 0);

        assert_true(next > delay || next == CHILD_DELAY_MAX_MS);
        assert_true(next <= CHILD_DELAY_MAX_MS);
        delay = next;
        total += i < 5 ? delay : 0;
    }

    /* five deaths at once are over within a second */
    assert_true(total < 1000);
}


/* Buries the child's process when it ends. */
static int
bury(child_t *child)
{
    int status = -1;

    for (int i = 0; i < PATIENCE; i++) {
        siginfo_t info = { 0 };

        (void) waitid(P_PID, (id_t) child->pid, &info,
                      WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid) {
            child_end_orphans(child);
            (void) waitpid(child->pid, &status, 0);
            child_ended(child, child_clock());
            return status;
        }
        (void) poll(NULL, 0, 10);
    }

    return status;
}


static int
is_ready(child_t *child)
{
    for (int i = 0; i < PATIENCE && !child->ready; i++) {
        (void) child_read_ready(child, child_clock());
        (void) poll(NULL, 0, 10);
    }

    return child->ready;
}


static void
test_service(void **state)
{
    /* it is ready, and its child holds out against a polite word */
    char *argv[] = {
        (char *) "/bin/sh", (char *) "-c", (char *)
        "(trap '' TERM QUIT; while :; do sleep 0.05; done) &"
        "eval \"echo x >&$QASINO_READY_FD\"; wait", NULL
    };
    child_t child = {
        .name = "test", .argv = argv, .announces = 1, .ready_fd = -1,
        .quit_signal = SIGTERM, .orphan_signal = SIGQUIT
    };
    char how[64];

    (void) state;

    assert_int_equal(child_start(&child, child_clock()), 0);
    assert_true(is_ready(&child));
    assert_int_equal(getpgid(child.pid), child.pid);
    assert_false(child_is_gone(&child, child_clock()));

    /* kill -9: what it leaves behind is ended, by force in the end */
    assert_int_equal(kill(child.pid, SIGKILL), 0);

    int status = bury(&child);

    assert_string_equal(child_how_ended(status, how, sizeof(how)),
                        "killed by signal 9 (Killed)");
    assert_false(child_is_gone(&child, child_clock()));

    int gone = 0;

    for (int i = 0; i < PATIENCE && !gone; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
            /* orphans come to us: PR_SET_CHILD_SUBREAPER */
        }
        gone = child_is_gone(&child, child_clock());
        (void) poll(NULL, 0, 10);
    }

    assert_true(gone);

    /* and it starts again */
    assert_int_equal(child_start(&child, child_clock()), 0);
    assert_true(is_ready(&child));
    child_ask_to_end(&child, child_clock(), 0);
    status = bury(&child);
    assert_string_equal(child_how_ended(status, how, sizeof(how)),
                        "killed by signal 15 (Terminated)");
    (void) kill(-child.group, SIGKILL);
}


/* It stops before it is ready, and nothing polite moves it. */
static void
test_late(void **state)
{
    char *argv[] = { (char *) "/bin/sh", (char *) "-c",
                     (char *) "kill -STOP $$", NULL };
    child_t child = { .name = "test", .argv = argv, .announces = 1,
                      .ready_fd = -1, .quit_signal = SIGTERM,
                      .quit_ms = 1000, .orphan_signal = SIGKILL };
    const int64_t start = 1000000, late = start + CHILD_START_MS + 1;
    siginfo_t info;
    char how[64];

    (void) state;

    assert_int_equal(child_start(&child, start), 0);
    assert_int_equal(waitid(P_PID, (id_t) child.pid, &info,
                            WSTOPPED | WNOWAIT), 0);

    child_end_late(&child, late - 1);
    assert_int_equal(child.asked, 0);

    child_end_late(&child, late);
    assert_int_equal(child.asked, 1);

    /* too late to be ready: what has been begun goes on */
    child.ready = 1;
    child_end_late(&child, late + 999);
    assert_int_equal(child.asked, 1);
    child_end_late(&child, late + 1000);
    assert_int_equal(child.asked, 2);
    child_end_late(&child, late + 3000);
    assert_string_equal(child_how_ended(bury(&child), how, sizeof(how)),
                        "killed by signal 9 (Killed)");

    /* one that is dead, or ready, is none */
    child_end_late(&child, late + 10000);
    assert_int_equal(child.pid, 0);
    assert_int_equal(child_start(&child, start), 0);
    assert_int_equal(child.asked, 0);
    child.ready = 1;
    child_end_late(&child, late);
    assert_int_equal(child.asked, 0);
    assert_int_equal(kill(-child.group, SIGKILL), 0);
    (void) bury(&child);
}


static void
test_cannot_run(void **state)
{
    char *argv[] = { (char *) "/no/such/program", NULL };
    child_t child = { .name = "test", .argv = argv, .announces = 1,
                          .ready_fd = -1, .quit_signal = SIGTERM,
                          .orphan_signal = SIGTERM };

    (void) state;

    assert_int_equal(child_start(&child, child_clock()), 0);

    int status = bury(&child);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
    assert_false(child.ready);
    assert_true(child.delay_ms > 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nginx_version),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_cannot_run)
    };

    (void) prctl(PR_SET_CHILD_SUBREAPER, 1);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
