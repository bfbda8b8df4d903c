/* Thin names over clock_gettime(). */

#include "qsn_clock.h"

#include <time.h>


double
qsn_clock_epoch(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (double) ts.tv_sec + (double) (ts.tv_nsec / 1000000) / 1e3;
}


uint64_t
qsn_clock_monotonic_ms(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}
