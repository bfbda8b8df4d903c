#ifndef PRIORITY_H
#define PRIORITY_H

/*
 * What the kernel's scheduler is told of a query process, beside those that
 * others wait for.  Nothing of it needs a privilege, but for less than the
 * worker's own niceness nothing can be had without one.
 */

#include <stddef.h>
#include <sys/types.h>

/* One that begins: whoever wakes up goes before it. */
void priority_begin(pid_t pid);

/* All its threads as the worker itself. */
void priority_usual(pid_t pid);

/* Whoever wakes up goes before it, it gets the share of that niceness, and it
   runs on the last so many of the worker's cores; 0: on all but one. */
void priority_yield(pid_t pid, int niceness, size_t cores);

#endif
