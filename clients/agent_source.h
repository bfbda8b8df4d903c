#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

/*
 * What the agent publishes: a file or a command per table, as the indexes
 * and the command line name them, with what became of each in this round.
 * The set is made anew from the indexes each round; a source that is still
 * named keeps its state (its command may be running).
 */

#include "agent_command.h"
#include "agent_file.h"
#include "agent_options.h"

#define AGENT_SOURCE_ERROR_SIZE  768

enum agent_source_state {
    AGENT_SOURCE_WAITING,       /* a file to be read */
    AGENT_SOURCE_RUNNING,       /* a command, not done yet */
    AGENT_SOURCE_READY,         /* its output, to be published */
    AGENT_SOURCE_BAD,           /* until it changes */
    AGENT_SOURCE_DONE           /* published in this round */
};

typedef struct agent_source_s agent_source_t;

struct agent_source_s {
    agent_source_t *next;
    char *tablename;
    char *path;                 /* of the file, or the command's text */
    char *directory;            /* of the index */
    int is_command;
    const char *refusal;        /* a command that may not be run, why */
    int listed;                 /* seen in the last reading of indexes */
    enum agent_source_state state;
    agent_command_t command;
    agent_file_stamp_t stamp;   /* of the file when last tried */
    uint64_t waiting_since_ms;  /* unsettled; 0: it is not */

    /* for the info tables */
    double read_epoch;
    double read_time_s;         /* -1: not read */
    double mtime;               /* 0: no file */
    long long row_count;        /* -1: not known */
    int error_count;
    char error[AGENT_SOURCE_ERROR_SIZE];        /* or a warning */
};

/* An index that could not be read. */
typedef struct agent_source_problem_s agent_source_problem_t;

struct agent_source_problem_s {
    agent_source_problem_t *next;
    char *path;
    char *reason;
};

/* An index file, or a list, and the state in which it was read. */
typedef struct agent_source_index_s agent_source_index_t;

struct agent_source_index_s {
    agent_source_index_t *next;
    char *path;
    agent_file_stamp_t stamp;
};

typedef struct {
    agent_source_t *first;
    agent_source_problem_t *problems;
    agent_source_index_t *indexes;
} agent_sources_t;

/* Reads the indexes.  Sources that are named no more are dropped, new ones
   are WAITING.  Without memory some are missing until the next time. */
void agent_source_load(agent_sources_t *sources,
    const agent_options_t *options);

/* 1: some index or list is not as it was read. */
int agent_source_indexes_changed(const agent_sources_t *sources);

void agent_source_free(agent_sources_t *sources);

/* Puts all back to the start of a round. */
void agent_source_begin(agent_sources_t *sources);

/* 1: its file is being written. */
int agent_source_is_unsettled(const agent_source_t *source);

/* The directory of a path, to be freed; NULL without memory. */
char *agent_source_directory(const char *path);

/* Notes an error, and logs it unless it is the one already known. */
void agent_source_fail(agent_source_t *source, const char *error);

#endif
