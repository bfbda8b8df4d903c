/* Mark all as not listed, read the indexes, drop what stayed unlisted. */

#include "agent_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_index.h"
#include "qsn_buf.h"
#include "qsn_log.h"

typedef struct {
    agent_sources_t *sources;
    const agent_options_t *options;
    agent_index_t limits;       /* of --table-list */
} load_t;

static void load_commands(load_t *load);
static void load_index(load_t *load, const char *path);
static void load_entry(load_t *load, const char *directory,
    const agent_index_entry_t *entry, int trusted);
static void list(load_t *load, const char *tablename, const char *path,
    const char *directory, int is_command, const char *refusal);
static int is_wanted(const load_t *load, const char *tablename);
static void drop_unlisted(agent_sources_t *sources);
static void note_problem(agent_sources_t *sources, const char *path);
static void note_index(agent_sources_t *sources, const char *path);
static void forget_indexes(agent_sources_t *sources);
static void source_free(agent_source_t *source);

static const char untrusted[] = "its command is not run: others than the "
    "agent's user may write the index file";


void
agent_source_load(agent_sources_t *sources, const agent_options_t *options)
{
    load_t load = { .sources = sources, .options = options };
    agent_index_t indexes = { 0 };

    for (agent_source_t *source = sources->first; source;
         source = source->next)
    {
        source->listed = 0;
    }

    forget_indexes(sources);

    if (options->table_list) {
        note_index(sources, options->table_list);

        if (agent_index_read_list(&load.limits, options->table_list) != 0) {
            note_problem(sources, options->table_list);
        }
    }

    load_commands(&load);

    for (size_t i = 0; i < options->indexes.count; i++) {
        load_index(&load, options->indexes.items[i]);
    }

    if (options->index_list) {
        note_index(sources, options->index_list);

        if (agent_index_read_list(&indexes, options->index_list) != 0) {
            note_problem(sources, options->index_list);
        }
    }

    for (size_t i = 0; i < indexes.count; i++) {
        load_index(&load, indexes.entries[i].text);
    }

    agent_index_free(&indexes);
    agent_index_free(&load.limits);
    drop_unlisted(sources);
}


int
agent_source_indexes_changed(const agent_sources_t *sources)
{
    for (const agent_source_index_t *index = sources->indexes; index;
         index = index->next)
    {
        agent_file_stamp_t stamp;

        agent_file_stamp(index->path, &stamp);

        if (!agent_file_same(&stamp, &index->stamp)) {
            return 1;
        }
    }

    return 0;
}


void
agent_source_free(agent_sources_t *sources)
{
    for (agent_source_t *source = sources->first; source;
         source = source->next)
    {
        source->listed = 0;
    }

    drop_unlisted(sources);
    forget_indexes(sources);
}


void
agent_source_begin(agent_sources_t *sources)
{
    for (agent_source_t *source = sources->first; source;
         source = source->next)
    {
        if (agent_command_is_running(&source->command)) {
            continue;
        }

        agent_command_forget(&source->command);
        source->state = AGENT_SOURCE_WAITING;
        source->read_time_s = -1;
        source->row_count = -1;
        memset(&source->stamp, 0, sizeof(source->stamp));
    }
}


void
agent_source_fail(agent_source_t *source, const char *error)
{
    if (source->error_count == 0 || strcmp(source->error, error) != 0) {
        qsn_log("table '%s' of '%s': %s", source->tablename, source->path,
                error);
    }

    source->error_count = 1;
    (void) snprintf(source->error, sizeof(source->error), "%s", error);
}


int
agent_source_is_unsettled(const agent_source_t *source)
{
    return source->waiting_since_ms != 0;
}


char *
agent_source_directory(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return strdup(".");
    }

    return strndup(path, slash == path ? 1 : (size_t) (slash - path));
}


/* Of --exec; they were checked when the options were read. */
static void
load_commands(load_t *load)
{
    for (size_t i = 0; i < load->options->commands.count; i++) {
        const char *text = load->options->commands.items[i];
        size_t length = strcspn(text, "=");
        char *tablename = strndup(text, length);

        if (tablename) {
            list(load, tablename, text + length + 1, ".", 1, NULL);
        }

        free(tablename);
    }
}


static void
load_index(load_t *load, const char *path)
{
    agent_index_t index;
    char *directory = agent_source_directory(path);

    note_index(load->sources, path);

    if (agent_index_read(&index, path) != 0) {
        note_problem(load->sources, path);
    }

    for (size_t i = 0; directory && i < index.count; i++) {
        load_entry(load, directory, &index.entries[i], index.trusted);
    }

    agent_index_free(&index);
    free(directory);
}


