/*
 * A round.  Files are read and sent one after the other; commands are all
 * started at its beginning and sent as they end.  When nothing more is to be
 * expected soon, the tables about the agent itself follow.
 *
 * A server that does not answer ends the work: the same sources are tried
 * again after a pause that grows, or in the next round.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "agent_info.h"
#include "agent_read.h"
#include "arguments.h"
#include "publish.h"
#include "qsn_clock.h"
#include "qsn_log.h"

#define RECHECK_MS          1000        /* without inotify, or missed by it */
#define UNSETTLED_MS        100
#define AWAY_FIRST_MS       500
#define AWAY_MAX_MS         15000
#define INFO_PATIENCE_MS    3000        /* for files that are being written */

static void load(agent_t *agent);
static void watch_directories(agent_t *agent);
static void start_command(agent_t *agent, agent_source_t *source);
static int work_on(agent_t *agent, agent_source_t *source);
static void fail(agent_t *agent, agent_source_t *source, const char *error);
static int send_source(agent_t *agent, agent_source_t *source,
    draft_t *draft);
static int settle_result(agent_t *agent, agent_source_t *source,
    enum publish_result result, const publish_outcome_t *outcome);
static int send_info(agent_t *agent);
static int send_table(agent_t *agent, draft_t *draft);
static void log_round(agent_t *agent);
static void answered(agent_t *agent);
static int no_answer(agent_t *agent, const char *reason);
static int expects_more(const agent_t *agent);
static void schedule_check(agent_t *agent);
static void note_worst(agent_t *agent, int status);


void
agent_round_begin(agent_t *agent)
{
    uint64_t patience = INFO_PATIENCE_MS;

    load(agent);
    agent_source_begin(&agent->sources);

    for (agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        if (source->is_command) {
            start_command(agent, source);
            patience = agent->options->exec_timeout_ms + INFO_PATIENCE_MS;
        }
    }

    /* they belong into the generation that they tell about */
    if (agent->duration_s > 0 && patience > agent->duration_s * 500) {
        patience = (uint64_t) (agent->duration_s * 500);
    }

    agent->in_round = 1;
    agent->away_ms = 0;
    agent->info_at = qsn_clock_monotonic_ms() + patience;
    agent_round_work(agent);
}


void
agent_round_work(agent_t *agent)
{
    uint64_t now = qsn_clock_monotonic_ms();
    int rc = 0;

    agent->check_at = 0;

    if (agent_source_indexes_changed(&agent->sources)) {
        load(agent);

        for (agent_source_t *source = agent->sources.first; source;
             source = source->next)
        {
            if (source->is_command && source->state == AGENT_SOURCE_WAITING) {
                start_command(agent, source);
            }
        }
    }

    for (agent_source_t *source = agent->sources.first; source && rc == 0;
         source = source->next)
    {
        rc = work_on(agent, source);
    }

    if (rc == 0 && agent->in_round
        && (!expects_more(agent) || now >= agent->info_at))
    {
        agent->in_round = 0;
        agent->info_at = 0;
        rc = send_info(agent);

        if (rc) {
            agent->in_round = 1;
        }
    }

    if (rc) {
        agent->info_at = agent->in_round ? agent->check_at : 0;
    } else {
        schedule_check(agent);
    }
}


static void
load(agent_t *agent)
{
    agent_source_load(&agent->sources, agent->options);
    watch_directories(agent);

    for (const agent_source_problem_t *problem = agent->sources.problems;
         problem; problem = problem->next)
    {
        qsn_log("'%s': %s", problem->path, problem->reason);
        note_worst(agent, ARGUMENTS_EXIT_REFUSED);
    }
}


static void
watch_directories(agent_t *agent)
{
    agent_watch_begin(&agent->watch);

    for (const agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        char *directory = source->is_command
                          ? NULL : agent_source_directory(source->path);

        if (directory) {
            agent_watch_add(&agent->watch, directory);
            free(directory);
        }
    }

    for (const agent_source_index_t *index = agent->sources.indexes; index;
         index = index->next)
    {
        char *directory = agent_source_directory(index->path);

        if (directory) {
            agent_watch_add(&agent->watch, directory);
            free(directory);
        }
    }

    agent_watch_end(&agent->watch);
}


/* One that still runs from the round before is not started again. */
static void
start_command(agent_t *agent, agent_source_t *source)
{
    const agent_options_t *options = agent->options;

    source->mtime = 0;

    if (agent_command_is_running(&source->command)) {
        fail(agent, source, "the command of the round before is still "
             "running");
        return;
    }

    source->read_epoch = qsn_clock_epoch();

    if (source->refusal) {
        source->state = AGENT_SOURCE_BAD;
        fail(agent, source, source->refusal);

    } else if (agent_command_start(&source->command, source->path,
                                   source->directory,
                                   options->exec_timeout_ms,
                                   options->max_size) != 0)
    {
        source->state = AGENT_SOURCE_BAD;
        fail(agent, source, source->command.error);

    } else {
        source->state = AGENT_SOURCE_RUNNING;
    }
}


/* Other than 0: the server does not answer, or the agent is to stop. */
static int
work_on(agent_t *agent, agent_source_t *source)
{
    draft_t draft;
    int ready = 0;

    draft_init(&draft);

    if (source->is_command) {
        ready = source->state == AGENT_SOURCE_READY
                && agent_read_output(source, &draft);

    } else if (source->state == AGENT_SOURCE_WAITING
               || source->state == AGENT_SOURCE_BAD)
    {
        ready = agent_read_file(source, agent->options, &draft);
    }

    /* a file that is being written is no failure, not yet */
    if (!ready && draft.failed && !agent_source_is_unsettled(source)) {
        fail(agent, source, draft.error);
    }

    int rc = ready ? send_source(agent, source, &draft) : 0;

    draft_free(&draft);

    return rc;
}


