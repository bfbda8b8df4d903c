/* Listening, and the one read buffer of the loop. */

#include "unix_socket.h"

#include <stdio.h>

#define BACKLOG    1024
#define READ_SIZE  (256 * 1024)


int
unix_socket_listen(worker_t *worker, uv_pipe_t *listener, const char *name,
    uv_connection_cb on_connection)
{
    char path[QSN_RUN_DIR_MAX + 32];
    uv_fs_t unlinked;

    (void) snprintf(path, sizeof(path), "%s/%s", worker->settings.run_dir,
                    name);
    (void) uv_fs_unlink(&worker->loop, &unlinked, path, NULL);
    uv_fs_req_cleanup(&unlinked);

    (void) uv_pipe_init(&worker->loop, listener, 0);
    listener->data = worker;

    int rc = uv_pipe_bind(listener, path);

    if (rc == 0) {
        rc = uv_listen((uv_stream_t *) listener, BACKLOG, on_connection);
    }

    return rc;
}


void
unix_socket_buffer(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    static char shared[READ_SIZE];

    (void) handle;
    (void) hint;

    *buf = uv_buf_init(shared, sizeof(shared));
}
