#ifndef BRIDGE_H
#define BRIDGE_H

/* The bridge itself: ZeroMQ on one side, the worker's socket on the other. */

#include "qsn_settings.h"

/*
 * Binds both sockets, writes the ready byte to ready_fd (-1: nobody waits)
 * and serves until stop_fd (a signalfd) becomes readable.  Returns the exit
 * status: 0, or 1 where it could not begin (logged).
 */
int bridge_run(const qsn_settings_t *settings, int stop_fd, int ready_fd);

#endif
