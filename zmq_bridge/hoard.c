/*
 * The kernel knows how many bytes have come on each connection, libzmq the
 * descriptor of the one that a message came on.  Which descriptors are
 * clients nobody says: all are asked, and only TCP sockets answer.
 */

#include "hoard.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qsn_clock.h"
#include "qsn_log.h"

#define MESSAGES      8         /* times zmq_max_message, all clients */
#define OWN_MEMORY    (256u * 1024 * 1024)
#define OF_CLIENT     (64u * 1024)      /* libzmq's for each */
#define LEAST_CUT     (64u * 1024)      /* bytes sent: who has less may stay */
#define FD_MAX        (1 << 20)
#define LISTENING     10        /* TCP_LISTEN of <netinet/tcp.h> */

static size_t resident(const hoard_t *hoard);
static size_t allowed(const hoard_t *hoard, size_t clients);
static int find_largest(const hoard_t *hoard, size_t clients,
    uint64_t *largest);
static void cut_off(int fd);
static int64_t received(int fd);


void
hoard_open(hoard_t *hoard, const qsn_settings_t *settings)
{
    memset(hoard, 0, sizeof(*hoard));
    hoard->all = MESSAGES * (size_t) settings->zmq_max_message;
    hoard->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (hoard->statm == -1) {
        qsn_log("without /proc clients may fill the memory");
    }
}


void
hoard_close(hoard_t *hoard)
{
    free(hoard->taken);

    if (hoard->statm > 0) {
        (void) close(hoard->statm);
    }

    hoard->taken = NULL;
    hoard->taken_count = 0;
    hoard->statm = -1;
}


void
hoard_taken(hoard_t *hoard, int fd)
{
    size_t number = (size_t) fd;
    int64_t bytes;

    if (fd < 0 || fd >= FD_MAX || (bytes = received(fd)) < 0) {
        return;
    }

    if (number >= hoard->taken_count) {
        size_t count = 2 * number + 1;
        uint64_t *taken = realloc(hoard->taken, count * sizeof(*taken));

        if (taken == NULL) {
            return;
        }

        memset(taken + hoard->taken_count, 0,
               (count - hoard->taken_count) * sizeof(*taken));
        hoard->taken = taken;
        hoard->taken_count = count;
    }

    hoard->taken[number] = (uint64_t) bytes;
}


int
hoard_is_too_large(hoard_t *hoard, size_t clients)
{
    uint64_t now = qsn_clock_monotonic_ms();

    if (clients == 0 || hoard->statm == -1 || now < hoard->look_ms) {
        return 0;
    }

    hoard->look_ms = now + HOARD_LOOK_MS;

    return resident(hoard) > allowed(hoard, clients);
}


void
hoard_cut(hoard_t *hoard, size_t clients, size_t ours)
{
    uint64_t largest;

    (void) malloc_trim(0);      /* what is free does not count */

    if (resident(hoard) <= allowed(hoard, clients) + ours) {
        return;
    }

    int fd = find_largest(hoard, clients, &largest);

    if (fd != -1) {
        qsn_log("a ZeroMQ client is cut off: what clients are sending fills "
                "the memory kept for it (%d times zmq_max_message), and it "
                "has sent %llu bytes of a message that is not whole",
                MESSAGES, (unsigned long long) largest);
        cut_off(fd);
    }
}


long
hoard_timeout(const hoard_t *hoard, size_t clients)
{
    uint64_t now = qsn_clock_monotonic_ms();

    if (clients == 0 || hoard->statm == -1) {
        return -1;
    }

    return now < hoard->look_ms ? (long) (hoard->look_ms - now) : 0;
}


/* Bytes; 0: it is not known. */
static size_t
resident(const hoard_t *hoard)
{
    char text[128] = "";
    unsigned long pages = 0;

    if (pread(hoard->statm, text, sizeof(text) - 1, 0) <= 0
        || sscanf(text, "%*u %lu", &pages) != 1)
    {
        return 0;
    }

    return pages * (size_t) sysconf(_SC_PAGESIZE);
}


static size_t
allowed(const hoard_t *hoard, size_t clients)
{
    return OWN_MEMORY + hoard->all + clients * OF_CLIENT;
}


/* -1: nobody has sent much. */
static int
find_largest(const hoard_t *hoard, size_t clients, uint64_t *largest)
{
    int found = -1;

    *largest = LEAST_CUT;

    for (int fd = 3; fd < FD_MAX && clients > 0; fd++) {
        int64_t bytes = received(fd);

        if (bytes < 0) {
            continue;
        }

        uint64_t all = (uint64_t) bytes;
        uint64_t taken = (size_t) fd < hoard->taken_count ? hoard->taken[fd]
                                                          : 0;

        /* of another client, who had that descriptor before */
        taken = taken > all ? 0 : taken;
        clients--;

        if (all - taken > *largest) {
            *largest = all - taken;
            found = fd;
        }
    }

    return found;
}


/* libzmq closes it, which is a reset then: who is in the middle of sending
   would take a mere end for a peer that does not read for a while. */
static void
cut_off(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    (void) shutdown(fd, SHUT_RDWR);
}


/* -1: it is no connection. */
static int64_t
received(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
           && size >= offsetof(struct tcp_info, tcpi_bytes_received)
                      + sizeof(info.tcpi_bytes_received)
           && info.tcpi_state != LISTENING
           ? (int64_t) info.tcpi_bytes_received : -1;
}
