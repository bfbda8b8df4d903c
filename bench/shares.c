#include "shares.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void raise_limit(unsigned publishers, unsigned processes);
static void start_one(const publishers_options_t *options);
static void die(const char *what);

static publishers_shared_t *shared[SHARES_MAX];
static pid_t children[SHARES_MAX];
static unsigned share_count;            /* that have been started */


void
shares_start(const publishers_options_t *options, unsigned publishers,
    unsigned processes)
{
    publishers_options_t share = *options;

    raise_limit(publishers, processes);
    share.connects_per_s = options->connects_per_s / processes + 1;

    for (unsigned i = 0; i < processes; i++) {
        share.first = (unsigned) ((uint64_t) publishers * i / processes);
        share.count = (unsigned) ((uint64_t) publishers * (i + 1)
                                  / processes) - share.first;
        start_one(&share);
    }
}


void
shares_stop(void)
{
    for (unsigned i = 0; i < share_count; i++) {
        shared[i]->stopping = 1;
    }

    for (unsigned i = 0; i < share_count; i++) {
        (void) waitpid(children[i], NULL, 0);
    }
}


void
shares_measure(int measuring)
{
    for (unsigned i = 0; i < share_count; i++) {
        shared[i]->measuring = measuring;
    }
}


uint64_t
shares_connected(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < share_count; i++) {
        sum += shared[i]->connected;
    }

    return sum;
}


uint64_t
shares_acked(uint64_t number, unsigned table)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < share_count; i++) {
        sum += publishers_acked(shared[i], number, table);
    }

    return sum;
}


void
shares_add_up(publishers_shared_t *all)
{
    for (unsigned i = 0; i < share_count; i++) {
        const publishers_shared_t *share = shared[i];

        all->acked += share->acked;
        all->refused += share->refused;
        all->failed += share->failed;
        all->late += share->late;
        latency_merge(&all->publish, &share->publish);
        latency_merge(&all->signal, &share->signal);

        if (share->first_error[0]) {
            (void) fprintf(stderr, "bench-fleet: %s\n", share->first_error);
        }
    }
}


/* Of the processes, who inherit it. */
static void
raise_limit(unsigned publishers, unsigned processes)
{
    struct rlimit limit;
    rlim_t needed = 2 * publishers / processes + 64;

    (void) getrlimit(RLIMIT_NOFILE, &limit);

    if (limit.rlim_max < needed) {
        (void) fprintf(stderr, "bench-fleet: %u publishers in %u processes "
                       "take %u descriptors each, and the limit is %u: "
                       "--processes N\n", publishers, processes,
                       (unsigned) needed, (unsigned) limit.rlim_max);
        exit(1);
    }

    limit.rlim_cur = limit.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &limit);
}


static void
start_one(const publishers_options_t *options)
{
    publishers_shared_t *memory = mmap(NULL, sizeof(*memory),
                                       PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;

    if (memory == MAP_FAILED) {
        die("memory");
    }

    child = fork();

    if (child < 0) {
        die("fork");
    }

    if (child == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        publishers_run(options, memory);
        _exit(0);
    }

    shared[share_count] = memory;
    children[share_count++] = child;
}


static void
die(const char *what)
{
    (void) fprintf(stderr, "bench-fleet: %s: %s\n", what, strerror(errno));
    exit(1);
}
