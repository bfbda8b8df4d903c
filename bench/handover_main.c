/*
 * What it costs to hand the body of a publish from one process to another
 * over a unix stream socket: its bytes, or a memory file that has them.
 *
 *   bench-handover [ROUNDS [MEGABYTES]]
 *
 * One process has the body arrive in chunks of 64 KiB, which it copies from
 * somewhere, as recv() would; the other looks at each of them and answers with
 * one byte, and only then comes the next body.  The ways:
 *
 *   write    each chunk is written to the socket; read() puts the bytes into
 *            a buffer that is kept from body to body
 *   pread    each chunk is written to a new memory file, which is passed when
 *            it is whole (SCM_RIGHTS); pread() into the buffer
 *   mmap     the same, but the file is mapped and read where it is
 *   inplace  chunks arrive in the mapping of a new memory file; no bytes are
 *            copied from there on
 *   shared   the same with one file, which both have mapped for good: no
 *            descriptor is passed, no page is new
 *
 * By turns, MEGABYTES (32) for each measurement.  Prints a line for each size
 * and way: bytes of the body, way, and in us a body: wall time; processor
 * time of both processes, its smallest and largest; that of either.  These
 * are medians of the ROUNDS (5).
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "latency.h"

#define CHUNK        65536
#define BODY_MAX     5000000
#define BODIES_MAX   20000      /* of one measurement */
#define ROUNDS_MAX   100
#define SIZES        (sizeof(sizes) / sizeof(sizes[0]))

typedef enum { WRITE, PREAD, MMAP, INPLACE, SHARED, WAYS } way_t;

/* Before each body; where `usage` is set there is none, and the answer is
 * how long the process has worked. */
typedef struct {
    uint32_t way;
    uint32_t length;
    uint32_t usage;
} head_t;

typedef struct {
    double wall;
    double sender;
    double receiver;
} cost_t;

static cost_t measure(way_t way, size_t length, size_t bodies);
static void send_body(way_t way, size_t length);
static int fill_file(way_t way, size_t length);
static void arrive(char *to, size_t offset, size_t length);
static void send_head(const head_t *head, int fd);
static double receiver_us(void);

static void receive(void);
static int receive_head(head_t *head, int *fd);
static unsigned char read_body(const head_t *head, int fd);

static void print_line(size_t length, way_t way, const cost_t *costs,
    size_t rounds);
static double median(double *values, size_t count);
static int compare(const void *a, const void *b);
static char *map(int fd, size_t length);
static int memory_file(size_t length);
static void write_all(int fd, const char *data, size_t length);
static void read_all(int fd, char *data, size_t length);
static unsigned char fold(const char *data, size_t length);
static double used_us(void);
static void die(const char *what);

static const char *const names[WAYS] = {
    [WRITE] = "write",
    [PREAD] = "pread",
    [MMAP] = "mmap",
    [INPLACE] = "inplace",
    [SHARED] = "shared"
};

static const size_t sizes[] = { 1000, 16000, 64000, 500000, BODY_MAX };

static char source[BODY_MAX];   /* what arrives */
static char kept[BODY_MAX];     /* the buffer of either process */
static char *shared;            /* mapped in both */
static int peer;                /* the other process */
static unsigned char rest;      /* fold() of a body but for its first byte */


