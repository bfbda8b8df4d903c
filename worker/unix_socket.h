#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

/* What the worker's sockets have in common. */

#include "handover.h"
#include "worker.h"

/* Listens on <run_dir>/name, with the socket of the program before (kind),
   for lines with the launcher's if there is one, or in place of one that a
   dead worker left: 0 or a libuv error.
   listener->data is the worker. */
int unix_socket_listen(worker_t *worker, uv_pipe_t *listener,
    const char *name, enum handover_kind kind,
    uv_connection_cb on_connection);

/* Closes it, or leaves it to the next program. */
void unix_socket_unlisten(worker_t *worker, uv_pipe_t *listener);

/*
 * Accepts into pipe, which has been initialized: 0, or -1 and the pipe is to
 * be closed.  Whoever is neither root, nor our own user, nor in socket_group
 * is turned away, and so is everybody while few descriptors are left: these
 * are for generations and query processes.
 */
int unix_socket_accept(const worker_t *worker, uv_stream_t *listener,
    uv_pipe_t *pipe);

/* For uv_read_start(): one buffer serves all who consume or copy what they
   read before they return. */
void unix_socket_buffer(uv_handle_t *handle, size_t hint, uv_buf_t *buf);

#endif
