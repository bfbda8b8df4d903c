#ifndef BRIDGE_H
#define BRIDGE_H

/* The bridge itself: ZeroMQ on one side, the worker's socket on the other. */

#include "qsn_settings.h"

/*
 * Opens both sockets, writes the ready byte to ready_fd (-1: nobody waits)
 * and serves until signal_fd, a signalfd, has one to end: SIGQUIT leaves new
 * clients to another bridge and serves those that are connected until they
 * have gone, any other tells those that wait for an answer and ends.  Returns
 * the exit status: 0, or 1 where it could not begin (logged).
 */
int bridge_run(const qsn_settings_t *settings, int signal_fd, int ready_fd);

#endif
