#include "qsn_counts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define LOWEST_FD  16   /* of no use for what children get by number */


int
qsn_counts_create(qsn_counts_t **counts)
{
    int any = memfd_create("qasino-counts", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (any == -1) {
        return -1;
    }

    int fd = fcntl(any, F_DUPFD_CLOEXEC, LOWEST_FD);

    (void) close(any);

    if (fd == -1) {
        return -1;
    }

    /* whoever could make it shorter would end all who look into it */
    if (ftruncate(fd, sizeof(qsn_counts_t)) == -1
        || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
           == -1
        || (*counts = qsn_counts_map(fd)) == NULL)
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}


qsn_counts_t *
qsn_counts_map(int fd)
{
    struct stat file;
    void *memory;

    if (fstat(fd, &file) == -1 || file.st_size != sizeof(qsn_counts_t)) {
        return NULL;
    }

    memory = mmap(NULL, sizeof(qsn_counts_t), PROT_READ | PROT_WRITE,
                  MAP_SHARED, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}


void
qsn_counts_unmap(qsn_counts_t *counts)
{
    if (counts) {
        (void) munmap(counts, sizeof(*counts));
    }
}
