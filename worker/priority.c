/*
 * By slices: whoever wakes up with a shorter one is due earlier, and need not
 * wait for the end of a longer one.  Kernels before 6.12 ignore them, and
 * there it is only the batch policy that makes a process wait.
 *
 * That is not enough on a busy core: who has had more than its share a moment
 * ago waits for the others to catch up, and those of a high niceness take
 * long for that (5 to 20 ms were seen).  So they do not get all cores.
 */

#include "priority.h"

#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONG_SLICE_NS  100000000

/* struct sched_attr of sched_setattr(2), for which there is no header that
   goes together with that of libc. */
typedef struct {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;        /* the slice; 0: the usual one */
    uint64_t deadline_ns;
    uint64_t period_ns;
} sched_attributes_t;

static void set(pid_t tid, uint32_t policy, int niceness, uint64_t slice_ns);
static void set_cores(pid_t tid, size_t cores);


void
priority_give_way(pid_t tid, size_t cores)
{
    priority_yield(tid, getpriority(PRIO_PROCESS, 0), cores);
}


void
priority_yield(pid_t tid, int niceness, size_t cores)
{
    set(tid, SCHED_BATCH, niceness, LONG_SLICE_NS);
    set_cores(tid, cores);
}


void
priority_usual(pid_t tid)
{
    set(tid, SCHED_OTHER, getpriority(PRIO_PROCESS, 0), 0);
    set_cores(tid, SIZE_MAX);
}


void
priority_usual_all(pid_t pid)
{
    char path[64];

    (void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);

    DIR *tasks = opendir(path);

    for (struct dirent *task; tasks && (task = readdir(tasks)) != NULL; ) {
        if (task->d_name[0] != '.') {
            priority_usual((pid_t) atoi(task->d_name));
        }
    }

    if (tasks) {
        (void) closedir(tasks);
    }
}


static void
set(pid_t tid, uint32_t policy, int niceness, uint64_t slice_ns)
{
    sched_attributes_t attributes = {
        .size = sizeof(attributes),
        .policy = policy,
        .nice = niceness,
        .runtime_ns = slice_ns
    };

    (void) syscall(SYS_sched_setattr, tid, &attributes, 0);
}


/* Not more than there are.  A worker with more cores than the set has room for
   leaves it as it is. */
static void
set_cores(pid_t tid, size_t cores)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return;
    }

    size_t there = (size_t) CPU_COUNT(&set);
    size_t left = cores ? cores : there - (there > 1);

    for (size_t cpu = 0; there > left; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            CPU_CLR(cpu, &set);
            there--;
        }
    }

    (void) sched_setaffinity(tid, sizeof(set), &set);
}
