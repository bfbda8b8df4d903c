/* The connection to the worker, against a listener in this process. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker_link.h"

static char dir[] = "/tmp/qasino-link-XXXXXX";
static char path[64];
static int listener;
static worker_link_t peer;      /* large: not on the stack */

static int
setup(void **state)
{
    (void) state;

    return mkdtemp(dir) == NULL
           || snprintf(path, sizeof(path), "%s/worker.sock", dir) < 0;
}


static int
teardown(void **state)
{
    (void) state;
    (void) unlink(path);

    return rmdir(dir);
}


static void
listen_there(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    (void) strcpy(address.sun_path, path);
    (void) unlink(path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *) &address,
                          sizeof(address)), 0);
    assert_int_equal(listen(listener, 5), 0);
}


/* Connects, waiting for the retry where one is due. */

static int
connect_there(void)
{
    while (!worker_link_connect(&peer)) {
        (void) poll(NULL, 0, (int) worker_link_timeout(&peer));
    }

    return accept(listener, NULL, NULL);
}


static void
wait_readable(void)
{
    struct pollfd item = { .fd = peer.fd, .events = POLLIN };

    (void) poll(&item, 1, -1);
}


static void
test_away(void **state)
{
    (void) state;

    worker_link_init(&peer, path, "test");
    assert_false(worker_link_is_up(&peer));
    assert_int_equal(worker_link_timeout(&peer), 0);
    assert_int_equal(worker_link_connect(&peer), 0);
    assert_false(worker_link_is_up(&peer));
    assert_true(worker_link_timeout(&peer) > 0);
    assert_int_equal(worker_link_next(&peer), WORKER_LINK_IDLE);

    listen_there();
    int fd = connect_there();

    assert_true(worker_link_is_up(&peer));
    assert_int_equal(worker_link_timeout(&peer), -1);
    assert_int_equal(worker_link_next(&peer), WORKER_LINK_IDLE);

    /* a connection that brought nothing earns no immediate retry */
    (void) close(fd);
    wait_readable();
    assert_int_equal(worker_link_next(&peer), WORKER_LINK_LOST);
    assert_true(worker_link_timeout(&peer) > 0);

    worker_link_close(&peer);
    (void) close(listener);
}


static void
test_good_connection_is_retried_at_once(void **state)
{
    uint8_t bytes[QSN_FRAME_HEADER_SIZE];
    const qsn_frame_t frame = { .type = QSN_FRAME_RESPONSE, .id = 1 };

    (void) state;

    listen_there();
    worker_link_init(&peer, path, "test");

    int fd = connect_there();

    qsn_frame_encode(bytes, &frame);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    (void) close(fd);
    wait_readable();

    assert_int_equal(worker_link_next(&peer), WORKER_LINK_HEAD);
    assert_int_equal(peer.parser.frame.id, 1);
    assert_int_equal(worker_link_next(&peer), WORKER_LINK_END);
    assert_int_equal(worker_link_next(&peer), WORKER_LINK_LOST);
    assert_int_equal(worker_link_timeout(&peer), 0);

    worker_link_close(&peer);
    (void) close(listener);
}


static void
test_garbage(void **state)
{
    static const char garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\nnot frames";

    (void) state;

    listen_there();
    worker_link_init(&peer, path, "test");

    int fd = connect_there();

    assert_true(write(fd, garbage, sizeof(garbage)) > 0);
    wait_readable();
    assert_int_equal(worker_link_next(&peer), WORKER_LINK_LOST);
    assert_false(worker_link_is_up(&peer));
    assert_true(worker_link_timeout(&peer) > 0);

    (void) close(fd);
    worker_link_close(&peer);
    (void) close(listener);
}


/* Frames of all sizes into a socket that takes little at a time. */

static void
test_backlog(void **state)
{
    enum { FRAMES = 300, LARGEST = 300 * 1000 };
    char *body = malloc(LARGEST);
    qsn_frame_parser_t parser = { 0 };
    uint8_t window[5000];
    int ended = 0;
    uint64_t sum = 0, sent = 0;

    (void) state;

    listen_there();
    worker_link_init(&peer, path, "test");

    int fd = connect_there();

    memset(body, 'b', LARGEST);
    qsn_frame_parser_reset(&parser);

    for (int made = 0; ended < FRAMES; /* void */) {
        if (made < FRAMES && worker_link_backlog(&peer) < 256 * 1024) {
            qsn_frame_t frame = {
                .type = QSN_FRAME_REQUEST, .id = (uint64_t) made,
                .body_length = (uint64_t) made * 1000
            };

            worker_link_send(&peer, &frame, NULL, body);
            sent += frame.body_length;
            made++;
        }

        worker_link_flush(&peer);

        if (made < FRAMES && worker_link_backlog(&peer) < 256 * 1024) {
            continue;
        }

        ssize_t n = recv(fd, window, sizeof(window), MSG_DONTWAIT);

        if (n <= 0) {
            continue;
        }

        enum qsn_frame_parser_event event;

        qsn_frame_parser_feed(&parser, window, (size_t) n);

        while ((event = qsn_frame_parser_next(&parser))
               != QSN_FRAME_PARSER_HUNGRY)
        {
            assert_int_not_equal(event, QSN_FRAME_PARSER_BROKEN);

            if (event == QSN_FRAME_PARSER_BODY) {
                assert_memory_equal(parser.piece, body, parser.piece_length);
                sum += parser.piece_length;

            } else if (event == QSN_FRAME_PARSER_END) {
                assert_int_equal(parser.frame.id, ended);
                ended++;
            }
        }
    }

    assert_int_equal(sum, sent);
    assert_int_equal(worker_link_backlog(&peer), 0);

    qsn_frame_parser_free(&parser);
    free(body);
    (void) close(fd);
    worker_link_close(&peer);
    (void) close(listener);
}


/* A flood does not keep the owner from its other work. */

static void
test_turns(void **state)
{
    uint8_t bytes[QSN_FRAME_HEADER_SIZE];
    const qsn_frame_t frame = { .type = QSN_FRAME_DATA, .id = 1,
                                .body_length = QSN_FRAME_BODY_MAX };
    static uint8_t zeros[16 * 1024];
    size_t read = 0;
    int turns = 0;

    (void) state;

    listen_there();
    worker_link_init(&peer, path, "test");

    int fd = connect_there();

    qsn_frame_encode(bytes, &frame);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));

    while (turns < 3) {
        (void) send(fd, zeros, sizeof(zeros), MSG_DONTWAIT);

        switch (worker_link_next(&peer)) {
        case WORKER_LINK_IDLE:
            turns++;
            break;
        case WORKER_LINK_BODY:
            read += peer.parser.piece_length;
            assert_true(read <= 4 * 1024 * 1024);
            break;
        default:
            break;
        }
    }

    (void) close(fd);
    worker_link_close(&peer);
    (void) close(listener);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_good_connection_is_retried_at_once),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_turns)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