static void
fail(agent_t *agent, agent_source_t *source, const char *error)
{
    agent_source_fail(source, error);
    note_worst(agent, ARGUMENTS_EXIT_REFUSED);
}


static int
send_source(agent_t *agent, agent_source_t *source, draft_t *draft)
{
    publish_outcome_t outcome;
    long long rows = (long long) draft->row_count;

    /* the index says the name, not the file */
    if (draft_set_tablename(draft, source->tablename,
                            strlen(source->tablename), 0, 0) != 0)
    {
        source->state = AGENT_SOURCE_BAD;
        fail(agent, source, draft->error);
        return 0;
    }

    enum publish_result result = publish_send(agent->connection, draft,
                                              agent->options->identity,
                                              &outcome);

    if (result != PUBLISH_INVALID) {
        source->row_count = rows;
    }

    return settle_result(agent, source, result, &outcome);
}


static int
settle_result(agent_t *agent, agent_source_t *source,
    enum publish_result result, const publish_outcome_t *outcome)
{
    switch (result) {

    case PUBLISH_TAKEN:
    case PUBLISH_DUPLICATE:
        answered(agent);
        source->state = AGENT_SOURCE_DONE;
        source->error_count = 0;
        (void) snprintf(source->error, sizeof(source->error), "%s",
                        result == PUBLISH_DUPLICATE ? outcome->text : "");

        if (result == PUBLISH_DUPLICATE) {
            note_worst(agent, ARGUMENTS_EXIT_DUPLICATE);
        }

        break;

    case PUBLISH_REFUSED:
        answered(agent);
        source->state = AGENT_SOURCE_BAD;
        fail(agent, source, outcome->text);
        break;

    case PUBLISH_INVALID:
        source->state = AGENT_SOURCE_BAD;
        fail(agent, source, outcome->text);
        break;

    case PUBLISH_NO_ANSWER:
        return no_answer(agent, outcome->text);

    case PUBLISH_STOPPED:
        return -1;
    }

    agent_command_forget(&source->command);

    return 0;
}


static int
send_info(agent_t *agent)
{
    const char *identity = agent->options->identity;
    draft_t draft;

    agent_info_summary(&draft, &agent->sources, identity);

    int rc = send_table(agent, &draft);

    if (rc == 0) {
        agent_info_tables(&draft, &agent->sources, identity);
        rc = send_table(agent, &draft);
    }

    if (rc == 0) {
        log_round(agent);
    }

    return rc;
}


static int
send_table(agent_t *agent, draft_t *draft)
{
    publish_outcome_t outcome;
    enum publish_result result = publish_send(agent->connection, draft,
                                              agent->options->identity,
                                              &outcome);

    draft_free(draft);

    if (result == PUBLISH_NO_ANSWER) {
        return no_answer(agent, outcome.text);
    }

    if (result == PUBLISH_STOPPED) {
        return -1;
    }

    answered(agent);

    if (result == PUBLISH_REFUSED || result == PUBLISH_INVALID) {
        qsn_log("the tables about this agent: %s", outcome.text);
    }

    return 0;
}


/* A line where something is new, not one a round. */
static void
log_round(agent_t *agent)
{
    size_t tables, errors;

    agent_info_count(&agent->sources, &tables, &errors);

    if (tables != agent->logged_tables || errors != agent->logged_errors
        || !agent->logged)
    {
        qsn_log("%zu table%s published, %zu error%s", tables,
                tables == 1 ? "" : "s", errors, errors == 1 ? "" : "s");
        agent->logged_tables = tables;
        agent->logged_errors = errors;
        agent->logged = 1;
    }
}


static void
answered(agent_t *agent)
{
    if (!agent->connected) {
        qsn_log("publishing to %s as '%s'",
                connection_address(agent->connection),
                agent->options->identity);
    }

    agent->connected = 1;
    agent->away_ms = 0;
}


/* Always -1.  Half of the pause is random: a thousand agents do not all come
   back at the same moment. */
static int
no_answer(agent_t *agent, const char *reason)
{
    if (agent->connected || agent->away_ms == 0) {
        qsn_log("%s; trying again", reason);
    }

    agent->connected = 0;
    agent->away_ms = agent->away_ms == 0 ? AWAY_FIRST_MS
                     : agent->away_ms < AWAY_MAX_MS / 2
                     ? agent->away_ms * 2 : AWAY_MAX_MS;
    agent->check_at = qsn_clock_monotonic_ms() + agent->away_ms / 2
                      + agent_random(agent->away_ms / 2);
    note_worst(agent, ARGUMENTS_EXIT_NO_ANSWER);

    return -1;
}


/* Something that the info tables of this round had better wait for. */
static int
expects_more(const agent_t *agent)
{
    for (const agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        if (source->state == AGENT_SOURCE_RUNNING
            || source->state == AGENT_SOURCE_READY
            || agent_source_is_unsettled(source))
        {
            return 1;
        }
    }

    return 0;
}


static void
schedule_check(agent_t *agent)
{
    uint64_t wait = 0;

    for (const agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        if (agent_source_is_unsettled(source)) {
            wait = UNSETTLED_MS;

        } else if (!source->is_command && source->state != AGENT_SOURCE_DONE
                   && wait == 0)
        {
            wait = RECHECK_MS;
        }
    }

    if (wait) {
        agent->check_at = qsn_clock_monotonic_ms() + wait;
    }
}


static void
note_worst(agent_t *agent, int status)
{
    if (agent->worst != ARGUMENTS_EXIT_NO_ANSWER
        && (agent->worst == ARGUMENTS_EXIT_OK
            || status != ARGUMENTS_EXIT_DUPLICATE))
    {
        agent->worst = status;
    }
}
