#ifndef SUPERVISOR_H
#define SUPERVISOR_H

/*
 * All the children together.  They are started one after the other (worker,
 * bridge, nginx: each needs the one before), from then on kept alive, and
 * stopped in the opposite order.
 */

#include "layout.h"
#include "listen_ports.h"
#include "qsn_settings.h"
#include "user.h"

/* To be called first of all: from here on a signal waits for
   supervisor_run(), so that a stop at any instant is a clean one. */
void supervisor_hold_signals(void);

/*
 * Runs the server until SIGTERM, SIGINT or SIGHUP.  SIGUSR1 makes nginx take
 * its configuration anew; SIGUSR2 makes the worker, the bridge and nginx go
 * over to the programs that now stand where theirs came from.  worker and
 * bridge are the command lines of these two; all but nginx run as user.
 * Returns the launcher's exit status: 0, also when it was stopped before it
 * was ready, or 1 when a child could not be started; children that die later
 * are started again for ever.
 */
int supervisor_run(const qsn_settings_t *settings, const layout_t *layout,
    const listen_ports_t *ports, const user_t *user, char *const *worker,
    char *const *bridge);

#endif
