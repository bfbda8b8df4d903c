/* A fixed number of kinds, looked through: a line of the log is rare. */

#include "qsn_log_limit.h"

#include <stdio.h>

static size_t find(qsn_log_limit_t *limit, const char *kind, uint64_t now_ms,
    qsn_log_write_t write);
static void end_period(qsn_log_limit_t *limit, size_t i, uint64_t now_ms,
    qsn_log_write_t write);


void
qsn_log_limit_line(qsn_log_limit_t *limit, const char *kind,
    const char *text, uint64_t now_ms, qsn_log_write_t write)
{
    qsn_log_limit_say(limit, 0, now_ms, write);

    size_t i = find(limit, kind, now_ms, write);

    if (limit->kinds[i].lines++ < QSN_LOG_LINES) {
        write(text);
        return;
    }

    limit->kinds[i].held++;
    (void) snprintf(limit->kinds[i].last, sizeof(limit->kinds[i].last), "%s",
                    text);
}


void
qsn_log_limit_say(qsn_log_limit_t *limit, int all, uint64_t now_ms,
    qsn_log_write_t write)
{
    for (size_t i = 0; i < QSN_LOG_KINDS; i++) {
        if (limit->kinds[i].kind
            && (all
                || now_ms - limit->kinds[i].since_ms >= QSN_LOG_PERIOD_MS))
        {
            end_period(limit, i, now_ms, write);
        }
    }
}


uint64_t
qsn_log_limit_due(const qsn_log_limit_t *limit)
{
    uint64_t due = QSN_LOG_NEVER;

    for (size_t i = 0; i < QSN_LOG_KINDS; i++) {
        uint64_t end = limit->kinds[i].since_ms + QSN_LOG_PERIOD_MS;

        if (limit->kinds[i].kind && limit->kinds[i].held && end < due) {
            due = end;
        }
    }

    return due;
}


/* It, a free one, or the eldest in its place. */
static size_t
find(qsn_log_limit_t *limit, const char *kind, uint64_t now_ms,
    qsn_log_write_t write)
{
    size_t best = 0;

    for (size_t i = 0; i < QSN_LOG_KINDS; i++) {
        if (limit->kinds[i].kind == kind) {
            return i;
        }

        if (limit->kinds[best].kind
            && (limit->kinds[i].kind == NULL
                || limit->kinds[i].since_ms < limit->kinds[best].since_ms))
        {
            best = i;
        }
    }

    if (limit->kinds[best].kind) {
        end_period(limit, best, now_ms, write);
    }

    limit->kinds[best].kind = kind;
    limit->kinds[best].since_ms = now_ms;
    limit->kinds[best].lines = 0;
    limit->kinds[best].held = 0;

    return best;
}


static void
end_period(qsn_log_limit_t *limit, size_t i, uint64_t now_ms,
    qsn_log_write_t write)
{
    if (limit->kinds[i].held) {
        uint64_t s = (now_ms - limit->kinds[i].since_ms + 500) / 1000;
        char text[QSN_LOG_TEXT + 80];

        (void) snprintf(text, sizeof(text), "%u more like this in the last "
                        "%llu s: %s", limit->kinds[i].held,
                        (unsigned long long) (s ? s : 1),
                        limit->kinds[i].last);
        write(text);
    }

    limit->kinds[i].kind = NULL;
}
