/*
 * A sequence lock over a mapped file.  The state is copied with plain
 * memcpy between two fences; a reader that saw the sequence change, or odd,
 * throws its copy away and tries again.
 */

#include "qsn_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_TRIES  1000

struct qsn_page {
    uint64_t magic;
    uint32_t version;
    uint32_t size;
    _Atomic uint64_t sequence;
    qsn_page_state_t state;
};

_Static_assert(sizeof(struct qsn_page) <= QSN_PAGE_SIZE, "fits one page");

static void *map(const char *path, int open_flags, int protection);


qsn_page_t *
qsn_page_create(const char *path)
{
    qsn_page_t *page = map(path, O_RDWR | O_CREAT, PROT_READ | PROT_WRITE);

    if (page == NULL) {
        return NULL;
    }

    /* A predecessor killed while writing left the sequence odd, and odd it
       stays, so that nobody believes half a page, until the next publish. */
    page->version = QSN_PAGE_VERSION;
    page->size = sizeof(*page);
    page->magic = QSN_PAGE_MAGIC;

    return page;
}


void
qsn_page_publish(qsn_page_t *page, const qsn_page_state_t *state)
{
    uint64_t sequence = atomic_load_explicit(&page->sequence,
                                             memory_order_relaxed) | 1;

    atomic_store_explicit(&page->sequence, sequence, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    page->state = *state;
    atomic_store_explicit(&page->sequence, sequence + 1,
                          memory_order_release);
}


const qsn_page_t *
qsn_page_open(const char *path)
{
    return map(path, O_RDONLY, PROT_READ);
}


int
qsn_page_read(const qsn_page_t *page, qsn_page_state_t *state)
{
    /* The file belongs to another process: believe only what it says now. */
    if (page->magic != QSN_PAGE_MAGIC || page->version != QSN_PAGE_VERSION) {
        return -1;
    }

    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t before = atomic_load_explicit(&page->sequence,
                                               memory_order_acquire);

        if (before == 0) {
            return -1;
        }

        *state = page->state;
        atomic_thread_fence(memory_order_acquire);

        uint64_t after = atomic_load_explicit(&page->sequence,
                                              memory_order_relaxed);

        if (before == after && (before & 1) == 0) {
            state->identity[QSN_IDENTITY_MAX] = '\0';

            if (page->size < sizeof(*page)) {
                state->frame_types = 0; /* what is there is another's */
            }

            return 0;
        }
    }

    return -1;
}


void
qsn_page_close(const qsn_page_t *page)
{
    if (page) {
        (void) munmap((void *) page, QSN_PAGE_SIZE);
    }
}


/* Shorter files would raise SIGBUS on access: they count as no page. */
static void *
map(const char *path, int open_flags, int protection)
{
    int fd = open(path, open_flags | O_CLOEXEC, 0644);
    void *mapped = MAP_FAILED;

    if (fd == -1) {
        return NULL;
    }

    /* allocated, so that a full file system is an error here and no SIGBUS
       when the page is written */
    if ((open_flags & O_CREAT)
        && (errno = posix_fallocate(fd, 0, QSN_PAGE_SIZE)) != 0)
    {
        goto done;
    }

    /* whatever the umask: run_dir says who may get here at all */
    if (open_flags & O_CREAT) {
        (void) fchmod(fd, 0644);
    }

    if (lseek(fd, 0, SEEK_END) >= QSN_PAGE_SIZE) {
        mapped = mmap(NULL, QSN_PAGE_SIZE, protection, MAP_SHARED, fd, 0);
    } else {
        errno = EINVAL;
    }

done:

    (void) close(fd);

    return mapped == MAP_FAILED ? NULL : mapped;
}
