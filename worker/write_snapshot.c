/*
 * Copying a file that SQLite holds open is safe here: the only writer is
 * this very thread, and between transactions the file is whole.
 */

#include "write_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "ingest.h"
#include "rotate.h"

#define CHUNK  (64 * 1024 * 1024)

static char *copy_generation(worker_t *worker, char *error);
static int copy_file(const char *from, const char *to);


snapshot_t *
write_snapshot_get(worker_t *worker, char *error)
{
    sqlite3_int64 changes;

    ingest_flush(worker);
    changes = sqlite3_total_changes64(worker->generation->store.db);

    if (worker->write_snapshot && worker->write_changes == changes) {
        return snapshot_get(worker->write_snapshot);
    }

    write_snapshot_drop(worker);

    char *path = copy_generation(worker, error);

    if (path == NULL) {
        return NULL;
    }

    worker->write_snapshot = snapshot_create(&worker->loop, &worker->settings,
                                             worker->generation->number,
                                             path);

    if (worker->write_snapshot == NULL) {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
        generation_unlink(path);
        free(path);
        return NULL;
    }

    worker->write_snapshot->ephemeral = 1;
    worker->write_changes = changes;

    return snapshot_get(worker->write_snapshot);
}


void
write_snapshot_drop(worker_t *worker)
{
    snapshot_put(worker->write_snapshot);
    worker->write_snapshot = NULL;
}


static char *
copy_generation(worker_t *worker, char *error)
{
    static uint64_t serial;
    const store_t *store = &worker->generation->store;
    char *path;

    if (asprintf(&path, "%s/" WRITE_SNAPSHOT_PREFIX "%llu.db",
                 worker->settings.db_dir, (unsigned long long) ++serial)
        == -1)
    {
        (void) snprintf(error, GENERATION_ERROR_SIZE, "out of memory");
        return NULL;
    }

    if (copy_file(store->path, path) != 0) {
        (void) snprintf(error, GENERATION_ERROR_SIZE,
                        "the generation cannot be copied: %s",
                        strerror(errno));

    } else if (rotate_seal_copy(worker, path, error) == 0) {
        return path;
    }

    generation_unlink(path);
    free(path);

    return NULL;
}


static int
copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = -1;

    while (in != -1 && out != -1) {
        n = sendfile(out, in, NULL, CHUNK);

        if (n <= 0) {
            break;
        }
    }

    int saved = errno;

    if (in != -1) {
        (void) close(in);
    }

    if (out != -1) {
        (void) close(out);
    }

    errno = saved;

    return n == 0 ? 0 : -1;
}
