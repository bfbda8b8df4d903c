#ifndef LINE_H
#define LINE_H

/*
 * The line socket, behind nginx's stream proxy on the line port: SQL in
 * lines, text tables back, for telnet and scripts.
 */

#include "worker.h"

/* Starts listening: 0 or a libuv error. */
int line_listen(worker_t *worker);

/* Closes the listener and all sessions. */
void line_close_all(worker_t *worker);

#endif
