#ifndef AGENT_FILE_H
#define AGENT_FILE_H

/*
 * A CSV file into a draft, but never half of it.  A file is read when nobody
 * has it open for writing (the kernel is asked for a lease to find out) and
 * nobody has touched it for a while, and what was read counts only if the
 * file at that path is the same afterwards.  Where the kernel gives no lease
 * (another user's file, a network file system) the rest has to do.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "draft.h"

enum agent_file_result {
    AGENT_FILE_READ,
    AGENT_FILE_BAD,             /* it will not get better by itself */
    AGENT_FILE_UNSETTLED,       /* being written: later */
    AGENT_FILE_MISSING          /* not there, or not to be opened: later */
};

/* Tells one state of a file from another. */
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec mtime;
} agent_file_stamp_t;

typedef struct {
    unsigned settle_ms;
    size_t max_size;
    uint64_t waited_ms;         /* how long this file has been unsettled */
} agent_file_rules_t;

/* The reason for another result than READ is in draft->error; *stamp is what
   was read, or tried to. */
enum agent_file_result agent_file_read(const char *path,
    const agent_file_rules_t *rules, draft_t *draft,
    agent_file_stamp_t *stamp);

/* Of the file at path; all zero where there is none. */
void agent_file_stamp(const char *path, agent_file_stamp_t *stamp);
int agent_file_same(const agent_file_stamp_t *a, const agent_file_stamp_t *b);

#endif
