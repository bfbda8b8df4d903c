#ifndef AGENT_INDEX_H
#define AGENT_INDEX_H

/*
 * The files that say what to publish.
 *
 *   index file    a version number, then a line per table: "FILE,TABLE", or
 *                 "TABLE" (then the file is TABLE.csv), or
 *                 "exec:COMMAND,TABLE"; files are beside the index
 *   list file     a name per line (index files, or tables)
 *
 * Lines that are blank or begin with # do not count.
 */

#include <stddef.h>

typedef struct {
    char *text;                 /* an entry's file or command */
    char *tablename;
    int is_command;
} agent_index_entry_t;

typedef struct {
    agent_index_entry_t *entries;
    size_t count;
    size_t capacity;
    int trusted;                /* nobody else may write the file, so that
                                   its commands may be run */
} agent_index_t;

/* 0, or -1 and errno; free it in both cases. */
int agent_index_read(agent_index_t *index, const char *path);

/* Likewise a list file: entries with ->text alone. */
int agent_index_read_list(agent_index_t *index, const char *path);

void agent_index_free(agent_index_t *index);

/* One line of an index, which is changed: 1 and *entry, whose texts point
   into line; 0 for a line that does not count.  Pure. */
int agent_index_parse(char *line, agent_index_entry_t *entry);

#endif
