/* pidfd_getfd(2), which takes what ptrace takes: we are the parent. */

#include "listening.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>


int
listening_take(pid_t pid, int *fds, int max)
{
    char path[64];
    struct dirent *entry;
    int count = 0;

    (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);

    int process = (int) syscall(SYS_pidfd_open, pid, 0);
    DIR *dir = process == -1 ? NULL : opendir(path);

    while (dir && count >= 0 && count < max
           && (entry = readdir(dir)) != NULL)
    {
        int listens = 0;
        socklen_t size = sizeof(listens);

        if (entry->d_name[0] == '.') {
            continue;
        }

        int fd = (int) syscall(SYS_pidfd_getfd, process,
                               atoi(entry->d_name), 0);

        if (fd == -1) {
            count = errno == EBADF ? count : -1;        /* closed just now */

        } else if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size)
                   == 0 && listens)
        {
            fds[count++] = fd;

        } else {
            (void) close(fd);
        }
    }

    int reason = errno;

    if (dir) {
        (void) closedir(dir);
    } else {
        count = -1;
    }

    if (process != -1) {
        (void) close(process);
    }

    errno = reason;

    return count;
}
