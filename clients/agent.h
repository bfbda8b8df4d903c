#ifndef AGENT_H
#define AGENT_H

/*
 * qasino-csvpublisher once it runs.  A round publishes every source once;
 * it begins a random while after the generation signal, or at an interval.
 * Between rounds the agent waits, and looks again at what it could not
 * publish: files that are missing, bad or being written, a server that was
 * away.
 *
 *   agent.c        waits: signals, timers, events
 *   agent_round.c  a round: reads (agent_read.c), sends, reports about itself
 *
 * Threads: one.  What happens while a request waits for its answer comes in
 * through agent_attend().
 */

#include <stddef.h>
#include <stdint.h>

#include "agent_source.h"
#include "agent_watch.h"
#include "connection.h"
#include "subscription.h"

typedef struct {
    const agent_options_t *options;
    connection_t *connection;
    subscription_t *subscription;       /* NULL: by interval, or once */
    agent_sources_t sources;
    agent_watch_t watch;
    int signal_fd;
    int stopping;

    /* moments on the monotonic clock, ms; 0: none is set */
    uint64_t round_at;          /* the next round begins */
    uint64_t check_at;          /* look again at what is not done */
    uint64_t info_at;           /* the info tables go out, at the latest */
    uint64_t heard_at;          /* the last generation signal */
    uint64_t away_ms;           /* pause while the server is away */
    double duration_s;          /* of a generation; 0: not known yet */

    int in_round;               /* its info tables are still to be sent */
    int connected;              /* the last request was answered */
    int worst;                  /* of the round, for --once: exit status */
    int logged;                 /* what follows was said in the log */
    size_t logged_tables;
    size_t logged_errors;
} agent_t;

/* Runs until SIGTERM or SIGINT, or, with --once, for a round: the exit
   status. */
int agent_run(const agent_options_t *options);

/* What must not wait for an answer: signals and commands.  1: stop. */
int agent_attend(agent_t *agent);

/* Starts a round, works on it as far as that goes now, looks again. */
void agent_round_begin(agent_t *agent);
void agent_round_work(agent_t *agent);

/* From 0 to max, both included. */
uint64_t agent_random(uint64_t max);

#endif
