/*
 * To give its pages back takes 12 ms for 100 MB, and whoever has had its
 * share of the core before waits for it then, whatever the priorities: 4 to
 * 8 ms were seen.  So the file loses its name first and its pages a few at a
 * time, with the core left to others in between.
 *
 * That is for a file that nobody else has open.  A query process has the old
 * one for a moment after it said that it serves the new one.
 */

#include "removal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "background.h"
#include "generation.h"

#define SLICE     (512 * 1024)          /* 0.1 ms */
#define PAUSE_US  500           /* a GB takes a good second */
#define TRIES     50
#define RETRY_US  10000

static void run_removal(void *path);
static int is_only_ours(int fd);
static void cut(int fd, off_t left);


void
removal_begin(uv_loop_t *loop, const char *path)
{
    char *own = strdup(path);

    if (own) {
        background_run(loop, run_removal, NULL, own);
    } else {
        generation_unlink(path);
    }
}


static void
run_removal(void *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat info = { 0 };
    int tries = TRIES;

    generation_unlink(path);
    free(path);

    if (fd == -1) {
        return;
    }

    if (fstat(fd, &info) == -1 || info.st_nlink > 0) {
        tries = 0;              /* a hard link is somebody's archive */
    }

    while (tries-- > 0 && !background_hurries()) {
        if (is_only_ours(fd)) {
            cut(fd, info.st_size);
            break;
        }

        background_leave_core(RETRY_US);
    }

    (void) close(fd);           /* whoever has it still keeps all of it */
}


/* The kernel grants a write lease if so.  It is given back at once: without a
   name the file cannot be opened again. */
static int
is_only_ours(int fd)
{
    return fcntl(fd, F_SETLEASE, F_WRLCK) == 0
           && fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}


static void
cut(int fd, off_t left)
{
    while (left > 0) {
        left = left > SLICE ? left - SLICE : 0;

        if (ftruncate(fd, left) == -1) {
            return;
        }

        background_leave_core(PAUSE_US);
    }
}
