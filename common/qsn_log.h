#ifndef QSN_LOG_H
#define QSN_LOG_H

/*
 * Log lines on stderr: "2026-11-23T04:05:06Z qasino-worker[12]: text".
 *
 * Threads: any may write; the rest is the main one's.
 */

void qsn_log_open(const char *program);         /* not copied */
void qsn_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, alike with other lines for what kind says (a text that stays)
   instead of for its format. */
void qsn_log_as(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* From now on lines that are too many of a kind are held (qsn_log_limit.h),
   and said by the next line or qsn_log_held() that comes when it is time. */
void qsn_log_limit(void);

/* Milliseconds until qsn_log_held() is to be called; -1: nothing is held. */
int qsn_log_timeout(void);
void qsn_log_held(void);

/* Says what is held now. */
void qsn_log_flush(void);

#endif