static void
load_entry(load_t *load, const char *directory,
    const agent_index_entry_t *entry, int trusted)
{
    const char *tablename = entry->tablename ? entry->tablename : entry->text;
    qsn_buf_t path = { 0 };

    if (entry->is_command) {
        if (entry->tablename) {
            list(load, tablename, entry->text, directory, 1,
                 trusted ? NULL : untrusted);
        } else {
            list(load, "", entry->text, directory, 1,
                 "the index line has no table name: exec:COMMAND,TABLE");
        }

        return;
    }

    if (entry->text[0] != '/') {
        qsn_buf_printf(&path, "%s/", directory);
    }

    qsn_buf_printf(&path, "%s%s", entry->text, entry->tablename ? "" : ".csv");
    list(load, tablename, qsn_buf_text(&path), directory, 0, NULL);
    qsn_buf_free(&path);
}


static void
list(load_t *load, const char *tablename, const char *path,
    const char *directory, int is_command, const char *refusal)
{
    agent_source_t **place = &load->sources->first;

    if (!is_wanted(load, tablename)) {
        return;
    }

    for ( ; *place; place = &(*place)->next) {
        agent_source_t *source = *place;

        if (source->is_command == is_command
            && strcmp(source->tablename, tablename) == 0
            && strcmp(source->path, path) == 0
            && strcmp(source->directory, directory) == 0)
        {
            source->listed = 1;
            source->refusal = refusal;
            return;
        }
    }

    agent_source_t *source = calloc(1, sizeof(*source));

    if (source == NULL) {
        return;
    }

    agent_command_init(&source->command);
    source->tablename = strdup(tablename);
    source->path = strdup(path);
    source->directory = strdup(directory);
    source->is_command = is_command;
    source->refusal = refusal;
    source->listed = 1;
    source->read_time_s = -1;
    source->row_count = -1;

    if (source->tablename && source->path && source->directory) {
        *place = source;
    } else {
        source_free(source);
    }
}


/* No limits at all: everything. */
static int
is_wanted(const load_t *load, const char *tablename)
{
    const agent_list_t *tables = &load->options->tables;

    if (tables->count == 0 && load->options->table_list == NULL) {
        return 1;
    }

    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->items[i], tablename) == 0) {
            return 1;
        }
    }

    for (size_t i = 0; i < load->limits.count; i++) {
        if (strcmp(load->limits.entries[i].text, tablename) == 0) {
            return 1;
        }
    }

    /* an empty list is no limit, as in the original */
    return tables->count == 0 && load->limits.count == 0;
}


static void
drop_unlisted(agent_sources_t *sources)
{
    agent_source_t **place = &sources->first;

    while (*place) {
        agent_source_t *source = *place;

        if (source->listed) {
            place = &source->next;
        } else {
            *place = source->next;
            source_free(source);
        }
    }
}


static void
note_problem(agent_sources_t *sources, const char *path)
{
    agent_source_problem_t *problem = calloc(1, sizeof(*problem));
    int saved = errno;

    if (problem == NULL) {
        return;
    }

    problem->path = strdup(path);
    problem->reason = strdup(strerror(saved));

    if (problem->path == NULL || problem->reason == NULL) {
        free(problem->path);
        free(problem->reason);
        free(problem);
        return;
    }

    problem->next = sources->problems;
    sources->problems = problem;
}


static void
note_index(agent_sources_t *sources, const char *path)
{
    agent_source_index_t *index = calloc(1, sizeof(*index));

    if (index == NULL) {
        return;
    }

    index->path = strdup(path);

    if (index->path == NULL) {
        free(index);
        return;
    }

    agent_file_stamp(path, &index->stamp);
    index->next = sources->indexes;
    sources->indexes = index;
}


static void
forget_indexes(agent_sources_t *sources)
{
    while (sources->problems) {
        agent_source_problem_t *problem = sources->problems;

        sources->problems = problem->next;
        free(problem->path);
        free(problem->reason);
        free(problem);
    }

    while (sources->indexes) {
        agent_source_index_t *index = sources->indexes;

        sources->indexes = index->next;
        free(index->path);
        free(index);
    }
}


static void
source_free(agent_source_t *source)
{
    agent_command_free(&source->command);
    free(source->tablename);
    free(source->path);
    free(source->directory);
    free(source);
}
