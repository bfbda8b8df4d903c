/* One write(2) a line, so that lines of several processes never mix. */

#include "qsn_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "qsn_clock.h"
#include "qsn_log_limit.h"

#define LINE_SIZE  2048

static const char *log_program = "qasino";

static int limited;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static qsn_log_limit_t limit;
static _Atomic uint64_t due_ms = QSN_LOG_NEVER;

static void log_text(const char *kind, const char *format, va_list args);
static void say(int all);
static void write_line(const char *text);


void
qsn_log_open(const char *program)
{
    log_program = program;
}


void
qsn_log_limit(void)
{
    limited = 1;
}


void
qsn_log(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_text(format, format, args);
    va_end(args);
}


void
qsn_log_as(const char *kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_text(kind, format, args);
    va_end(args);
}


/* Without the lock: a program that has no more to say never waits for one
   of its threads that waits for stderr. */
int
qsn_log_timeout(void)
{
    uint64_t due = atomic_load(&due_ms);
    uint64_t now = qsn_clock_monotonic_ms();

    return due == QSN_LOG_NEVER ? -1 : due > now ? (int) (due - now) : 0;
}


void
qsn_log_held(void)
{
    if (qsn_log_timeout() == 0) {
        say(0);
    }
}


void
qsn_log_flush(void)
{
    say(1);
}


static void
log_text(const char *kind, const char *format, va_list args)
{
    char text[LINE_SIZE];

    (void) vsnprintf(text, sizeof(text), format, args);

    if (!limited) {
        write_line(text);
        return;
    }

    (void) pthread_mutex_lock(&lock);
    qsn_log_limit_line(&limit, kind, text, qsn_clock_monotonic_ms(),
                       write_line);
    atomic_store(&due_ms, qsn_log_limit_due(&limit));
    (void) pthread_mutex_unlock(&lock);
}


static void
say(int all)
{
    (void) pthread_mutex_lock(&lock);
    qsn_log_limit_say(&limit, all, qsn_clock_monotonic_ms(), write_line);
    atomic_store(&due_ms, qsn_log_limit_due(&limit));
    (void) pthread_mutex_unlock(&lock);
}


static void
write_line(const char *text)
{
    char line[LINE_SIZE];
    struct tm tm;
    time_t now = time(NULL);

    (void) gmtime_r(&now, &tm);

    size_t used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &tm);
    int n = snprintf(line + used, sizeof(line) - used - 1, "%s[%d]: %s",
                     log_program, (int) getpid(), text);

    used += n > 0 ? (size_t) n : 0;

    if (used > sizeof(line) - 2) {
        used = sizeof(line) - 2;
    }

    for (size_t i = 0; i < used; i++) {
        if ((unsigned char) line[i] < 0x20) {
            line[i] = ' ';      /* texts from outside forge no lines */
        }
    }

    line[used++] = '\n';

    if (write(STDERR_FILENO, line, used) == -1) {
        return;                 /* nowhere left to say so */
    }
}
