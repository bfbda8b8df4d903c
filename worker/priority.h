#ifndef PRIORITY_H
#define PRIORITY_H

/*
 * What the kernel's scheduler is told of a query process, beside those that
 * others wait for.  Nothing of it needs a privilege, but for less than the
 * worker's own niceness nothing can be had without one.
 */

#include <stddef.h>
#include <sys/types.h>

/* Whoever wakes up goes before the thread, and it runs on the last so many of
   the worker's cores; 0: on all but one. */
void priority_give_way(pid_t tid, size_t cores);

/* The same for good, with the share of that niceness. */
void priority_yield(pid_t tid, int niceness, size_t cores);

/* The thread, or all that the process has, as the worker itself. */
void priority_usual(pid_t tid);
void priority_usual_all(pid_t pid);

#endif
