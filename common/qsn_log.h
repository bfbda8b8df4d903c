#ifndef QSN_LOG_H
#define QSN_LOG_H

/* Log lines on stderr: "2026-11-23T04:05:06Z qasino-worker[12]: text". */

void qsn_log_open(const char *program);         /* not copied */
void qsn_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
