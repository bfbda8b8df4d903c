#ifndef LISTENING_H
#define LISTENING_H

/* The sockets that another process listens on, for its successor. */

#include <sys/types.h>

/*
 * Duplicates of them, at most max, closed by exec.  Returns how many, or -1
 * with errno: the kernel or its policy does not let us.
 */
int listening_take(pid_t pid, int *fds, int max);

#endif
