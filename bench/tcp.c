#include "tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


struct sockaddr_in
tcp_address(const char *address, unsigned port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t) port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
    };

    if (address && inet_pton(AF_INET, address, &name.sin_addr) != 1) {
        (void) fprintf(stderr, "bench: no IPv4 address: %s\n", address);
        exit(2);
    }

    return name;
}


int
tcp_open(const struct sockaddr_in *to, const struct sockaddr_in *from)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }

    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    if ((from && bind(fd, (const struct sockaddr *) from, sizeof(*from)) != 0)
        || (connect(fd, (const struct sockaddr *) to, sizeof(*to)) != 0
            && errno != EINPROGRESS))
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}
