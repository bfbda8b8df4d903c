#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

/* What the worker's sockets have in common. */

#include "worker.h"

/* Listens on <run_dir>/name, in place of a socket that a dead worker left:
   0 or a libuv error.  listener->data is the worker. */
int unix_socket_listen(worker_t *worker, uv_pipe_t *listener,
    const char *name, uv_connection_cb on_connection);

/* For uv_read_start(): one buffer serves all who consume or copy what they
   read before they return. */
void unix_socket_buffer(uv_handle_t *handle, size_t hint, uv_buf_t *buf);

#endif