int
main(int argc, char **argv)
{
    static cost_t costs[SIZES][WAYS][ROUNDS_MAX];
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 5;
    size_t megabytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 32;
    int ends[2];

    if (argc > 3 || rounds < 1 || rounds > ROUNDS_MAX || megabytes < 1) {
        (void) fprintf(stderr,
                       "usage: bench-handover [ROUNDS [MEGABYTES]]\n");
        return 2;
    }

    for (size_t i = 0; i < BODY_MAX; i++) {
        source[i] = (char) (i * 31);
    }

    memset(kept, 1, sizeof(kept));      /* its pages are there */
    shared = map(memory_file(BODY_MAX), BODY_MAX);

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1) {
        die("socketpair");
    }

    pid_t pid = fork();

    if (pid == -1) {
        die("fork");
    }

    peer = ends[pid == 0];
    (void) close(ends[pid != 0]);

    if (pid == 0) {
        memset(kept, 1, sizeof(kept));
        receive();
        return 0;
    }

    for (size_t round = 0; round < rounds; round++) {
        for (size_t size = 0; size < SIZES; size++) {
            size_t bodies = megabytes * 1000000 / sizes[size] + 1;

            for (way_t way = 0; way < WAYS; way++) {
                costs[size][way][round] = measure(way, sizes[size],
                    bodies > BODIES_MAX ? BODIES_MAX : bodies);
            }
        }
    }

    for (size_t size = 0; size < SIZES; size++) {
        for (way_t way = 0; way < WAYS; way++) {
            print_line(sizes[size], way, costs[size][way], rounds);
        }
    }

    return 0;
}


static cost_t
measure(way_t way, size_t length, size_t bodies)
{
    rest = fold(source, length) ^ (unsigned char) source[0];
    send_body(way, length);             /* what is new to memory is so now */

    double receiver = receiver_us();
    double sender = used_us();
    uint64_t wall = latency_now_us();

    for (size_t i = 0; i < bodies; i++) {
        send_body(way, length);
    }

    return (cost_t) {
        .wall = (double) (latency_now_us() - wall) / (double) bodies,
        .sender = (used_us() - sender) / (double) bodies,
        .receiver = (receiver_us() - receiver) / (double) bodies
    };
}


/* Until it is answered.  No two bodies in a row are the same. */
static void
send_body(way_t way, size_t length)
{
    head_t head = { .way = way, .length = (uint32_t) length };
    char answer;

    source[0]++;

    if (way == WRITE) {
        send_head(&head, -1);

        for (size_t at = 0; at < length; at += CHUNK) {
            size_t size = length - at < CHUNK ? length - at : CHUNK;

            arrive(kept, at, size);
            write_all(peer, kept, size);
        }

    } else if (way == SHARED) {
        arrive(shared, 0, length);
        send_head(&head, -1);

    } else {
        int fd = fill_file(way, length);

        send_head(&head, fd);
        (void) close(fd);
    }

    read_all(peer, &answer, 1);

    if ((unsigned char) answer != (rest ^ (unsigned char) source[0])) {
        die("a body is not as it was sent");
    }
}


static int
fill_file(way_t way, size_t length)
{
    int fd = memory_file(way == INPLACE ? length : 0);
    char *mapped = way == INPLACE ? map(fd, length) : NULL;

    for (size_t at = 0; at < length; at += CHUNK) {
        size_t size = length - at < CHUNK ? length - at : CHUNK;

        if (mapped) {
            arrive(mapped + at, at, size);
        } else {
            arrive(kept, at, size);
            write_all(fd, kept, size);
        }
    }

    if (mapped) {
        (void) munmap(mapped, length);
    }

    return fd;
}


static void
arrive(char *to, size_t offset, size_t length)
{
    memcpy(to, source + offset, length);
}


static void
send_head(const head_t *head, int fd)
{
    struct iovec part = { .iov_base = (void *) head,
                          .iov_len = sizeof(*head) };
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (fd != -1) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);

        struct cmsghdr *item = CMSG_FIRSTHDR(&message);

        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(item), &fd, sizeof(int));
    }

    if (sendmsg(peer, &message, 0) != (ssize_t) sizeof(*head)) {
        die("sendmsg");
    }
}


static double
receiver_us(void)
{
    head_t head = { .usage = 1 };
    double us;

    send_head(&head, -1);
    read_all(peer, (char *) &us, sizeof(us));

    return us;
}


