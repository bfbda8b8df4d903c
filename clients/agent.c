/*
 * The loop.  Signals come through a signalfd, so that they are read like
 * everything else: here, and while a request waits for its answer.
 */

#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arguments.h"
#include "qsn_clock.h"
#include "qsn_log.h"

#define WAIT_MAX_MS     1000    /* libzmq's descriptor is edge-triggered */
#define EVENT_DELAY_MS  50      /* of several events, one look */
#define FDS_FIXED       3

static int start(agent_t *agent);
static int open_signals(agent_t *agent);
static void loop(agent_t *agent);
static int wait_events(agent_t *agent, struct pollfd **fds, size_t *room);
static size_t add_commands(agent_t *agent, struct pollfd *fds, size_t room);
static int time_left(const agent_t *agent);
static void take_signals(agent_t *agent);
static void take_generations(agent_t *agent);
static void plan_round(agent_t *agent);
static void on_time(agent_t *agent);
static void sooner(uint64_t *moment, uint64_t other);
static int waiting(void *ctx);
static void stop(agent_t *agent);


int
agent_run(const agent_options_t *options)
{
    agent_t agent;
    int status = ARGUMENTS_EXIT_USAGE;

    memset(&agent, 0, sizeof(agent));
    agent.options = options;
    agent.signal_fd = -1;
    agent.watch.fd = -1;

    if (start(&agent) == 0) {
        loop(&agent);
        status = options->once ? agent.worst : ARGUMENTS_EXIT_OK;
    }

    stop(&agent);

    return status;
}


int
agent_attend(agent_t *agent)
{
    struct signalfd_siginfo info;

    while (read(agent->signal_fd, &info, sizeof(info))
           == (ssize_t) sizeof(info))
    {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            agent->stopping = 1;

        } else if (info.ssi_signo == SIGHUP) {
            sooner(&agent->check_at, qsn_clock_monotonic_ms());
        }
    }

    for (agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        if (agent_command_pump(&source->command)) {
            source->state = AGENT_SOURCE_READY;
            source->read_time_s
                = (double) (qsn_clock_monotonic_ms()
                            - source->command.started_ms) / 1e3;

            if (agent->away_ms == 0) {
                sooner(&agent->check_at, qsn_clock_monotonic_ms());
            }
        }
    }

    return agent->stopping;
}


uint64_t
agent_random(uint64_t max)
{
    uint64_t value = 0;

    if (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
        value = (uint64_t) getpid();
    }

    return value % (max + 1);
}


static int
start(agent_t *agent)
{
    const agent_options_t *options = agent->options;
    connection_options_t connection = options->connection;
    char error[CONNECTION_ERROR_SIZE];

    /* before there are any other threads, which must not get them */
    if (open_signals(agent) != 0) {
        qsn_log("cannot wait for signals: %s", strerror(errno));
        return -1;
    }

    connection.waiting = waiting;
    connection.waiting_ctx = agent;
    agent->connection = connection_create(&connection, error);

    if (agent->connection == NULL) {
        qsn_log("%s", error);
        return -1;
    }

    if (options->interval_ms == 0 && !options->once) {
        agent->subscription = subscription_create(&options->connection,
                                                  options->pubsub_port,
                                                  error);

        if (agent->subscription == NULL) {
            qsn_log("%s", error);
            return -1;
        }
    }

    agent_watch_open(&agent->watch);
    agent->heard_at = qsn_clock_monotonic_ms();

    if (agent->subscription) {
        plan_round(agent);
    } else {
        agent->round_at = agent->heard_at;
    }

    return 0;
}


static int
open_signals(agent_t *agent)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
    sigset_t set;

    (void) sigemptyset(&set);

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void) sigaddset(&set, numbers[i]);
    }

    /* SIGIO: a writer wanted the lease that find_writers() just had */
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGIO, SIG_IGN);

    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return -1;
    }

    agent->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

    return agent->signal_fd == -1 ? -1 : 0;
}


static void
loop(agent_t *agent)
{
    struct pollfd *fds = NULL;
    size_t room = 0;

    for ( ;; ) {
        take_signals(agent);
        take_generations(agent);

        if (agent->stopping) {
            break;
        }

        on_time(agent);

        if (agent->options->once && agent->round_at == 0
            && (!agent->in_round
                || agent->worst == ARGUMENTS_EXIT_NO_ANSWER))
        {
            break;
        }

        if (wait_events(agent, &fds, &room) != 0) {
            qsn_log("out of memory");
            break;
        }

        if (agent_watch_drain(&agent->watch) && agent->connected) {
            sooner(&agent->check_at,
                   qsn_clock_monotonic_ms() + EVENT_DELAY_MS);
        }
    }

    free(fds);
}


