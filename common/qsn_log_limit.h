#ifndef QSN_LOG_LIMIT_H
#define QSN_LOG_LIMIT_H

/*
 * Whoever can cause one line can cause thousands: of a kind the first
 * QSN_LOG_LINES in QSN_LOG_PERIOD_MS are written, further ones are counted,
 * and one line says so when that time is over.  A kind is a pointer to what
 * stays, such as the format of the line.  Zeros are an empty one.
 *
 * Threads: the caller's lock.  Time is the caller's, too, and never goes
 * back.
 */

#include <stdint.h>

#define QSN_LOG_LINES      30
#define QSN_LOG_PERIOD_MS  30000
#define QSN_LOG_KINDS      32   /* one more ends the period of the eldest */
#define QSN_LOG_TEXT       256  /* what is kept of a line; the rest is cut */

#define QSN_LOG_NEVER      UINT64_MAX

typedef struct {
    struct {
        const char *kind;       /* NULL: free */
        uint64_t since_ms;      /* its first line was written */
        unsigned lines;
        unsigned held;          /* of them */
        char last[QSN_LOG_TEXT];        /* of those */
    } kinds[QSN_LOG_KINDS];
} qsn_log_limit_t;

typedef void (*qsn_log_write_t)(const char *text);

/* Writes the line, or holds it. */
void qsn_log_limit_line(qsn_log_limit_t *limit, const char *kind,
    const char *text, uint64_t now_ms, qsn_log_write_t write);

/* Says what was held in the periods that are over; with all in any. */
void qsn_log_limit_say(qsn_log_limit_t *limit, int all, uint64_t now_ms,
    qsn_log_write_t write);

/* When that is to be done; QSN_LOG_NEVER: nothing is held. */
uint64_t qsn_log_limit_due(const qsn_log_limit_t *limit);

#endif
