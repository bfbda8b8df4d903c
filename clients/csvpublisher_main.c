/*
 * qasino-csvpublisher: the agent that keeps the tables of this machine up to
 * date.  A reader goes from agent.c (the loop) to agent_round.c (one round),
 * which reads through agent_source.c (what there is to publish),
 * agent_file.c and csv_table.c, or agent_command.c and json_table.c, and
 * sends through publish.c and connection.c.
 */

#include <malloc.h>

#include "agent.h"
#include "arguments.h"
#include "qsn_log.h"

/* What large tables took goes back to the system after each of them. */
#define MMAP_FROM   (64 * 1024)
#define ARENAS_MAX  1


int
main(int argc, char **argv)
{
    agent_options_t options;
    int status;

    qsn_log_open("qasino-csvpublisher");
    (void) mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
    (void) mallopt(M_ARENA_MAX, ARENAS_MAX);

    switch (agent_options_parse(&options, argc, argv)) {

    case AGENT_OPTIONS_OK:
        status = agent_run(&options);
        break;

    case AGENT_OPTIONS_DONE:
        status = ARGUMENTS_EXIT_OK;
        break;

    default:
        status = ARGUMENTS_EXIT_USAGE;
    }

    agent_options_free(&options);

    return status;
}
