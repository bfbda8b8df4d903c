/* One poll() for the worker and all of them: there are few. */

#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qsn_log.h"

#define PEERS_MAX  200          /* confine.c allows a few descriptors more */
#define READ_SIZE  (64 * 1024)

struct peers_s {
    peer_t peers[PEERS_MAX];
    size_t count;
    qsn_counts_t *counts;
    struct pollfd polled[PEERS_MAX + 1];

    pthread_mutex_t mutex;      /* for all below */
    int added[PEERS_MAX];
    size_t added_count;
};

static void take_added(peers_t *peers);
static int create_peer(peer_t *peer, int fd);
static void end(peers_t *peers, int fd);
static void drop_broken(peers_t *peers);
static void read_peer(peer_t *peer);


peers_t *
peers_create(qsn_counts_t *counts)
{
    peers_t *peers = calloc(1, sizeof(*peers));

    if (peers) {
        peers->counts = counts;
        (void) pthread_mutex_init(&peers->mutex, NULL);
    }

    return peers;
}


void
peers_add(peers_t *peers, int fd)
{
    (void) pthread_mutex_lock(&peers->mutex);

    if (peers->added_count < PEERS_MAX) {
        peers->added[peers->added_count++] = fd;
        fd = -1;
    }

    (void) pthread_mutex_unlock(&peers->mutex);

    if (fd != -1) {
        end(peers, fd);
    }
}


int
peers_wait(peers_t *peers, int fd, void (*take)(void *data, peer_t *peer),
    void *data)
{
    struct pollfd *polled = peers->polled;

    take_added(peers);
    drop_broken(peers);

    for (size_t i = 0; i < peers->count; i++) {
        polled[i].fd = peers->peers[i].fd;
        polled[i].events = outlet_holds(peers->peers[i].outlet)
                           ? POLLOUT : POLLIN;
    }

    polled[peers->count].fd = fd;
    polled[peers->count].events = POLLIN;

    if (poll(polled, peers->count + 1, -1) == -1) {
        return 0;
    }

    for (size_t i = 0; i < peers->count; i++) {
        peer_t *peer = &peers->peers[i];

        if (polled[i].revents & POLLOUT) {
            outlet_flush(peer->outlet, 1);

        } else if (polled[i].revents) {
            read_peer(peer);
            take(data, peer);
        }
    }

    return polled[peers->count].revents != 0;
}


void
peers_flush(peers_t *peers, int all)
{
    for (size_t i = 0; i < peers->count; i++) {
        outlet_flush(peers->peers[i].outlet, all);
    }
}


void
peers_nudge(peers_t *peers)
{
    for (size_t i = 0; i < peers->count; i++) {
        (void) outlet_nudge(peers->peers[i].outlet);
    }
}


static void
take_added(peers_t *peers)
{
    (void) pthread_mutex_lock(&peers->mutex);

    while (peers->added_count > 0) {
        int fd = peers->added[--peers->added_count];

        if (peers->count == PEERS_MAX
            || create_peer(&peers->peers[peers->count], fd) == -1)
        {
            end(peers, fd);
        } else {
            peers->count++;
        }
    }

    (void) pthread_mutex_unlock(&peers->mutex);
}


static int
create_peer(peer_t *peer, int fd)
{
    outlet_t *outlet = outlet_create(fd, 0);

    if (outlet == NULL) {
        return -1;
    }

    (void) fcntl(fd, F_SETFL, O_NONBLOCK);
    *peer = (peer_t) { .fd = fd, .outlet = outlet };

    return 0;
}


static void
end(peers_t *peers, int fd)
{
    (void) close(fd);
    atomic_fetch_add_explicit(&peers->counts->ended, 1, memory_order_relaxed);
}


static void
drop_broken(peers_t *peers)
{
    for (size_t i = 0; i < peers->count; /* void */) {
        peer_t *peer = &peers->peers[i];

        if (!peer->broken && !outlet_broken(peer->outlet)) {
            i++;
            continue;
        }

        end(peers, peer->fd);
        qsn_buf_free(&peer->input);
        outlet_destroy(peer->outlet);
        *peer = peers->peers[--peers->count];
    }
}


static void
read_peer(peer_t *peer)
{
    char *room = qsn_buf_reserve(&peer->input, READ_SIZE);
    ssize_t n = room ? read(peer->fd, room, READ_SIZE) : 0;

    if (n > 0) {
        qsn_buf_commit(&peer->input, (size_t) n);

    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        peer->broken = 1;
    }
}
