/* Opens, judges, reads in pieces, judges again. */

#include "agent_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "csv_table.h"

#define CHUNK_SIZE  65536

/* A writer that keeps its file open is believed to be in the middle of it;
   one that changes it all the time, closing it in between, is given up on:
   a consistent reading has to do. */
#define OPEN_PATIENCE_MS    60000
#define CHANGE_PATIENCE_MS  5000

enum writers {
    WRITERS_NONE,
    WRITERS_SOME,
    WRITERS_UNKNOWN
};

static enum agent_file_result read_open(int fd, const char *path,
    const agent_file_rules_t *rules, draft_t *draft,
    agent_file_stamp_t *stamp);
static enum agent_file_result judge(int fd, const struct stat *status,
    const agent_file_rules_t *rules, draft_t *draft);
static enum agent_file_result read_csv(int fd, draft_t *draft);
static enum writers find_writers(int fd);
static int64_t age_ms(const struct stat *status);
static void stamp_of(const struct stat *status, agent_file_stamp_t *stamp);


enum agent_file_result
agent_file_read(const char *path, const agent_file_rules_t *rules,
    draft_t *draft, agent_file_stamp_t *stamp)
{
    /* O_NONBLOCK: a fifo would wait for its writer */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    memset(stamp, 0, sizeof(*stamp));

    if (fd == -1) {
        (void) draft_fail(draft, 0, 0, "%s", strerror(errno));
        return AGENT_FILE_MISSING;
    }

    enum agent_file_result result = read_open(fd, path, rules, draft, stamp);

    (void) close(fd);

    return result;
}


void
agent_file_stamp(const char *path, agent_file_stamp_t *stamp)
{
    struct stat status;

    memset(stamp, 0, sizeof(*stamp));

    if (stat(path, &status) == 0) {
        stamp_of(&status, stamp);
    }
}


int
agent_file_same(const agent_file_stamp_t *a, const agent_file_stamp_t *b)
{
    return a->device == b->device && a->inode == b->inode
           && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec
           && a->mtime.tv_nsec == b->mtime.tv_nsec;
}


static enum agent_file_result
read_open(int fd, const char *path, const agent_file_rules_t *rules,
    draft_t *draft, agent_file_stamp_t *stamp)
{
    struct stat status;
    agent_file_stamp_t after, now;

    if (fstat(fd, &status) != 0) {
        (void) draft_fail(draft, 0, 0, "%s", strerror(errno));
        return AGENT_FILE_MISSING;
    }

    stamp_of(&status, stamp);

    enum agent_file_result result = judge(fd, &status, rules, draft);

    if (result == AGENT_FILE_READ) {
        result = read_csv(fd, draft);
    } else {
        return result;
    }

    /* also a bad file may only have been half of a good one */
    memset(&after, 0, sizeof(after));

    if (fstat(fd, &status) == 0) {
        stamp_of(&status, &after);
    }

    agent_file_stamp(path, &now);

    if (!agent_file_same(stamp, &after) || !agent_file_same(stamp, &now)
        || (find_writers(fd) == WRITERS_SOME
            && rules->waited_ms < OPEN_PATIENCE_MS))
    {
        draft->failed = 0;
        (void) draft_fail(draft, 0, 0, "the file was changed while it was "
                          "read");
        return AGENT_FILE_UNSETTLED;
    }

    return result;
}


/* READ: it may be read now. */
static enum agent_file_result
judge(int fd, const struct stat *status, const agent_file_rules_t *rules,
    draft_t *draft)
{
    enum writers writers;
    int64_t age = age_ms(status);

    if (!S_ISREG(status->st_mode)) {
        (void) draft_fail(draft, 0, 0, "it is no regular file");
        return AGENT_FILE_BAD;
    }

    if (status->st_size > (off_t) rules->max_size) {
        (void) draft_fail(draft, 0, 0, "the file has %lld bytes, more than "
                          "--max-size (%zu)", (long long) status->st_size,
                          rules->max_size);
        return AGENT_FILE_BAD;
    }

    writers = find_writers(fd);

    if (writers == WRITERS_SOME && (rules->waited_ms < OPEN_PATIENCE_MS
                                    || age < OPEN_PATIENCE_MS))
    {
        (void) draft_fail(draft, 0, 0, "the file is being written");
        return AGENT_FILE_UNSETTLED;
    }

    /* a modification time in the future says nothing */
    if (age >= 0 && age < (int64_t) rules->settle_ms
        && (writers == WRITERS_UNKNOWN
            || rules->waited_ms < CHANGE_PATIENCE_MS))
    {
        (void) draft_fail(draft, 0, 0, "the file has just been changed");
        return AGENT_FILE_UNSETTLED;
    }

    return AGENT_FILE_READ;
}


static enum agent_file_result
read_csv(int fd, draft_t *draft)
{
    static char chunk[CHUNK_SIZE];
    csv_table_t csv;
    ssize_t length = 1;
    int rc = 0;

    csv_table_init(&csv, draft);

    while (rc == 0 && length > 0) {
        length = read(fd, chunk, sizeof(chunk));

        if (length > 0) {
            rc = csv_table_feed(&csv, chunk, (size_t) length);

        } else if (length == -1) {
            if (errno == EINTR || errno == EAGAIN) {
                length = 1;
                continue;
            }

            rc = draft_fail(draft, 0, 0, "%s", strerror(errno));
        }
    }

    if (rc == 0) {
        rc = csv_table_finish(&csv);
    }

    csv_table_free(&csv);

    return rc == 0 ? AGENT_FILE_READ : AGENT_FILE_BAD;
}


/* A read lease is given only where nobody has the file open for writing; it
   is given back at once, so that no writer ever waits for us. */
static enum writers
find_writers(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        (void) fcntl(fd, F_SETLEASE, F_UNLCK);
        return WRITERS_NONE;
    }

    return errno == EAGAIN ? WRITERS_SOME : WRITERS_UNKNOWN;
}


static int64_t
age_ms(const struct stat *status)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_REALTIME, &now);

    return (int64_t) (now.tv_sec - status->st_mtim.tv_sec) * 1000
           + (now.tv_nsec - status->st_mtim.tv_nsec) / 1000000;
}


static void
stamp_of(const struct stat *status, agent_file_stamp_t *stamp)
{
    stamp->device = status->st_dev;
    stamp->inode = status->st_ino;
    stamp->size = status->st_size;
    stamp->mtime = status->st_mtim;
}
