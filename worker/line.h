#ifndef LINE_H
#define LINE_H

/*
 * The line socket, behind nginx's stream proxy on the line port: SQL in
 * lines, text tables back, for telnet and scripts.
 */

#include "handover.h"

/* Starts listening: 0 or a libuv error. */
int line_listen(worker_t *worker);

/* As connection_all_quiet() and connection_adopt(). */
int line_all_quiet(void);
void line_adopt(worker_t *worker, const handover_item_t *item,
    const char *data);

/* Closes the listener and all sessions. */
void line_close_all(worker_t *worker);

#endif
