/* The views file.  What the log would say is not said. */

#include "views.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "qsn_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


void
qsn_log(const char *format, ...)
{
    (void) format;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uv_loop_t loop;
    char path[64];
    int file = memfd_create("views", MFD_CLOEXEC);

    if (file == -1 || write(file, data, size) != (ssize_t) size) {
        abort();
    }

    (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    (void) uv_loop_init(&loop);

    views_t *views = views_create(&loop, path);

    views_stop(views);
    (void) uv_run(&loop, UV_RUN_DEFAULT);
    views_destroy(views);

    if (uv_loop_close(&loop) != 0) {
        abort();
    }

    (void) close(file);

    return 0;
}
