#ifndef QSN_CLOCK_H
#define QSN_CLOCK_H

/* The two clocks: the wall's names moments, the monotonic one measures. */

#include <stdint.h>

double qsn_clock_epoch(void);           /* seconds, to the ms */
uint64_t qsn_clock_monotonic_ms(void);

#endif
