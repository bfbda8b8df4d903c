/* One write(2) a line, so that lines of several processes never mix. */

#include "qsn_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE  2048

static const char *log_program = "qasino";


void
qsn_log_open(const char *program)
{
    log_program = program;
}


void
qsn_log(const char *format, ...)
{
    char line[LINE_SIZE];
    struct tm tm;
    time_t now = time(NULL);
    va_list args;

    (void) gmtime_r(&now, &tm);

    size_t used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &tm);

    used += (size_t) snprintf(line + used, sizeof(line) - used, "%s[%d]: ",
                              log_program, (int) getpid());

    va_start(args, format);
    int n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    va_end(args);

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
