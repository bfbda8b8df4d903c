#ifndef LINE_SOCKET_H
#define LINE_SOCKET_H

/*
 * The socket that the worker takes lines from.  The launcher keeps it open:
 * a connection that no worker has accepted yet outlives the worker, and is
 * the next one's.
 */

/* One without a name, which the worker gives it; -1 with errno. */
int line_socket_create(void);

/* Says to all that wait there that the worker is away, and closes them. */
void line_socket_turn_away(int fd);

#endif
