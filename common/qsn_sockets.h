#ifndef QSN_SOCKETS_H
#define QSN_SOCKETS_H

/*
 * Listening sockets that a child of the launcher finds open: the launcher
 * keeps them for as long as it lives, so that who connects while the child
 * is away waits for the next one.
 */

/* Their descriptors, each followed by a semicolon: "6;7;". */
#define QSN_SOCKETS_ENV  "QASINO_SOCKETS"

/* Takes them, at most max, out of the environment; none of them survives an
   exec any more.  Returns how many there are. */
int qsn_sockets_take(int *fds, int max);

#endif
