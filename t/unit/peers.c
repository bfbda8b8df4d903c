/* peers.c: connections of nginx, and who of them is listened to. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "peers.h"

#define PEERS_MAX  200          /* as in peers.c */
#define MUCH       (4 * 1024 * 1024)

static peers_t *peers;
static qsn_counts_t counts;
static int worker[2];           /* ours, the peers' */
static char taken[256];         /* what peers said, each in brackets */


/* For the life of a process. */
static int
create_peers(void **state)
{
    (void) state;

    peers = peers_create(&counts);

    return peers == NULL;
}


static int
open_worker(void **state)
{
    (void) state;

    taken[0] = '\0';
    counts.ended = 0;

    return socketpair(AF_UNIX, SOCK_STREAM, 0, worker);
}


/* Our end of a new peer; *its: the other. */
static int
add_peer(int *its)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    peers_add(peers, ends[1]);

    if (its) {
        *its = ends[1];
    }

    return ends[0];
}


static void
say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}


static void
on_input(void *data, peer_t *peer)
{
    size_t used = strlen(taken);

    (void) snprintf(taken + used, sizeof(taken) - used, "[%.*s]",
                    (int) peer->input.length,
                    peer->input.data ? peer->input.data : "");
    qsn_buf_clear(&peer->input);

    if (data) {
        *(peer_t **) data = peer;
    }
}


static void
assert_taken(const char *expected)
{
    assert_string_equal(taken, expected);
    taken[0] = '\0';
}


/* Looks once, without waiting: the worker has always something to say. */
static peer_t *
look(void)
{
    peer_t *peer = NULL;

    assert_int_equal(peers_wait(peers, worker[1], on_input, &peer), 1);

    return peer;
}


/* The peers of a test have left. */
static int
forget_peers(void **state)
{
    (void) state;

    say(worker[0], "!");
    (void) look();
    (void) look();
    (void) look();
    (void) close(worker[0]);
    (void) close(worker[1]);

    return 0;
}


static int
is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}


static void
test_input(void **state)
{
    int a = add_peer(NULL);
    int b = add_peer(NULL);

    (void) state;

    say(a, "one");
    assert_int_equal(peers_wait(peers, worker[1], on_input, NULL), 0);
    assert_taken("[one]");

    say(a, "two");
    say(b, "two");
    assert_int_equal(peers_wait(peers, worker[1], on_input, NULL), 0);
    assert_taken("[two][two]");

    say(worker[0], "worker");
    assert_int_equal(peers_wait(peers, worker[1], on_input, NULL), 1);
    assert_taken("");

    say(b, "three");
    assert_int_equal(peers_wait(peers, worker[1], on_input, NULL), 1);
    assert_taken("[three]");

    (void) close(a);
    (void) close(b);
}


/* What is not taken at once is there with the next. */
static void
leave_it(void *data, peer_t *peer)
{
    (void) data;
    assert_true(peer->input.length == 4);
}


static void
test_rest_of_input(void **state)
{
    int a = add_peer(NULL);

    (void) state;

    say(a, "half");
    assert_int_equal(peers_wait(peers, worker[1], leave_it, NULL), 0);
    say(a, " and half");
    assert_int_equal(peers_wait(peers, worker[1], on_input, NULL), 0);
    assert_taken("[half and half]");

    (void) close(a);
}


static void *
wait_thread(void *data)
{
    *(int *) data = peers_wait(peers, worker[1], on_input, NULL);

    return NULL;
}


/* The frame that brings it wakes whoever waits. */
static void
test_added_while_waiting(void **state)
{
    pthread_t thread;
    int worker_spoke = 0;

    (void) state;

    assert_int_equal(pthread_create(&thread, NULL, wait_thread,
                                    &worker_spoke), 0);

    int a = add_peer(NULL);

    say(a, "early");
    say(worker[0], "frame");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(worker_spoke, 1);

    if (taken[0] == '\0') {     /* the thread was there before the peer */
        (void) look();
    }

    assert_taken("[early]");

    (void) close(a);
}


