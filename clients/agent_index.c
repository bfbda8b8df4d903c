/*
 * A command runs with the agent's rights, so commands count only in an index
 * that nobody but the agent's user or root can write.
 */

#include "agent_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*parse_t)(char *line, agent_index_entry_t *entry);

static int read_lines(agent_index_t *index, const char *path, int skip,
    parse_t parse);
static int parse_list_line(char *line, agent_index_entry_t *entry);
static int add(agent_index_t *index, const agent_index_entry_t *entry);
static int is_trusted(FILE *file);
static int counts(const char *line);


int
agent_index_read(agent_index_t *index, const char *path)
{
    return read_lines(index, path, 1, agent_index_parse);
}


int
agent_index_read_list(agent_index_t *index, const char *path)
{
    return read_lines(index, path, 0, parse_list_line);
}


void
agent_index_free(agent_index_t *index)
{
    for (size_t i = 0; i < index->count; i++) {
        free(index->entries[i].text);
        free(index->entries[i].tablename);
    }

    free(index->entries);
    memset(index, 0, sizeof(*index));
}


int
agent_index_parse(char *line, agent_index_entry_t *entry)
{
    static const char prefix[] = "exec:";
    char *comma;

    memset(entry, 0, sizeof(*entry));

    if (!counts(line)) {
        return 0;
    }

    entry->text = line;

    /* a command may have commas in it, a table name not */
    if (strncmp(line, prefix, strlen(prefix)) == 0) {
        entry->is_command = 1;
        entry->text = line + strlen(prefix);
        comma = strrchr(entry->text, ',');
    } else {
        comma = strchr(line, ',');
    }

    if (comma) {
        *comma = '\0';
        entry->tablename = comma + 1;

        /* of "FILE,TABLE,more" the original takes the first two */
        if (!entry->is_command) {
            entry->tablename[strcspn(entry->tablename, ",")] = '\0';
        }

        while (*entry->tablename == ' ') {
            entry->tablename++;
        }
    }

    return 1;
}


static int
read_lines(agent_index_t *index, const char *path, int skip, parse_t parse)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int rc = 0;

    memset(index, 0, sizeof(*index));

    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return -1;
    }

    index->trusted = is_trusted(file);
    errno = 0;

    for (int n = 0; rc == 0 && (length = getline(&line, &size, file)) != -1;
         n++)
    {
        agent_index_entry_t entry;

        while (length && strchr(" \t\r\n", line[length - 1])) {
            line[--length] = '\0';
        }

        /* the first line of an index is its version number */
        if (n >= skip && parse(line, &entry)) {
            rc = add(index, &entry);
        }

        errno = rc ? errno : 0;
    }

    if (rc == 0 && ferror(file)) {
        rc = -1;                /* a directory, for one */
    }

    int saved = errno;

    free(line);
    (void) fclose(file);
    errno = saved;

    return rc;
}


static int
parse_list_line(char *line, agent_index_entry_t *entry)
{
    memset(entry, 0, sizeof(*entry));
    entry->text = line;

    return counts(line);
}


static int
add(agent_index_t *index, const agent_index_entry_t *entry)
{
    if (index->count == index->capacity) {
        size_t capacity = index->capacity ? index->capacity * 2 : 16;
        agent_index_entry_t *entries = realloc(index->entries,
                                               capacity * sizeof(*entries));

        if (entries == NULL) {
            return -1;
        }

        index->entries = entries;
        index->capacity = capacity;
    }

    agent_index_entry_t *copy = &index->entries[index->count];

    *copy = *entry;
    copy->tablename = entry->tablename ? strdup(entry->tablename) : NULL;

    copy->text = strdup(entry->text);

    if (copy->text == NULL || (entry->tablename && copy->tablename == NULL)) {
        free(copy->text);
        free(copy->tablename);
        return -1;
    }

    index->count++;

    return 0;
}


static int
is_trusted(FILE *file)
{
    struct stat status;

    return fstat(fileno(file), &status) == 0
           && (status.st_uid == 0 || status.st_uid == geteuid())
           && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}


static int
counts(const char *line)
{
    line += strspn(line, " \t");

    return *line != '\0' && *line != '#';
}
