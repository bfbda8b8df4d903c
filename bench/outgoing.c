#include "outgoing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>


void
outgoing_set(outgoing_t *outgoing, const struct iovec *parts, int count)
{
    memcpy(outgoing->parts, parts, (size_t) count * sizeof(*parts));
    outgoing->count = count;
}


int
outgoing_write(outgoing_t *outgoing, int fd)
{
    struct iovec *parts = outgoing->parts;

    while (outgoing->count) {
        struct msghdr message = {
            .msg_iov = parts, .msg_iovlen = (size_t) outgoing->count
        };
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);

        if (sent < 0) {
            /* ENOTCONN: still connecting */
            return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
        }

        while (outgoing->count && (size_t) sent >= parts[0].iov_len) {
            sent -= (ssize_t) parts[0].iov_len;
            outgoing->count--;
            memmove(parts, parts + 1,
                    (size_t) outgoing->count * sizeof(parts[0]));
        }

        if (outgoing->count) {
            parts[0].iov_base = (char *) parts[0].iov_base + sent;
            parts[0].iov_len -= (size_t) sent;
        }
    }

    return 0;
}
