/*
 * Resource limits, then a seccomp filter for all threads.
 *
 * The filter allows by list and answers EACCES for the rest: an unforeseen
 * call fails as if a permission were missing, nobody dies of it, and SQLite,
 * which tries to open the static database's WAL and its index for writing,
 * then opens them to read.  That works while the worker, who writes, has
 * them open: always.
 *
 * What is not limited: the address space (snapshots are mapped, and may have
 * any size) and processor time (a process serves for as long as it lives;
 * query_deadline is for single queries).
 *
 * Sanitizers start processes, write reports and take any amount of memory:
 * in their builds nothing is confined.
 */

#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qsn_log.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED  1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED  1
#endif

#ifndef IS_SANITIZED
#define IS_SANITIZED  0
#endif

/* Beside what a query may take of SQLite's heap: the schemas of up to three
   snapshots, stacks, frames, rows on their way out. */
#define MEMORY_MARGIN    (128ull * 1024 * 1024)
#define DESCRIPTORS_MAX  256

#define WRITES  (O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE)

#define CALL(name)  SCMP_SYS(name)

static void limit_resources(const qsn_settings_t *settings);
static void limit(int resource, rlim_t most, const char *name);
static int filter_calls(void);
static int add_reading(scmp_filter_ctx filter);

static const int calls[] = {
    /* files, already open or opened below */
    CALL(read), CALL(readv), CALL(pread64), CALL(lseek), CALL(close),
    CALL(fstat), CALL(stat), CALL(lstat), CALL(newfstatat), CALL(statx),
    CALL(fstatfs), CALL(access), CALL(faccessat), CALL(faccessat2),
    CALL(readlink), CALL(readlinkat), CALL(getcwd), CALL(fcntl),

    /* frames, and descriptors handed over with them */
    CALL(write), CALL(writev), CALL(sendto), CALL(sendmsg), CALL(recvfrom),
    CALL(recvmsg), CALL(shutdown), CALL(poll), CALL(ppoll),

    /* memory, but for code */
    CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk),

    /* threads that are there (one may just begin), clocks, the end */
    CALL(rseq), CALL(set_robust_list), CALL(futex), CALL(sched_yield),
    CALL(nanosleep), CALL(clock_nanosleep),
    CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday), CALL(time),
    CALL(getrandom), CALL(getpid), CALL(gettid), CALL(geteuid),
    CALL(getuid), CALL(sysinfo), CALL(sched_getaffinity),
    CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(rt_sigreturn),
    CALL(sigaltstack), CALL(restart_syscall), CALL(tgkill), CALL(exit),
    CALL(exit_group)
};


void
confine_process(const qsn_settings_t *settings)
{
    int rc;

    if (IS_SANITIZED) {
        return;
    }

    limit_resources(settings);
    rc = filter_calls();

    if (rc < 0) {
        qsn_log("no seccomp filter here (%s): queries run without it",
                strerror(-rc));
    }
}


static void
limit_resources(const qsn_settings_t *settings)
{
    struct stat log;

    limit(RLIMIT_CORE, 0, "RLIMIT_CORE");       /* others' rows are in it */
    limit(RLIMIT_NPROC, 0, "RLIMIT_NPROC");
    limit(RLIMIT_NOFILE, DESCRIPTORS_MAX, "RLIMIT_NOFILE");
    limit(RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK");
    limit(RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE");

    /* A log that is a file has to grow.  No signal: an error is enough. */
    (void) signal(SIGXFSZ, SIG_IGN);

    if (fstat(STDERR_FILENO, &log) == -1 || !S_ISREG(log.st_mode)) {
        limit(RLIMIT_FSIZE, 0, "RLIMIT_FSIZE");
    }

    limit(RLIMIT_DATA, (rlim_t) settings->query_heap
                       + 4 * (rlim_t) settings->max_cell + MEMORY_MARGIN,
          "RLIMIT_DATA");
}


static void
limit(int resource, rlim_t most, const char *name)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t) resource, &now) == 0
        && now.rlim_max < most)
    {
        most = now.rlim_max;
    }

    now.rlim_cur = most;
    now.rlim_max = most;

    if (setrlimit((__rlimit_resource_t) resource, &now) == -1) {
        qsn_log("can't set %s: %s", name, strerror(errno));
    }
}


/* 0, or what went wrong as -errno. */
static int
filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EACCES));
    int rc;

    if (filter == NULL) {
        return -ENOMEM;
    }

    /* The watchdog and the loader, too. */
    rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++)
    {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }

    if (rc == 0) {
        rc = add_reading(filter);
    }

    if (rc == 0) {
        rc = seccomp_load(filter);
    }

    seccomp_release(filter);

    return rc;
}


/* Calls that depend on their arguments: files to read, memory for data. */
static int
add_reading(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(openat), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, WRITES, O_RDONLY));

    if (rc == 0) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(open), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, WRITES, O_RDONLY));
    }

    if (rc == 0) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }

    if (rc == 0) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }

    return rc;
}
