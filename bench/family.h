#ifndef FAMILY_H
#define FAMILY_H

/*
 * A process and all below it, as /proc sees them: processor time and memory.
 *
 * Memory is told apart by whose it is.  "Private" is RssAnon: heaps, stacks
 * and whatever else only that process has.  What processes map of a file,
 * the snapshot on its tmpfs above all, is the file's and not theirs; the
 * files are counted once, by their size, by family_files().
 */

#include <stdint.h>
#include <sys/types.h>

#define FAMILY_MAX   64
#define FAMILY_NAME  32

typedef struct {
    pid_t pid;
    char name[FAMILY_NAME];     /* "nginx: worker" for nginx's */
    uint64_t cpu_ms;
    uint64_t private_kib;
    uint64_t resident_kib;      /* with all that is mapped */
} family_member_t;

typedef struct {
    unsigned count;
    family_member_t members[FAMILY_MAX];
} family_t;

/* Finds the processes anew, without their numbers. */
void family_find(family_t *family, pid_t top);

/* Reads the numbers of those found; one that is gone keeps its last. */
void family_read(family_t *family);

uint64_t family_cpu_ms(const family_t *family);
uint64_t family_private_kib(const family_t *family);

/* KiB on their file system of the files in a directory and below. */
uint64_t family_files_kib(const char *directory);

#endif