static void
receive(void)
{
    head_t head;
    int fd;

    while (receive_head(&head, &fd)) {
        if (head.usage) {
            double us = used_us();

            write_all(peer, (char *) &us, sizeof(us));
            continue;
        }

        unsigned char answer = read_body(&head, fd);

        write_all(peer, (char *) &answer, 1);

        if (fd != -1) {
            (void) close(fd);
        }
    }
}


/* 0 where the sender has ended. */
static int
receive_head(head_t *head, int *fd)
{
    struct iovec part = { .iov_base = head, .iov_len = sizeof(*head) };
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space)
    };
    ssize_t got = recvmsg(peer, &message, 0);
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);

    if (got != 0 && got != (ssize_t) sizeof(*head)) {
        die("recvmsg");
    }

    *fd = -1;

    if (item) {
        memcpy(fd, CMSG_DATA(item), sizeof(int));
    }

    return got != 0;
}


static unsigned char
read_body(const head_t *head, int fd)
{
    unsigned char answer;
    char *mapped;

    switch ((way_t) head->way) {
    case WRITE:
        read_all(peer, kept, head->length);
        return fold(kept, head->length);

    case PREAD:
        if (pread(fd, kept, head->length, 0) != (ssize_t) head->length) {
            die("pread");
        }

        return fold(kept, head->length);

    case SHARED:
        return fold(shared, head->length);

    default:
        mapped = map(fd, head->length);
        answer = fold(mapped, head->length);
        (void) munmap(mapped, head->length);
        return answer;
    }
}


static void
print_line(size_t length, way_t way, const cost_t *costs, size_t rounds)
{
    double wall[ROUNDS_MAX], both[ROUNDS_MAX];
    double sender[ROUNDS_MAX], receiver[ROUNDS_MAX];

    for (size_t i = 0; i < rounds; i++) {
        wall[i] = costs[i].wall;
        sender[i] = costs[i].sender;
        receiver[i] = costs[i].receiver;
        both[i] = sender[i] + receiver[i];
    }

    double middle = median(both, rounds);

    (void) printf("%zu\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n", length,
                  names[way], median(wall, rounds), middle, both[0],
                  both[rounds - 1], median(sender, rounds),
                  median(receiver, rounds));
}


/* Sorts them. */
static double
median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);

    return values[(count - 1) / 2];
}


static int
compare(const void *a, const void *b)
{
    double left = *(const double *) a;
    double right = *(const double *) b;

    return (left > right) - (left < right);
}


/* As the server would: its pages at once, not one fault each. */
static char *
map(int fd, size_t length)
{
    void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_POPULATE, fd, 0);

    if (mapped == MAP_FAILED) {
        die("mmap");
    }

    return mapped;
}


static int
memory_file(size_t length)
{
    int fd = memfd_create("body", MFD_CLOEXEC);

    if (fd == -1 || ftruncate(fd, (off_t) length) == -1) {
        die("memfd_create");
    }

    return fd;
}


static void
write_all(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t sent = write(fd, data, length);

        if (sent <= 0) {
            die("write");
        }

        data += sent;
        length -= (size_t) sent;
    }
}


static void
read_all(int fd, char *data, size_t length)
{
    while (length) {
        ssize_t got = read(fd, data, length);

        if (got <= 0) {
            die("read");
        }

        data += got;
        length -= (size_t) got;
    }
}


/* All bytes, with XOR. */
static unsigned char
fold(const char *data, size_t length)
{
    uint64_t word, all = 0;

    for (; length >= sizeof(word); length -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        all ^= word;
        data += sizeof(word);
    }

    for (; length; length--) {
        all ^= (unsigned char) *data++;
    }

    for (unsigned half = 32; half >= 8; half /= 2) {
        all ^= all >> half;
    }

    return (unsigned char) all;
}


/* Processor time of this process. */
static double
used_us(void)
{
    struct rusage usage;

    (void) getrusage(RUSAGE_SELF, &usage);

    return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
           + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-handover: %s%s%s\n", what,
                   errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}
