#ifndef UPGRADE_H
#define UPGRADE_H

/*
 * Another process in the place of a child that goes on meanwhile, on the
 * same sockets: the old one is asked to end when the new one is up, and
 * finishes what it has begun; it stays what it is when the new one fails.
 */

#include "child.h"

typedef struct {
    child_t *child;             /* the one that counts */
    child_t old;                /* pid 0: none is being replaced */
    int asked;                  /* the old one, to end */
} upgrade_t;

enum upgrade_end { UPGRADE_NONE, UPGRADE_DONE, UPGRADE_FAILED };

/* Starts the program that stands where the child's came from, with these
   sockets.  0, or -1 after logging why: all is as before. */
int upgrade_begin(upgrade_t *upgrade, const int *sockets, int count);

/* The new one is up. */
void upgrade_end_old(upgrade_t *upgrade);

/* The server stops: the old one gets no time any more. */
void upgrade_give_up(const upgrade_t *upgrade, int hurry);

/* What the death of a process, which is not reaped yet, means.  FAILED: it
   was the new one, and the old one is the child again. */
enum upgrade_end upgrade_died(upgrade_t *upgrade, pid_t pid);

#endif
