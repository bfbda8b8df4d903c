#ifndef ANNOUNCE_H
#define ANNOUNCE_H

/* What the launcher says when the server is ready. */

#include "qsn_settings.h"

/* The one line on stdout: "qasino ready ..."; with --demo what to try, on
   stderr. */
void announce_ready(const qsn_settings_t *settings);

#endif
