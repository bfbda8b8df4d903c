/* Ask, compare, show, wait. */

#include "sql_watch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "qsn_clock.h"
#include "sql_diff.h"
#include "sql_signal.h"
#include "subscription.h"

#define POLL_MS      1000       /* while no signal was ever heard */
#define LATE_MS      2000       /* a signal this much after its time is lost */
#define CLEAR        "\x1b[H\x1b[2J"

typedef struct {
    sql_session_t *session;
    char *query;
    subscription_t *subscription;
    char generation[32];        /* that was asked last, "" if unknown */
    int heard;                  /* a signal, since the last renewal */
    double duration_s;
    sql_answer_t shown;         /* what the next one is compared with */
} watch_t;

static int watch_open(watch_t *watch, const char *query);
static void watch_close(watch_t *watch);
static void look(watch_t *watch);
static void show(watch_t *watch, sql_answer_t *answer);
static int wait_generation(watch_t *watch);
static int wait_signal(watch_t *watch, int timeout_ms);
static int ask_generation(watch_t *watch, char *number, size_t size);


void
sql_watch(sql_session_t *session, const char *query, unsigned long times)
{
    watch_t watch = { .session = session };
    int abandon = session->abandon;

    if (watch_open(&watch, query) == 0) {
        for (unsigned long done = 1; /* void */; done++) {
            look(&watch);
            session->abandon = abandon;     /* a server may come back */

            if (done == times || session->quit
                || wait_generation(&watch) != 0)
            {
                break;
            }
        }
    }

    watch_close(&watch);
}


static int
watch_open(watch_t *watch, const char *query)
{
    sql_session_t *session = watch->session;
    const connection_options_t *options = &session->options->connection;
    char error[CONNECTION_ERROR_SIZE];

    if (query == NULL && session->last.length == 0) {
        sql_session_error(session, "there is no statement to watch yet");
        return -1;
    }

    watch->query = strdup(query ? query : qsn_buf_text(&session->last));
    watch->subscription = subscription_create(options,
                                              session->options->pubsub_port,
                                              error);

    if (watch->query == NULL || watch->subscription == NULL) {
        sql_session_error(session, "%s",
                          watch->query ? error : "out of memory");
        return -1;
    }

    return 0;
}


static void
watch_close(watch_t *watch)
{
    subscription_destroy(watch->subscription);
    sql_answer_free(&watch->shown);
    free(watch->query);
}


/* One round.  An error is shown, and the next round is another try. */
static void
look(watch_t *watch)
{
    sql_session_t *session = watch->session;
    sql_answer_t answer;

    if (ask_generation(watch, watch->generation, sizeof(watch->generation))
        != 0)
    {
        watch->generation[0] = '\0';
    }

    sql_session_ask(session, &answer, watch->query, strlen(watch->query));

    if (answer.end == SQL_QUERY_OK && answer.has_result) {
        show(watch, &answer);

    } else {
        sql_session_judge(session, &answer);
        sql_answer_free(&answer);
    }

    sql_session_flush(session);
}


/* Takes the answer over. */
static void
show(watch_t *watch, sql_answer_t *answer)
{
    sql_session_t *session = watch->session;
    qsn_buf_t *out = &session->out.buf;
    enum sql_mode mode = session->format.mode;
    time_t now = time(NULL);
    struct tm local;
    char when[16];

    if (watch->shown.has_result
        && sql_diff(&answer->result, &watch->shown.result) != 0)
    {
        sql_session_error(session, "out of memory: changes are not marked");
    }

    if (sql_session_on_terminal(session) && session->is_interactive
        && sql_output_takes_escapes())
    {
        qsn_buf_string(out, CLEAR);
    }

    if (mode == SQL_MODE_TABLE || mode == SQL_MODE_LINE) {
        localtime_r(&now, &local);
        strftime(when, sizeof(when), "%H:%M:%S", &local);
        qsn_buf_printf(out, "generation %s, %s: ", watch->generation, when);
        sql_output_raw(&session->out, watch->query, strlen(watch->query));
        qsn_buf_string(out, "\n\n");
    }

    sql_session_show(session, &answer->result);

    if (mode == SQL_MODE_TABLE || mode == SQL_MODE_LINE) {
        qsn_buf_byte(out, '\n');
    }

    sql_answer_free(&watch->shown);
    watch->shown = *answer;
}


/* Until another generation is served: 0, or -1 when a signal ends it. */
static int
wait_generation(watch_t *watch)
{
    while (!sql_signal_interrupted()) {
        int timeout_ms = watch->heard
            ? (int) (watch->duration_s * 1000) + LATE_MS : POLL_MS;
        char number[sizeof(watch->generation)];

        if (wait_signal(watch, timeout_ms)) {
            return 0;
        }

        if (sql_signal_interrupted()) {
            break;
        }

        if (watch->heard) {
            watch->heard = 0;
            (void) subscription_renew(watch->subscription);
        }

        if (ask_generation(watch, number, sizeof(number)) == 0
            && strcmp(number, watch->generation) != 0)
        {
            return 0;
        }
    }

    return -1;
}


/* 1: the newest of all signals that came; 0: none in time. */
static int
wait_signal(watch_t *watch, int timeout_ms)
{
    uint64_t end = qsn_clock_monotonic_ms() + (uint64_t) timeout_ms;
    subscription_signal_t signal;
    int came = 0;
    sigset_t mask;

    sql_signal_hold(&mask);

    while (!sql_signal_interrupted()) {
        uint64_t now = qsn_clock_monotonic_ms();

        while (subscription_take(watch->subscription, &signal) == 1) {
            watch->duration_s = signal.generation_duration_s;
            watch->heard = 1;
            came = 1;
        }

        if (came || now >= end) {
            break;
        }

        struct pollfd ready = {
            .fd = subscription_fd(watch->subscription), .events = POLLIN
        };
        struct timespec left = {
            .tv_sec = (time_t) ((end - now) / 1000),
            .tv_nsec = (long) ((end - now) % 1000) * 1000000
        };

        (void) ppoll(&ready, 1, &left, &mask);
    }

    sql_signal_release(&mask);

    return came;
}


/* 0 and the number of the generation that is served, or -1. */
static int
ask_generation(watch_t *watch, char *number, size_t size)
{
    static const char sql[] =
        "SELECT generation_number FROM qasino_server_info;";
    sql_answer_t answer;
    int rc = -1;

    sql_query_ask(&answer, watch->session->connection, sql, sizeof(sql) - 1,
                  watch->session->options->identity, 0);

    if (answer.end == SQL_QUERY_OK && answer.result.rows > 0) {
        snprintf(number, size, "%s", sql_answer_text(&answer, 0, 0));
        rc = 0;
    }

    sql_answer_free(&answer);

    return rc;
}
