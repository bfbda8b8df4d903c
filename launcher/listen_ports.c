/*
 * Ports: first that no number is given twice, then one bind(2) a port and
 * family.  A number that the kernel chooses for IPv4 must be free for IPv6
 * too, else another is asked for.
 */

#include "listen_ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHOICES      20                 /* tries to find a free number */
#define RETRY_MS     50
#define CONNECT_MS   200

typedef struct {
    const char *option;
    int64_t *port;
    int ipv6;                   /* nginx listens on both families */
} wanted_t;

static size_t list_wanted(wanted_t *wanted, qsn_settings_t *settings);
static int check_twice(const wanted_t *wanted, size_t count, char *error);
static int reserve_one(listen_ports_t *ports, const wanted_t *wanted,
    int *patience_ms, char *error);
static int try_one(listen_ports_t *ports, int64_t *port, int ipv6);
static int bind_port(int family, int64_t *port);


int
listen_ports_reserve(listen_ports_t *ports, qsn_settings_t *settings,
    int patience_ms, char *error)
{
    wanted_t wanted[LISTEN_PORTS_MAX / 2];
    size_t count = list_wanted(wanted, settings);

    memset(ports, 0, sizeof(*ports));

    if (check_twice(wanted, count, error) != 0) {
        return -1;
    }

    for (size_t i = 0; i < count; i++) {
        if (reserve_one(ports, &wanted[i], &patience_ms, error) != 0) {
            listen_ports_release(ports);
            return -1;
        }
    }

    return 0;
}


void
listen_ports_release(listen_ports_t *ports)
{
    while (ports->count) {
        (void) close(ports->fds[--ports->count]);
    }
}


int
listen_ports_find(const listen_ports_t *ports, int64_t port)
{
    for (int i = 0; i < ports->count; i++) {
        struct sockaddr_in address = { 0 };
        socklen_t size = sizeof(address);

        if (getsockname(ports->fds[i], (struct sockaddr *) &address, &size)
            == 0
            && address.sin_family == AF_INET
            && ntohs(address.sin_port) == port)
        {
            return ports->fds[i];
        }
    }

    return -1;
}


int
listen_ports_ipv6(void)
{
    int64_t any = 0;
    int fd = bind_port(AF_INET6, &any);

    if (fd == -1) {
        return 0;
    }

    (void) close(fd);

    return 1;
}


int
listen_ports_accepting(int64_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t) port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    int failure = 0;
    socklen_t size = sizeof(failure);

    if (fd == -1) {
        return 0;
    }

    if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == -1) {
        if (errno != EINPROGRESS
            || poll(&poll_fd, 1, CONNECT_MS) != 1
            || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == -1)
        {
            failure = -1;
        }
    }

    (void) close(fd);

    return failure == 0;
}


/* The ports that will be open, given numbers first: a port that is chosen
   must not be one that a later option asks for. */
static size_t
list_wanted(wanted_t *wanted, qsn_settings_t *settings)
{
    const wanted_t all[] = {
        { "http-port", &settings->http_port, 1 },
        { "https-port", &settings->https_port, 1 },
        { "line-port", &settings->line_port, 1 },
        { "zmq-port", &settings->zmq_port, 0 },
        { "pubsub-port", &settings->pubsub_port, 0 }
    };
    size_t count = 0;

    for (int given = 1; given >= 0; given--) {
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            if (all[i].port == &settings->https_port && !settings->keys_dir) {
                continue;
            }

            if ((*all[i].port != 0) == given) {
                wanted[count++] = all[i];
            }
        }
    }

    return count;
}


/* Two bound sockets with SO_REUSEADDR do not see each other. */
static int
check_twice(const wanted_t *wanted, size_t count, char *error)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (*wanted[i].port && *wanted[i].port == *wanted[j].port) {
                (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                                "port %d is given twice (--%s and --%s)",
                                (int) *wanted[i].port, wanted[i].option,
                                wanted[j].option);
                return -1;
            }
        }
    }

    return 0;
}


static int
reserve_one(listen_ports_t *ports, const wanted_t *wanted, int *patience_ms,
    char *error)
{
    int64_t given = *wanted->port;
    int choices = CHOICES;

    while (try_one(ports, wanted->port, wanted->ipv6) != 0) {
        int reason = errno;

        *wanted->port = given;

        if (reason == EADDRINUSE && given == 0 && --choices > 0) {
            continue;
        }

        if (reason == EADDRINUSE && given && *patience_ms > 0) {
            (void) poll(NULL, 0, RETRY_MS);
            *patience_ms -= RETRY_MS;
            continue;
        }

        if (given == 0) {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "no free port for --%s: %s", wanted->option,
                            strerror(reason));
        } else {
            (void) snprintf(error, QSN_SETTINGS_ERROR_SIZE,
                            "cannot listen on port %d (--%s): %s",
                            (int) given, wanted->option,
                            reason == EADDRINUSE ? "it is already in use"
                            : reason == EACCES ? "only root may"
                            : strerror(reason));
        }

        return -1;
    }

    return 0;
}


/* 0, or -1 with errno; *port is then no longer what it was. */
static int
try_one(listen_ports_t *ports, int64_t *port, int ipv6)
{
    int fd = bind_port(AF_INET, port);

    if (fd == -1) {
        return -1;
    }

    if (ipv6 && listen_ports_ipv6()) {
        int fd6 = bind_port(AF_INET6, port);

        if (fd6 == -1) {
            int reason = errno;

            (void) close(fd);
            errno = reason;
            return -1;
        }

        ports->fds[ports->count++] = fd6;
    }

    ports->fds[ports->count++] = fd;

    return 0;
}


/* A socket bound to *port, which for 0 becomes the number it got. */
static int
bind_port(int family, int64_t *port)
{
    struct sockaddr_in in4 = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t) *port)
    };
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) *port)
    };
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *) &in4
                                                 : (struct sockaddr *) &in6;
    socklen_t size = family == AF_INET ? sizeof(in4) : sizeof(in6);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd == -1) {
        return -1;
    }

    /* a number that is to be chosen must be nobody's, not even reusable */
    if ((*port && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
        || (family == AF_INET6
            && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)))
        || bind(fd, address, size) == -1
        || getsockname(fd, address, &size) == -1
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
    {
        int reason = errno;

        (void) close(fd);
        errno = reason;
        return -1;
    }

    *port = ntohs(family == AF_INET ? in4.sin_port : in6.sin6_port);

    return fd;
}
