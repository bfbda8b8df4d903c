#ifndef LOG_TIMER_H
#define LOG_TIMER_H

/*
 * Says what the log holds (qsn_log_limit.h) when it is time, also if nothing
 * more is logged; only while something is held there is a timer for it.
 */

#include "worker.h"

void log_timer_start(worker_t *worker);
void log_timer_stop(worker_t *worker);

#endif
