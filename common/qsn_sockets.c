#include "qsn_sockets.h"

#include <fcntl.h>
#include <stdlib.h>


int
qsn_sockets_take(int *fds, int max)
{
    const char *text = getenv(QSN_SOCKETS_ENV);
    char *end;
    int count = 0;

    while (text && *text && count < max) {
        long fd = strtol(text, &end, 10);

        if (end == text || *end != ';'
            || fcntl((int) fd, F_SETFD, FD_CLOEXEC) == -1)
        {
            break;
        }

        fds[count++] = (int) fd;
        text = end + 1;
    }

    (void) unsetenv(QSN_SOCKETS_ENV);

    return count;
}
