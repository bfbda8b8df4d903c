#include "family.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t slurp(pid_t pid, const char *file, char *text, size_t size);
static pid_t parent_of(pid_t pid);
static void add(family_t *family, pid_t pid);
static void name_of(family_member_t *member);
static uint64_t field_kib(const char *status, const char *name);
static int add_file(const char *path, const struct stat *info, int kind,
    struct FTW *where);

static uint64_t files_kib;


/* Parents mostly come before their children; another look finds the rest. */
void
family_find(family_t *family, pid_t top)
{
    unsigned before;

    family->count = 0;
    add(family, top);

    do {
        DIR *proc = opendir("/proc");
        struct dirent *entry;

        before = family->count;

        while (proc && (entry = readdir(proc)) != NULL) {
            pid_t pid = isdigit((unsigned char) entry->d_name[0])
                        ? atoi(entry->d_name) : 0;
            pid_t parent = pid ? parent_of(pid) : 0;

            for (unsigned i = 0; parent && i < family->count; i++) {
                if (family->members[i].pid == parent) {
                    add(family, pid);
                    break;
                }
            }
        }

        if (proc) {
            (void) closedir(proc);
        }

    } while (family->count != before);
}


void
family_read(family_t *family)
{
    long ticks = sysconf(_SC_CLK_TCK);
    char text[4096];

    for (unsigned i = 0; i < family->count; i++) {
        family_member_t *member = &family->members[i];
        unsigned long user, system;

        if (slurp(member->pid, "stat", text, sizeof(text))
            && sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u "
                      "%*u %*u %*u %*u %lu %lu", &user, &system) == 2)
        {
            member->cpu_ms = (user + system) * 1000 / (unsigned long) ticks;
        }

        if (slurp(member->pid, "status", text, sizeof(text))) {
            member->private_kib = field_kib(text, "\nRssAnon:");
            member->resident_kib = field_kib(text, "\nVmRSS:");
        }
    }
}


uint64_t
family_cpu_ms(const family_t *family)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < family->count; i++) {
        sum += family->members[i].cpu_ms;
    }

    return sum;
}


uint64_t
family_private_kib(const family_t *family)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < family->count; i++) {
        sum += family->members[i].private_kib;
    }

    return sum;
}


uint64_t
family_files_kib(const char *directory)
{
    files_kib = 0;
    (void) nftw(directory, add_file, 16, FTW_PHYS);

    return files_kib;
}


static int
add_file(const char *path, const struct stat *info, int kind,
    struct FTW *where)
{
    (void) path;
    (void) where;

    if (kind == FTW_F && S_ISREG(info->st_mode)) {
        files_kib += (uint64_t) info->st_blocks / 2;
    }

    return 0;
}


/* Bytes of /proc/PID/FILE, NUL-terminated; 0: it is gone. */
static size_t
slurp(pid_t pid, const char *file, char *text, size_t size)
{
    char path[64];

    (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, size - 1) : 0;

    if (fd >= 0) {
        (void) close(fd);
    }

    text[got > 0 ? got : 0] = '\0';

    return got > 0 ? (size_t) got : 0;
}


static pid_t
parent_of(pid_t pid)
{
    char text[1024];
    int parent = 0;

    if (slurp(pid, "stat", text, sizeof(text)) && strrchr(text, ')')) {
        (void) sscanf(strrchr(text, ')') + 1, " %*c %d", &parent);
    }

    return parent;
}


static void
add(family_t *family, pid_t pid)
{
    for (unsigned i = 0; i < family->count; i++) {
        if (family->members[i].pid == pid) {
            return;
        }
    }

    if (family->count < FAMILY_MAX) {
        family_member_t *member = &family->members[family->count++];

        memset(member, 0, sizeof(*member));
        member->pid = pid;
        name_of(member);
    }
}


/* The command's last path component; of nginx's titles the first words. */
static void
name_of(family_member_t *member)
{
    char text[1024];
    const char *name = text;
    size_t length;

    (void) slurp(member->pid, "cmdline", text, sizeof(text));

    if (strncmp(text, "nginx: ", 7) == 0) {
        length = 7 + strcspn(text + 7, " ");
    } else {
        name = strrchr(text, '/') ? strrchr(text, '/') + 1 : text;
        length = strlen(name);
    }

    (void) snprintf(member->name, sizeof(member->name), "%.*s", (int) length,
                    name);
}


static uint64_t
field_kib(const char *status, const char *name)
{
    const char *at = strstr(status, name);

    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}