static void
test_broken(void **state)
{
    int its[3];
    int ours[3];

    (void) state;

    for (int i = 0; i < 3; i++) {
        ours[i] = add_peer(&its[i]);
    }

    say(worker[0], "!");
    (void) look();

    /* the other side has gone: what came before is still to be taken */
    say(ours[0], "last");
    (void) close(ours[0]);
    (void) look();
    assert_taken("[last]");
    (void) look();
    assert_taken("[]");
    assert_true(is_open(its[0]));       /* until nobody has its answers */
    (void) look();
    assert_false(is_open(its[0]));

    /* whoever took it does not want it */
    say(ours[1], "junk");

    peer_t *peer = look();

    assert_taken("[junk]");
    assert_int_equal(peer->fd, its[1]);
    peer->broken = 1;
    (void) look();
    assert_false(is_open(its[1]));

    /* the last has changed its place twice */
    say(ours[2], "well");
    (void) look();
    assert_taken("[well]");
    assert_true(is_open(its[2]));
    assert_int_equal(counts.ended, 2);

    (void) close(ours[1]);
    (void) close(ours[2]);
}


/* Gives a peer that has said something an answer of that size. */
static void
answer(int fd, size_t size)
{
    char *bytes = malloc(size);
    struct iovec part = { bytes, size };

    assert_non_null(bytes);
    memset(bytes, 'x', size);
    say(fd, "ask");

    peer_t *peer = look();

    assert_taken("[ask]");
    outlet_put(peer->outlet, &part, 1, 0);
    peers_flush(peers, 1);
    free(bytes);
}


static size_t
read_some(int fd)
{
    char bytes[65536];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    return n > 0 ? (size_t) n : 0;
}


static void
test_held_output(void **state)
{
    int a = add_peer(NULL);
    int b = add_peer(NULL);

    (void) state;

    say(worker[0], "!");
    answer(a, MUCH);

    /* it is not listened to, others are */
    say(a, "more");
    say(b, "other");
    (void) look();
    (void) look();
    assert_taken("[other]");

    /* it reads, and what is held follows */
    for (size_t got = 0; got < MUCH; /* void */) {
        size_t n = read_some(a);

        got += n;
        assert_true(got <= MUCH);

        if (got < MUCH && n == 0) {
            assert_taken("");
            (void) look();
        }
    }

    (void) look();
    (void) look();
    assert_taken("[more]");
    assert_int_equal(read_some(a), 0);

    (void) close(a);
    (void) close(b);
}


static void
test_too_much_held(void **state)
{
    int its;
    int a = add_peer(&its);
    int b = add_peer(NULL);

    (void) state;

    say(worker[0], "!");
    answer(b, 1);
    answer(a, OUTLET_HOLD_BYTES + 1);
    (void) look();
    assert_false(is_open(its));
    answer(b, OUTLET_HOLD_BYTES);       /* that is not too much */
    (void) look();
    assert_true(read_some(b) > 0);

    (void) close(a);
    (void) close(b);
}


/* The one whose answer nobody can get. */
static void
test_gone_with_answer(void **state)
{
    int its;
    int a = add_peer(&its);

    (void) state;

    say(worker[0], "!");
    answer(a, MUCH);
    (void) close(a);
    (void) look();
    (void) look();
    (void) look();
    assert_false(is_open(its));
}


static void
test_limit(void **state)
{
    int ours[PEERS_MAX + 1];
    int its[PEERS_MAX + 1];

    (void) state;

    /* more than have room before anybody looks */
    for (int i = 0; i <= PEERS_MAX; i++) {
        ours[i] = add_peer(&its[i]);
    }

    assert_true(is_open(its[PEERS_MAX - 1]));
    assert_false(is_open(its[PEERS_MAX]));
    (void) close(ours[PEERS_MAX]);

    say(worker[0], "!");
    (void) look();

    /* and one after */
    int more = add_peer(&its[PEERS_MAX]);

    (void) look();
    assert_false(is_open(its[PEERS_MAX]));
    assert_int_equal(counts.ended, 2);
    (void) close(more);

    /* one goes, and its place is free: for the one that comes next */
    (void) close(ours[7]);
    (void) look();
    (void) look();
    assert_taken("[]");

    int next = add_peer(NULL);

    say(next, "next");
    (void) look();
    assert_taken("[next]");

    for (int i = 0; i < PEERS_MAX; i++) {
        if (i != 7) {
            (void) close(ours[i]);
        }
    }

    (void) close(next);
}


#define test(name)                                                            \
    cmocka_unit_test_setup_teardown(name, open_worker, forget_peers)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_input),
        test(test_rest_of_input),
        test(test_added_while_waiting),
        test(test_broken),
        test(test_held_output),
        test(test_too_much_held),
        test(test_gone_with_answer),
        test(test_limit)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, create_peers, NULL);
}
