#ifndef PRIORITY_H
#define PRIORITY_H

/*
 * What the kernel's scheduler is told of a query process, beside those that
 * others wait for.  Nothing of it needs a privilege, but for less than the
 * worker's own niceness nothing can be had without one.
 */

#include <sys/types.h>

/* One that begins: whoever wakes up goes before it. */
void priority_begin(pid_t pid);

/* As the worker itself. */
void priority_usual(pid_t pid);

/* Whoever wakes up goes before it, and it gets the share of that niceness. */
void priority_yield(pid_t pid, int niceness);

#endif