static int
wait_events(agent_t *agent, struct pollfd **fds, size_t *room)
{
    size_t needed = FDS_FIXED;

    for (const agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        needed += 2;
    }

    if (needed > *room) {
        struct pollfd *more = realloc(*fds, needed * sizeof(*more));

        if (more == NULL) {
            return -1;
        }

        *fds = more;
        *room = needed;
    }

    (*fds)[0] = (struct pollfd) { .fd = agent->signal_fd, .events = POLLIN };
    (*fds)[1] = (struct pollfd) { .fd = agent->watch.fd, .events = POLLIN };
    (*fds)[2] = (struct pollfd) { .fd = -1 };

    if (agent->subscription) {
        (*fds)[2] = (struct pollfd) {
            .fd = subscription_fd(agent->subscription), .events = POLLIN
        };
    }

    size_t count = add_commands(agent, *fds, *room);

    (void) poll(*fds, count, time_left(agent));

    return 0;
}


/* The number of descriptors there are then. */
static size_t
add_commands(agent_t *agent, struct pollfd *fds, size_t room)
{
    size_t count = FDS_FIXED;

    for (const agent_source_t *source = agent->sources.first;
         source && count + 2 <= room; source = source->next)
    {
        const agent_command_t *command = &source->command;

        if (agent_command_is_running(command)) {
            fds[count++] = (struct pollfd) {
                .fd = command->out_fd, .events = POLLIN
            };
            fds[count++] = (struct pollfd) {
                .fd = command->err_fd, .events = POLLIN
            };
        }
    }

    return count;
}


static int
time_left(const agent_t *agent)
{
    uint64_t now = qsn_clock_monotonic_ms();
    uint64_t next = now + WAIT_MAX_MS;

    sooner(&next, agent->round_at);
    sooner(&next, agent->check_at);
    sooner(&next, agent->info_at);

    for (const agent_source_t *source = agent->sources.first; source;
         source = source->next)
    {
        if (agent_command_is_running(&source->command)) {
            sooner(&next, source->command.deadline_ms);
        }
    }

    return next > now ? (int) (next - now) : 0;
}


static void
take_signals(agent_t *agent)
{
    (void) agent_attend(agent);
}


static void
take_generations(agent_t *agent)
{
    uint64_t now = qsn_clock_monotonic_ms();
    subscription_signal_t signal;
    int heard = 0;

    if (agent->subscription == NULL) {
        return;
    }

    while (subscription_take(agent->subscription, &signal)) {
        agent->duration_s = signal.generation_duration_s;
        heard = 1;
    }

    if (heard) {
        agent->heard_at = now;
        plan_round(agent);

    } else if (now - agent->heard_at >= agent->options->gen_signal_timeout_ms)
    {
        qsn_log("no generation signal for %g s: subscribing anew",
                agent->options->gen_signal_timeout_ms / 1e3);

        if (subscription_renew(agent->subscription) != 0) {
            qsn_log("cannot subscribe: %s", strerror(errno));
        }

        agent->heard_at = now;
    }
}


/* A delay that fits into the generation, however long it may be. */
static void
plan_round(agent_t *agent)
{
    uint64_t delay = agent->options->send_delay_max_ms;

    if (agent->duration_s > 0 && delay > agent->duration_s * 500) {
        delay = (uint64_t) (agent->duration_s * 500);
    }

    agent->round_at = qsn_clock_monotonic_ms() + agent_random(delay);
}


static void
on_time(agent_t *agent)
{
    uint64_t now = qsn_clock_monotonic_ms();

    if (agent->round_at && now >= agent->round_at) {
        agent->round_at = 0;

        if (agent->options->interval_ms && !agent->options->once) {
            agent->round_at = now + agent->options->interval_ms;
        }

        agent->check_at = 0;
        agent_round_begin(agent);

    } else if ((agent->check_at && now >= agent->check_at)
               || (agent->info_at && now >= agent->info_at))
    {
        agent_round_work(agent);
    }
}


/* 0 is no moment. */
static void
sooner(uint64_t *moment, uint64_t other)
{
    if (other && (*moment == 0 || other < *moment)) {
        *moment = other;
    }
}


static int
waiting(void *ctx)
{
    return agent_attend(ctx);
}


static void
stop(agent_t *agent)
{
    agent_source_free(&agent->sources);
    agent_watch_close(&agent->watch);
    subscription_destroy(agent->subscription);
    connection_destroy(agent->connection);

    if (agent->signal_fd != -1) {
        (void) close(agent->signal_fd);
    }
}
