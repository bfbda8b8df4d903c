#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

/*
 * A command that is run for its output.  Nothing here blocks: the caller
 * calls agent_command_pump() when a descriptor is readable, when a child
 * died, and now and then (the timeout is kept there).
 *
 * The command gets a process group of its own, and the group is killed:
 * politely at its deadline, for good a second later.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "qsn_buf.h"

#define AGENT_COMMAND_ERROR_SIZE  320

typedef struct {
    pid_t pid;                  /* 0: not running */
    int out_fd;                 /* -1: closed */
    int err_fd;
    qsn_buf_t out;              /* what it printed */
    char err[160];              /* the beginning of its stderr */
    size_t err_length;
    uint64_t started_ms;
    uint64_t deadline_ms;
    size_t max_size;
    unsigned timeout_ms;
    int ending;                 /* signals sent: 1 TERM, 2 KILL */
    int too_large;
    int failed;                 /* once it ended: error says why */
    char error[AGENT_COMMAND_ERROR_SIZE];
} agent_command_t;

void agent_command_init(agent_command_t *command);

/* Kills what still runs and waits for it. */
void agent_command_free(agent_command_t *command);

/* Runs text with /bin/sh in directory.  0, or -1 with ->error. */
int agent_command_start(agent_command_t *command, const char *text,
    const char *directory, unsigned timeout_ms, size_t max_size);

/* 1: it has ended just now, ->out and ->failed are what came of it. */
int agent_command_pump(agent_command_t *command);

int agent_command_is_running(const agent_command_t *command);

/* Frees the output. */
void agent_command_forget(agent_command_t *command);

#endif
