/*
 * The memory of a server while something goes on.
 *
 *   bench-watch PID DIRECTORY... < pipe
 *
 * Looks a hundred times a second at the process, all below it, and the files
 * in the directories, until its standard input ends.  Then prints a line for
 * each process: name, pid, private KiB at the beginning, at its peak and at
 * the end, resident KiB at the end; and one for the files ("files", 0, the
 * same figures).
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "family.h"

#define EVERY_MS    10
#define FILES_EVERY  5          /* of those looks one at the files, too */

static uint64_t files(char **directories);


int
main(int argc, char **argv)
{
    family_t family, first, peak;
    char byte;

    if (argc < 2) {
        (void) fprintf(stderr, "usage: bench-watch PID DIRECTORY...\n");
        return 2;
    }

    family_find(&family, (pid_t) atoi(argv[1]));
    family_read(&family);
    first = peak = family;

    uint64_t first_files = files(argv + 2);
    uint64_t peak_files = first_files;
    struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };

    for (unsigned i = 1; ; i++) {
        if (poll(&end, 1, EVERY_MS) > 0
            && read(STDIN_FILENO, &byte, 1) <= 0)
        {
            break;
        }

        family_read(&family);

        for (unsigned j = 0; j < family.count; j++) {
            if (family.members[j].private_kib > peak.members[j].private_kib) {
                peak.members[j] = family.members[j];
            }
        }

        if (i % FILES_EVERY == 0) {
            uint64_t now = files(argv + 2);

            peak_files = now > peak_files ? now : peak_files;
        }
    }

    for (unsigned j = 0; j < family.count; j++) {
        const family_member_t *member = &family.members[j];

        (void) printf("%s\t%d\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%"
                      PRIu64 "\n", member->name, (int) member->pid,
                      first.members[j].private_kib,
                      peak.members[j].private_kib, member->private_kib,
                      member->resident_kib);
    }

    (void) printf("files\t0\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%"
                  PRIu64 "\n", first_files, peak_files, files(argv + 2),
                  files(argv + 2));

    return 0;
}


static uint64_t
files(char **directories)
{
    uint64_t sum = 0;

    for (; *directories; directories++) {
        sum += family_files_kib(*directories);
    }

    return sum;
}
